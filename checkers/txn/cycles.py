"""Short cycles of the dependency graph: of each kind the shortest, in each component that has one.

What is told, and what is not (as Elle does, in the main):

- a kind is told in its weakest variant: -process and -realtime only where a component has it no other way. Two
  transactions that real time alone contradicts are told all the same, unless both are in one weaker component that
  has the kind already;
- where G0 was found, G1c tells nothing new; nor, where G-single was, cycles of several rw edges; nor, where
  G-nonadjacent was, G2-item.

The work is bounded by counts of steps, not by a clock: the same history gives the same anomalies.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from checkers.columns import Int32, Int64
from checkers.kernels import cycles as kernel
from checkers.kernels import view
from checkers.txn.detours import simple_cycle
from checkers.txn.graph import RWS, WR, WW, WWS, Bools, Graph, components, mask
from checkers.txn.kinds import KINDS, LEVELS, Edge, Kind, Level, classify, first_of, rest_of, short
from checkers.txn.micro import scratch

STEPS_MAX = 400_000
"""edges followed for one kind in one component"""
STEPS_ALL = 8_000_000
"""and in all components together"""
KEPT_MAX = 8
"""cycles kept of each kind; the rest are counted"""
DETOURS_MAX = 100
"""components that are searched by every way (checkers/txn/detours.py), of all kinds together"""
FLAGS = 8


class Cycle(NamedTuple):
    name: str
    edges: list[Edge]


class Found(NamedTuple):
    """``counts``: how often each kind was found: in so many components, or between so many pairs of transactions.

    ``cyclic``: how many components have cycles. ``complete``: all were searched to the end.
    """

    cycles: list[Cycle]
    counts: Counter[str]
    cyclic: int
    complete: bool


class Part(NamedTuple):
    """The components at one level. ``have``: of each, bits of the kinds that it or a weaker one in it has."""

    label: Int32
    members: Int32
    spans: Int64
    have: Int64

    @classmethod
    def of(cls, label: Int32) -> Part:
        nodes = np.flatnonzero(label >= 0)
        order = np.argsort(label[nodes], kind="stable")
        members = nodes[order].astype(np.int32)
        count = int(label.max()) + 1 if len(label) else 0
        spans = np.searchsorted(label[members], np.arange(count + 1)).astype(np.int64)
        return cls(label, members, spans, np.zeros(count, np.int64))


def search(graph: Graph, forbidden: frozenset[str]) -> Found:
    """Cycles of the kinds that are forbidden, weaker variants first.

    Where a model forbids every cycle of its edges, a component that has one never goes without a report.
    """
    return _Search(graph, forbidden).run()


class _Search:
    def __init__(self, graph: Graph, forbidden: frozenset[str]) -> None:
        self.graph = graph
        self.names: Int64 = np.zeros(0, np.int64)
        """of the graph's nodes, which are those in cycles only: their numbers in the whole"""
        self.forbidden = forbidden
        self.levels = [v for v in LEVELS if any(k.name + v.suffix in forbidden for k in KINDS)]
        # only edges of which a forbidden cycle can be made
        self.usable = mask(WW) | WWS
        if any(k.wr and k.name + v.suffix in forbidden for k in KINDS for v in self.levels):
            self.usable |= mask(WR)
        if any(k.first == "rw" and k.name + v.suffix in forbidden for k in KINDS for v in self.levels):
            self.usable |= RWS
        self.usable |= sum(v.order for v in self.levels)
        self.kept: dict[str, list[Cycle]] = {}
        self.counts: Counter[str] = Counter()
        self.complete = True
        self.weaker: list[Part] = []
        self.detours = DETOURS_MAX
        self._scratch: _Scratch | None = None

    def run(self) -> Found:
        if not self.levels:
            return Found([], self.counts, 0, complete=True)
        top = components(self.graph, self.levels[-1].all & self.usable)
        if not (top >= 0).any():
            return Found([], self.counts, 0, complete=True)
        self.graph, self.names = self.graph.inside(top)
        top = top[self.names]
        for level in self.levels:
            label = top if level is self.levels[-1] else components(self.graph, level.all & self.usable)
            part = Part.of(label)
            for weak in self.weaker:
                if len(weak.have):
                    np.bitwise_or.at(part.have, label[weak.members[weak.spans[:-1]]], weak.have)
            if level.order:
                self._direct(level, part)
            for number, kind in enumerate(KINDS):
                self._kind(level, part, number, kind)
            self._rest(level, part)
            self.weaker.append(part)
        cycles = [self._named(cycle) for name in self.kept for cycle in self.kept[name]]
        return Found(cycles, self.counts, int(top.max()) + 1, self.complete)

    def _keep(self, name: str, cycles: list[Cycle], count: int) -> None:
        self.counts[name] += count
        kept = self.kept.setdefault(name, [])
        kept += cycles
        kept.sort(key=lambda c: len(c.edges))
        del kept[KEPT_MAX:]

    def _named(self, cycle: Cycle) -> Cycle:
        """By the numbers of the whole graph."""
        edges = [(int(self.names[a]), int(self.names[b]), cls) for a, b, cls in cycle.edges]
        return cycle._replace(edges=edges)

    def _direct(self, level: Level, part: Part) -> None:
        """Single edges that the order contradicts: cycles of two, all of them at once."""
        graph = self.graph
        src, dst, of = graph.sources(), graph.to, graph.of
        txns = graph.txns
        ends = np.append(graph.end, np.full(graph.nodes - txns, -1))
        begins = np.append(graph.begin, np.full(graph.nodes - txns, -1))
        slots = np.append(graph.slot, np.full(graph.nodes - txns, -1))
        backward = (slots[src] == slots[dst]) & (slots[src] >= 0) & (dst < src)
        if level is LEVELS[-1]:
            backward = ~backward & (ends[dst] >= 0) & (ends[dst] < begins[src])
        at = np.flatnonzero(backward & (part.label[src] >= 0) & (part.label[src] == part.label[dst]))
        told = np.zeros(0, np.int64)
        for number, kind in enumerate(KINDS[:3]):
            name = kind.name + level.suffix
            if name not in self.forbidden:
                continue
            some = at[(first_of(kind, level) >> of[at].astype(np.int64) & 1) == 1]
            for weak in self.weaker:
                inside = weak.label[src[some]]
                same = (inside >= 0) & (inside == weak.label[dst[some]])
                explained = same & ((weak.have[inside] >> number & 1) == 1) if len(weak.have) else same
                some = some[~explained]
            # two that overwrite one another's writes need not be told to read them
            code = src[some].astype(np.int64) * graph.nodes + dst[some]
            if kind.covered:
                some = some[~np.isin(code, told)]
            told = np.append(told, code)
            if not len(some):
                continue
            _, first = np.unique(part.label[src[some]], return_index=True)
            order = level.order.bit_length() - 1
            cycles = [
                Cycle(name, [(int(src[e]), int(dst[e]), int(of[e])), (int(dst[e]), int(src[e]), order)])
                for e in some[first[:KEPT_MAX]]
            ]
            self._keep(name, cycles, len(some))
            part.have[part.label[src[some]]] |= 1 << number

    def _kind(self, level: Level, part: Part, number: int, kind: Kind) -> None:
        name = kind.name + level.suffix
        skip = (part.have & (1 << number | kind.covered)) != 0
        if name not in self.forbidden or skip.all():
            return
        within = part.label
        if kind.first != "rw":
            inside = (part.label >= 0) & ~skip[np.maximum(part.label, 0)]
            within = components(self.graph, rest_of(kind, level) & self.usable, inside)
            if not (within >= 0).any():
                return
        lengths, states, nodes, classes = self._call(level, part, skip, kind, within)
        doubtful = np.flatnonzero((lengths == 0) & (states & 2 != 0))
        self.complete = self.complete and len(doubtful) <= self.detours
        for component in doubtful[: self.detours].tolist():
            self.detours -= 1
            self._detour(level, part, kind, component, lengths, nodes, classes)
        found = np.flatnonzero(lengths)
        self.complete = self.complete and not self._unsettled(part, lengths, states)
        if not len(found):
            return
        part.have[found] |= 1 << number
        shortest = found[np.argsort(lengths[found], kind="stable")][:KEPT_MAX]
        cycles = [self._cycle(name, part, c, lengths, nodes, classes) for c in shortest.tolist()]
        self._keep(name, cycles, len(found))

    @staticmethod
    def _unsettled(part: Part, lengths: Int32, states: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> bool:
        """Whether a component of which nothing is known was not searched to the end."""
        return bool(((lengths == 0) & (states & 1 != 0) & (part.have == 0)).any())

    def _rest(self, level: Level, part: Part) -> None:
        """Components of which nothing was told: a cycle of whatever kind, named by its edges."""
        skip = part.have != 0
        if skip.all():
            return
        told = False
        for first in ("ww", "wr", "rw"):
            kind = Kind("", first, wr=True, rw=True)
            lengths, _, nodes, classes = self._call(level, part, skip, kind, part.label, 10, plain=True)
            for c in np.flatnonzero(lengths).tolist():
                cycle = self._cycle("", part, c, lengths, nodes, classes)
                name = classify([edge[2] for edge in cycle.edges])
                skip[c] = True
                if name in self.forbidden:
                    self._keep(name, [cycle._replace(name=name)], 1)
                    base = name.removesuffix(level.suffix) if level.suffix else name
                    part.have[c] |= sum(1 << n for n, k in enumerate(KINDS) if k.name == base)
                    told = True
            if skip.all():
                break
        self.complete = self.complete or told

    def _call(
        self,
        level: Level,
        part: Part,
        skip: Bools,
        kind: Kind,
        within: Int32,
        times: int = 1,
        *,
        plain: bool = False,
    ) -> tuple[Int32, np.ndarray[tuple[int], np.dtype[np.uint8]], Int32, Int32]:
        graph = self.graph
        if self._scratch is None:
            self._scratch = _Scratch(graph.nodes)
        arrays = self._scratch
        rest = rest_of(kind, level) & self.usable
        count = len(part.have)
        lengths, states = scratch(count, 0), np.zeros(count, np.uint8)
        nodes, classes = scratch(len(part.members)), np.zeros(len(part.members), np.int8)
        sequential = bool(rest & LEVELS[1].order)
        arrays.reset(sequential=sequential)
        kernel.search(
            view(graph.start),
            view(graph.to),
            view(graph.of),
            view(graph.begin),
            view(graph.end),
            view(part.label),
            view(within),
            view(part.members),
            view(part.spans),
            view(skip.astype(np.uint8)),
            view(_after(graph, part) if sequential else scratch(1)),
            first_of(kind, level) & self.usable,
            rest,
            0 if plain else level.needed,
            RWS,
            kind.second,
            kind.apart,
            STEPS_MAX * times,
            STEPS_ALL,
            view(arrays.visited),
            view(arrays.parent),
            view(arrays.via),
            view(arrays.expanded),
            view(arrays.queue),
            view(arrays.fans),
            view(arrays.walked),
            view(arrays.path),
            view(arrays.passed),
            view(lengths),
            view(states),
            view(nodes),
            view(classes),
        )
        return lengths, states, nodes, classes.astype(np.int32)

    def _cycle(
        self, name: str, part: Part, component: int, lengths: Int32, nodes: Int32, classes: Int32
    ) -> Cycle:
        low = int(part.spans[component])
        span = slice(low, low + int(lengths[component]))
        walk, kinds = nodes[span].tolist(), classes[span].tolist()
        return Cycle(name, short(list(zip(walk, [*walk[1:], walk[0]], kinds, strict=True))))

    def _detour(
        self,
        level: Level,
        part: Part,
        kind: Kind,
        component: int,
        lengths: Int32,
        nodes: Int32,
        classes: Int32,
    ) -> None:
        """Breadth first there are only walks that pass a transaction twice: try all ways, if there are few."""
        low, high = int(part.spans[component]), int(part.spans[component + 1])
        found = simple_cycle(
            self.graph,
            part.members[low:high].tolist(),
            first_of(kind, level) & self.usable,
            rest_of(kind, level) & self.usable,
            level.needed,
            kind,
        )
        if found is None:
            self.complete = False
        elif found:
            lengths[component] = len(found)
            nodes[low : low + len(found)] = [edge[0] for edge in found]
            classes[low : low + len(found)] = [edge[2] for edge in found]


class _Scratch:
    """What the kernel writes to, made once."""

    def __init__(self, nodes: int) -> None:
        self.states = nodes * FLAGS
        self.visited = scratch(self.states, 0)
        self.parent = np.empty(self.states, np.int32)
        self.via = np.empty(self.states, np.int8)
        self.expanded = scratch(1, 0)
        self.queue = np.empty(self.states, np.int32)
        self.fans = np.empty(self.states, np.int32)
        self.walked = scratch(nodes, 0)
        self.path = np.empty(nodes + 1, np.int64)
        self.passed = np.empty(FLAGS, np.int64)

    def reset(self, *, sequential: bool) -> None:
        self.visited[:] = 0
        self.walked[:] = 0
        if sequential and len(self.expanded) != self.states:
            self.expanded = np.empty(self.states, np.int32)
        self.expanded[:] = 0


def _after(graph: Graph, part: Part) -> Int32:
    """Of each transaction in a component the next there of its process, -1: none."""
    members = part.members[part.members < graph.txns]
    slot, label = graph.slot[members], part.label[members]
    order = np.lexsort((members, slot, label))
    found = members[order]
    same = (slot[order][:-1] == slot[order][1:]) & (label[order][:-1] == label[order][1:])
    after = scratch(graph.nodes)
    after[found[:-1][same]] = found[1:][same]
    return after
