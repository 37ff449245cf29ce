"""Transactions while a run goes on: a kernel notices what may be wrong, and the batch says whether it is.

The kernel (checkers/kernels/appending.py) keeps what reads have shown of each list, and the dependencies in an order
that is mended as they come: the first that cannot be, or a read that cannot, is noticed at once. Which cycles are
noticed is a matter of the model: where it forbids every cycle of the dependencies that count, or all but those with
two rw in a row, what is noticed is what is forbidden. Else, and where an element was appended twice, the batch may
find nothing wrong. From then on it looks again each time the run has grown by half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from checkers.history import Op
from checkers.kernels.appending import Appending
from checkers.linearizability.online import misfit
from checkers.record import Record
from checkers.result import Result, Verdict
from checkers.rows import rows
from checkers.txn.kinds import LEVELS
from checkers.txn.list_append import ListAppend
from checkers.txn.models import DEFAULT, FORBIDDEN, known
from checkers.words import canonical


class OnlineListAppend:
    """Options as ListAppend's. Memory: the run's ops, as a cycle may close through any of them."""

    name = ListAppend.name

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        """Raises ValueError for a model that does not exist."""
        self.options = dict(options or {})
        forbidden = FORBIDDEN[known(str(self.options.get("model") or DEFAULT))]
        at = max(n for n, level in enumerate(LEVELS) if "G0" + level.suffix in forbidden)
        suffix = LEVELS[at].suffix
        rw = "G-single" + suffix in forbidden
        self._kernel = Appending(
            "G1c" + suffix in forbidden,
            rw,
            rw and "G2-item" + suffix not in forbidden,
            "G0-process" in forbidden,
            at == len(LEVELS) - 1,
            "lost-update" in forbidden,
            "internal" in forbidden,
            canonical,
            misfit,
        )
        self._ops: list[Op] = []
        self._look_at = 0
        """ops at which the batch looks again; 0: when the kernel notices something"""
        self._result: tuple[int, Result] | None = None
        self._violated = False

    def observe(self, op: Op) -> None:
        """Raises MalformedHistoryError when the op does not fit or is no transaction."""
        self._ops.append(op)
        if self._violated:
            return
        if self._look_at:
            if len(self._ops) >= self._look_at:
                self._look()
        elif self._kernel.observe(op):
            self._look()

    def _look(self) -> None:
        self._violated = self.result().verdict == "invalid"
        self._look_at = len(self._ops) * 3 // 2 + 1

    def observe_all(self, ops: Sequence[Op]) -> None:
        observe = self.observe
        for op in rows(ops):
            observe(op)

    def violated(self) -> bool:
        return self._violated

    def verdict(self) -> Verdict:
        return self.result().verdict

    def result(self) -> Result:
        """Of the batch."""
        if self._result is None or self._result[0] != len(self._ops):
            result = ListAppend().check(Record(self._ops, options=self.options))
            self._result = len(self._ops), result
        return self._result[1]
