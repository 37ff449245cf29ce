"""Cycles in a few transactions, by trying every way: for what a search breadth first cannot settle."""

from __future__ import annotations

from checkers.txn.graph import FAN, PROCESS, RT, RWS, Graph
from checkers.txn.kinds import Edge, Kind

TRANSACTIONS_MAX = 64
STEPS_MAX = 20_000


def simple_cycle(
    graph: Graph, members: list[int], first: int, rest: int, needed: int, kind: Kind
) -> list[Edge] | None:
    """The shortest cycle of this kind that passes no transaction twice; [] if there is none, None if it gave up."""
    txns = [m for m in members if m < graph.txns]
    if len(txns) > TRANSACTIONS_MAX:
        return None
    ways = {t: _ways(graph, t, txns, first | rest) for t in txns}
    steps = [STEPS_MAX]
    for length in range(2, len(txns) + 1):
        for source in txns:
            for edge in ways[source]:
                if first >> edge[2] & 1:
                    found = _close([edge], ways, rest, needed, kind, length, steps)
                    if found:
                        return found
                    if steps[0] <= 0:
                        return None
    return []


def _ways(graph: Graph, txn: int, txns: list[int], allowed: int) -> list[Edge]:
    """Edges to others of ``txns``, with fans, process and time resolved."""
    inside = set(txns)
    out: list[Edge] = []
    for target, cls in graph.out(txn):
        if cls == PROCESS or not allowed >> cls & 1:
            continue
        ends, open_ = [], [target]
        while open_:
            node = open_.pop()
            if node < graph.txns:
                ends.append(node)
            else:
                open_ += [t for t, c in graph.out(node) if c == FAN]
        out += [(txn, end, cls) for end in ends if end in inside]
    if allowed >> PROCESS & 1:
        out += [(txn, t, PROCESS) for t in txns if t > txn and graph.slot[t] == graph.slot[txn]]
    if allowed >> RT & 1 and graph.end[txn] >= 0:
        out += [(txn, t, RT) for t in txns if graph.begin[t] > graph.end[txn]]
    return out


def _close(
    walk: list[Edge],
    ways: dict[int, list[Edge]],
    rest: int,
    needed: int,
    kind: Kind,
    length: int,
    steps: list[int],
) -> list[Edge]:
    """Depth first, to exactly ``length`` edges."""
    source, (_, node, last) = walk[0][0], walk[-1]
    for edge in ways[node]:
        steps[0] -= 1
        if steps[0] <= 0:
            return []
        _, target, cls = edge
        both = bool(RWS >> cls & 1) and bool(RWS >> last & 1)
        if not rest >> cls & 1 or (kind.apart and both):
            continue
        if target == source:
            if len(walk) + 1 == length and _fits([*walk, edge], needed, kind):
                return [*walk, edge]
        elif len(walk) + 1 < length and all(target != e[0] for e in walk):
            found = _close([*walk, edge], ways, rest, needed, kind, length, steps)
            if found:
                return found
    return []


def _fits(cycle: list[Edge], needed: int, kind: Kind) -> bool:
    rws = [bool(RWS >> e[2] & 1) for e in cycle]
    if kind.second and sum(rws) < 2:
        return False
    if kind.apart and rws[0] and rws[-1]:
        return False
    return not needed or any(needed >> e[2] & 1 for e in cycle)
