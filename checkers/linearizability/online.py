"""Linearizability while a run goes on.

Per key a window is kept of the operations that can still matter (``retain`` in checkers/kernels/zones.py), whatever
comes: those of values that may still be read, and what is open. Each time some ops have come, the batch's kernel for
unique values judges the windows that they touched (checkers/kernels/windows.py). A key of which a value that may
still be read is written again, or of another model, is given to a search of all its possible states, with the window
for its past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from checkers.columns import History, columnar
from checkers.history import Op
from checkers.kernels.windows import Windows
from checkers.linearizability.budget import Budget
from checkers.linearizability.checker import BUDGET_MB, BUDGET_S, NAME, Linearizability, coverage_of, model_of
from checkers.linearizability.look import Look
from checkers.linearizability.objects import Tally, is_mismatch
from checkers.linearizability.online_key import Row, Searched
from checkers.online import BUFFERED_MAX, Columns
from checkers.operations import misfit, pair
from checkers.record import Record
from checkers.result import Anomaly, Result, Verdict
from checkers.rows import rows
from checkers.words import canonical

CHAIN_MAX = 512
"""compare-and-sets that a key may keep before it is given to the search: a chain of them is a single block"""


class OnlineLinearizability(Columns):
    """Options as Linearizability's, without ``engine``; ``model`` may also be a model.

    ``violated`` lags behind by up to BUFFERED_MAX ops; ``verdict`` does not. The budget is for one look at a time.
    Memory: per key what may still be read, and what is open.
    """

    name = NAME

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        """Raises ModelError for a model that does not exist."""
        self._options = options = dict(options or {})
        self._model = model_of(options)
        self._zones = "zones" in self._model.engines
        self._budget = (options.get("budget_s", BUDGET_S), options.get("budget_mb", BUDGET_MB))
        self._windows = Windows(
            {f: int(role) for f, role in (self._model.roles or {}).items()},
            frozenset(self._model.reads),
            self._model.initial if self._zones else None,
            canonical,
            self._refused if self._model.refusals else None,
            misfit,
            CHAIN_MAX,
            self._zones,
        )
        self._take = self._windows.observe
        self._searches: dict[int, Searched] = {}
        """by number of the key"""
        self._found: list[Anomaly] = []

    def _refused(self, op: Op) -> bool:
        return op.f in (self._model.refusals or {}) and is_mismatch(op.error)

    # --- observing ------------------------------------------------------------------------------------------

    def observe(self, op: Op) -> None:
        """Raises MalformedHistoryError when the op does not fit, and ModelError, perhaps some ops late, when the
        model does not know it.
        """
        if self.left is not None:
            self.take_up()
        if self._take(op) >= BUFFERED_MAX:
            self._look()

    def observe_all(self, ops: Sequence[Op]) -> None:
        """As ``observe``, one after the other."""
        if self._windows.position < 0 and self.leave(ops):
            return
        observe = self.observe
        for op in rows(ops):
            observe(op)

    def judged(self, history: History) -> Result:
        options = {name: value for name, value in self._options.items() if name != "engine"}
        result = Linearizability().check(Record(history, options=options))
        coverage = {n: what for n, what in result.coverage.items() if n not in ("keys_decided", "engines")}
        return Result(result.verdict, NAME, why=result.why, coverage=coverage)

    # --- judging --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Judge what has come."""
        if self._found:
            return
        others = self._windows.judge()
        if others:
            self._judge(others)

    def _judge(self, keys: list[int]) -> None:
        """Keys that are the search's, and those that are not certainly possible."""
        windows = self._windows
        judged: list[Row] = []
        searched = []
        for key in keys:
            if key in self._searches or not self._zones:
                self._search(key)
            else:
                searched.append(key)
                judged += windows.rows(key)
        if not judged or self._found:
            return
        history = columnar([op for _, op in sorted(judged, key=_position)])
        look = Look(history, self._model, pair(history))
        if look.invalid:
            self._violated([look.told(number) for number in look.invalid])
            return
        for key in searched:
            windows.waken(key)
            self._search(key)

    def _search(self, key: int) -> None:
        search = self._searches.get(key)
        if search is None:
            search = self._searches[key] = Searched(self._model)
        search.observe(self._windows.rows(key), Budget(*self._budget))
        self._windows.take_out(key)
        if search.key.violated:
            self._violated([search.told()])

    def _violated(self, found: list[Anomaly]) -> None:
        self._found = self._found or found
        self._windows.stopped = True

    # --- the verdict ----------------------------------------------------------------------------------------

    def violated(self) -> bool:
        return bool(self._found)

    def verdict(self) -> Verdict:
        return self.result().verdict

    def result(self) -> Result:
        """The coverage has no engines; the words are of what was still remembered."""
        if self.left is not None:
            return self.left.result
        if self._windows.fresh:
            self._look()
        windows = self._windows
        opened, keys = windows.tally()
        tally = Tally(windows.ok, windows.info + opened, windows.failed, keys)
        coverage = coverage_of(self._model, tally)
        if not tally.ok:
            why = "nothing was checked: no operation"
            if windows.position >= 0:
                return Result(
                    "valid", NAME, why="nothing to contradict: no operation succeeded", coverage=coverage
                )
            return Result("unknown", NAME, why=why, coverage=coverage)
        found = self._found
        abandoned = False
        for search in self._searches.values():
            search.key.grant(Budget(*self._budget))
            ended = search.key.finished()
            abandoned |= ended.abandoned
            if ended.violated and not found:
                found = [search.told()]
        if found:
            return Result("invalid", NAME, found, coverage=coverage)
        if abandoned:
            return Result("unknown", NAME, why="the budget of the search ran out", coverage=coverage)
        return Result("valid", NAME, coverage=coverage)


def _position(row: Row) -> int:
    return row[0]
