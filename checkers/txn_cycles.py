"""Short cycles of the dependency graph, one kind of anomaly at a time.

Each kind is a row of a table: the class of the first edge, the classes the way back may use, those it must
use. The way back is found breadth first, so the cycle is the shortest for its first edge. Real-time edges
are never made: a transaction reaches all that were invoked after it completed, and breadth first each of
them is visited once. The work is bounded by a count of steps, not by a clock: the same history gives the
same anomalies.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np

from checkers.txn_graph import FAN, PROCESS, RT, RW, WR, WW, Graph, Ints, components
from checkers.txn_models import CYCLES, FORBIDDEN, edge_classes

STEPS_MAX = 500_000
"""edges followed for one kind in one component"""
COMPONENTS_MAX = 24
TRIES_AFTER_FOUND = 16
"""further first edges that are tried for a shorter cycle"""

Edge = tuple[int, int, int]
"""source, destination, class; fans are resolved"""


class Kind(msgspec.Struct, frozen=True):
    """``first``: class of the first edge. ``rest``: classes of the others. ``needs``: of these one at least.

    ``apart``: no two rw edges are adjacent.
    """

    name: str
    first: int
    rest: tuple[int, ...]
    needs: tuple[int, ...] = ()
    apart: bool = False


PLAIN = (
    Kind("G0", WW, (WW,)),
    Kind("G1c", WR, (WW, WR)),
    Kind("G-single", RW, (WW, WR)),
    Kind("G-nonadjacent", RW, (WW, WR, RW), (RW,), apart=True),
    Kind("G2-item", RW, (WW, WR, RW), (RW,)),
)


def _stronger(suffix: str, cls: int) -> tuple[Kind, ...]:
    return tuple(
        Kind(k.name + suffix, k.first, (*k.rest, cls), (*k.needs, cls), apart=k.apart) for k in PLAIN
    )


SEVERAL_RW = ("G-nonadjacent", "G2-item")
SINGLE_RW_FIRST = ("G-single", "G-nonadjacent")
"""where one of these was found, a cycle of several rw edges tells nothing new"""

LEVELS = (PLAIN, _stronger("-process", PROCESS), _stronger("-realtime", RT))


class Cycle(msgspec.Struct):
    name: str
    edges: list[Edge]


class Found(msgspec.Struct):
    """``cyclic``: how many components have cycles. ``complete``: all were searched to the end."""

    cycles: list[Cycle]
    cyclic: int
    complete: bool


def search(graph: Graph, model: str) -> Found:
    """The shortest cycles found that ``model`` forbids, smallest components first.

    For models that forbid every cycle of their edges, a component that has one never goes without a report.
    """
    classes = edge_classes(model)
    labels = components(graph, classes)
    parts = _parts(graph, labels, classes)
    forbidden = FORBIDDEN[model]
    found: list[Cycle] = []
    complete = len(parts) <= COMPONENTS_MAX
    for part in parts[:COMPONENTS_MAX]:
        cycles, ended = _search_part(part, forbidden)
        if not cycles:
            rest = part.any_cycle(classes)
            if rest is not None and rest.name in forbidden:
                cycles = [rest]
            else:
                complete = complete and ended
        found += cycles
    return Found(found, len(parts), complete)


def _search_part(part: Part, forbidden: frozenset[str]) -> tuple[list[Cycle], bool]:
    """One cycle for each kind at most, in the weakest variant in which the kind appears."""
    cycles: list[Cycle] = []
    have: set[str] = set()
    ended = True
    for level in LEVELS:
        for base, kind in zip(CYCLES, level, strict=True):
            weaker = base in SEVERAL_RW and any(name in have for name in SINGLE_RW_FIRST)
            if kind.name in forbidden and base not in have and not weaker:
                cycle, whole = part.find(kind)
                ended = ended and whole
                if cycle is not None:
                    have.add(base)
                    cycles.append(cycle)
    return cycles, ended


def _parts(graph: Graph, labels: Ints, classes: Sequence[int]) -> list[Part]:
    """One Part per component that has a cycle, by size and then by first transaction."""
    nodes = np.flatnonzero(labels >= 0)
    nodes = nodes[np.argsort(labels[nodes], kind="stable")]
    inner = (labels[graph.src] >= 0) & (labels[graph.src] == labels[graph.dst])
    inner &= np.isin(graph.cls, (*classes, FAN))
    src, dst, cls = graph.src[inner], graph.dst[inner], graph.cls[inner]
    order = np.argsort(labels[src], kind="stable")
    src, dst, cls = src[order], dst[order], cls[order]
    edge_labels = labels[src]
    parts = []
    groups = np.split(nodes, np.flatnonzero(np.diff(labels[nodes])) + 1) if len(nodes) else []
    for members in sorted(groups, key=lambda m: (len(m), int(m[0]))):
        label = labels[members[0]]
        low, high = np.searchsorted(edge_labels, [label, label + 1])
        parts.append(Part(graph, members, src[low:high], dst[low:high], cls[low:high]))
    return parts


class Part:
    """One strongly connected component."""

    def __init__(self, graph: Graph, members: Ints, src: Ints, dst: Ints, cls: Ints) -> None:
        txns = members[members < graph.txns]
        self._members = members  # ascending, so the transactions come before the fans
        self._local = Graph(
            len(txns),
            len(members),
            np.searchsorted(members, src),
            np.searchsorted(members, dst),
            cls,
            graph.begin[txns],
            graph.end[txns],
        )
        self._out: dict[int, list[tuple[int, int]]] = {int(m): [] for m in members}
        for a, b, c in zip(src.tolist(), dst.tolist(), cls.tolist(), strict=True):
            self._out[a].append((b, c))
        by_begin = txns[np.argsort(graph.begin[txns], kind="stable")]
        self._by_begin: list[int] = by_begin.tolist()
        self._begins: list[int] = graph.begin[by_begin].tolist()
        self._ends: dict[int, int] = dict(zip(txns.tolist(), graph.end[txns].tolist(), strict=True))

    def find(self, kind: Kind) -> tuple[Cycle | None, bool]:
        """The shortest cycle found of this kind, and whether the search went to its end."""
        best: list[Edge] | None = None
        steps = [STEPS_MAX]
        tries = 0
        for edge in self._first_edges(kind):
            cycle = self._way_back(kind, edge, steps)
            if cycle is not None and (best is None or len(cycle) < len(best)):
                best = cycle
                tries = 0
            tries += best is not None
            if steps[0] <= 0 or (best is not None and (len(best) == 2 or tries > TRIES_AFTER_FOUND)):
                break
        return (None, steps[0] > 0) if best is None else (Cycle(kind.name, best), True)

    def any_cycle(self, classes: Sequence[int]) -> Cycle | None:
        """A cycle of whatever kind, named by its edges."""
        for first in (WW, WR, RW):
            for edge in self._first_edges(Kind("", first, tuple(classes))):
                cycle = self._way_back(Kind("", first, tuple(classes)), edge, [STEPS_MAX * 10])
                if cycle is not None:
                    return Cycle(classify(cycle), cycle)
        return None

    def _first_edges(self, kind: Kind) -> Iterator[Edge]:
        """Edges of the first class that lie on a cycle of the classes of this kind.

        Those that real time closes at once come first: they make cycles of two.
        """
        labels = components(self._local, (kind.first, *kind.rest))
        local = self._local
        picked = local.cls == kind.first
        picked &= (labels[local.src] >= 0) & (labels[local.src] == labels[local.dst])
        src, dst = local.src[picked], local.dst[picked]
        if RT in kind.rest:
            ends = np.append(local.end, np.full(local.nodes - local.txns, -1))[dst]
            later = ~((ends >= 0) & (ends < local.begin[src]))
            order = np.argsort(later, kind="stable")
            src, dst = src[order], dst[order]
        for a, b in zip(self._members[src].tolist(), self._members[dst].tolist(), strict=True):
            yield a, b, kind.first

    def _way_back(self, kind: Kind, first: Edge, steps: list[int]) -> list[Edge] | None:
        """Breadth first from the first edge's head to its tail.

        A state is a node, a bit for each class of ``needs`` that the way has used, and whether its last edge
        was rw. ``steps`` is what is left of the budget.
        """
        target, start, _ = first
        bits = {cls: 1 << i for i, cls in enumerate(kind.needs)}
        goal = (1 << len(kind.needs)) - 1
        rw_bit = goal + 1 if kind.apart else 0
        width = (2 * goal + 2).bit_length()
        allowed = frozenset(kind.rest)
        state = start << width | (rw_bit if kind.first == RW else 0)
        came: dict[int, tuple[int, int]] = {state: (-1, kind.first)}
        queue = deque([state])
        rest_of_time: dict[int, int] = {}  # flags -> begins after this position were visited with them
        while queue:
            state = queue.popleft()
            node, flags = state >> width, state & ((1 << width) - 1)
            for nxt, cls in self._out[node]:
                steps[0] -= 1
                if cls == FAN:
                    reached = flags
                elif cls not in allowed or (cls == RW and flags & rw_bit):
                    continue
                else:
                    reached = (flags & ~rw_bit) | bits.get(cls, 0) | (rw_bit if cls == RW else 0)
                new = nxt << width | reached
                if new not in came:
                    came[new] = (state, cls)
                    queue.append(new)
                    if nxt == target and reached & goal == goal and not reached & rw_bit:
                        return self._cycle(target, new, came, width)
            end = self._ends.get(node, -1) if RT in allowed else -1
            if end < 0:
                continue
            reached = (flags & ~rw_bit) | bits.get(RT, 0)
            low = bisect_right(self._begins, end)
            high = rest_of_time.get(reached, len(self._begins))
            if low < high:
                rest_of_time[reached] = low
                for nxt in self._by_begin[low:high]:
                    steps[0] -= 1
                    new = nxt << width | reached
                    if new not in came:
                        came[new] = (state, RT)
                        queue.append(new)
                        if nxt == target and reached & goal == goal:
                            return self._cycle(target, new, came, width)
            if steps[0] <= 0:
                return None
        return None

    def _cycle(
        self, target: int, state: int, came: dict[int, tuple[int, int]], width: int
    ) -> list[Edge] | None:
        """The cycle that ends in ``state``, from ``target`` on; None if it passes a transaction twice."""
        nodes, classes = [target], []
        while state >= 0:
            before, cls = came[state]
            classes.append(cls)
            nodes.append(before >> width if before >= 0 else target)
            state = before
        nodes.reverse()
        classes.reverse()
        inside = [(n, c) for n, c in zip(nodes[:-1], classes, strict=True) if c != FAN]
        walk = [n for n, _ in inside]
        if len(dict.fromkeys(walk)) != len(walk):
            return None
        return [(a, b, c) for (a, c), b in zip(inside, [*walk[1:], target], strict=True)]


def classify(cycle: Sequence[Edge]) -> str:
    """The name of a cycle, by its edges."""
    classes = [cls for _, _, cls in cycle]
    rws = classes.count(RW)
    if rws == 0:
        name = "G1c" if WR in classes else "G0"
    elif rws == 1:
        name = "G-single"
    else:
        adjacent = any(a == b == RW for a, b in pairwise([*classes, classes[0]]))
        name = "G2-item" if adjacent else "G-nonadjacent"
    return name + ("-realtime" if RT in classes else "-process" if PROCESS in classes else "")
