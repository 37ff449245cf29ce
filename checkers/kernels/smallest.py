"""Takes of a priority queue: was there a moment free of smaller elements? (Lee, Mathur, arXiv 2410.04581)"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence


def free_after(parent: MutableSequence[int], gap: int) -> int:
    """The first gap at or after this one that nothing covers; paths to it are halved."""
    while parent[gap] != gap:
        parent[gap] = parent[parent[gap]]
        gap = parent[gap]
    return gap


def blocked(
    start: Sequence[int],
    stop: Sequence[int],
    cover_from: Sequence[int],
    cover_to: Sequence[int],
    parent: MutableSequence[int],
    bad: MutableSequence[int],
) -> int:
    """Mark in ``bad`` the takes without a free gap; how many.

    Takes are ordered by element, smallest first, then those that found nothing. Take i may happen in the gaps
    ``start[i]`` to ``stop[i]`` (-1: at the end of everything); then its element, where there is one, covers the gaps
    from ``cover_from[i]`` to before ``cover_to[i]``. ``parent``: 0, 1, 2, ..., one for each gap and one more.
    """
    count = 0
    for take in range(len(start)):
        if stop[take] >= 0 and free_after(parent, start[take]) > stop[take]:
            bad[take] = 1
            count += 1
        if take < len(cover_from):
            gap = free_after(parent, cover_from[take])
            while gap < cover_to[take]:
                parent[gap] = gap + 1
                gap = free_after(parent, gap)
    return count
