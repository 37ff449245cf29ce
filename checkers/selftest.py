"""Every checker on pairs of records that differ in one place: it accepts the one and rejects the other, rightly.

The pairs are data, ``pairs/<checker>.yaml`` in the package of the checker, a list of cases::

    - anomaly: stale             # the only type that the twin shows; the record itself is valid
      options: {linearizable: true}   # also ``nodes``; both optional
      ops:                       # process, type, f, key, value; sixth: time_ms, node, error, index
        - [0, invoke, add, null, 1]
        - [0, ok, add, null, 1]
        - [1, invoke, read, null, null]
        - [1, ok, read, null, [1]]
      twin: {3: [1, ok, read, null, []]}   # position -> the op that stands there instead; null: none does
      trace: [[n0, role, {role: leader, term: 1}]]   # node, kind, data; a fourth: {time_ms}
      twin_trace: {0: [n0, role, {role: leader, term: 2}]}

An op is at ``time_ms`` or, without it, a millisecond after the one before. ``verdict: unknown`` is for checkers that
do not say invalid, with an anomaly or, without one, optionally words of the ``why``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from checkers import registry
from checkers.history import Op
from checkers.record import Record, TraceEvent
from checkers.result import Result, Verdict
from checkers.stepwise import Stepwise

MS = 1_000_000


class PairsError(ValueError):
    """A file of pairs is not what it should be. The message is one line."""


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """A record and its twin; see the module."""

    ops: list[list[Any]]
    anomaly: str = ""
    verdict: Verdict = "invalid"
    why: str = ""
    options: dict[str, Any] = {}
    nodes: tuple[str, ...] = ()
    twin: dict[int, list[Any] | None] = {}
    trace: list[list[Any]] = []
    twin_trace: dict[int, list[Any] | None] = {}


class Outcome(msgspec.Struct):
    """Of one case: ``problem`` is empty when both records were judged as they must be."""

    checker: str
    case: str
    problem: str


def cases(name: str) -> list[Case]:
    """The pairs of a checker; none where it has no file. Raises PairsError."""
    import yaml  # noqa: PLC0415 (only the self-test reads YAML)

    place = _place(name)
    if place is None or not place.is_file():
        return []
    try:
        found = msgspec.convert(yaml.safe_load(place.read_text(encoding="utf-8")), list[Case], strict=False)
    except (yaml.YAMLError, msgspec.ValidationError) as e:
        raise PairsError(f"pairs/{name}.yaml: {' '.join(str(e).split())}") from e
    for number, case in enumerate(found):
        if len(case.twin) + len(case.twin_trace) != 1:
            raise PairsError(f"pairs/{name}.yaml: case {number}: a twin differs in exactly one place")
        if not case.anomaly and case.verdict != "unknown":
            raise PairsError(f"pairs/{name}.yaml: case {number}: name an anomaly, or the verdict unknown")
    return found


def _place(name: str) -> Traversable | None:
    """The file of pairs, in the package that the checker is of."""
    package = "checkers"
    if name not in registry.BUILT_IN:
        package = type(registry.create(name)).__module__.partition(".")[0]
    try:
        return files(package) / "pairs" / f"{name}.yaml"
    except TypeError:
        return None  # a module by itself has no data beside it


def records(case: Case) -> tuple[Record, Record]:
    """The record that must be accepted and the one that must not."""
    return (
        Record(_history(case.ops), _trace(case.trace), case.nodes, dict(case.options)),
        Record(
            _history(_with(case.ops, case.twin)),
            _trace(_with(case.trace, case.twin_trace)),
            case.nodes,
            dict(case.options),
        ),
    )


def _with(rows: Sequence[list[Any]], changes: Mapping[int, list[Any] | None]) -> list[list[Any] | None]:
    for at in changes:
        if not 0 <= at < len(rows):
            raise PairsError(f"a twin changes place {at}, of {len(rows)}")
    return [changes.get(at, row) for at, row in enumerate(rows)]


def _history(rows: Sequence[list[Any] | None]) -> list[Op]:
    ops: list[Op] = []
    time = -MS
    for row in rows:
        time += MS
        if row is None:
            continue
        process, kind, f, key, value, *more = row
        extra = more[0] if more else {}
        time = int(extra["time_ms"] * MS) if "time_ms" in extra else time
        ops.append(
            Op(
                extra.get("index", len(ops)),
                time,
                process,
                kind,
                f,
                key,
                value,
                extra.get("node"),
                extra.get("error"),
            )
        )
    return ops


def _trace(rows: Sequence[list[Any] | None]) -> list[TraceEvent]:
    events: list[TraceEvent] = []
    time = -MS
    for row in rows:
        time += MS
        if row is None:
            continue
        node, kind, data, *more = row
        time = int(more[0]["time_ms"] * MS) if more else time
        events.append(TraceEvent(len(events), time, node, kind, data))
    return events


def judged(name: str, record: Record) -> Iterator[tuple[str, Result]]:
    """(how, result): by the checker, and step by step where it can do that too: ops and events as time goes on."""
    yield "batch", registry.create(name).check(record)
    online = registry.online(name, {"nodes": record.nodes, **record.options})
    events = list(record.trace)
    if online is None or (events and not isinstance(online, Stepwise)):
        return
    for op in record.history:
        while events and events[0].time <= op.time and isinstance(online, Stepwise):
            online.observe_trace(events.pop(0))
        online.observe(op)
    for event in events:
        assert isinstance(online, Stepwise)
        online.observe_trace(event)
    yield "online", online.result()


def problem_of(name: str, case: Case) -> str:
    """What is wrong with a checker's judgement of a pair; empty when nothing is."""
    accepted, rejected = records(case)
    for how, result in judged(name, accepted):
        if result.verdict != "valid":
            shown = ", ".join(sorted({a.type for a in result.anomalies})) or result.why
            return f"{how}: the accepted record is {result.verdict} ({shown})"
    for how, result in judged(name, rejected):
        types = sorted({a.type for a in result.anomalies})
        if result.verdict != case.verdict:
            return f"{how}: the twin is {result.verdict} instead of {case.verdict} ({', '.join(types) or result.why})"
        if case.anomaly and types != [case.anomaly]:
            return f"{how}: the twin shows {', '.join(types) or 'nothing'} instead of {case.anomaly} alone"
        if case.why and case.why not in result.why:
            return f"{how}: the twin is unknown because {result.why!r}, not {case.why!r}"
        witnesses = [a for a in result.anomalies if a.op_indexes or a.trace_indexes]
        if case.anomaly and not (witnesses and all(a.explanation for a in result.anomalies)):
            return f"{how}: an anomaly without witnesses or words"
    return ""


def run(name: str) -> list[Outcome]:
    """All cases of a checker, and an outcome with a problem for each of its anomalies that has no pair."""
    found = cases(name)
    outcomes = [
        Outcome(name, case.anomaly or f"unknown: {case.why}", problem_of(name, case)) for case in found
    ]
    declared = getattr(registry.create(name), "anomalies", ())
    covered = {case.anomaly for case in found}
    outcomes += [Outcome(name, kind, "has no pair") for kind in declared if kind not in covered]
    outcomes += [
        Outcome(name, kind, "is not among the anomalies that the checker declares")
        for kind in sorted(covered - set(declared) - {""})
    ]
    if not outcomes:
        outcomes.append(Outcome(name, "-", "has no pairs"))
    return outcomes


__all__ = ["Case", "Outcome", "PairsError", "cases", "problem_of", "records", "run"]
