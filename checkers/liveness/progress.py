"""Do operations succeed again once faults are healed? ("progress")

| anomaly | what was seen |
|---|---|
| slow-recovery | after a heal that left no other fault in force nothing succeeded within ``max_recovery_s`` |
| no-progress-after-heal | after the last heal operations were invoked for longer than the bound, and none succeeded |
| dead-node | after the last heal nothing that was asked of a node succeeded, though others answered |
| dead-key | after the last heal no operation on a key succeeded, though those on others did |

Success is an answer (stats.py): a cas that does not match was answered. Nodes and keys are judged by what
was invoked later than the bound after the last heal, or after the start of a run without faults. A client that tries
other nodes by itself hides a dead one from this checker (checkers/liveness/startup.py looks at the trace).

Rates and recovery times are measured by "availability"; promises are judged here. Memory follows the number of faults
and of keys asked since the last heal.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import msgspec

from checkers.faults import Fault
from checkers.history import Op
from checkers.operations import Operation
from checkers.result import Anomaly, Result
from checkers.running import Running
from checkers.runs.stats import answered
from checkers.stepwise import SECOND, Disturbances, number, span
from checkers.words import canonical, identity, plural, seconds

BOUND_S = 2.0
"""how soon something must succeed where the option does not say"""
ASKED_MIN = 3
"""operations without an answer that make a node or a key dead"""
SHOWN_MAX = 5
"""operations without an answer that an anomaly lists"""


class _Silent(msgspec.Struct, gc=False):
    """A node or key that was asked and has not answered; ``name`` is how it is told."""

    name: str
    asked: int = 0
    shown: list[int] = []


class Progress(Running):
    """Options: ``max_recovery_s``: the bound, from a heal to the first success (default: no gate for single faults,
    and 2 s for the last heal, nodes and keys).
    """

    name = "progress"
    anomalies = ("slow-recovery", "no-progress-after-heal", "dead-node", "dead-key")

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._gated = self.options.get("max_recovery_s") is not None
        bound_s = number(self.options, "max_recovery_s", BOUND_S) if self._gated else BOUND_S
        self._bound = int(bound_s * SECOND)
        self._nemesis = Disturbances()
        self._recovering: list[int] = []  # faults that were healed, with no success since
        self._first: dict[int, int] = {}  # fault -> time of the first success after its heal
        self._operations = self._answered = 0
        self._end = 0
        self._begin: int | None = None
        self._since_heal(None)

    def _since_heal(self, heal: Op | None) -> None:
        self._heal = heal
        self._asked: list[int] = []
        self._asked_count = self._answered_since = 0
        self._nodes: dict[Hashable, _Silent | None] = {}  # None: it answered
        self._keys: dict[Hashable, _Silent | None] = {}

    def disturbed(self, op: Op, position: int) -> None:
        del position
        self._nemesis.observe(op)
        value = op.value
        if isinstance(value, dict) and value.get("phase") == "stop" and type(value.get("fault")) is int:
            self._since_heal(op)
            self._recovering.append(value["fault"])

    def began(self, op: Op, position: int) -> None:
        del position
        if self._begin is None:
            self._begin = op.time
        self._end = op.time
        self._operations += 1
        self._asked_count += 1
        if len(self._asked) < SHOWN_MAX:
            self._asked.append(op.index)

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:
        self._end = op.time
        good = answered(Operation(invoke, begin, op, end))
        if good:
            self._answered += 1
            self._answered_since += 1
            for fault in self._recovering:
                self._first[fault] = op.time
            self._recovering.clear()
        late = invoke.time - (self._heal.time if self._heal is not None else self._begin or 0) > self._bound
        subjects: list[tuple[dict[Hashable, _Silent | None], Any]] = [
            (self._nodes, invoke.node),
            (self._keys, invoke.key),
        ]
        for known, name in subjects:
            if name is None:
                continue
            at = identity(name)
            if good:
                known[at] = None
            elif late and (silent := known.setdefault(at, _Silent(_shown(name), 0, []))) is not None:
                silent.asked += 1
                if len(silent.shown) < SHOWN_MAX:
                    silent.shown.append(invoke.index)
        if good and op.node is not None and op.node != invoke.node:
            self._nodes[op.node] = None

    # --- out ----------------------------------------------------------------------------------------------

    def violated(self) -> bool:
        """A gate that was missed stays missed; what is silent may still answer."""
        return self._gated and bool(self._slow())

    def result(self) -> Result:
        applied = self._nemesis.faults()
        dead_nodes, dead_keys = self._dead(self._nodes), self._dead(self._keys)
        recovery = {
            str(f.number): (self._first[f.number] - f.stop.time) / 1_000_000
            for f in applied
            if f.stop is not None and f.number in self._first
        }
        coverage: dict[str, Any] = {
            "operations": self._operations,
            "answered": self._answered,
            "faults": len(applied),
            "first_ok_ms": recovery,
            "answered_since_heal": self._answered_since,
            "nodes": len(self._nodes),
            "keys": len(self._keys),
        }
        if not self._operations:
            return Result("unknown", self.name, why="nothing was invoked", coverage=coverage)
        found = [
            *(self._slow() if self._gated else ()),
            *self._stopped(),
            *(self._silence("dead-node", "node", s) for s in dead_nodes),
            *(self._silence("dead-key", "key", s) for s in dead_keys),
        ]
        if found:
            return Result("invalid", self.name, found, found[0].explanation, coverage)
        why = self._untold()
        return Result("unknown" if why else "valid", self.name, why=why, coverage=coverage)

    def _untold(self) -> str:
        """Why nothing can be said, though nothing is wrong."""
        if self._answered_since:
            return ""
        since = "after the last heal" if self._heal is not None else "in the run"
        if not self._asked_count:
            return f"nothing was invoked {since}"
        return f"nothing succeeded {since}, and the history ends before the bound of {seconds(self._bound)}"

    def _stopped(self) -> list[Anomaly]:
        heal = self._heal
        if (
            heal is None
            or self._answered_since
            or not self._asked_count
            or self._end < heal.time + self._bound
        ):
            return []
        text = (
            f"the last fault was healed at {seconds(heal.time)}; of {plural(self._asked_count, 'operation')} invoked "
            f"after it, up to {seconds(self._end)}, none succeeded"
        )
        return [Anomaly("no-progress-after-heal", [heal.index, *self._asked], explanation=text)]

    def _dead(self, known: Mapping[Hashable, _Silent | None]) -> list[_Silent]:
        if all(silent is not None for silent in known.values()):
            return []  # nobody answered: that is no matter of one of them
        return [s for s in known.values() if s is not None and s.asked >= ASKED_MIN]

    def _silence(self, kind: str, what: str, silent: _Silent) -> Anomaly:
        heal = self._heal
        since = (
            f"the last fault was healed at {seconds(heal.time)}"
            if heal is not None
            else "no fault was applied"
        )
        text = (
            f"{since}; of {plural(silent.asked, 'operation')} on {what} {silent.name} invoked more than "
            f"{seconds(self._bound)} later none succeeded up to {seconds(self._end)}, though others did"
        )
        indexes = [*([heal.index] if heal is not None else []), *silent.shown]
        return Anomaly(kind, indexes, explanation=text, data={what: silent.name})

    def _slow(self) -> list[Anomaly]:
        applied = self._nemesis.faults()
        spans = self._nemesis.spans(self._end)
        return [a for fault in applied if (a := self._recovery(fault, spans)) is not None]

    def _recovery(self, fault: Fault, spans: list[tuple[int, int]]) -> Anomaly | None:
        """The first success came too late, or not at all though the run went on for long enough."""
        if fault.stop is None:
            return None
        heal = fault.stop.time
        deadline = heal + self._bound
        first = self._first.get(fault.number)
        if first is not None and first <= deadline:
            return None
        if any(start <= deadline and stop > heal for start, stop in spans):
            return None  # another fault was in force: what it hid is not this heal's delay
        if first is None and self._end <= deadline:
            return None
        when = (
            f"the first ok came {seconds(first - heal)} later" if first is not None else "no ok came any more"
        )
        return Anomaly(
            "slow-recovery",
            [fault.stop.index],
            explanation=f"{fault.describe()} was healed at {seconds(heal)}, and {when}; "
            f"allowed: {seconds(self._bound)}",
            data={"fault": fault.number, "stop_ns": span(fault, heal)[1]},
        )


def _shown(name: Any) -> str:
    return name if isinstance(name, str) else canonical(name).decode()
