"""Stacks without elements that can be pushed and popped in one moment (Lee, Mathur, arXiv 2410.04581).

Events are the ends of pushes and the beginnings of pops, in order; n elements have 2n of them. Between event i and
the next one lies gap i. An element covers the gaps from the end of its push to the beginning of its pop.

Three trees over the events (nodes 2i and 2i + 1 below node i, leaves from ``size`` on): the earliest beginning of a
push, the latest end of a pop, each of the elements left that are not yet known to be open to that side; and how many
elements cover a gap: ``least[i]`` in the part of node i, of which ``more[i]`` in all of it.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

FAR = 0x7FFF_FFFF_FFFF_FFFF


def cover(
    least: MutableSequence[int], more: MutableSequence[int], size: int, low: int, high: int, change: int
) -> None:
    """Add ``change`` to the gaps from ``low`` to before ``high``."""
    if low >= high:
        return
    left = low + size
    right = high + size
    first = left
    last = right - 1
    while left < right:
        if left & 1:
            least[left] += change
            more[left] += change
            left += 1
        if right & 1:
            right -= 1
            least[right] += change
            more[right] += change
        left >>= 1
        right >>= 1
    first >>= 1
    while first:
        least[first] = min(least[2 * first], least[2 * first + 1]) + more[first]
        first >>= 1
    last >>= 1
    while last:
        least[last] = min(least[2 * last], least[2 * last + 1]) + more[last]
        last >>= 1


def uncovered(
    least: Sequence[int],
    more: Sequence[int],
    node: int,
    node_low: int,
    node_high: int,
    low: int,
    high: int,
    above: int,
) -> int:
    """The first gap from ``low`` to before ``high`` that nothing covers, or -1."""
    if node_high <= low or node_low >= high or least[node] + above > 0:
        return -1
    if node_high - node_low == 1:
        return node_low
    above += more[node]
    middle = (node_low + node_high) >> 1
    found = uncovered(least, more, 2 * node, node_low, middle, low, high, above)
    if found < 0:
        found = uncovered(least, more, 2 * node + 1, middle, node_high, low, high, above)
    return found


def put(tree: MutableSequence[int], size: int, at: int, value: int) -> None:
    """Set a leaf of a tree of minima."""
    node = at + size
    tree[node] = value
    node >>= 1
    while node:
        tree[node] = min(tree[2 * node], tree[2 * node + 1])
        node >>= 1


def below(
    tree: Sequence[int], node: int, node_low: int, node_high: int, low: int, high: int, limit: int
) -> int:
    """A leaf from ``low`` to ``high`` whose value is less than ``limit``, or -1."""
    if node_high <= low or node_low > high or tree[node] >= limit:
        return -1
    if node_high - node_low == 1:
        return node_low
    middle = (node_low + node_high) >> 1
    found = below(tree, 2 * node, node_low, middle, low, high, limit)
    if found < 0:
        found = below(tree, 2 * node + 1, middle, node_high, low, high, limit)
    return found


def tangles(
    push_begin: Sequence[int],
    pop_end: Sequence[int],
    position: Sequence[int],
    order: Sequence[int],
    rank: Sequence[int],
    pushes: MutableSequence[int],
    pops: MutableSequence[int],
    least: MutableSequence[int],
    more: MutableSequence[int],
    state: MutableSequence[int],
    parts: MutableSequence[int],
    ready: MutableSequence[int],
    failed: MutableSequence[int],
) -> int:
    """How many groups of elements have none that can be below the others; ``failed``: the last event of each.

    ``position[e]``: of event e. ``order[e]``: its element, plus n for a pop. ``rank[i]``, ``rank[n + i]``: the
    events of element i. The rest is room, zeros: the trees, ``state`` by element (bit 1: open to the left, 2: to
    the right, 4: left out), ``parts`` (of 2n + 4) to do, ``ready`` (n + 1) to be left out.
    """
    n = len(push_begin)
    events = 2 * n
    size = len(pushes) >> 1
    for node in range(2 * size):
        pushes[node] = FAR
        pops[node] = FAR
    depth = 0
    for event in range(events):
        element = order[event]
        if element < n:
            pushes[size + event] = push_begin[element]
            depth += 1
        else:
            pops[size + event] = -pop_end[element - n]
            depth -= 1
        least[size + event] = depth
    for node in range(size - 1, 0, -1):
        pushes[node] = min(pushes[2 * node], pushes[2 * node + 1])
        pops[node] = min(pops[2 * node], pops[2 * node + 1])
        least[node] = min(least[2 * node], least[2 * node + 1])
    count = 0
    todo = 2
    parts[0] = 0
    parts[1] = events - 1
    while todo:
        todo -= 2
        low = parts[todo]
        high = parts[todo + 1]
        while low <= high and state[order[low] - (n if order[low] >= n else 0)] & 4:
            low += 1
        while low <= high and state[order[high] - (n if order[high] >= n else 0)] & 4:
            high -= 1
        if low >= high:
            continue
        gap = uncovered(least, more, 1, 0, size, low, high, 0)
        if gap >= 0:
            parts[todo] = low
            parts[todo + 1] = gap
            parts[todo + 2] = gap + 1
            parts[todo + 3] = high
            todo += 4
            continue
        found = 0
        event = below(pushes, 1, 0, size, low, high, position[low])
        while event >= 0:
            put(pushes, size, event, FAR)
            element = order[event]
            state[element] |= 1
            if state[element] & 2:
                ready[found] = element
                found += 1
            event = below(pushes, 1, 0, size, low, high, position[low])
        event = below(pops, 1, 0, size, low, high, -position[high])
        while event >= 0:
            put(pops, size, event, FAR)
            element = order[event] - n
            state[element] |= 2
            if state[element] & 1:
                ready[found] = element
                found += 1
            event = below(pops, 1, 0, size, low, high, -position[high])
        if not found:
            failed[count] = high
            count += 1
            continue
        for at in range(found):
            element = ready[at]
            state[element] |= 4
            cover(least, more, size, rank[element], rank[n + element], -1)
        parts[todo] = low
        parts[todo + 1] = high
        todo += 2
    return count
