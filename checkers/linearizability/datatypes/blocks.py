"""Operations that reads have put in order: blocks of stages.

Where reads show all of an object, they say in which order the operations went that they show. Such a chain of
operations is a *block*: each of its operations has a *stage*, those of one stage are in any order, and nothing else
may come in between. Operations that nobody saw are blocks of their own: they may stand between any two blocks.

A block is possible if none of its operations ends before one of an earlier stage begins. Block A has to be before
block B if one of its operations ends before one of B's begins: if the least end in A is before the greatest
beginning in B. That is the relation of Gibbons and Korach's zones (SIAM J. Comput. 26(4), 1997, section 3): an
order of all blocks exists exactly if no two blocks with (least end) < (greatest beginning) overlap in these spans,
and no span of one with (greatest beginning) < (least end) lies within such a one's. All of it by sorting: O(n log
n).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from checkers.columns import Int64


class Staged(NamedTuple):
    """Operations of all keys, positions on the axis of ``Timeline``; a block is of one key, stages grow from 0."""

    begin: Int64
    end: Int64
    block: Int64
    stage: Int64


def backwards(staged: Staged) -> Int64:
    """Ends of operations that ended before one of an earlier stage of their block began: the earlier one's
    beginning.
    """
    begin, end, block, stage = staged
    n = len(begin)
    if not n:
        return begin
    order = np.lexsort((stage, block))
    begin, end, block, stage = begin[order], end[order], block[order], stage[order]
    first = np.concatenate(([True], block[1:] != block[:-1]))
    level = np.flatnonzero(first | np.concatenate(([True], stage[1:] != stage[:-1])))
    latest = np.maximum.reduceat(begin, level)
    sizes = np.diff(np.concatenate((level, [n])))
    # the running maximum over earlier stages of one block: blocks are told apart by an offset
    width = int(begin.max()) + 2
    if int(block.max()) < (1 << 62) // width:
        lifted = latest + block[level] * width
        before = np.concatenate(([-1], np.maximum.accumulate(lifted)[:-1])) - block[level] * width
    else:
        before = _before(latest, block[level])
    earlier = np.repeat(np.maximum(before, -1), sizes)
    bad = earlier > end
    return earlier[bad]


def _before(latest: Int64, block: Int64) -> Int64:
    out = np.full(len(latest), -1)
    for at in range(1, len(latest)):
        if block[at] == block[at - 1]:
            out[at] = max(out[at - 1], latest[at - 1])
    return out


def crossed(staged: Staged, first_blocks: Int64, origin: Int64) -> Int64:
    """Moments by which blocks have no order. ``first_blocks``: they come before everything else of their keys, which
    begin at ``origin``.
    """
    begin, end, block, _ = staged
    if not len(begin):
        return begin
    order = np.argsort(block, kind="stable")
    blocks, starts = np.unique(block[order], return_index=True)
    low = np.minimum.reduceat(end[order], starts)
    high = np.maximum.reduceat(begin[order], starts)
    place = np.searchsorted(blocks, first_blocks)
    present = place < len(blocks)
    present[present] = blocks[place[present]] == first_blocks[present]
    low[place[present]] = origin[present] - 1
    forward = low < high
    f_low, f_high = low[forward], high[forward]
    order = np.argsort(f_low)
    f_low, f_high = f_low[order], f_high[order]
    overlap = f_low[1:] < f_high[:-1]
    found = [np.minimum(f_high[1:], f_high[:-1])[overlap]]
    b_low, b_high = high[~forward], low[~forward]
    if len(f_low) and len(b_low):
        at = np.searchsorted(f_low, b_low) - 1
        within = (at >= 0) & (np.maximum.accumulate(f_high)[np.maximum(at, 0)] > b_high)
        found.append(b_high[within])
    return np.concatenate(found)
