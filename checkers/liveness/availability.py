"""How available a system was, under faults and after them, in figures ("availability"). Never invalid.

Rates are answered operations a second. Calm time is the part of the main phase without any fault. What must hold
after a heal is judged by "progress" (checkers/liveness/progress.py).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import msgspec

from checkers.faults import FINAL, MAIN, Fault, faults, phase_position
from checkers.history import Op
from checkers.operations import operations
from checkers.record import Record
from checkers.result import Result
from checkers.runs.stats import answered
from checkers.stepwise import span

SECOND = 1_000_000_000
WINDOW_NS = 500_000_000
"""over which a rate counts as back to half of the calm rate"""

Interval = tuple[int, int]


class _Run(msgspec.Struct):
    """``done``: sorted times of operations that were answered. ``heals``: times at which no fault was
    left.
    """

    begin: int
    end: int
    done: list[int]
    faulty: list[Interval]

    def between(self, begin: int, end: int) -> int:
        """Answered operations in [begin, end)."""
        return bisect_left(self.done, end) - bisect_left(self.done, begin)

    def first_after(self, time: int) -> int | None:
        at = bisect_right(self.done, time)
        return self.done[at] if at < len(self.done) else None

    def rate(self, begin: int, end: int) -> int | None:
        """Answered operations a second, in thousandths; None over no time."""
        return self.between(begin, end) * SECOND * 1000 // (end - begin) if end > begin else None


class Availability:
    """Measures; takes no options."""

    name = "availability"
    anomalies: tuple[str, ...] = ()

    def check(self, record: Record) -> Result:
        history = record.history
        found = operations(history)
        applied = [f for f in faults(history) if f.start is not None]
        if not found:
            return Result("unknown", self.name, why="nothing was invoked", coverage={"operations": 0})
        run = _run(history, sorted(o.completion.time for o in found if o.completion and answered(o)), applied)
        calm = _calm_rate(run)
        rows = [_row(fault, run, calm) for fault in applied]
        gap = _longest_gap(run)
        coverage: dict[str, Any] = {
            "operations": len(found),
            "answered": len(run.done),
            "faults": rows,
            "calm_rate_milli": calm,
            "longest_gap_ms": (gap[1] - gap[0]) / 1_000_000,
            "longest_gap_ns": list(gap),
        }
        why = "" if applied else "no fault was applied"
        return Result("valid", self.name, why=why, coverage=coverage)


def _run(history: Sequence[Op], done: list[int], applied: Sequence[Fault]) -> _Run:
    main, final = phase_position(history, MAIN), phase_position(history, FINAL)
    begin = history[main].time if main is not None else history[0].time
    end = history[final].time if final is not None else history[-1].time
    spans = sorted(span(fault, end) for fault in applied)
    merged: list[Interval] = []
    for first, last in spans:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return _Run(begin, end, done, merged)


def _calm_rate(run: _Run) -> int | None:
    """The rate outside all faults, in thousandths of operations a second."""
    count = time = 0
    at = run.begin
    for first, last in [*run.faulty, (run.end, run.end)]:
        if first > at:
            upto = min(first, run.end)
            count += run.between(at, upto)
            time += max(0, upto - at)
        at = max(at, last)
    return count * SECOND * 1000 // time if time > 0 else None


def _row(fault: Fault, run: _Run, calm: int | None) -> dict[str, Any]:
    begin, end = span(fault, run.end)
    length = max(end - begin, WINDOW_NS)
    row: dict[str, Any] = {
        "fault": fault.number,
        "family": fault.family,
        "start_ns": begin,
        "stop_ns": end,
        "rate_before_milli": run.rate(max(run.begin, begin - length), begin),
        "rate_during_milli": run.rate(begin, end),
        "rate_after_milli": run.rate(end, min(run.end, end + length)),
    }
    if fault.stop is not None:
        first = run.first_after(end)
        row["first_ok_ms"] = None if first is None else (first - end) / 1_000_000
        half = _half_rate(run, end, calm)
        row["half_rate_ms"] = None if half is None else (half - end) / 1_000_000
    return row


def _half_rate(run: _Run, heal: int, calm: int | None) -> int | None:
    """The first time from which a window has half of the calm rate; None if that is not known or never."""
    if calm is None:
        return None
    needed = max(1, calm * WINDOW_NS // (2 * 1000 * SECOND))
    for at in range(bisect_left(run.done, heal), len(run.done) - needed + 1):
        if run.done[at + needed - 1] < run.done[at] + WINDOW_NS:
            return run.done[at]
    return None


def _longest_gap(run: _Run) -> Interval:
    """The longest time of the main phase without an answer."""
    inside = run.done[bisect_left(run.done, run.begin) : bisect_right(run.done, run.end)]
    marks = [run.begin, *inside, max(run.end, run.begin)]
    at = max(range(len(marks) - 1), key=lambda i: marks[i + 1] - marks[i])
    return marks[at], marks[at + 1]
