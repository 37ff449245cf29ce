"""Linearizability while a run goes on: ops are observed one by one, a violation is known soon after it
happened.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from typing import Any

from checkers._budget import Budget, BudgetExceededError
from checkers._key_history import Operation, Pairing, deed
from checkers._state_search import Deed, StateFrontier
from checkers.history import NEMESIS, Op
from checkers.models import Model, freeze


class OnlineKey:
    """One object. An invocation is taken in when its outcome is known, so events queue behind the oldest
    open one.
    """

    def __init__(self, model: Model, budget: Budget) -> None:
        self._model = model
        self._frontier = StateFrontier(model, budget)
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
        self._open[position] = deed(Operation(op, None, position, None))

    def complete(self, invoke: Op, op: Op, begin: int, end: int) -> None:
        crashed = self._open.pop(begin)
        if op.type == "ok":
            self._known[begin] = deed(Operation(invoke, op, begin, end))
            self._queue.append((begin, True))
            self.completed += 1
        else:
            self._known[begin] = crashed if op.type == "info" else None
        self._drain()

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


class OnlineKeys:
    """All objects of a run, by key. Raises MalformedHistoryError and ModelError as ops come."""

    def __init__(self, model: Model, budget_s: float, budget_mb: float) -> None:
        self._model = model
        self._budget = Budget(budget_s, budget_mb)
        self._pairing = Pairing()
        self._keys: dict[Any, OnlineKey] = {}
        self._position = -1

    def observe(self, op: Op) -> None:
        self._position += 1
        pair = self._pairing.observe(op)
        if op.process == NEMESIS:
            return
        if op.type == "invoke":
            name = freeze(op.key)
            key = self._keys.get(name)
            if key is None:
                key = self._keys[name] = OnlineKey(self._model, self._budget)
            key.invoke(op, self._position)
        elif pair is not None:
            invoke, begin, end = pair
            self._keys[freeze(invoke.key)].complete(invoke, op, begin, end)

    def violated(self) -> bool:
        """Whether what was observed so far, and whose outcome is known, is already impossible."""
        return any(key.violated for key in self._keys.values())

    def decided(self) -> bool | None:
        """Whether all ops so far have an order; None when a search was abandoned or nothing succeeded."""
        if self.violated():
            return False
        finished = [key.finished() for key in self._keys.values()]
        if any(key.violated for key in finished):
            return False
        if any(key.abandoned for key in finished) or not any(key.completed for key in finished):
            return None
        return True
