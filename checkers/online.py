"""Judging while a run goes on: ops come one by one, a violation is known soon after it is complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from checkers.history import Op
from checkers.result import Result, Verdict

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
        """As ``observe``, one after the other; columnar histories are taken as they are."""

    def violated(self) -> bool:
        """Whether the ops so far are already impossible, told within 100 ops of the one that made them so. Cheap."""
        ...

    def verdict(self) -> Verdict:
        """The verdict on the ops so far."""
        ...

    def result(self) -> Result:
        """The same with anomalies and words, as far as they are still known."""
        ...
