"""Each anomaly with the ops that prove it: in words, as a table, and as a small timeline of just those."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from checkers.record import TraceEvent
from checkers.result import Anomaly, Result
from harness.report import words
from harness.report.faults import Fault
from harness.report.folder import Operation, Run
from harness.report.mini import Band, Tick, place
from harness.report.ring import Ring, ring
from harness.report.rows import VALUE_CHARS, Row, event_row, fault_row, last, lines, operation_row

ROWS_MAX = 60
ANOMALIES_MAX = 200
FAULTS_MAX = 6

# what tears a cluster apart is told before what only slows it down
_FAMILIES = ("power-loss", "disk", "partition", "kill", "pause", "clock", "link", "resource")


class View(msgspec.Struct):
    """An anomaly as the page shows it. ``start`` and ``stop``: ns from its first witness to its last.

    ``ops``: indexes of its clients' ops. ``marks``: time and node of its trace events.
    """

    number: int
    type: str
    checker: str
    meaning: str
    key: str
    explanation: list[str]
    start: int
    stop: int
    rows: list[Row]
    rows_left_out: int
    bands: list[Band]
    ticks: list[Tick]
    bent: bool
    faults: list[Fault]
    faults_left_out: int
    ops: list[int]
    data: list[tuple[str, str]]
    marks: list[tuple[int, str]]
    ring: Ring | None

    @property
    def when(self) -> str:
        return words.span(self.start, self.stop, 3)


def by_index(operations: Sequence[Operation]) -> dict[int, Operation]:
    """Operations by the index of either of their lines."""
    found = {}
    for operation in operations:
        found[operation.invoke.index] = operation
        if operation.complete is not None:
            found[operation.complete.index] = operation
    return found


def witnesses(results: Sequence[Result]) -> tuple[frozenset[int], frozenset[int]]:
    """Indexes of every op and of every trace event that some anomaly names."""
    anomalies = [anomaly for result in results for anomaly in result.anomalies]
    return (
        frozenset(index for anomaly in anomalies for index in anomaly.op_indexes),
        frozenset(index for anomaly in anomalies for index in anomaly.trace_indexes),
    )


def weight(fault: Fault) -> tuple[bool, int, bool, int]:
    """A key for sorting: the faults that matter most to a reader come first."""
    family = _FAMILIES.index(fault.family) if fault.family in _FAMILIES else len(_FAMILIES)
    return fault.bite != "bit", family, fault.leader is None, -(fault.start or 0)


def weightiest(faults: Sequence[Fault]) -> list[Fault]:
    """The first of each family, then the second of each: what a few of many should show."""
    seen: dict[str, int] = {}
    ranked = []
    for fault in sorted(faults, key=weight):
        rank = seen[fault.family] = seen.get(fault.family, -1) + 1
        ranked.append((rank, fault))
    ranked.sort(key=lambda pair: (pair[1].bite != "bit", pair[0]))
    return [fault for _, fault in ranked]


def blamed(run: Run) -> list[Result]:
    """The results that made the verdict: what a checker of another opinion noticed is not what was broken."""
    return [result for result in run.results if result.verdict == run.verdict != "valid"]


def views(
    run: Run, operations: Mapping[int, Operation], events: Mapping[int, TraceEvent], faults: Sequence[Fault]
) -> list[View]:
    """The anomalies that the verdict rests on, at most ANOMALIES_MAX.

    What clients saw comes before what only the trace shows, a promise that was broken before the step that led
    there, and all of it before an answer that came too late.
    """
    found = [(result, anomaly) for result in blamed(run) for anomaly in result.anomalies]
    found.sort(key=lambda pair: _rank(*pair))
    return [
        _view(number, result.checker, anomaly, operations, events, faults, run.end)
        for number, (result, anomaly) in enumerate(found[:ANOMALIES_MAX], 1)
    ]


# a wrong step of the protocol that breaks no promise by itself
_STEPS = frozenset({"CurrentTermCommit", "MonotonicTerm", "MonotonicCommit", "SingleVote"})


_LATE = frozenset({"progress", "elections", "startup"})
"""checkers whose anomalies say that something came too late, or not at all"""


def _rank(result: Result, anomaly: Anomaly) -> tuple[bool, bool, bool]:
    return result.checker in _LATE, bool(anomaly.trace_indexes), anomaly.type in _STEPS


def _view(
    number: int,
    checker: str,
    anomaly: Anomaly,
    operations: Mapping[int, Operation],
    events: Mapping[int, TraceEvent],
    faults: Sequence[Fault],
    end: int,
) -> View:
    # an operation named by both of its lines is one witness
    proving = {o.invoke.index: o for i in anomaly.op_indexes if (o := operations.get(i)) is not None}
    ordered = [proving[index] for index in sorted(proving)]
    traced = [events[index] for index in sorted(set(anomaly.trace_indexes)) if index in events]
    times = [time for o in ordered for time in (o.invoke.time, last(o))]
    # who led before and after (harness/leaders.py) is told beside the operations, and is no part of what went wrong
    times += [event.time for event in traced if not (ordered and "leaders" in anomaly.data)]
    named = set(anomaly.op_indexes)
    accused = [fault for fault in faults if fault.start is not None and not named.isdisjoint(fault.indexes)]
    times += [time for f in accused for time in (f.start, f.stop) if time is not None]
    start, stop = (min(times), max(times)) if times else (0, end)
    rows = [operation_row(o, _impossible(anomaly)) for o in ordered] + [event_row(event) for event in traced]
    rows += [fault_row(fault, stop) for fault in accused]
    rows.sort(key=lambda row: row.start)
    shown, left_out = _middle_out(rows)
    active = [fault for fault in faults if times and fault.active(start, stop)]
    told = sorted(weightiest(active)[:FAULTS_MAX], key=lambda fault: fault.start or 0)
    around = [fault for fault in told if fault not in accused]
    drawn_to = max([stop, *(row.start + int(row.width) for row in shown)])
    bands, ticks, bent = place(shown, around, min([start, *(row.start for row in shown)]), drawn_to)
    drawn = ring(anomaly.data.get("cycle"))
    return View(
        number=number,
        type=anomaly.type,
        checker=checker,
        meaning=_meaning(anomaly),
        key=_key(anomaly, ordered),
        explanation=_sentences(anomaly.explanation),
        start=start,
        stop=stop,
        rows=shown,
        rows_left_out=left_out,
        bands=bands,
        ticks=ticks,
        bent=bent,
        faults=told,
        faults_left_out=len(active) - len(told),
        ops=[line for o in ordered for line in lines(o)],
        data=[
            (str(name), words.shorten(words.compact(v), VALUE_CHARS))
            for name, v in anomaly.data.items()
            if drawn is None or name != "cycle"
        ],
        marks=[(event.time, event.node) for event in traced],
        ring=drawn,
    )


# a sentence ends before a space and a capital letter or a number: "ended at 3.9 s. And 17 had ..."
_SENTENCE = re.compile(r"(?<=[.!?]) +(?=[A-Z0-9])")


def _sentences(text: str) -> list[str]:
    """One a line: a paragraph of facts is hard to read."""
    return [_sentence(part) for line in text.splitlines() for part in _SENTENCE.split(line.strip()) if part]


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a name such as n2, and with a full stop."""
    first = text.split(" ", 1)[0]
    begun = text[0].upper() + text[1:] if first.isalpha() else text
    return begun if begun.endswith((".", "!", "?", ":", ";")) else f"{begun}."


def _meaning(anomaly: Anomaly) -> str:
    """By the kind that the checker found it to be, if it says so, else by its type."""
    kind = anomaly.data.get("kind")
    return (words.meaning(kind) if isinstance(kind, str) else "") or words.meaning(anomaly.type)


def _key(anomaly: Anomaly, ordered: Sequence[Operation]) -> str:
    """The key it is about: what the checker says, or the one key that all its operations share."""
    if (named := anomaly.data.get("key")) is not None:
        return words.shorten(named if isinstance(named, str) else words.compact(named), 80)
    keys = {words.compact(o.invoke.key) for o in ordered if o.invoke.key is not None}
    return words.shorten(min(keys).strip('"'), 80) if len(keys) == 1 else ""


def _middle_out(rows: list[Row]) -> tuple[list[Row], int]:
    """The first and the last of many: how it began and how it showed."""
    if len(rows) <= ROWS_MAX:
        return rows, 0
    half = ROWS_MAX // 2
    return rows[:half] + rows[-half:], len(rows) - 2 * half


def _impossible(anomaly: Anomaly) -> frozenset[int]:
    """Indexes of the ops that the checker names as the ones no order allows."""
    named = anomaly.data.get("impossible")
    return (
        frozenset(index for index in named if isinstance(index, int))
        if isinstance(named, list)
        else frozenset()
    )
