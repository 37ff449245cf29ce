"""The dependency graph of transactions: edges by class, in arrays, and its strongly connected components.

Nodes 0..n-1 are the transactions. Further nodes keep the graph linear in the history's length:

* a *fan* stands for "every transaction whose append to this key nobody read": many readers of the last version
  each precede many of those (rw), and the fan joins them with a sum of edges, not a product;
* in components, real time is a chain of completions: a transaction precedes its completion, a completion
precedes
  the next one and every transaction invoked before that. Paths through the chain are exactly real-time order.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from checkers.txn_history import FAIL, Transactions, Versions

WW, WR, RW, PROCESS, RT, FAN = range(6)
"""FAN: out of a fan; it belongs to the edge that went in"""

CLASS_NAMES = ("ww", "wr", "rw", "process", "realtime", "fan")

Ints = npt.NDArray[np.int64]

DIRECT_MAX = 8
"""a reader that is among the unread itself cannot use the fan; so many direct edges show its lost update"""


class Graph(msgspec.Struct):
    """``src``, ``dst``, ``cls``: the edges but for real time; ``begin``, ``end``: see Txn, -1: no end."""

    txns: int
    nodes: int
    src: Ints
    dst: Ints
    cls: Ints
    begin: Ints
    end: Ints

    def counts(self) -> dict[str, int]:
        """Edges by class."""
        counted = np.bincount(self.cls, minlength=len(CLASS_NAMES))
        return {
            name: int(counted[i]) for i, name in enumerate(CLASS_NAMES) if name not in ("fan", "realtime")
        }


class _Edges:
    def __init__(self, txns: int) -> None:
        self.nodes = txns
        self.src, self.dst, self.cls = array("q"), array("q"), array("b")

    def add(self, src: int, dst: int, cls: int) -> None:
        self.src.append(src)
        self.dst.append(dst)
        self.cls.append(cls)


def build(found: Transactions, orders: Iterable[Versions]) -> Graph:
    """The graph of all edges that the history proves."""
    txns = found.txns
    edges = _Edges(len(txns))
    for made in orders:
        _add_key(edges, made)
    last: dict[Any, int] = {}
    for txn in txns:
        if txn.outcome == FAIL:
            continue
        process = txn.operation.invoke.process
        before = last.get(process)
        if before is not None:
            edges.add(before, txn.number, PROCESS)
        last[process] = txn.number
    return Graph(
        len(txns),
        edges.nodes,
        np.frombuffer(edges.src, dtype=np.int64) if edges.src else np.zeros(0, np.int64),
        np.frombuffer(edges.dst, dtype=np.int64) if edges.dst else np.zeros(0, np.int64),
        np.array(edges.cls, dtype=np.int64),
        np.array([t.begin for t in txns], dtype=np.int64),
        np.array([t.end for t in txns], dtype=np.int64),
    )


def _add_key(edges: _Edges, made: Versions) -> None:
    before, after = made.before, made.after
    add = edges.add
    for earlier, later in pairwise(before):
        if earlier >= 0 and earlier != later:
            add(earlier, later, WW)
    top = len(made.order)
    readers: list[int] = []
    for read in made.reads:
        if read.base < 0:
            continue
        at = made.place(read)
        reader = read.txn
        if before[at] >= 0 and before[at] != reader:
            add(before[at], reader, WR)
        if after[at] < 0:
            readers.append(reader)
        elif after[at] != reader:
            add(reader, after[at], RW)
    if made.unread:
        _add_unread(edges, made.unread, before[top], list(dict.fromkeys(readers)))


def _add_unread(edges: _Edges, unread: list[int], last: int, readers: list[int]) -> None:
    """What nobody read comes after all that was read."""
    for writer in unread:
        if last not in (-1, writer):
            edges.add(last, writer, WW)
    members = frozenset(unread)
    outside = [r for r in readers if r not in members]
    for reader in readers:
        if reader in members:
            for writer in unread[:DIRECT_MAX]:
                if writer != reader:
                    edges.add(reader, writer, RW)
    if len(outside) * len(unread) <= len(outside) + len(unread):
        for reader in outside:
            for writer in unread:
                edges.add(reader, writer, RW)
        return
    fan = edges.nodes
    edges.nodes += 1
    for reader in outside:
        edges.add(reader, fan, RW)
    for writer in unread:
        edges.add(fan, writer, FAN)


def components(graph: Graph, classes: Sequence[int]) -> Ints:
    """Labels of the nodes' strongly connected components under edges of ``classes``; -1: in no cycle."""
    wanted = np.isin(graph.cls, (*classes, FAN))
    src, dst = [graph.src[wanted]], [graph.dst[wanted]]
    nodes = graph.nodes
    if RT in classes:
        nodes += _add_chain(graph, src, dst)
    return label_cycles(np.concatenate(src), np.concatenate(dst), nodes)[: graph.nodes]


def label_cycles(src: Ints, dst: Ints, nodes: int) -> Ints:
    """Labels of strongly connected components with more than one node; -1 for all other nodes."""
    if not len(src):
        return np.full(nodes, -1, dtype=np.int64)
    matrix = csr_matrix((np.ones(len(src), dtype=np.int32), (src, dst)), shape=(nodes, nodes))
    _, labels = connected_components(matrix, directed=True, connection="strong")
    sizes = np.bincount(labels)
    return np.where(sizes[labels] > 1, labels, -1).astype(np.int64)


def _add_chain(graph: Graph, src: list[Ints], dst: list[Ints]) -> int:
    """Append the edges of real time; returns the number of nodes they need."""
    completed = np.flatnonzero(graph.end >= 0)
    completed = completed[np.argsort(graph.end[completed], kind="stable")]
    ends = graph.end[completed]
    chain = graph.nodes + np.arange(len(completed), dtype=np.int64)
    src += [completed, chain[:-1]]
    dst += [chain, chain[1:]]
    passed = np.searchsorted(ends, graph.begin[: graph.txns], side="left")
    later = np.flatnonzero(passed > 0)
    src.append(graph.nodes + passed[later] - 1)
    dst.append(later)
    return len(completed)
