"""Operations in plain words: who did what where and when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from checkers.columns import FAIL, Column
from checkers.history import Op
from checkers.linearizability.objects import CRASHED, Objects
from checkers.models import Role
from checkers.operations import pair
from checkers.rows import picked

DIGITS = (3, 4, 5, 6, 9)
_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


def value(raw: Any) -> str:
    """A value as people write it; nil is the value of a key that was never written."""
    if raw is None:
        return "nil"
    return str(raw) if type(raw) is int else _JSON.encode(raw)


class Operation(msgspec.Struct):
    """``completed`` is false for a crashed operation (its completion is info or never came): it may take effect at
    any time after its beginning, or never. ``completion`` is kept for these too, for their node, time and error.
    """

    invoke: Op
    completion: Op | None
    completed: bool

    @property
    def indexes(self) -> list[int]:
        """The ``Op.index`` of the invocation and, unless it crashed, of the completion."""
        return [self.invoke.index, self.ended().index] if self.completed else [self.invoke.index]

    def ended(self) -> Op:
        """The completion of an operation that has one."""
        assert self.completion is not None
        return self.completion


def told_operation(objects: Objects, number: int, *, until: int = CRASHED - 1) -> Operation:
    """One of the operations of ``objects``, as known at the position ``until``."""
    return told_operations(objects, [number], until=until)[0]


def told_operations(objects: Objects, numbers: Sequence[int], *, until: int = CRASHED - 1) -> list[Operation]:
    """Some of them."""
    at = np.array(numbers, np.int64)
    done = objects.done[at]
    ops = picked(objects.history, np.concatenate((objects.begin[at], done[done >= 0])))
    completions = iter(ops[len(at) :])
    told = []
    for invoke, f, there, end in zip(
        ops, objects.f[at].tolist(), (done >= 0).tolist(), objects.end[at].tolist(), strict=False
    ):
        invoke.f = objects.fs[f]
        told.append(Operation(invoke, next(completions) if there else None, end <= until))
    return told


def failures(objects: Objects, reader: int) -> list[Operation]:
    """Operations on the only key, definitely failed, that would have put the value which operation ``reader`` needs;
    the first of them only.
    """
    history, roles = objects.history, objects.model.roles or {}
    begin, end, outcome = pair(history)
    role = np.array([roles.get(f, Role.OTHER) for f in history.fs] or [Role.OTHER])[history.f]
    failed = (outcome == FAIL) & np.isin(role[begin], (Role.WRITE, Role.CAS))
    begin, end = begin[failed], end[failed]
    same, _ = history.codes(history.key, np.concatenate((objects.begin[:1], begin)))
    begin, end = begin[same[1:] == same[0]], end[same[1:] == same[0]]
    writes, changes = begin[role[begin] == Role.WRITE], begin[role[begin] == Role.CAS]
    value, pool = history.value, history.pool
    if objects.model.roles is not None and objects.role_of[objects.f[reader]] == Role.READ:
        at = objects.end[reader]
        needed = (value.kind[at], value.word[at])
    else:
        at = value.word[objects.begin[reader]] + 1
        needed = (pool.kind[at], pool.word[at])
    column = Column(
        np.concatenate(([needed[0]], value.kind[writes], pool.kind[value.word[changes] + 2])).astype(
            np.uint8
        ),
        np.concatenate(([needed[1]], value.word[writes], pool.word[value.word[changes] + 2])).astype(
            np.int64
        ),
    )
    codes, _ = history.codes(column)
    found = np.concatenate((writes, changes))[codes[1:] == codes[0]]
    return [
        Operation(history[int(at)], history[int(end[begin == at][0])], completed=True)
        for at in np.sort(found)[:1].tolist()
    ]


class Clock:
    """Moments as text: seconds, with as many digits as tell these moments apart; op numbers in a history
    without time.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        ops = [op for o in operations for op in (o.invoke, o.completion) if op is not None]
        times = sorted({op.time for op in ops})
        self._timeless = len(times) < 2 and len(ops) > 1
        self._digits = DIGITS[-1]
        for digits in DIGITS:
            unit = 10 ** (9 - digits)
            if len({time // unit if time >= 0 else ~(-time // unit) for time in times}) == len(times):
                self._digits = digits
                break

    def at(self, op: Op) -> str:
        return f"op {op.index}" if self._timeless else f"{_seconds(op.time, self._digits)} s"


def _seconds(time_ns: int, digits: int) -> str:
    """Cut, not rounded: integers only."""
    sign = "-" if time_ns < 0 else ""
    whole, rest = divmod(abs(time_ns), 1_000_000_000)
    return f"{sign}{whole}.{rest:09d}"[: len(sign) + len(str(whole)) + 1 + digits]


class Teller:
    """Sentences about the operations of one key."""

    def __init__(self, key: Any, operations: Sequence[Operation]) -> None:
        self.object = "the object" if key is None else f"key {value(key)}"
        self.clock = Clock(operations)

    def sentence(self, operation: Operation) -> str:
        """One operation, completely."""
        op = operation.invoke
        start = self.clock.at(op)
        who = f"Process {op.process}"
        node = op.node or (operation.completion.node if operation.completion else None)
        where = f" at {node}" if node else ""
        if not operation.completed:
            return (
                f"{who} asked{where} to {self.deed(operation)} at {start} and never learned whether that "
                "happened, so it may have taken effect at any time after, or never."
            )
        end = self.clock.at(operation.ended())
        span = f"from {start} to {end}"
        if op.f == "read":
            return f"{who} read {self.object}{where}, {span}, and got {value(operation.ended().value)}."
        if op.f == "write":
            return (
                f"{who} wrote {value(op.value)} to {self.object}{where}, {span}, and this was acknowledged."
            )
        if op.f == "cas":
            old, new = op.value
            return (
                f"{who} changed {self.object}{where} from {value(old)} to {value(new)} by compare-and-set, "
                f"{span}, and was told that it succeeded."
            )
        got = value(operation.ended().value)
        return f"{who} did {op.f} {value(op.value)} on {self.object}{where}, {span}, and got {got}."

    def deed(self, operation: Operation) -> str:
        """The infinitive: what was asked for."""
        op = operation.invoke
        if op.f == "read":
            return f"read {self.object}"
        if op.f == "write":
            return f"write {value(op.value)} to {self.object}"
        if op.f == "cas":
            return (
                f"change {self.object} from {value(op.value[0])} to {value(op.value[1])} by compare-and-set"
            )
        return f"do {op.f} {value(op.value)} on {self.object}"

    def noun(self, operation: Operation) -> str:
        """A short name inside a sentence."""
        op = operation.invoke
        if op.f == "read":
            got = f" of {value(operation.completion.value)}" if operation.completion else ""
            return f"process {op.process}'s read{got}"
        if op.f == "write":
            return f"process {op.process}'s write of {value(op.value)}"
        if op.f == "cas":
            return f"process {op.process}'s compare-and-set from {value(op.value[0])} to {value(op.value[1])}"
        return f"process {op.process}'s {op.f} of {value(op.value)}"

    def began(self, operation: Operation) -> str:
        return self.clock.at(operation.invoke)

    def ended(self, operation: Operation) -> str:
        return self.clock.at(operation.ended())
