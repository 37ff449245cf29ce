"""One object while a run goes on, for any model: the search of all its possible states, op by op."""

from __future__ import annotations

from collections import deque
from copy import copy

from checkers.history import NEMESIS, MalformedHistoryError, Op
from checkers.linearizability.budget import Budget, BudgetExceededError
from checkers.linearizability.frontier import Deed, Frontier
from checkers.models import Model, freeze


class Pairing:
    """Pairs ops as they come."""

    def __init__(self) -> None:
        self._open: dict[int | str, tuple[Op, int]] = {}
        self.position = -1

    def observe(self, op: Op) -> tuple[Op, int, int] | None:
        """(invocation, its position, position of this op) when the op completes an operation; else None.

        Raises MalformedHistoryError when the op does not fit what came before it.
        """
        self.position += 1
        if op.process == NEMESIS:
            return None
        if op.type == "invoke":
            before = self._open.get(op.process)
            if before is not None:
                raise MalformedHistoryError(
                    f"op {op.index}: process {op.process} invokes {op.f} while its {before[0].f} of op "
                    f"{before[0].index} is still open"
                )
            self._open[op.process] = (op, self.position)
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
        return invoke, begin, self.position

    def resume(self, op: Op, position: int) -> None:
        """An invocation that was observed before, and is open."""
        self._open[op.process] = (op, position)

    def unfinished(self) -> list[tuple[Op, int]]:
        """Invocations without completion, with their positions."""
        return list(self._open.values())


def deed(model: Model, invoke: Op, done: Op | None, begin: int, end: int | None) -> Deed:
    """What the search for any model takes of an operation."""
    asked = freeze(invoke.value)
    return Deed(
        invoke.f,
        (invoke.process, asked) if model.owned else asked,
        None if end is None or done is None else freeze(done.value),
        begin,
        end,
    )


class OnlineKey:
    """One object. An invocation is taken in when its outcome is known, so events queue behind the oldest
    open one.
    """

    def __init__(self, model: Model, budget: Budget) -> None:
        self._model = model
        self._frontier = Frontier(model, budget)
        self._queue: deque[tuple[int, bool]] = (
            deque()
        )  # (position of the invocation, whether it completes here)
        self._known: dict[int, Deed | None] = {}  # None: dropped
        self._open: dict[int, Deed] = {}  # as crashed
        self.violated = False
        self.abandoned = False
        self.completed = 0

    def invoke(self, op: Op, position: int) -> None:
        self._queue.append((position, False))
        self._open[position] = deed(self._model, op, None, position, None)

    def complete(self, invoke: Op, op: Op, begin: int, end: int) -> None:
        crashed = self._open.pop(begin)
        if op.type == "ok":
            self._known[begin] = deed(self._model, invoke, op, begin, end)
            self._queue.append((begin, True))
            self.completed += 1
        else:
            self._known[begin] = crashed if op.type == "info" else None
        self._drain()

    def refuse(self, begin: int, f: str, end: int) -> None:
        """It failed, and the model has a name for that (``Model.refusals``)."""
        asked = self._open.pop(begin)
        self._known[begin] = asked._replace(f=f, end=end)
        self._queue.append((begin, True))
        self._drain()

    def grant(self, budget: Budget) -> None:
        """For what comes next."""
        self._frontier.budget = budget

    def _drain(self) -> None:
        while self._queue and not self.violated and not self.abandoned:
            begin, completes = self._queue[0]
            if begin not in self._known:
                return
            self._queue.popleft()
            self._take(begin, completes=completes)

    def _take(self, begin: int, *, completes: bool) -> None:
        known = self._known[begin]
        try:
            if completes:
                del self._known[begin]
                self.violated = not self._frontier.complete(begin)
            elif known is None:
                del self._known[begin]
            else:
                self._frontier.invoke(begin, known)
        except BudgetExceededError:
            self.abandoned = True

    def finished(self) -> OnlineKey:
        """A copy that knows all outcomes: what is open has crashed."""
        twin = copy(self)
        twin._frontier = self._frontier.copy()  # noqa: SLF001 - its own kind
        twin._queue = self._queue.copy()  # noqa: SLF001
        twin._known = {**self._known, **self._open}  # noqa: SLF001
        twin._drain()  # noqa: SLF001
        return twin
