"""Do replicas that applied the same log have the same state? ("state-divergence")

Each node tells now and then ``apply {index, state}``: what a hash of its state machine is after it applied
everything up to that index. Two nodes that tell of one index must tell the same; so must a node that applied it again
in a later life. The first index at which two differ is named, where they agreed last, and the entries between.

A rolling hash (one of everything applied) that once differs differs ever after, so a node is accused once a life.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checkers.record import TraceEvent
from checkers.replicas.replica_logs import KINDS, UNKNOWN, Log, Positions
from checkers.requests import named
from checkers.result import Result
from checkers.stepwise import Stepwise, integer, names
from checkers.words import listing, seconds

ENTRIES_MAX = 3
"""entries that an anomaly names"""


class StateDivergence(Stepwise):
    """Options: ``nodes``: all replicas; ``byzantine``: those whose trace is no testimony."""

    name = "state-divergence"
    anomalies = ("state-divergence",)

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._liars = frozenset(names(self.options, "byzantine"))
        listed = tuple(n for n in names(self.options, "nodes") if n not in self._liars)
        self._positions = Positions(listed)
        self._logs: dict[str, Log] = {}
        self._states: dict[int, list[TraceEvent]] = {}  # index -> who told each state first
        self._agreed: dict[str, int] = {}  # node -> the last index at which it had the state of another
        self._accused: set[str] = set()
        self._told: set[str] = set()
        self._events = self._compared = 0

    def observe_trace(self, event: TraceEvent) -> None:
        kind, node = event.kind, event.node
        if kind == "apply":
            if node not in self._liars and "state" in event.data:
                self._apply(node, integer(event, "index"), event)
        elif kind in KINDS and node not in self._liars:
            if kind == "started":
                self._accused.discard(node)
                self._agreed.pop(node, None)
                self._positions.at[node] = 0
            self._log(node).take(event)

    def _log(self, node: str) -> Log:
        log = self._logs.get(node)
        if log is None:
            log = self._logs[node] = Log()
        return log

    def _apply(self, node: str, index: int, event: TraceEvent) -> None:
        self._events += 1
        self._told.add(node)
        if index > self._positions.floor:
            camps = self._states.get(index)
            if camps is None:
                self._states[index] = [event]
            else:
                self._compare(node, index, camps, event)
        if self._positions.reached(node, index):
            self._forget(self._positions.floor)

    def _compare(self, node: str, index: int, camps: list[TraceEvent], event: TraceEvent) -> None:
        """A state that was told by another is no news, whichever camp it is of."""
        self._compared += 1
        state = event.data["state"]
        if camps[0].data["state"] == state:
            self._agreed[node] = index
            return
        known = any(camp.data["state"] == state for camp in camps[1:])
        if not known:
            camps.append(event)
            if node not in self._accused:
                self._diverged(index, camps[0], event)
        self._accused.add(node)

    def _forget(self, floor: int) -> None:
        for index in [i for i in self._states if i <= floor]:
            del self._states[index]
        for log in self._logs.values():
            log.forget(floor)

    def _diverged(self, index: int, known: TraceEvent, event: TraceEvent) -> None:
        node, other = event.node, known.node
        since = self._agreed.get(node, 0)
        whose = f"that of {other}" if other != node else "its own in an earlier life"
        agreed = f"they agreed last after index {since}" if since else "no earlier index was compared"
        told, identities = self._between(since + 1, index, node, other)
        self._report(
            self.name,
            [],
            [known.index, event.index],
            f"after index {index} the state of {node} is {event.data['state']} (told at {seconds(event.time)}), and "
            f"{whose} was {known.data['state']} (told at {seconds(known.time)}); {agreed}{told}",
            index=index,
            nodes=[other, node],
            entries=identities,
        )

    def _between(self, first: int, last: int, node: str, other: str) -> tuple[str, list[str]]:
        """The entries since both agreed, in words: those that differ before those that are the same."""
        own, its = self._log(node), self._log(other)
        differ: list[str] = []
        same: list[str] = []
        identities: list[str] = []
        for index in range(max(first, self._positions.floor + 1), last + 1):
            mine, theirs = own.value(index), its.value(index)
            if mine is UNKNOWN or theirs is UNKNOWN:
                continue
            if mine != theirs:
                differ.append(f"at index {index} {node} has {named(mine)} and {other} has {named(theirs)}")
                identities[:0] = [mine, theirs]
            elif mine:
                same.append(f"{index} ({named(mine)})")
                identities.append(mine)
        if differ:
            return f"; {listing(differ, ENTRIES_MAX)}", [i for i in dict.fromkeys(identities) if i][
                :ENTRIES_MAX
            ]
        if same:
            text = f"; both applied entry {listing(same[::-1], ENTRIES_MAX)}"
            return text, list(dict.fromkeys(identities[::-1]))[:ENTRIES_MAX]
        return "", []

    def result(self) -> Result:
        coverage = {
            "events": self._events,
            "nodes": len(self._told),
            "compared": self._compared,
            "anomalies": dict(sorted(self._counts.items())),
        }
        why = ""
        if not self._events:
            why = "no node told its state (the trace has no apply with a state)"
        elif not self._compared:
            why = "no two replicas told their state after the same index"
        return self._verdict(coverage, why)
