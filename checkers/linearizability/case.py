"""One key of a register that has no order, and the two values in its core that contradict one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from checkers.linearizability.acts import INITIAL, NONE, Item
from checkers.linearizability.objects import Objects
from checkers.linearizability.tell import Operation, told_operation, told_operations
from checkers.models import Model, thaw


class Case:
    """One key of a register that has no order; ``core``, when it is known."""

    def __init__(self, objects: Objects, model: Model) -> None:
        self.objects = objects
        self.model = model
        self.registers = objects.registers
        self.need = self.registers.need
        self.put = self.registers.put
        self.begin = objects.begin
        self.end = objects.end
        self.key = objects.key(0)
        self.core: Sequence[Item] = ()
        self._operations: dict[int, Operation] = {}

    def know(self, core: Sequence[Item]) -> None:
        self.core = core
        numbers = [number for number, _ in core]
        self._operations.update(zip(numbers, told_operations(self.objects, numbers), strict=True))

    def code(self, number: int) -> int:
        """Of a value that has a number in the core."""
        for operation, act in self.core:
            if act.need == number:
                return self.need.item(operation)
            if act.put == number:
                return self.put.item(operation)
        return self.registers.initial

    def value(self, number: int) -> Any:
        return thaw(self.registers.value(self.code(number)))

    def operation(self, number: int) -> Operation:
        found = self._operations.get(number)
        if found is None:
            found = self._operations[number] = told_operation(self.objects, number)
        return found

    def index(self, position: int) -> int:
        """``Op.index`` of the op at a position of the history."""
        return int(self.objects.history.index[position])

    def at(self, position: int) -> int:
        """The number of the operation that ended there."""
        return int(np.flatnonzero(self.end == position)[0])


class Conflict(msgspec.Struct):
    """Value ``old`` was there before ``new`` and after it. ``first`` is None when ``old`` is the initial
    value.

    ``first`` ended before ``then`` began, ``replaced`` ended before ``again`` began; the first and the last
    concern ``old``, the others ``new``. All are numbers of operations.
    """

    old: int
    new: int
    first: int | None
    then: int
    replaced: int
    again: int
    by: int | None = None
    writers: int = 1
    """operations that put ``old``; where there are several, all had ended before ``then`` began"""


def conflict_of(core: Sequence[Item], culprit: int) -> Conflict | None:
    """Two values of which each would have to be there before the other."""
    acts = dict(core)
    need = acts[culprit].need
    values = list(dict.fromkeys(v for _, act in core for v in (act.need, act.put) if v != NONE))
    pairs = [(need, v) for v in values if v != need] + [(v, need) for v in values if v != need]
    for old, new in pairs:
        found = _between(core, old, new)
        if found is not None:
            return found
    return None


def _between(core: Sequence[Item], old: int, new: int) -> Conflict | None:
    writers = [item for item in core if item[1].put == old]
    if len(writers) != (0 if old == INITIAL else 1):
        return _overwritten(core, old, new, writers)
    for by, act in core:
        if (act.need, act.put) == (old, new) and act.end is not None:
            later = [n for n, a in core if a.need == old and a.begin > act.end]
            if later:
                return Conflict(old, new, None, by, by, later[-1], by)
    olds = [(n, a) for n, a in core if old in (a.need, a.put) and new not in (a.need, a.put)]
    news = [(n, a) for n, a in core if new in (a.need, a.put) and old not in (a.need, a.put)]
    if not olds or not news:
        return None
    then, then_act = max(news, key=lambda item: item[1].begin)
    again, again_act = max(olds, key=lambda item: item[1].begin)
    replaced = min(news, key=_end)
    first = min(olds, key=_end)
    if not _end(replaced) < again_act.begin:
        return None
    single = len([n for n, a in core if a.put == new]) == (0 if new == INITIAL else 1)
    if not (single or then == replaced[0]):
        return None
    if old == INITIAL:
        return Conflict(old, new, None, then, replaced[0], again)
    if not _end(first) < then_act.begin:
        return None
    return Conflict(old, new, first[0], then, replaced[0], again)


def _overwritten(core: Sequence[Item], old: int, new: int, writers: Sequence[Item]) -> Conflict | None:
    """An old value of several writers, all of which had ended before an operation on the new value began."""
    if not writers:
        return None
    last = max(writers, key=_end)
    for item in core:
        then, act = item
        if new not in (act.need, act.put) or old in (act.need, act.put) or not _end(last) < act.begin:
            continue
        later = [n for n, a in core if a.need == old and a.begin > _end(item)]
        if later:
            return Conflict(old, new, last[0], then, then, later[-1], writers=len(writers))
    return None


def _end(item: Item) -> int:
    end = item[1].end
    return 1 << 62 if end is None else end
