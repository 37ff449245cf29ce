"""The dependency graph of transactions, in arrays, and its strongly connected components.

Nodes 0..n-1 are the transactions, in order of invocation. Further nodes, *fans*, keep the graph linear in the
history's length: what precedes one precedes all that it leads to, by the class of the edge that went in.

Real time makes no edges. A transaction that was ok precedes its *barrier*, barriers precede one another in order, and
each precedes the transactions that were invoked between its completions and the next barrier's. So all that were
invoked after a completion are reached, and nothing else.

A version order that needs the order of a process, or real time, to be known makes edges of classes of its own.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from checkers.columns import FAIL, OK, Int8, Int32, Int64
from checkers.kernels import graph as kernel
from checkers.kernels import view
from checkers.txn.micro import scratch

WW, WR, RW, PROCESS, RT, FAN, WW_PROCESS, RW_PROCESS, WW_RT, RW_RT = range(10)
"""FAN: out of a fan; it belongs to the edge that went in"""

CLASS_NAMES = ("ww", "wr", "rw", "process", "realtime", "fan", "ww", "rw", "ww", "rw")

Classes = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]


def mask(*classes: int) -> int:
    """A bit for each class."""
    return sum(1 << c for c in classes)


WWS, RWS = mask(WW, WW_PROCESS, WW_RT), mask(RW, RW_PROCESS, RW_RT)


class Spans(Protocol):
    """Transactions, in order of invocation: as in checkers/txn/micro.py."""

    @property
    def begin(self) -> Int64: ...
    @property
    def end(self) -> Int64: ...
    @property
    def outcome(self) -> Int8: ...
    @property
    def process(self) -> Int64: ...
    def __len__(self) -> int: ...


class Graph(NamedTuple):
    """Edges by source: ``to``, ``of`` (its class) from ``start[node]`` to ``start[node + 1]``.

    ``begin``: positions of invocations, ascending; ``end`` of completions that were ok, else -1. ``slot``: a number
    for each transaction's process, -1 for those that failed. ``barrier``, ``spans``: see the module.
    """

    txns: int
    nodes: int
    start: Int64
    to: Int32
    of: Classes
    begin: Int64
    end: Int64
    slot: Int32
    barrier: Int32
    spans: Int32

    def counts(self) -> dict[str, int]:
        """Edges by the names of their classes."""
        names: dict[str, int] = {}
        for number, name in enumerate(CLASS_NAMES):
            if name not in ("fan", "realtime"):
                names[name] = names.get(name, 0) + int(np.count_nonzero(self.of == number))
        return names

    def sources(self) -> Int32:
        """Of each edge."""
        return np.repeat(np.arange(self.nodes, dtype=np.int32), np.diff(self.start))

    def inside(self, label: Int32) -> tuple[Graph, Int64]:
        """Of the nodes that have a label, renumbered, and the edges between those of one; and who they were.

        Every cycle of nodes of one label is there: what precedes in the order of a process, or in time, does so
        among these, too.
        """
        nodes = np.flatnonzero(label >= 0)
        counts = self.start[nodes + 1] - self.start[nodes]
        first = np.cumsum(counts) - counts
        at = np.arange(int(counts.sum())) + np.repeat(self.start[nodes] - first, counts)
        same = label[self.to[at]] == np.repeat(label[nodes], counts)
        at = at[same]
        start = np.append(first, len(same))
        start = np.append(0, np.cumsum(same))[start]
        number = scratch(self.nodes)
        number[nodes] = np.arange(len(nodes), dtype=np.int32)
        txns = nodes[: np.searchsorted(nodes, self.txns)]
        begin, end = self.begin[txns], self.end[txns]
        barriers = _barriers(begin, end)
        to, of = number[self.to[at]], self.of[at]
        return Graph(len(txns), len(nodes), start, to, of, begin, end, self.slot[txns], *barriers), nodes

    def out(self, node: int) -> list[tuple[int, int]]:
        """(target, class) of each edge."""
        low, high = int(self.start[node]), int(self.start[node + 1])
        return list(zip(self.to[low:high].tolist(), self.of[low:high].tolist(), strict=True))


def build(txns: Spans, src: Int32, dst: Int32, cls: Classes, nodes: int, *, process: bool) -> Graph:
    """The graph of these edges, of the order of each process if asked for, and of real time."""
    slot = _slots(txns)
    if process:
        earlier, later = successive(slot)
        src, dst = np.concatenate([src, earlier]), np.concatenate([dst, later])
        cls = np.concatenate([cls, np.full(len(earlier), PROCESS, np.int8)])
    start = np.zeros(nodes + 1, np.int64)
    to, of = np.empty(len(src), np.int32), np.empty(len(src), np.int8)
    kernel.by_source(view(src), view(dst), view(cls), view(start), view(to), view(of))
    end = np.where(txns.outcome == OK, txns.end, -1)
    barrier, spans = _barriers(txns.begin, end)
    return Graph(len(txns), nodes, start, to, of, txns.begin, end, slot, barrier, spans)


def _slots(txns: Spans) -> Int32:
    process = txns.process
    low = int(process.min()) if len(process) else 0
    if len(process) and int(process.max()) - low > 4 * len(process) + 1024:
        process = np.unique(process, return_inverse=True)[1].astype(np.int64)
        low = 0
    return np.where(txns.outcome == FAIL, -1, process - low).astype(np.int32)


def successive(slot: Int32) -> tuple[Int32, Int32]:
    """(earlier, later): neighbours in the order of each process."""
    # numpy sorts small integers by radix, in linear time
    narrow = slot.astype(np.int16) if len(slot) and int(slot.max()) < 1 << 15 else slot
    order = np.argsort(narrow, kind="stable").astype(np.int32)
    order = order[np.count_nonzero(slot < 0) :]
    same = slot[order[:-1]] == slot[order[1:]]
    return order[:-1][same], order[1:][same]


def _barriers(begin: Int64, end: Int64) -> tuple[Int32, Int32]:
    """One barrier for all completions between the same two invocations."""
    n = len(begin)
    done = np.flatnonzero(end >= 0)
    place = np.searchsorted(begin, end[done]).astype(np.int32)  # the first that was invoked after it
    used = np.zeros(n + 1, np.bool_)
    used[place] = True
    used[n] = False  # nothing comes after the last
    number = np.cumsum(used, dtype=np.int32) - 1
    barrier = scratch(n)
    barrier[done] = np.where(place < n, number[np.minimum(place, n - 1)], -1)
    return barrier, np.append(np.flatnonzero(used), n).astype(np.int32)


def components(graph: Graph, classes: int, inside: Bools | None = None) -> Int32:
    """Labels of nodes by strongly connected component under edges of ``classes`` (a mask); -1: in no cycle.

    Only of nodes that are ``inside``, if given. Components are numbered by their first transaction.
    """
    timed = bool(classes >> RT & 1)
    barriers = len(graph.spans) - 1 if timed else 0
    total = graph.nodes + barriers
    # a fan leads on whatever class led into it
    classes = classes & ~mask(RT) | mask(FAN)
    rindex = scratch(total, 0)
    kernel.components(
        view(graph.start),
        view(graph.to),
        view(graph.of),
        classes,
        view(np.ones(graph.nodes, np.uint8) if inside is None else inside.astype(np.uint8)),
        view(graph.barrier if timed else graph.barrier[:0]),
        view(graph.spans if timed else graph.spans[:1]),
        view(rindex),
        view(np.empty(total, np.int32)),
        view(np.empty(total, np.int32)),
        view(np.empty(total, np.int64)),
        view(np.empty(total, np.uint8)),
    )
    return _labels(rindex[: graph.nodes], total + 3)


def labels_of(start: Int64, to: Int32, of: Classes, classes: int) -> Int32:
    """Labels of the nodes of any graph by component; -1: in no cycle."""
    nodes = len(start) - 1
    rindex = scratch(nodes, 0)
    none = np.zeros(1, np.int32)
    kernel.components(
        view(start),
        view(to),
        view(of),
        classes,
        view(np.ones(nodes, np.uint8)),
        view(none[:0]),
        view(none),
        view(rindex),
        view(np.empty(nodes, np.int32)),
        view(np.empty(nodes, np.int32)),
        view(np.empty(nodes, np.int64)),
        view(np.empty(nodes, np.uint8)),
    )
    return _labels(rindex, nodes + 3)


def _labels(numbers: Int32, bound: int) -> Int32:
    sizes = np.bincount(numbers, minlength=bound)
    sizes[0] = 0
    members = np.flatnonzero(sizes[numbers] > 1)
    labels = scratch(len(numbers))
    if len(members):
        _, first, inverse = np.unique(numbers[members], return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int32)
        rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
        labels[members] = rank[inverse]
    return labels
