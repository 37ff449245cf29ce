"""Who led when a write was acknowledged that then was lost or went stale, and to whom the lead went next.

Checkers judge what clients saw. What foreign systems said of their roles meanwhile (``probe`` in
harness/systems/port.py) is added to the words of their anomalies here: the verdict is not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from checkers.history import Op
from checkers.record import TraceEvent
from checkers.result import Anomaly, Result
from checkers.words import seconds

LATER_NS = 30_000_000_000
"""a failover later than this after a write has nothing to do with it"""
ENDS = ("killed", "power_lost", "panic")


class Reign(NamedTuple):
    """``stop`` is -1 for one that lasted to the end of the run. ``events``: where the trace tells of it."""

    node: str
    term: int
    start: int
    stop: int
    events: tuple[int, ...]

    def at(self, time: int) -> bool:
        return self.start <= time and (self.stop < 0 or time < self.stop)


def reigns(trace: Iterable[TraceEvent]) -> list[Reign]:
    """Who led from when to when, in order of their beginnings, as the nodes told."""
    found: list[Reign] = []
    open_: dict[str, TraceEvent] = {}
    for event in trace:
        leads = event.kind == "role" and event.data.get("role") == "leader"
        if event.kind != "role" and event.kind not in ENDS:
            continue
        begun = open_.pop(event.node, None)
        if begun is not None:
            found.append(_reign(begun, event))
        if leads:
            open_[event.node] = event
    found += [_reign(begun, None) for begun in open_.values()]
    return sorted(found, key=lambda r: (r.start, r.node))


def _reign(begun: TraceEvent, ended: TraceEvent | None) -> Reign:
    events = (begun.index,) if ended is None else (begun.index, ended.index)
    stop = -1 if ended is None else ended.time
    return Reign(begun.node, int(begun.data.get("term", 0)), begun.time, stop, events)


def told(results: Sequence[Result], history: Sequence[Op], trace: Iterable[TraceEvent]) -> list[Result]:
    """The results with leaders in the words of each anomaly that has an acknowledged write among its witnesses."""
    if not any(result.anomalies for result in results):
        return list(results)
    # that the harness takes the cluster down in the end is nothing that happened to a leader
    last = history[-1].time
    events = [event for event in trace if event.kind not in ENDS or event.time <= last]
    ruled = reigns(events)
    beliefs = [e for e in events if e.kind == "believes"]
    return [
        msgspec.structs.replace(
            result, anomalies=[_explained(a, history, ruled, beliefs) for a in result.anomalies]
        )
        if result.verdict == "invalid"
        else result
        for result in results
    ]


def _explained(
    anomaly: Anomaly, history: Sequence[Op], ruled: list[Reign], beliefs: list[TraceEvent]
) -> Anomaly:
    writes = [history[i] for i in anomaly.op_indexes if history[i].type == "ok" and history[i].f != "read"]
    write = max(writes, key=lambda op: op.index, default=None)
    if write is None:
        return anomaly
    then = [r for r in ruled if r.at(write.time)]
    after = next((r for r in ruled if write.time < r.start <= write.time + LATER_NS), None)
    if not then and after is None:
        return anomaly
    belief = next((b for b in reversed(beliefs) if b.node == write.node and b.time <= write.time), None)
    words = [
        f"When process {write.process}'s {write.f} was acknowledged, at {seconds(write.time)}, {_led(then)}"
    ]
    if belief is not None:
        words.append(f"{write.node} took {belief.data.get('master')} for the master")
    if after is not None:
        both = [r.node for r in ruled if r.node != after.node and r.at(after.start)]
        still = f" while {' and '.join(both)} still led" if both else ""
        words.append(f"the lead went to {after.node} at {seconds(after.start)} (term {after.term}){still}")
    words += [
        f"{reign.node} went on as leader until {seconds(reign.stop)}"
        for reign in then
        if after is not None and reign.stop > after.start
    ]
    shown = [*then, *([after] if after is not None else [])]
    seen = {i for reign in shown for i in reign.events} | ({belief.index} if belief is not None else set())
    return msgspec.structs.replace(
        anomaly,
        explanation=f"{anomaly.explanation.rstrip('.')}. {'; '.join(words)}.",
        trace_indexes=sorted({*anomaly.trace_indexes, *seen}),
        data={**anomaly.data, "leaders": [r.node for r in shown]},
    )


def _led(then: Sequence[Reign]) -> str:
    if not then:
        return "nobody led"
    said = " and ".join(f"{r.node} (term {r.term}, since {seconds(r.start)})" for r in then)
    return f"{said} both led" if len(then) == 2 else f"{said} led"
