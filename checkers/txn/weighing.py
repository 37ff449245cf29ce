"""What the order of versions must be, though nothing shows it, if there is an order of the transactions at all.

One transaction read what another wrote; a third wrote the same key. So the third came before the writer, or after the
reader (Papadimitriou, The Serializability of Concurrent Database Updates, JACM 1979). Where what is known of the
order rules out the one, the other is known, and may rule out more. When a transaction comes before itself by that,
there is no order. To try both ways where neither is ruled out takes exponential time; that is not done.

Order is kept as sets of transactions, in the bits of integers: for histories of some thousands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from checkers.txn.cycles import Cycle
from checkers.txn.graph import FAN, RT, RW, WW, Graph, mask
from checkers.txn.kinds import LEVELS, Edge, Level, short

TRANSACTIONS_MAX = 2_000
WORK_MAX = 1_000_000
"""places in the order that may change"""
NAME = "G2-item"
"""in every order of the versions there is a cycle of some kind; this is what all of them imply"""


class Read(NamedTuple):
    """``writer``, ``reader``: transactions. ``key``: a number."""

    writer: int
    reader: int
    key: int


class Step(NamedTuple):
    """An edge that follows: of these three, ``other`` comes before the writer, or after the reader. ``path``: why."""

    read: Read
    other: int
    path: list[Edge]


class Weighed(NamedTuple):
    """A cycle, and what its edges follow from, of those that no version order shows."""

    cycle: Cycle
    steps: dict[Edge, Step]


def weigh(
    graph: Graph, reads: list[Read], writers: dict[int, list[int]], forbidden: frozenset[str]
) -> Weighed | None:
    """A reason why there is no order of transactions, of a graph without cycles. ``writers``: by key."""
    if graph.txns > TRANSACTIONS_MAX:
        return None
    levels = [level for level in LEVELS if NAME + level.suffix in forbidden]
    if not levels or _Order(graph, levels[-1]).settle(reads, writers) is None:  # it knows most
        return None
    found = (_Order(graph, level).settle(reads, writers) for level in levels)
    return next(each for each in found if each is not None)


class _Order:
    """``after``, ``before``: of each transaction all that come after it, before it."""

    def __init__(self, graph: Graph, level: Level) -> None:
        self.graph = graph
        self.level = level
        self.timed = bool(level.order >> RT & 1)
        self.after = [0] * graph.txns
        self.before = [0] * graph.txns
        self.added: list[tuple[Edge, Read, int]] = []
        self._close()

    def settle(self, reads: list[Read], writers: dict[int, list[int]]) -> Weighed | None:
        work = [WORK_MAX]
        sets = {key: sum(1 << txn for txn in set(txns)) for key, txns in writers.items()}
        known = -1
        while known != len(self.added):
            known = len(self.added)
            for read in reads:
                others = sets.get(read.key, 0) & ~(1 << read.writer | 1 << read.reader)
                while late := self.after[read.writer] & others & ~self.after[read.reader]:
                    other = _first(late)
                    if not self._add((read.reader, other, RW), read, other, work):
                        return self._told()
                while early := self.before[read.reader] & others & ~self.before[read.writer]:
                    other = _first(early)
                    if not self._add((other, read.writer, WW), read, other, work):
                        return self._told()
                if work[0] <= 0:
                    return None
        return None

    def _add(self, edge: Edge, read: Read, other: int, work: list[int]) -> bool:
        """False where it closes a cycle."""
        source, target, _ = edge
        self.added.append((edge, read, other))
        if self.after[target] >> source & 1:
            return False
        down, up = self.after[target] | 1 << target, self.before[source] | 1 << source
        for txn in _bits(up):
            self.after[txn] |= down
        for txn in _bits(down):
            self.before[txn] |= up
        work[0] -= up.bit_count() + down.bit_count()
        return True

    # --- what is known at first -----------------------------------------------------------------------------

    def _next(self, node: int) -> list[int]:
        """Nodes of the graph, and barriers behind them, that follow directly."""
        graph = self.graph
        barrier = node - graph.nodes
        if barrier >= 0:
            low, high = int(graph.spans[barrier]), int(graph.spans[barrier + 1])
            return [*range(low, high), *([node + 1] if barrier + 2 < len(graph.spans) else [])]
        classes = self.level.all | mask(FAN)
        found = [t for t, cls in graph.out(node) if classes >> cls & 1]
        if self.timed and node < graph.txns and graph.barrier[node] >= 0:
            found.append(graph.nodes + int(graph.barrier[node]))
        return found

    def _close(self) -> None:
        graph = self.graph
        total = graph.nodes + len(graph.spans) - 1
        follows = [self._next(node) for node in range(total)]
        count = [0] * total
        for found in follows:
            for each in found:
                count[each] += 1
        open_ = [node for node in range(total) if not count[node]]
        for node in open_:  # grows
            for each in follows[node]:
                count[each] -= 1
                if not count[each]:
                    open_.append(each)
        after, before = [0] * total, [0] * total
        own = [1 << node if node < graph.txns else 0 for node in range(total)]
        for node in open_:
            for each in follows[node]:
                before[each] |= before[node] | own[node]
        for node in reversed(open_):
            for each in follows[node]:
                after[node] |= after[each] | own[each]
        self.after, self.before = after[: graph.txns], before[: graph.txns]

    # --- what is told ---------------------------------------------------------------------------------------

    def _told(self) -> Weighed:
        (source, target, cls), _, _ = self.added[-1]
        cycle = short([(source, target, cls), *self._path(target, source, len(self.added) - 1)])
        steps: dict[Edge, Step] = {}
        known = {edge: number for number, (edge, _, _) in enumerate(self.added)}
        open_ = list(cycle)
        for edge in open_:  # grows
            if edge in known and edge not in steps:
                _, read, other = self.added[known[edge]]
                ends = (read.writer, other) if edge[0] == read.reader else (other, read.reader)
                path = short(self._path(*ends, known[edge]))
                steps[edge] = Step(read, other, path)
                open_ += path
        return Weighed(Cycle(NAME + self.level.suffix, cycle), steps)

    def _path(self, start: int, goal: int, known: int) -> list[Edge]:
        """The shortest by what is in the graph, and so many of what was added."""
        graph = self.graph
        added: dict[int, list[Edge]] = {}
        for edge, _, _ in self.added[:known]:
            added.setdefault(edge[0], []).append(edge)
        came: dict[int, Edge] = {}
        open_ = deque([start])
        reached = graph.txns
        while open_ and goal not in came:
            txn = open_.popleft()
            edges = [*self._edges(txn), *added.get(txn, ())]
            if self.timed and graph.end[txn] >= 0:
                later = int(np.searchsorted(graph.begin, graph.end[txn]))
                edges += [(txn, other, RT) for other in range(later, reached)]
                reached = min(reached, later)
            for edge in edges:
                if edge[1] not in came and edge[1] != start:
                    came[edge[1]] = edge
                    open_.append(edge[1])
        path: list[Edge] = []
        while goal != start:
            path.append(came[goal])
            goal = came[goal][0]
        return path[::-1]

    def _edges(self, txn: int) -> Iterator[Edge]:
        """To other transactions; fans are resolved."""
        for target, cls in self.graph.out(txn):
            open_ = [target] if self.level.all >> cls & 1 else []
            while open_:
                node = open_.pop()
                if node < self.graph.txns:
                    yield txn, node, cls
                else:
                    open_ += [t for t, c in self.graph.out(node) if c == FAN]


def _first(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _bits(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low
