"""The small timeline of an anomaly: its witnesses below the faults of that time, placed in percent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from harness.report import words
from harness.report.faults import Fault
from harness.report.rows import Row

TICK_ROOM = 22
"""percent of the small timeline that a label takes on a phone"""


class Band(msgspec.Struct):
    """A fault on the small timeline, in percent."""

    left: float
    width: float
    what: str
    when: str


class Tick(msgspec.Struct):
    left: float
    text: str


def place(
    rows: list[Row], faults: Sequence[Fault], start: int, stop: int
) -> tuple[list[Band], list[Tick], bool]:
    """Set ``left`` and ``width`` of each row. Returns shades, ticks, and whether the axis is bent.

    Witnesses are often milliseconds long and seconds apart. So the axis gives each stretch between two
    neighbouring moments a width that grows with the logarithm of its length: order stays, long waits shrink.
    """
    if not rows:
        return [], [], False
    if start == stop:
        # a single moment says little: show the faults around it whole
        start = min([start, *(fault.start for fault in faults if fault.start is not None)])
        stop = max([stop, *(fault.stop for fault in faults if fault.stop is not None)])
    edges = {
        time
        for fault in faults
        for time in (fault.start, fault.stop)
        if time is not None and start <= time <= stop
    }
    moments = sorted(
        {start, stop} | edges | {time for row in rows for time in (row.start, row.start + int(row.width))}
    )
    gaps = [b - a for a, b in pairwise(moments)]
    floor = max(min(gaps, default=1), 1)
    weights = [1.0 + math.log2(1 + gap / floor) for gap in gaps]
    total = sum(weights) or 1.0
    # a margin on both sides, where a fault that began earlier or ends later is still seen
    at = {moments[0]: 4.0}
    for moment, weight in zip(moments[1:], weights, strict=True):
        at[moment] = at[_before(at)] + 92.0 * weight / total
    for row in rows:
        left = at[row.start]
        right = 100.0 if row.open else at[row.start + int(row.width)]
        row.left, row.width = round(left, 2), round(right - left, 2)
    bands = []
    for fault in faults:
        left = at.get(fault.start, 0.0) if fault.start is not None else 0.0
        right = at.get(fault.stop, 100.0) if fault.stop is not None else 100.0
        span = words.span(fault.start or 0, fault.stop)
        bands.append(Band(round(left, 2), round(right - left, 2), fault.what, span))
    ticks = [_tick(at, moments[0])]
    for moment in sorted(edges):
        # ticks closer than a label's width would run into each other
        if at[moment] - ticks[-1].left >= TICK_ROOM and at[moments[-1]] - at[moment] >= TICK_ROOM:
            ticks.append(_tick(at, moment))
    if len(moments) > 1:
        ticks.append(_tick(at, moments[-1]))
    return bands, ticks, len(gaps) > 1


def _tick(at: dict[int, float], moment: int) -> Tick:
    return Tick(round(at[moment], 2), f"{words.seconds(moment)} s")


def _before(at: dict[int, float]) -> int:
    """The moment placed last: dicts keep order."""
    return next(reversed(at))
