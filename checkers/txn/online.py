"""Transactions while a run goes on: a kernel notices what may be wrong, and the batch says whether it is.

The kernel (checkers/kernels/appending.py, writing.py) keeps what reads have shown of each key, and the dependencies
in an order that is mended as they come: the first that cannot be, or a read that cannot, is noticed at once. Which
cycles are noticed is a matter of the model: where it forbids every cycle of the dependencies that count, or all but
those with two rw in a row, what is noticed is what is forbidden. Else, and where a value was written twice, the batch
may find nothing wrong. From then on it looks again each time the run has grown by half.

Lists under cursor stability are looked at so from the first op on. What only weighing shows
(checkers/txn/weighing.py) is in the verdict, and makes nothing be noticed before.

A value that is read before anybody asked to write it is wrong, though without real time a later write might explain
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checkers.following import Following
from checkers.kernels.appending import Appending
from checkers.kernels.dependencies import Dependencies
from checkers.kernels.writing import Writing
from checkers.operations import misfit
from checkers.txn.evidence import LINEARIZABLE, SEQUENTIAL, WFR
from checkers.txn.kinds import LEVELS
from checkers.txn.list_append import ListAppend
from checkers.txn.models import DEFAULT, FORBIDDEN, known
from checkers.txn.rw_register import RwRegister
from checkers.words import canonical, identity


class Transactions(Following):
    """What the two have in common. ``kernel``: of the dependencies that count."""

    batch: type[ListAppend | RwRegister]
    verb: str

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        """Raises ValueError for a model or an option that does not exist."""
        super().__init__(options)
        self.forbidden = FORBIDDEN[known(str(self.options.get("model") or DEFAULT))]
        cursors = "G-cursor" in self.forbidden.intersection(self.batch.anomalies)
        self._look_at = int(cursors and "G-single" not in self.forbidden)
        self._kernel = self._made(*self._counted())
        self.notices = self._kernel.observe

    def _made(self, *counted: Any) -> Dependencies:
        raise NotImplementedError

    def _counted(self) -> tuple[Any, ...]:
        """The arguments of every kernel."""
        forbidden = self.forbidden
        at = max(n for n, level in enumerate(LEVELS) if "G0" + level.suffix in forbidden)
        suffix = LEVELS[at].suffix
        rw = "G-single" + suffix in forbidden
        apart = rw and "G2-item" + suffix not in forbidden
        process, realtime = "G0-process" in forbidden, at == len(LEVELS) - 1
        lost, internal = "lost-update" in forbidden, "internal" in forbidden
        wr = "G1c" + suffix in forbidden
        return self.verb, wr, rw, apart, process, realtime, lost, internal, canonical, misfit


class OnlineListAppend(Transactions):
    """Options as ListAppend's. Memory: the run's ops, as a cycle may close through any of them."""

    name = ListAppend.name
    batch = ListAppend
    verb = "append"

    def _made(self, *counted: Any) -> Dependencies:
        return Appending(*counted)


class OnlineRwRegister(Transactions):
    """Options as RwRegister's; where they assume an order of versions, the batch looks now and then. Memory: as of
    OnlineListAppend.
    """

    name = RwRegister.name
    batch = RwRegister
    verb = "w"

    def _made(self, *counted: Any) -> Dependencies:
        if any(self.options.get(name) is not None for name in (WFR, SEQUENTIAL, LINEARIZABLE)):
            self._look_at = 1
        in_time = "G-single-realtime" in self.forbidden
        in_sessions = "G-single-process" in self.forbidden and not in_time
        initial = frozenset(identity(value) for value in (None, self.options.get("initial")))
        return Writing(initial, in_time, in_sessions, *counted)
