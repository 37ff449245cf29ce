"""Judges that keep a run's ops: something cheap notices what may be wrong, and the batch says whether it is.

What is noticed is mostly wrong. Where the batch finds nothing, it looks again each time the run has grown by half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from checkers.columns import History
from checkers.history import Op
from checkers.online import Columns
from checkers.record import Record
from checkers.result import Result, Verdict
from checkers.rows import rows


class Following(Columns):
    """``batch``: the checker; ``notices``: takes an op, and says whether something may be wrong."""

    name: str
    batch: type[Any]
    notices: Callable[[Op], bool]

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options = dict(options or {})
        self._ops: list[Op] = []
        self._look_at = 0
        """ops at which the batch looks again; 0: when something is noticed"""
        self._result: tuple[int, Result] | None = None
        self._violated = False

    def observe(self, op: Op) -> None:
        """Raises MalformedHistoryError when the op does not fit."""
        if self.left is not None:
            self.take_up()
        self._ops.append(op)
        if self._violated:
            return
        if self._look_at:
            if len(self._ops) >= self._look_at:
                self._look()
        elif self.notices(op):
            self._look()

    def judged(self, history: History) -> Result:
        result: Result = self.batch().check(Record(history, options=self.options))
        return result

    def _look(self) -> None:
        self._violated = self.result().verdict == "invalid"
        self._look_at = len(self._ops) * 3 // 2 + 1

    def observe_all(self, ops: Sequence[Op]) -> None:
        if not self._ops and self.leave(ops):
            return
        observe = self.observe
        for op in rows(ops):
            observe(op)

    def violated(self) -> bool:
        return self._violated

    def verdict(self) -> Verdict:
        return self.result().verdict

    def result(self) -> Result:
        """Of the batch."""
        if self.left is not None:
            return self.left.result
        if self._result is None or self._result[0] != len(self._ops):
            result = self.batch().check(Record(self._ops, options=self.options))
            self._result = len(self._ops), result
        return self._result[1]
