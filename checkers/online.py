"""Judging while a run goes on: ops come one by one, a violation is known soon after it is complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from checkers.columns import History
from checkers.history import Op
from checkers.result import Result, Verdict
from checkers.rows import rows

BUFFERED_MAX = 96
"""ops that an online checker may hold back before it looks at them"""


class Online(Protocol):
    """A judge that is fed a run's ops in order, those of the nemesis too. ``name`` is that of the batch checker.

    After any number of ops ``verdict`` is what the batch checker gives for these. Memory is bounded by what is still
    open or may still be read, not by the length of the run, unless a checker says otherwise.
    """

    name: str

    def observe(self, op: Op) -> None:
        """Raises MalformedHistoryError when the op fits nothing."""

    def observe_all(self, ops: Sequence[Op]) -> None:
        """As ``observe``, one after the other; some take a columnar history that comes first as it is (Columns)."""

    def violated(self) -> bool:
        """Whether the ops so far are already impossible, told within 100 ops of the one that made them so. Cheap."""
        ...

    def verdict(self) -> Verdict:
        """The verdict on the ops so far."""
        ...

    def result(self) -> Result:
        """The same with anomalies and words, as far as they are still known."""
        ...


class Left(NamedTuple):
    history: History
    result: Result


class Columns:
    """Of judges whose batch needs no op in hand where a history is in columns: one that comes first, before any op,
    is left to it. Its ops are observed when it is invalid, to know where, or when more come.
    """

    left: Left | None = None

    def judged(self, history: History) -> Result:
        """What the batch says of it, as ``result`` would say it."""
        raise NotImplementedError

    def observe(self, op: Op) -> None:
        raise NotImplementedError

    def leave(self, ops: Sequence[Op]) -> bool:
        """Whether this was enough: they are in columns, and nothing is wrong."""
        if self.left is not None:
            self.take_up()
        elif isinstance(ops, History):
            result = self.judged(ops)
            if result.verdict != "invalid":
                self.left = Left(ops, result)
        return self.left is not None

    def take_up(self) -> None:
        """Observe what was left."""
        if self.left is not None:
            history = self.left.history
            self.left = None
            for op in rows(history):
                self.observe(op)
