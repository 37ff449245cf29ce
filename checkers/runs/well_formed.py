"""Is this a history at all? ("well-formed")

What every other checker takes for granted. A history that breaks a rule says nothing about the system that made
it: the verdict is then unknown, never invalid.

| rule | says |
|---|---|
| index | ops are numbered by their position |
| time | time never goes back from one op to the next |
| busy | a process invokes only when it has nothing open |
| answer | a completion is of what its process has open: the same ``f``, the same ``key`` |
| retired | a process whose outcome was unknown never invokes again |
| fault | each fault starts once, and stops once, after it started |
| open | nothing is open at the end: neither an operation nor a fault (option ``whole``) |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from checkers.faults import PHASE
from checkers.history import NEMESIS, Op
from checkers.record import Record
from checkers.result import Anomaly, Result
from checkers.words import plural

RULES = ("index", "time", "busy", "answer", "retired", "fault", "open")
KEPT_MAX = 20


class WellFormed:
    """Options: ``whole``: the record of a run that came to its end, where nothing may be left open."""

    name = "well-formed"
    anomalies = tuple(f"ill-formed-{rule}" for rule in RULES)

    def check(self, record: Record) -> Result:
        found = list(_violations(record.history, whole=bool(record.options.get("whole", False))))
        coverage = {"ops": len(record.history), "violations": len(found)}
        if found:
            rest = f" ({plural(len(found), 'violation')} in all)" if len(found) > 1 else ""
            why = f"not a well-formed history: {found[0].explanation}{rest}"
            return Result("unknown", self.name, found[:KEPT_MAX], why, coverage)
        if not record.history:
            return Result("unknown", self.name, why="the history is empty", coverage=coverage)
        return Result("valid", self.name, coverage=coverage)


def _violations(history: Sequence[Op], *, whole: bool) -> Iterator[Anomaly]:
    clients, nemesis = _Clients(), _Nemesis()
    before = 0
    for position, op in enumerate(history):
        if op.index != position:
            yield _broken("index", op, f"stands at position {position} and is numbered {op.index}")
        if op.time < before:
            yield _broken("time", op, f"is of {op.time} ns, after an op of {before} ns")
        before = op.time
        yield from nemesis.see(op) if op.process == NEMESIS else clients.see(op)
    if whole:
        yield from clients.left()
        yield from nemesis.left()


class _Clients:
    """``open``: process -> what it waits for; ``retired``: process -> the op of unknown outcome."""

    def __init__(self) -> None:
        self.open: dict[int | str, Op] = {}
        self.retired: dict[int | str, Op] = {}

    def see(self, op: Op) -> Iterator[Anomaly]:
        process = op.process
        if op.type == "invoke":
            if process in self.open:
                yield _broken("busy", op, f"is invoked while op {self.open[process].index} is open")
            elif process in self.retired:
                known = self.retired[process].index
                yield _broken("retired", op, f"is invoked after op {known}, whose outcome is unknown")
            self.open[process] = op
            return
        invoked = self.open.pop(process, None)
        if op.type == "info":
            self.retired[process] = op
        if invoked is None:
            yield _broken("answer", op, f"({op.type}) completes nothing")
        elif invoked.f != op.f or invoked.key != op.key:
            asked = f"op {invoked.index} ({invoked.f} of key {invoked.key!r})"
            yield _broken("answer", op, f"({op.type} of key {op.key!r}) is no answer to {asked}")

    def left(self) -> Iterator[Anomaly]:
        for op in self.open.values():
            yield _broken("open", op, "was never completed")


class _Nemesis:
    """``open``: number of a fault -> its start; ``over``: number -> the op that ended it."""

    def __init__(self) -> None:
        self.open: dict[int, Op] = {}
        self.over: dict[int, Op] = {}

    def see(self, op: Op) -> Iterator[Anomaly]:
        value: Any = op.value
        if op.f == PHASE or not isinstance(value, dict) or type(value.get("fault")) is not int:
            return
        number, phase = value["fault"], value.get("phase")
        if phase == "start":
            if number in self.open or number in self.over:
                yield _broken("fault", op, f"starts fault {number} a second time")
            self.open[number] = op
            return
        started = self.open.pop(number, None)
        if number in self.over:
            yield _broken("fault", op, f"ends fault {number} a second time")
        elif started is None and phase == "stop":
            yield _broken("fault", op, f"stops fault {number}, which never started")
        elif started is not None and phase == "unfired":
            yield _broken("fault", op, f"calls fault {number} unfired, which started at op {started.index}")
        self.over[number] = op

    def left(self) -> Iterator[Anomaly]:
        for number, op in self.open.items():
            yield _broken("open", op, f"starts fault {number}, which was never healed")


def _broken(rule: str, op: Op, text: str) -> Anomaly:
    who = op.f if op.process == NEMESIS else f"process {op.process}'s {op.f}"
    return Anomaly(f"ill-formed-{rule}", [op.index], explanation=f"op {op.index}, {who}, {text}")
