"""Which reads of a set had an element first and last, and which was the last that had it not."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence


def place(
    read_key: Sequence[int],
    read_end: Sequence[int],
    start: Sequence[int],
    items: Sequence[int],
    item_key: Sequence[int],
    count: MutableSequence[int],
    last: MutableSequence[int],
    rank: MutableSequence[int],
    present: MutableSequence[int],
    absent: MutableSequence[int],
    first: MutableSequence[int],
    twice: MutableSequence[int],
) -> None:
    """Reads are in the order of their invocations; read r of set ``read_key[r]`` returned the elements
    ``items[start[r]:start[r + 1]]`` and ended at position ``read_end[r]``. Elements are small numbers of their own in
    each set: element e is of set ``item_key[e]``.

    ``count`` (0) and ``last`` (-1): per set. ``rank``, ``present``, ``absent``, ``first`` (-1): per element;
    ``present`` and ``absent`` become the read invoked last that had it, that had it not; ``first`` the read that
    ended first of those that had it. ``twice`` (0): per read, whether it has an element twice. All are given with
    these values.
    """
    for read in range(len(read_key)):
        key = read_key[read]
        turn = count[key]
        before = last[key]
        for at in range(start[read], start[read + 1]):
            item = items[at]
            if present[item] == read:
                twice[read] = 1
                continue
            if rank[item] != turn - 1:
                absent[item] = before
            rank[item] = turn
            present[item] = read
            if first[item] < 0 or read_end[read] < read_end[first[item]]:
                first[item] = read
        count[key] = turn + 1
        last[key] = read
    for item in range(len(item_key)):
        key = item_key[item]
        if rank[item] != count[key] - 1:
            absent[item] = last[key]
