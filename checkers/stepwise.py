"""Checkers that take a trace step by step: one class judges a run while it goes on, and a whole record.

The same for ops alone, paired to operations, is checkers/running.py.

Ops and trace events may come interleaved in any way, as long as each of the two keeps its order: a verdict depends on
what came and not on how the two were mixed. ``check`` hands over all ops, then all events, so that the verdict on a
record is that of the same class fed by a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from checkers.faults import Fault, faults
from checkers.history import NEMESIS, MalformedHistoryError, Op
from checkers.record import Record, TraceEvent
from checkers.requests import resolved
from checkers.result import Anomaly, Result, Verdict
from checkers.rows import rows

SECOND = 1_000_000_000
MS = 1_000_000
KEPT_MAX = 5
"""anomalies kept of each type; the rest are counted"""


class Stepwise:
    """The base of such checkers. ``options`` are those of a record; a subclass's own are in its docstring.

    Subclasses override what they look at: ``observe`` (ops), ``observe_trace`` (events), ``result``, and
    ``violated`` where a violation is final as soon as it is seen.
    """

    name = ""
    anomalies: tuple[str, ...] = ()

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options: dict[str, Any] = dict(options or {})
        self._found: list[Anomaly] = []
        self._counts: dict[str, int] = {}

    def observe(self, op: Op) -> None:
        """Take one op."""

    def observe_trace(self, event: TraceEvent) -> None:
        """Take one event of the trace. Kinds that are not this checker's do nothing."""

    def observe_all(self, ops: Iterable[Op]) -> None:
        """Take ops, one after the other."""
        observe = self.observe
        for op in rows(ops):
            observe(op)

    def violated(self) -> bool:
        """Whether something was seen that nothing later can put right."""
        return bool(self._counts)

    def verdict(self) -> Verdict:
        """The verdict on what came so far."""
        return self.result().verdict

    def result(self) -> Result:
        """The result for what came so far."""
        raise NotImplementedError

    def check(self, record: Record) -> Result:
        """Judge a record; nothing observed earlier counts. Entries of logs are told as the operations they are."""
        fresh = type(self)({"nodes": record.nodes, **record.options})
        fresh.observe_all(record.history)
        observe = fresh.observe_trace
        for event in record.trace:
            observe(event)
        return resolved(fresh.result(), record.history)

    def _report(
        self, kind: str, ops: Sequence[int], events: Sequence[int], explanation: str, **data: Any
    ) -> None:
        """Note a violation; of each type the first few are kept and all are counted."""
        count = self._counts.get(kind, 0)
        self._counts[kind] = count + 1
        if count < KEPT_MAX:
            self._found.append(Anomaly(kind, list(ops), list(events), explanation, data))

    def _verdict(self, coverage: dict[str, Any], unknown: str, found: Sequence[Anomaly] = ()) -> Result:
        """Invalid with what was reported and ``found``, else unknown for a reason, else valid."""
        anomalies = [*self._found, *found]
        if anomalies:
            return Result("invalid", self.name, anomalies, anomalies[0].explanation, coverage)
        return Result("unknown" if unknown else "valid", self.name, why=unknown, coverage=coverage)


DISABLING = frozenset({"disk", "resource"})
"""families of faults under which a node can do no better than to give up"""


class Disturbances:
    """The nemesis' ops so far: few, whatever the length of a run."""

    def __init__(self) -> None:
        self.ops: list[Op] = []

    def observe(self, op: Op) -> bool:
        """Whether the op was one of these."""
        if op.process != NEMESIS:
            return False
        self.ops.append(op)
        return True

    def disables(self, node: str, time: int) -> bool:
        """Whether a fault was in force then, or being applied, that may leave the node no choice but to give up."""
        return any(
            f.family in DISABLING and node in f.targets and f.since <= time <= span(f, time)[1]
            for f in self.faults()
        )

    def faults(self) -> list[Fault]:
        """The applied ones, by number."""
        return [f for f in faults(self.ops) if f.start is not None]

    def spans(self, end: int) -> list[tuple[int, int]]:
        """When faults were in force, in ns, merged and in order; what was never healed lasts to ``end``."""
        merged: list[tuple[int, int]] = []
        for first, last in sorted(span(fault, end) for fault in self.faults()):
            if merged and first <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return merged


def span(fault: Fault, end: int) -> tuple[int, int]:
    """When an applied fault was in force, in ns; one that was never healed lasts to ``end``."""
    assert fault.start is not None
    return fault.start.time, fault.stop.time if fault.stop is not None else max(end, fault.start.time)


def number(options: Mapping[str, Any], name: str, default: float) -> float:
    """An option that is a number of at least 0; raises ValueError, one line."""
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"option {name}: expected a number of at least 0, got {value!r}")
    return value


def integer(event: TraceEvent, name: str) -> int:
    """A field of an event that must be an integer; raises MalformedHistoryError."""
    value = event.data.get(name)
    if type(value) is not int:
        raise MalformedHistoryError(
            f"trace event {event.index}: {event.kind} of {event.node}: expected an integer {name}, got {value!r}"
        )
    return value


def names(options: Mapping[str, Any], option: str) -> tuple[str, ...]:
    """An option that is a list of names; raises ValueError, one line."""
    value = options.get(option) or ()
    if not isinstance(value, list | tuple):
        raise ValueError(f"option {option}: expected a list of names, got {value!r}")  # noqa: TRY004  bad input
    return tuple(str(name) for name in value)
