"""Operations: invocations with their completions, paired from the ops of a history.

``pair`` for many of them, as arrays; ``operations`` for few, as objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np

from checkers.columns import NEMESIS as NEMESIS_CODE
from checkers.columns import NIL, Column, History, Int8, Int64
from checkers.history import NEMESIS, MalformedHistoryError, Op, OpType
from checkers.kernels import pairing, view


class Pairs(NamedTuple):
    """Operations in the order of their invocations, m of them.

    ``begin`` and ``end`` int64[m] are positions in the history (``end`` -1 where nothing completed it), ``outcome``
    uint8[m] is OK, FAIL or INFO (also where nothing completed it).
    """

    begin: Int64
    end: Int64
    outcome: Int8


def pair(history: History) -> Pairs:
    """The clients' operations. O(n).

    Raises MalformedHistoryError, one line, when a process invokes while it waits, completes what it did not invoke,
    or completes another function or key than it invoked (a completion without a key is of the invocation's).
    """
    size = len(history)
    begin, end, outcome = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.uint8)
    process, high, places = _processes(history)
    problem = np.empty(3, np.int64)
    found = pairing.pair(
        view(process),
        high,
        view(history.type),
        view(history.f),
        view(history.key.kind),
        view(history.key.word),
        view(np.empty(places, np.int64)),
        view(begin),
        view(end),
        view(outcome),
        view(problem),
    )
    pairs = Pairs(begin[:found], end[:found], outcome[:found])
    what, position, otherwise = problem.tolist()
    if what != pairing.FINE:
        raise MalformedHistoryError(_misfit(history, pairs, what, position))
    if otherwise:
        _same_keys(history, pairs)
    return pairs


def _processes(history: History) -> tuple[Int64, int, int]:
    """(each op's process as a number that is not far beyond the number of ops, the greatest, places for them all)."""
    process = history.process
    high = int(process.max()) if len(process) else 0
    if high <= 4 * len(process) + 1024:
        return process, high, max(high, 0) + len(history.names) + 1
    _, codes = np.unique(process, return_inverse=True)
    return np.where(process == NEMESIS_CODE, NEMESIS_CODE, codes), 0, len(process)


def _misfit(history: History, pairs: Pairs, problem: int, position: int) -> str:
    op = history[position]
    here = f"op {op.index}: process {op.process}"
    if problem == pairing.NOTHING_OPEN:
        return f"{here} completes ({op.type}) {op.f} but had not invoked anything"
    own = np.flatnonzero(history.process[pairs.begin] == history.process[position])
    opened = history[int(pairs.begin[own[-1]])]
    if problem == pairing.STILL_OPEN:
        return f"{here} invokes {op.f} while its {opened.f} of op {opened.index} is still open"
    return f"{here} completes {op.f}, but had invoked {opened.f} at op {opened.index}"


def _same_keys(history: History, pairs: Pairs) -> None:
    done = pairs.end >= 0
    begin, end = pairs.begin[done], pairs.end[done]
    key: Column = history.key
    differ = (key.kind[end] != NIL) & (
        (key.kind[begin] != key.kind[end]) | (key.word[begin] != key.word[end])
    )
    for at in np.flatnonzero(differ).tolist():
        invoked, completed = history[int(begin[at])], history[int(end[at])]
        if invoked.key != completed.key or type(invoked.key) is not type(completed.key):
            raise MalformedHistoryError(
                f"op {completed.index}: process {completed.process} completes {completed.f} of key "
                f"{completed.key!r}, but had invoked it of key {invoked.key!r} at op {invoked.index}"
            )


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


def misfit(op: Op, invoke: Op | None) -> None:
    """Raises MalformedHistoryError: the op does not fit what came before it."""
    here = f"op {op.index}: process {op.process}"
    if invoke is None:
        raise MalformedHistoryError(f"{here} completes ({op.type}) {op.f} but had not invoked anything")
    if op.type == "invoke":
        raise MalformedHistoryError(
            f"{here} invokes {op.f} while its {invoke.f} of op {invoke.index} is still open"
        )
    raise MalformedHistoryError(
        f"{here} completes {op.f} of key {op.key!r}, but had invoked {invoke.f} of key {invoke.key!r} at op "
        f"{invoke.index}"
    )
