"""Values that only grow ("monotonic"): counters, sequences, time stamps, revisions must not be seen to go back.

What an ok operation returned is what it saw; a number, per key. Between two operations of one process, or of
two processes where the one had ended before the other began, the later must not see less.

| anomaly | meaning |
|---|---|
| nonmonotonic-process | a process saw less than it had seen before |
| nonmonotonic-realtime | an operation saw less than another that had ended before it began (option ``realtime``) |
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from checkers.history import MalformedHistoryError, Op
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.words import canonical, identity, seconds, who

Seen = tuple[Any, Op, Op]
"""(number, invocation, completion)"""


class Monotonic(Running):
    """Options: ``realtime`` (default false: per process only), ``fs`` (default ["read"]: which operations see).

    Memory: one number per key, and per process and key; what a process that died saw is forgotten.
    """

    name = "monotonic"
    anomalies = ("nonmonotonic-process", "nonmonotonic-realtime")

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._realtime = self.flag("realtime", default=False)
        self._fs = frozenset(self.options.get("fs", ("read",)))
        self._by_process: dict[int | str, dict[Hashable, Seen]] = {}
        self._greatest: dict[Hashable, Seen] = {}
        self._at_start: dict[int | str, Seen | None] = {}
        self._seen = 0
        self._compared = 0

    def began(self, op: Op, position: int) -> None:  # noqa: ARG002
        if self._realtime and op.f in self._fs:
            self._at_start[op.process] = self._greatest.get(identity(op.key))

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        before = self._at_start.pop(op.process, None)
        if op.type == "info":
            self._by_process.pop(op.process, None)
        if op.type != "ok" or invoke.f not in self._fs or op.value is None:
            return
        value = op.value
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise MalformedHistoryError(f"op {op.index}: expected a number that grows, not {value!r}")
        self._seen += 1
        key = identity(invoke.key)
        own = self._by_process.setdefault(op.process, {})
        last = own.get(key)
        self._compared += last is not None or before is not None
        if last is not None and value < last[0]:
            self._tell("nonmonotonic-process", last, invoke, op)
        elif before is not None and value < before[0]:
            self._tell("nonmonotonic-realtime", before, invoke, op)
        if last is None or value >= last[0]:
            own[key] = value, invoke, op
        greatest = self._greatest.get(key)
        if greatest is None or value > greatest[0]:
            self._greatest[key] = value, invoke, op

    def _tell(self, kind: str, before: Seen, invoke: Op, op: Op) -> None:
        if self.found.room(kind):
            key = "" if invoke.key is None else f" of key {canonical(invoke.key).decode()}"
            first = before[2]
            text = (
                f"{who(op)} saw {op.value}{key} at {seconds(op.time)} in a {invoke.f} that began at "
                f"{seconds(invoke.time)}, after {who(first)} had seen {before[0]} at {seconds(first.time)}"
            )
            self.found.keep(kind, (before[1].index, first.index, invoke.index, op.index), text)

    def result(self) -> Result:
        coverage = {"seen": self._seen, "compared": self._compared, "keys": len(self._greatest)}
        unknown = "" if self._compared else "no two operations of one process saw the same key"
        return conclude(self.name, self.anomalies, self.found, coverage, unknown)
