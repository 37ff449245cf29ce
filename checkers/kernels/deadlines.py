"""Equal operations told apart by their deadlines alone: the one that has to be done first is done first.

A heap here is an array with the ends of operations from ``low`` on.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence


def push(heap: MutableSequence[int], low: int, size: int, item: int) -> None:
    """Add an item to a heap of so many."""
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if heap[low + up] <= item:
            break
        heap[low + at] = heap[low + up]
        at = up
    heap[low + at] = item


def pop(heap: MutableSequence[int], low: int, size: int) -> int:
    """Take the first item off a heap of so many."""
    first = heap[low]
    size -= 1
    if size > 0:
        item = heap[low + size]
        at = 0
        while True:
            down = 2 * at + 1
            if down >= size:
                break
            if down + 1 < size and heap[low + down + 1] < heap[low + down]:
                down += 1
            if item <= heap[low + down]:
                break
            heap[low + at] = heap[low + down]
            at = down
        heap[low + at] = item
    return first


def alternate(
    start: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    releases: Sequence[int],
    by_end: Sequence[int],
    done: MutableSequence[int],
    acquire_heap: MutableSequence[int],
    release_heap: MutableSequence[int],
    bad: MutableSequence[int],
    late: int,
) -> int:
    """Acquisitions and releases of one lock a key: how many keys have no order in which they alternate.

    ``releases[i]``: 1 for a release. ``by_end``: all operations by key, then end; crashed ones last. ``bad``: by key,
    the number of the operation that could not be done by its end, -1 where there is none. ``done``: zeros, one a
    position. The heaps: room, one place an operation. ``late``: the end of crashed operations.
    """
    count = 0
    for key in range(len(start) - 1):
        low = start[key]
        high = start[key + 1]
        coming = low
        acquires = 0
        frees = 0
        held = 0
        bad[key] = -1
        for place in range(low, high):
            number = by_end[place]
            if end[number] >= late:
                break
            while coming < high and begin[coming] < end[number]:
                if releases[coming]:
                    push(release_heap, low, frees, end[coming])
                    frees += 1
                else:
                    push(acquire_heap, low, acquires, end[coming])
                    acquires += 1
                coming += 1
            if done[end[number]]:
                continue
            # of its own sort it is the most urgent; what must come between is the most urgent of the other
            if releases[number]:
                if not held:
                    if not acquires:
                        bad[key] = number
                        break
                    between = pop(acquire_heap, low, acquires)
                    if between < late:
                        done[between] = 1
                    acquires -= 1
                pop(release_heap, low, frees)
                frees -= 1
                held = 0
            else:
                if held:
                    if not frees:
                        bad[key] = number
                        break
                    between = pop(release_heap, low, frees)
                    if between < late:
                        done[between] = 1
                    frees -= 1
                pop(acquire_heap, low, acquires)
                acquires -= 1
                held = 1
        if bad[key] >= 0:
            count += 1
    return count


def numbered(
    start: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    least: Sequence[int],
    most: Sequence[int],
    late: Sequence[int],
    heap: MutableSequence[int],
    bad: MutableSequence[int],
) -> int:
    """Equal steps, the n-th of which has to be taken between two moments: how many keys have no such order.

    Step i of a key (from its ``start`` on) must be taken after ``least[i]`` and before ``most[i]``, both of which
    only grow; ``late[key]`` is after everything that ends. ``bad``: by key, a moment by which it is impossible,
    else -1.
    """
    count = 0
    for key in range(len(start) - 1):
        low = start[key]
        high = start[key + 1]
        coming = low
        waiting = 0
        bad[key] = -1
        for place in range(low, high):
            if most[place] < late[key] and most[place] <= least[place]:
                bad[key] = least[place]
                break
            while coming < high and begin[coming] < most[place]:
                push(heap, low, waiting, end[coming])
                waiting += 1
                coming += 1
            if not waiting:
                if most[place] < late[key]:
                    bad[key] = most[place]
                break
            soonest = pop(heap, low, waiting)
            waiting -= 1
            if soonest < least[place]:
                bad[key] = least[place]
                break
        if bad[key] >= 0:
            count += 1
    return count
