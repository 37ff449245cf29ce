"""Operations: an invocation with its completion, paired out of the ops of a history and split by key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from checkers._state_search import Deed
from checkers.history import NEMESIS, MalformedHistoryError, Op
from checkers.models import freeze


class Operation(msgspec.Struct):
    """``begin`` and ``end`` are positions in the history; the order of positions is real-time order.

    ``end`` is None for a crashed operation (its completion is info or never came): it may take effect at any
    time after its beginning, or never. ``completion`` is kept for crashed ones too, for their node, time and
    error.
    """

    invoke: Op
    completion: Op | None
    begin: int
    end: int | None

    @property
    def indexes(self) -> list[int]:
        """The ``Op.index`` of the invocation and, unless it crashed, of the completion."""
        return [self.invoke.index] if self.end is None else [self.invoke.index, self.ended().index]

    def ended(self) -> Op:
        """The completion of an operation that has one."""
        assert self.completion is not None
        return self.completion


class KeyHistory(msgspec.Struct):
    """The operations on one key, by beginning. ``failed`` certainly did not happen; crashed reads are
    dropped.
    """

    key: Any
    operations: list[Operation] = []
    failed: list[Operation] = []


class Pairing:
    """Pairs ops as they come."""

    def __init__(self) -> None:
        self._open: dict[int | str, tuple[Op, int]] = {}
        self._position = -1

    def observe(self, op: Op) -> tuple[Op, int, int] | None:
        """(invocation, its position, position of this op) when the op completes an operation; else None.

        Raises MalformedHistoryError when the op does not fit what came before it.
        """
        self._position += 1
        if op.process == NEMESIS:
            return None
        if op.type == "invoke":
            before = self._open.get(op.process)
            if before is not None:
                raise MalformedHistoryError(
                    f"op {op.index}: process {op.process} invokes {op.f} while its {before[0].f} of op "
                    f"{before[0].index} is still open"
                )
            self._open[op.process] = (op, self._position)
            return None
        found = self._open.pop(op.process, None)
        if found is None:
            if op.type == "info":
                return None  # a remark of the process, as Jepsen allows; it completes nothing
            raise MalformedHistoryError(
                f"op {op.index}: process {op.process} completes ({op.type}) {op.f} but had not invoked anything"
            )
        invoke, begin = found
        if invoke.f != op.f or (op.key is not None and freeze(invoke.key) != freeze(op.key)):
            raise MalformedHistoryError(
                f"op {op.index}: process {op.process} completes {op.f} of key {op.key!r}, but had invoked {invoke.f} "
                f"of key {invoke.key!r} at op {invoke.index}"
            )
        return invoke, begin, self._position

    def unfinished(self) -> list[tuple[Op, int]]:
        """Invocations without completion, with their positions."""
        return list(self._open.values())


def split(history: Iterable[Op], reads: frozenset[str]) -> dict[Any, KeyHistory]:
    """Operations by key, in order of first completion or, unfinished, at the end; each key's by beginning.

    Raises MalformedHistoryError, one line, when ops do not pair.
    """
    pairing = Pairing()
    keys: dict[Any, KeyHistory] = {}

    def at(op: Op) -> KeyHistory:
        name = freeze(op.key)
        found = keys.get(name)
        if found is None:
            found = keys[name] = KeyHistory(op.key)
        return found

    for op in history:
        pair = pairing.observe(op)
        if pair is None:
            continue
        invoke, begin, end = pair
        if op.type == "ok":
            at(invoke).operations.append(Operation(invoke, op, begin, end))
        elif op.type == "fail":
            at(invoke).failed.append(Operation(invoke, op, begin, end))
        elif invoke.f not in reads:
            at(invoke).operations.append(Operation(invoke, op, begin, None))
    for invoke, begin in pairing.unfinished():
        if invoke.f not in reads:
            at(invoke).operations.append(Operation(invoke, None, begin, None))
    for key in keys.values():
        key.operations.sort(key=_begin)
    return keys


def deed(operation: Operation) -> Deed:
    """What the search for any model takes of an operation."""
    done = operation.completion if operation.end is not None else None
    return Deed(
        operation.invoke.f,
        freeze(operation.invoke.value),
        None if done is None else freeze(done.value),
        operation.begin,
        operation.end,
    )


def _begin(operation: Operation) -> int:
    return operation.begin
