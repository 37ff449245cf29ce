"""The harness's own books, held against each other at the end of a run.

A harness that errs would accuse a sound system or acquit a broken one. So what it did is counted twice, in
different places, and where two counts disagree the run ends with a `HarnessError` instead of a verdict.

| account | held against | here |
|---|---|---|
| what was handed to the recorder | the file, and the ops that checkers get | `harness/ledger.py` |
| the rules of a history | the ops | `checkers/runs/well_formed.py` |
| outcomes seen by requests | completions that claim to know | `Attempts`, `Outcomes` |
| what the nemesis says it healed | nodes and links after the last heal | `unhealed` |
| operations of the history | what a checker says it looked at | `uncovered` |
| events of the trace | events that monitors saw | `Tally`, `unseen` |
| frames sent | frames delivered, refused, lost or in flight (simulation) | `harness/sim/books.py` |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from checkers.faults import Fault, faults
from checkers.history import Op
from checkers.models import MODELS, freeze
from checkers.operations import Operation, operations
from checkers.result import Result
from harness.caller import Wire, client_name
from harness.errors import HarnessError
from harness.ledger import Sink
from nemeses.port import Link, LinkCount, NodeState
from workloads.port import CallTimeoutError

SIGKILL = -9
OFFSET_NS_MAX = 1_000_000
RATE_PPM_MAX = 500
"""readings of a live clock are this good at least"""

UNKNOWN_CODES = frozenset({0, 13})
CUSTOM_CODES = 1000
"""Maelstrom's error codes that leave the outcome open: these, and a system's own, from this one on"""

MONITORED: dict[str, tuple[str, ...]] = {
    "raft-invariants": (
        "started", "role", "vote", "append", "truncate", "commit", "apply", "killed", "power_lost",
    ),
    "state-divergence": ("apply",),
    "elections": ("role",),
}  # fmt: skip
"""monitor -> kinds of trace events that it has to have looked at (docs/formats.md)"""


class Attempts:
    """Stands between callers and the runtime, and remembers whose latest request may have had any outcome."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._latest: dict[str, int] = {}
        self._open: set[str] = set()

    def now(self) -> int:
        return self._wire.now()

    async def sleep_until(self, time_ns: int) -> None:
        await self._wire.sleep_until(time_ns)

    async def call(
        self, client: str, node: str, body: dict[str, Any], msg_id: int, timeout_ns: int
    ) -> dict[str, Any]:
        if self._latest.get(client) != msg_id:
            self._latest[client] = msg_id
            self._open.discard(client)
        try:
            reply = await self._wire.call(client, node, body, msg_id, timeout_ns)
        except CallTimeoutError:
            self._open.add(client)
            raise
        if reply.get("type") != "error":
            self._open.discard(client)
        elif (code := reply.get("code")) in UNKNOWN_CODES or type(code) is not int or code >= CUSTOM_CODES:
            self._open.add(client)
        return reply

    def undecided(self, client: str) -> bool:
        """Some attempt of the client's latest request ended without a definite answer, and none with success."""
        return client in self._open


class Outcomes:
    """Stands before the ledger: refuses a completion that claims to know what no request has shown.

    ``reads``: operations that change nothing; whatever became of them, they did not happen.
    """

    def __init__(self, sink: Sink, attempts: Attempts, reads: frozenset[str]) -> None:
        self._sink = sink
        self._attempts = attempts
        self._reads = reads

    def record(self, op: Op) -> Op:
        if op.type in ("ok", "fail") and op.f not in self._reads:
            client = client_name(op.process)
            if self._attempts.undecided(client):
                raise HarnessError(
                    f"{op.f} of process {op.process} is called {op.type}, and its outcome is unknown: "
                    "a request of it was left without a definite answer"
                )
        return self._sink.record(op)


class Tally:
    """Counts trace events by kind, beside the monitors."""

    def __init__(self) -> None:
        self.kinds: dict[str, int] = {}

    def observe(self, index: int, time: int, node: str, kind: str, data: dict[str, Any]) -> None:
        del index, time, node, data
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


def unhealed(
    ops: Sequence[Op],
    states: Mapping[str, NodeState],
    before: Mapping[Link, LinkCount],
    after: Mapping[Link, LinkCount],
) -> str:
    """What of the faults is still in force though all were said to be healed: one line, or nothing.

    ``before`` and ``after``: counters of the links at the beginning and the end of the final phase.
    """
    for link in sorted(after):
        was = before.get(link, LinkCount())
        for what, count in (
            ("refused", after[link].refused - was.refused),
            ("altered", after[link].altered - was.altered),
        ):
            if count:
                return f"{link[0]}>{link[1]} {what} {count} frames after the last heal"
    applied = [f for f in faults(ops) if f.stop is not None]
    for node in sorted(states):
        state = states[node]
        if state.paused:
            return f"{node} stands still after the last heal"
        if not state.up and state.exit_status == SIGKILL and state.incarnation <= _crashed(applied, node):
            return f"{node} was not started again after the last heal"
        if state.disk:
            return f"{node}'s disk is still bad ({state.disk}) after the last heal"
        if state.damaged:
            return f"{node}'s data is still damaged ({state.damaged} bytes) after the last heal"
        if state.limits:
            return f"{node} still has less of a machine ({state.limits}) after the last heal"
        asked = [f.detail for f in applied if f.family == "clock" and node in f.targets]
        if asked and abs(state.clock_rate_ppm) > RATE_PPM_MAX:
            return f"{node}'s clock still runs {state.clock_rate_ppm} ppm fast after the last heal"
        # time that went by at a wrong rate stays on the clock: after a drift an offset is no sign
        drifted = any(detail.get("rate_ppm") for detail in asked)
        if asked and not drifted and abs(state.clock_offset_ns) > OFFSET_NS_MAX:
            return f"{node}'s clock is still {state.clock_offset_ns} ns off after the last heal"
    return ""


def _crashed(applied: Sequence[Fault], node: str) -> int:
    """The last incarnation of a node that a fault is known to have ended, or seen ended; 0: none."""
    seen = [
        state.get("incarnation_after", 0)
        for fault in applied
        for name, state in fault.evidence.get("nodes", {}).items()
        if name == node and isinstance(state, dict)
    ]
    return max(seen, default=0)


def uncovered(results: Sequence[Result], ops: Sequence[Op]) -> str:
    """A checker that says it looked at less, or at other operations, than there are: one line, or nothing."""
    found = operations(ops)
    for result in results:
        if result.checker not in EXPECTED or (result.verdict == "unknown" and not result.coverage):
            continue  # it says nothing, or that it could not look at anything
        expected = EXPECTED[result.checker](found, result)
        for name, count in expected.items():
            if result.coverage.get(name) != count:
                return f"{result.checker} looked at {result.coverage.get(name)} {name} of {count}"
    return ""


def _linearizability(found: Sequence[Operation], result: Result) -> dict[str, int]:
    """A crashed operation that could not have changed anything is no matter of this checker."""
    model = MODELS.get(str(result.coverage.get("model")))
    reads = model.reads if model is not None else frozenset()
    seen = [o for o in found if o.type != "info" or o.invoke.f not in reads]
    counts = {"operations": "ok", "crashed": "info", "failed": "fail"}
    return {
        "keys": len({freeze(o.invoke.key) for o in seen}),
        **{name: sum(o.type == kind for o in seen) for name, kind in counts.items()},
    }


def _all(found: Sequence[Operation], result: Result) -> dict[str, int]:
    del result
    return {"operations": len(found)}


def _ok(found: Sequence[Operation], result: Result) -> dict[str, int]:
    del result
    return {"operations": sum(o.type == "ok" for o in found)}


EXPECTED = {
    "linearizability": _linearizability,
    "stats": _all,
    "availability": _all,
    "progress": _all,
    "echo": _ok,
    "unique-ids": _ok,
}
"""checker -> what its coverage has to say of a history"""


def vacuous(result: Result) -> Result:
    """The result; unknown in the place of a ``valid`` that says it looked at nothing."""
    counts = [result.coverage[name] for name in ("operations", "events", "ops") if name in result.coverage]
    if result.verdict != "valid" or not counts or any(counts):
        return result
    return Result("unknown", result.checker, why="nothing was checked", coverage=result.coverage)


def unseen(tally: Tally, trace: Path, results: Sequence[Result]) -> str:
    """Trace events that were written, or seen by a monitor, and not both: one line, or nothing."""
    total = sum(tally.kinds.values())
    with trace.open("rb") as file:
        lines = sum(1 for _ in file)
    if lines != total:
        return f"{trace.name} has {lines} events, and observers saw {total}"
    for result in results:
        if result.checker not in MONITORED:
            continue
        seen = result.coverage.get("events")
        expected = sum(tally.kinds.get(kind, 0) for kind in MONITORED[result.checker])
        if seen not in (0, expected):
            return f"{result.checker} saw {seen} events of {expected}"
    return ""
