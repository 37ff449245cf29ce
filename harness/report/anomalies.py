"""Each anomaly with the ops that prove it: in words, as a table, and as a small timeline of just those."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from checkers.record import TraceEvent
from checkers.result import Anomaly, Result
from harness.report import words
from harness.report.faults import Fault
from harness.report.folder import Operation, Run

ROWS_MAX = 60
VALUE_CHARS = 600
ANOMALIES_MAX = 200
FAULTS_MAX = 6
TICK_ROOM = 22
"""percent of the small timeline that a label takes on a phone"""

# what tears a cluster apart is told before what only slows it down
_FAMILIES = ("power-loss", "partition", "kill", "pause", "clock", "link")


class Row(msgspec.Struct):
    """One witness. ``left`` and ``width``: percent of the small timeline; ``open``: it may still act later."""

    index: str
    start: int
    when: str
    process: str
    node: str
    what: str
    key: str
    value: str
    label: str
    outcome: str
    kind: str
    left: float = 0.0
    width: float = 0.0
    open: bool = False
    impossible: bool = False


class Band(msgspec.Struct):
    """A fault on the small timeline, in percent."""

    left: float
    width: float
    what: str
    when: str


class Tick(msgspec.Struct):
    left: float
    text: str


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

    What clients saw comes before what only the trace shows, and both before an answer that came too late.
    """
    found = [(result, anomaly) for result in blamed(run) for anomaly in result.anomalies]
    found.sort(key=lambda pair: (pair[0].checker == "availability", not pair[1].op_indexes))
    return [
        _view(number, result.checker, anomaly, operations, events, faults, run.end)
        for number, (result, anomaly) in enumerate(found[:ANOMALIES_MAX], 1)
    ]


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
    times = [time for o in ordered for time in (o.invoke.time, _last(o))] + [event.time for event in traced]
    named = set(anomaly.op_indexes)
    accused = [fault for fault in faults if fault.start is not None and not named.isdisjoint(fault.indexes)]
    times += [time for f in accused for time in (f.start, f.stop) if time is not None]
    start, stop = (min(times), max(times)) if times else (0, end)
    rows = [_operation_row(o, _impossible(anomaly)) for o in ordered] + [
        _event_row(event) for event in traced
    ]
    rows += [_fault_row(fault, stop) for fault in accused]
    rows.sort(key=lambda row: row.start)
    shown, left_out = _middle_out(rows)
    active = [fault for fault in faults if times and fault.active(start, stop)]
    told = sorted(weightiest(active)[:FAULTS_MAX], key=lambda fault: fault.start or 0)
    around = [fault for fault in told if fault not in accused]
    bands, ticks, bent = _place(shown, around, start, stop)
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
        ops=[line for o in ordered for line in _lines(o)],
        data=[(str(name), words.shorten(words.compact(v), VALUE_CHARS)) for name, v in anomaly.data.items()],
        marks=[(event.time, event.node) for event in traced],
    )


# a sentence ends before a space and a capital letter: "ended at 3.9 s. And 17 had ..."
_SENTENCE = re.compile(r"(?<=[.!?]) +(?=[A-Z])")


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


def _lines(operation: Operation) -> list[int]:
    complete = operation.complete
    return [operation.invoke.index] if complete is None else [operation.invoke.index, complete.index]


def _last(operation: Operation) -> int:
    return operation.invoke.time if operation.complete is None else operation.complete.time


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


def _operation_row(operation: Operation, impossible: frozenset[int]) -> Row:
    invoke, complete = operation.invoke, operation.complete
    kind = None if complete is None else complete.type
    value = (words.value_of(complete) if complete is not None else "") or words.value_of(invoke)
    error = words.error(complete.error) if complete is not None else ""
    outcome = words.outcome(kind) + (f" ({words.shorten(error, 120)})" if error else "")
    return Row(
        index="\u2013".join(str(index) for index in _lines(operation)),
        start=invoke.time,
        when=words.span(invoke.time, _last(operation), 3),
        process=str(invoke.process),
        node=invoke.node or (complete.node if complete is not None else None) or "",
        what=invoke.f,
        key="" if invoke.key is None else words.shorten(str(invoke.key), 80),
        value=words.shorten(value, VALUE_CHARS),
        label=_label(operation) or value,
        outcome=outcome,
        kind=kind or "info",
        width=float(_last(operation) - invoke.time),
        open=operation.stop is None,
        impossible=not impossible.isdisjoint(_lines(operation)),
    )


def _label(operation: Operation) -> str:
    told = [op for op in (operation.complete, operation.invoke) if op is not None and op.value is not None]
    return words.brief(told[0].f, told[0].value) if told else ""


def _fault_row(fault: Fault, end: int) -> Row:
    start = fault.start or 0
    stop = end if fault.stop is None else fault.stop
    return Row(
        index="\u2013".join(str(index) for index in fault.indexes),
        start=start,
        when=words.span(start, fault.stop, 3),
        process="",
        node=", ".join(fault.targets),
        what=fault.family,
        key="",
        value=fault.what,
        label=fault.what,
        outcome=fault.bite,
        kind="fault",
        width=float(stop - start),
    )


def _event_row(event: TraceEvent) -> Row:
    return Row(
        index=f"trace {event.index}",
        start=event.time,
        when=f"{words.seconds(event.time)} s",
        process="",
        node=event.node,
        what=event.kind.replace("_", " "),
        key="",
        value=words.shorten(trace_words(event), VALUE_CHARS),
        label=trace_words(event),
        outcome="",
        kind="trace",
    )


# --- trace events in words --------------------------------------------------------------------------------


def _appended(data: dict[str, Any]) -> str:
    entries, first = data.get("entries", []), data.get("index", 0)
    shown = [f"{first + n} (term {term}{f', {who}' if who else ''})" for n, (term, who) in enumerate(entries)]
    return f"appended to its log: {words.listing(shown, 5)}"


def _started(data: dict[str, Any]) -> str:
    return (
        f"started (incarnation {data.get('incarnation', '?')}) with term {data.get('term', '?')}"
        f" and a log up to entry {data.get('last_index', '?')} of term {data.get('last_term', '?')}"
    )


_TRACE: dict[str, Callable[[dict[str, Any]], str]] = {
    "role": lambda d: f"became {d['role']} in term {d['term']}",
    "vote": lambda d: f"voted for {d['for']} in term {d['term']}",
    "append": _appended,
    "truncate": lambda d: f"removed the entries after {d['after']} from its log",
    "commit": lambda d: f"commit index {d['index']} (entry of term {d['entry_term']}) in term {d['term']}",
    "apply": lambda d: f"applied up to entry {d['index']}, state {d['state']}",
    "started": _started,
    "killed": lambda _: "killed",
    "power_lost": lambda d: f"lost power and {d.get('lost_bytes', 0):,} unsynced bytes",
    "paused": lambda _: "paused",
    "resumed": lambda _: "resumed",
}


def trace_words(event: TraceEvent) -> str:
    """``became leader in term 3``; an event of a kind or shape not known here is shown as it is."""
    say = _TRACE.get(event.kind)
    try:
        return say(event.data) if say else words.compact(event.data)
    except (KeyError, TypeError, ValueError):
        return words.compact(event.data)


# --- the small timeline -----------------------------------------------------------------------------------


def _place(
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
