"""What proves an anomaly, row by row: operations, faults and trace events, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from checkers.record import TraceEvent
from harness.report import words
from harness.report.faults import Fault
from harness.report.folder import Operation

VALUE_CHARS = 600


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


def lines(operation: Operation) -> list[int]:
    """Indexes of its ops."""
    complete = operation.complete
    return [operation.invoke.index] if complete is None else [operation.invoke.index, complete.index]


def last(operation: Operation) -> int:
    """ns: when it was last heard of."""
    return operation.invoke.time if operation.complete is None else operation.complete.time


def operation_row(operation: Operation, impossible: frozenset[int]) -> Row:
    invoke, complete = operation.invoke, operation.complete
    kind = None if complete is None else complete.type
    value = (words.value_of(complete) if complete is not None else "") or words.value_of(invoke)
    error = words.error(complete.error) if complete is not None else ""
    outcome = words.outcome(kind) + (f" ({words.shorten(error, 120)})" if error else "")
    return Row(
        index="\u2013".join(str(index) for index in lines(operation)),
        start=invoke.time,
        when=words.span(invoke.time, last(operation), 3),
        process=str(invoke.process),
        node=invoke.node or (complete.node if complete is not None else None) or "",
        what=invoke.f,
        key="" if invoke.key is None else words.shorten(str(invoke.key), 80),
        value=words.shorten(value, VALUE_CHARS),
        label=_label(operation) or value,
        outcome=outcome,
        kind=kind or "info",
        width=float(last(operation) - invoke.time),
        open=operation.stop is None,
        impossible=not impossible.isdisjoint(lines(operation)),
    )


def _label(operation: Operation) -> str:
    told = [op for op in (operation.complete, operation.invoke) if op is not None and op.value is not None]
    return words.brief(told[0].f, told[0].value) if told else ""


def fault_row(fault: Fault, end: int) -> Row:
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


def event_row(event: TraceEvent) -> Row:
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
    "unsynced": lambda d: (
        f"lost {d['lost_bytes']:,} bytes of {d['lost_writes']:,} writes, and {d['lost_names']} names; "
        f"it had asked for {d['syncs']:,} syncs"
    ),
    "believes": lambda d: f"took {d['master']} for the master",
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
