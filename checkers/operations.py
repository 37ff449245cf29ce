"""Operations: invocations with their completions, paired from the ops of a history."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from checkers.history import NEMESIS, MalformedHistoryError, Op, OpType


class Operation(msgspec.Struct, gc=False):
    """``begin`` and ``end`` are positions in the history; ``end`` is None while nothing completed it."""

    invoke: Op
    begin: int
    completion: Op | None = None
    end: int | None = None

    @property
    def type(self) -> OpType:
        """Of the completion; an operation that was never completed is ``info``."""
        return "info" if self.completion is None else self.completion.type

    @property
    def node(self) -> str | None:
        done = self.completion
        return done.node if done is not None and done.node is not None else self.invoke.node

    def indexes(self) -> list[int]:
        """``Op.index`` of the invocation and of the completion."""
        return [self.invoke.index] if self.completion is None else [self.invoke.index, self.completion.index]


def operations(history: Iterable[Op]) -> list[Operation]:
    """The clients' operations, in the order of their invocations.

    Raises MalformedHistoryError when a process completes what it did not invoke, or invokes while it waits.
    A history that ends early is no error: what was not completed is open.
    """
    found: list[Operation] = []
    pending: dict[int | str, Operation] = {}
    for position, op in enumerate(history):
        process = op.process
        if process == NEMESIS:
            continue
        if op.type == "invoke":
            if process in pending:
                first = pending[process].invoke.index
                raise MalformedHistoryError(
                    f"op {op.index}: process {process} invokes {op.f} while its op {first} is not completed"
                )
            pending[process] = operation = Operation(op, position)
            found.append(operation)
        else:
            open_operation = pending.pop(process, None)
            if open_operation is None:
                raise MalformedHistoryError(
                    f"op {op.index}: {op.type} of process {process} completes no invocation"
                )
            open_operation.completion = op
            open_operation.end = position
    return found
