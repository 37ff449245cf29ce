"""Short traces for tests: events without the ceremony."""

from __future__ import annotations

from typing import Any

from checkers.history import Op
from checkers.record import Record, TraceEvent
from checkers.result import Result

MS = 1_000_000

Event = tuple[str, str, dict[str, Any]] | tuple[str, str, dict[str, Any], int]


def trace(*events: Event) -> list[TraceEvent]:
    """Each event a millisecond after the one before; a fourth part says at which millisecond instead."""
    found: list[TraceEvent] = []
    now = -MS
    for node, kind, data, *at in events:
        now = at[0] * MS if at else now + MS
        found.append(TraceEvent(len(found), now, node, kind, data))
    return found


def judge(checker: Any, *events: Event, ops: list[Op] | None = None, **options: Any) -> Result:
    made = trace(*events)
    result: Result = checker.check(Record(ops or [], made, options=options))
    assert result.verdict == "valid" or result.why, "what is not valid says why"
    assert result.verdict != "invalid" or result.anomalies, "what is invalid shows it"
    known = {event.index for event in made}
    assert all(i in known for a in result.anomalies for i in a.trace_indexes)
    assert all(a.type in checker.anomalies and a.explanation for a in result.anomalies)
    return result
