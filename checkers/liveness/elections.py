"""Do elections settle while nothing disturbs them? ("elections")

From ``settle_s`` after the last fault was healed (or after the start) until the next fault, a leader that was elected
is expected to stay.

| anomaly | what was seen in such a time |
|---|---|
| unsettled | the leader changed more than ``leader_changes_max`` times |
| leaderless-terms | more than ``terms_max`` terms began one after the other and none had a leader |
| no-leader | at the end nobody had led for ``settle_s`` |

Events: ``role {role, term}`` (leader, candidate, follower) and what ends a life (``killed``, ``power_lost``,
``panic``, ``started``). Memory follows the number of elections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from checkers.history import Op
from checkers.record import TraceEvent
from checkers.result import Anomaly, Result
from checkers.stepwise import SECOND, Disturbances, Stepwise, integer, names, number
from checkers.words import listing, plural, seconds

SETTLE_S = 2.0
LEADER_CHANGES_MAX = 2
TERMS_MAX = 20
SHOWN_MAX = 12
"""events that an anomaly lists"""

ENDS = frozenset({"killed", "power_lost", "panic", "started"})
"""kinds that say that a node leads no more"""


class _Term(msgspec.Struct, gc=False):
    """A term when it was first seen, by whom, and whether that was its leader."""

    time: int
    event: int
    number: int
    node: str
    led: bool


class Elections(Stepwise):
    """Options: ``settle_s`` (2), ``leader_changes_max`` (2), ``terms_max`` (20); ``byzantine``: nodes that are
    not listened to.
    """

    name = "elections"
    anomalies = ("unsettled", "leaderless-terms", "no-leader")

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._settle = int(number(self.options, "settle_s", SETTLE_S) * SECOND)
        self._changes_max = number(self.options, "leader_changes_max", LEADER_CHANGES_MAX)
        self._terms_max = number(self.options, "terms_max", TERMS_MAX)
        self._liars = frozenset(names(self.options, "byzantine"))
        self._nemesis = Disturbances()
        self._terms: list[_Term] = []  # as they came; a term that is led stands here once more, led
        self._high = -1
        self._leading: dict[str, int] = {}
        self._lost_at = 0
        self._lost_event = -1
        self._events = self._end = 0

    def observe(self, op: Op) -> None:
        self._end = max(self._end, op.time)
        self._nemesis.observe(op)

    def observe_trace(self, event: TraceEvent) -> None:
        self._end = max(self._end, event.time)
        if event.node in self._liars:
            return
        if event.kind == "role":
            self._role(event)
        elif event.kind in ENDS:
            self._step_down(event)

    def _role(self, event: TraceEvent) -> None:
        self._events += 1
        term = integer(event, "term")
        led = event.data.get("role") == "leader"
        if term > self._high or led:
            self._high = max(self._high, term)
            self._terms.append(_Term(event.time, event.index, term, event.node, led))
        if led:
            self._leading[event.node] = term
        else:
            self._step_down(event)

    def _step_down(self, event: TraceEvent) -> None:
        if self._leading.pop(event.node, None) is not None and not self._leading:
            self._lost_at, self._lost_event = event.time, event.index

    def violated(self) -> bool:
        return bool(self._restless())

    def result(self) -> Result:
        calm = self._calm()
        leaders = [t for t in self._terms if t.led]
        coverage: dict[str, Any] = {
            "events": self._events,
            "terms": len({t.number for t in self._terms}),
            "leader_changes": max(0, len(leaders) - 1),
            "calm_s": sum(last - first for first, last in calm) / SECOND,
            "leading": sorted(self._leading),
        }
        why = ""
        if not self._events:
            why = "the trace tells of no roles"
        elif not calm:
            why = f"no time without faults was longer than {seconds(self._settle)}"
        found = [*self._restless(), *self._nobody(calm)]
        return self._verdict(coverage, why, found)

    def _calm(self) -> list[tuple[int, int]]:
        """Times in which elections should have settled."""
        found = []
        begin = 0
        for first, last in [*self._nemesis.spans(self._end), (self._end + 1, self._end + 1)]:
            if begin + self._settle < first:
                found.append((begin + self._settle, first))
            begin = last
        return found

    def _restless(self) -> list[Anomaly]:
        found = []
        for first, last in self._calm():
            inside = [t for t in self._terms if first <= t.time < last]
            before = [t for t in self._terms if t.time < first and t.led]
            led = [t for t in inside if t.led]
            changes = led if before else led[1:]
            if len(changes) > self._changes_max:
                found.append(self._unsettled(changes, first, min(last, self._end)))
            row: list[_Term] = []
            for term in inside:
                row = [] if term.led else [*row, term]
                if len(row) > self._terms_max:
                    found.append(self._leaderless(row, first))
                    break
        return found

    def _unsettled(self, changes: list[_Term], first: int, last: int) -> Anomaly:
        told = listing([f"{t.node} (term {t.number}, {seconds(t.time)})" for t in changes], 6)
        text = (
            f"with no fault in force from {seconds(first)} to {seconds(last)} the leader changed "
            f"{len(changes)} times: {told}; at most {self._changes_max:g} are allowed"
        )
        return Anomaly(
            "unsettled", [], [t.event for t in changes[:SHOWN_MAX]], text, {"changes": len(changes)}
        )

    def _leaderless(self, row: list[_Term], first: int) -> Anomaly:
        text = (
            f"with no fault in force since {seconds(first)}, terms {row[0].number} to {row[-1].number} began between "
            f"{seconds(row[0].time)} and {seconds(row[-1].time)}, and none had a leader"
        )
        return Anomaly("leaderless-terms", [], [t.event for t in row[:SHOWN_MAX]], text, {"terms": len(row)})

    def _nobody(self, calm: list[tuple[int, int]]) -> list[Anomaly]:
        if self._leading or not self._events or not calm or calm[-1][1] <= self._end:
            return []
        since = max(self._lost_at, calm[-1][0] - self._settle)
        if self._end - since < self._settle:
            return []
        lost = (
            f"the last leader was lost at {seconds(self._lost_at)}"
            if self._lost_event >= 0
            else "there never was one"
        )
        events = [e for e in (self._lost_event, self._terms[-1].event if self._terms else -1) if e >= 0]
        text = (
            f"at the end, {seconds(self._end)}, nobody led, and no fault had been in force for "
            f"{seconds(self._end - calm[-1][0] + self._settle)}; {lost}, and the terms reached {self._high} "
            f"({plural(len({t.number for t in self._terms}), 'term')} seen)"
        )
        return [Anomaly("no-leader", [], sorted(set(events)), text, {"term": self._high})]
