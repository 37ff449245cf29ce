"""Edges by their source, and strongly connected components.

The components are found by Pearce's algorithm (Information Processing Letters 116, 2016), without recursion.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence


def by_source(
    src: Sequence[int],
    dst: Sequence[int],
    cls: Sequence[int],
    start: MutableSequence[int],
    to: MutableSequence[int],
    of: MutableSequence[int],
) -> None:
    """Sort edges by source, else in their order. ``start``: all 0, one longer than there are nodes."""
    nodes = len(start) - 1
    for edge in range(len(src)):
        start[src[edge]] += 1
    total = 0
    for node in range(nodes):
        total += start[node]
        start[node] = total
    start[nodes] = total
    for back in range(len(src)):
        edge = len(src) - 1 - back
        place = start[src[edge]] - 1
        start[src[edge]] = place
        to[place] = dst[edge]
        of[place] = cls[edge]


def components(
    start: Sequence[int],
    to: Sequence[int],
    of: Sequence[int],
    mask: int,
    inside: Sequence[int],
    barrier: Sequence[int],
    spans: Sequence[int],
    rindex: MutableSequence[int],
    stack: MutableSequence[int],
    calls: MutableSequence[int],
    nexts: MutableSequence[int],
    roots: MutableSequence[int],
) -> None:
    """Number the components of nodes that are ``inside``, by edges whose class has its bit in ``mask``.

    ``barrier`` is empty, or has of each transaction its barrier, -1 for none: the transaction precedes it, a barrier
    precedes the next one and the transactions ``spans[b]:spans[b + 1]``. Barriers come after the nodes of the graph.
    ``rindex``: all 0, for nodes and barriers; equal numbers mean one component on return (0: was not inside).
    ``stack``, ``calls``, ``nexts``, ``roots``: scratch as long.
    """
    nodes = len(start) - 1
    timed = len(barrier)
    barriers = len(spans) - 1
    limit = nodes + barriers + 2
    number = limit
    index = 1
    kept = 0
    for origin in range(nodes):
        if not inside[origin] or rindex[origin] != 0:
            continue
        depth = 0
        calls[0] = origin
        nexts[0] = start[origin]
        roots[0] = 1
        rindex[origin] = index
        index += 1
        while depth >= 0:
            node = calls[depth]
            at = nexts[depth]
            target = -1
            if node < nodes:
                high = start[node + 1]
                while at < high:
                    if (mask >> of[at]) & 1 and inside[to[at]]:
                        target = to[at]
                        break
                    at += 1
                if target < 0 and at == high and node < timed and barrier[node] >= 0:
                    target = nodes + barrier[node]
            else:
                high = spans[node - nodes + 1]
                while at < high:
                    if inside[at]:
                        target = at
                        break
                    at += 1
                if target < 0 and at == high and node - nodes + 1 < barriers:
                    target = node + 1
            if target >= 0:
                nexts[depth] = at + 1
                if rindex[target] == 0:
                    depth += 1
                    calls[depth] = target
                    nexts[depth] = start[target] if target < nodes else spans[target - nodes]
                    roots[depth] = 1
                    rindex[target] = index
                    index += 1
                elif rindex[target] < rindex[node]:
                    rindex[node] = rindex[target]
                    roots[depth] = 0
                continue
            low = rindex[node]
            if roots[depth]:
                index -= 1
                while kept > 0 and low <= rindex[stack[kept - 1]]:
                    kept -= 1
                    rindex[stack[kept]] = number
                    index -= 1
                rindex[node] = number
                number -= 1
            else:
                stack[kept] = node
                kept += 1
            depth -= 1
            if depth >= 0 and rindex[node] < rindex[calls[depth]]:
                rindex[calls[depth]] = rindex[node]
                roots[depth] = 0
