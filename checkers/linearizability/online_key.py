"""One object while a run goes on, for any model: the search of all its possible states, op by op."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from copy import copy
from typing import Any

from checkers.history import Op
from checkers.linearizability.budget import Budget, BudgetExceededError
from checkers.linearizability.frontier import Deed, Frontier
from checkers.linearizability.look import FORGETFUL
from checkers.linearizability.objects import is_mismatch
from checkers.models import Model, freeze
from checkers.result import Anomaly

Row = tuple[int, Op]
"""an op and its position in the run"""


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


class Searched:
    """A key in the care of the general search."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._key: Any = None
        self.key = OnlineKey(model, Budget(0, 0))
        self._open: dict[int | str, Row] = {}
        self._last: Op | None = None
        """the latest completion, until the violation"""

    def observe(self, rows: Iterable[Row], budget: Budget) -> None:
        self.key.grant(budget)
        for position, op in rows:
            if op.type == "invoke":
                self._open[op.process] = position, op
                self._key = op.key
                self.key.invoke(op, position)
                continue
            if not self.key.violated:
                self._last = op
            begin, invoke = self._open.pop(op.process)
            refusals = self._model.refusals or {}
            if op.type == "fail" and op.f in refusals and is_mismatch(op.error):
                self.key.refuse(begin, refusals[op.f], position)
            else:
                self.key.complete(invoke, op, begin, position)

    def told(self) -> Anomaly:
        last = self._last
        opened = [op.index for _, op in self._open.values()]
        indexes = sorted([*opened, last.index] if last is not None else opened)
        text = (
            "No order of the operations up to here that respects real time explains what was answered: none of the "
            f"states that were possible allows what is known by op {indexes[-1]}."
        )
        data = {"key": self._key, "model": self._model.name, "kind": "no possible order", "op": indexes[-1]}
        return Anomaly("nonlinearizable", indexes, explanation=text + FORGETFUL, data=data)
