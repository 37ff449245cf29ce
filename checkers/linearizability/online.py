"""Linearizability while a run goes on.

Per key a window is kept of the operations that can still matter (``retain`` in checkers/kernels/zones.py), whatever
comes: those of values that may still be read, and what is open. Each time some ops have come, the batch's kernel for
unique values judges the windows that they touched (checkers/kernels/windows.py). A key of which a value that may
still be read is written again, or of another model, is given to a search of all its possible states, with the window
for its past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from checkers.columns import History, Int64, columnar
from checkers.history import Op
from checkers.kernels.windows import Windows
from checkers.linearizability.budget import Budget
from checkers.linearizability.checker import BUDGET_MB, BUDGET_S, NAME, coverage_of, model_of
from checkers.linearizability.look import Look, taken
from checkers.linearizability.objects import Tally, is_mismatch, key_codes
from checkers.linearizability.online_key import Row, Searched
from checkers.online import BUFFERED_MAX
from checkers.operations import Pairs, misfit, pair
from checkers.result import Anomaly, Result, Verdict
from checkers.rows import rows
from checkers.words import canonical

CHUNK = 1 << 17
"""ops of a columnar history that are looked at together"""
CHAIN_MAX = 512
"""compare-and-sets that a key may keep before it is given to the search: a chain of them is a single block"""


class OnlineLinearizability:
    """Options as Linearizability's, without ``engine``; ``model`` may also be a model.

    ``violated`` lags behind by up to BUFFERED_MAX ops; ``verdict`` does not. The budget is for one look at a time.
    Memory: per key what may still be read, and what is open.
    """

    name = NAME

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        """Raises ModelError for a model that does not exist."""
        options = options or {}
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
        self._parked: tuple[History, Int64, Pairs] | None = None
        """of the columnar history that came first: positions of the windows, and how they pair"""
        self._names: set[tuple[int, int]] = set()
        """keys as they stand in the columnar history that came first"""
        self._found: list[Anomaly] = []

    def _refused(self, op: Op) -> bool:
        return op.f in (self._model.refusals or {}) and is_mismatch(op.error)

    # --- observing ------------------------------------------------------------------------------------------

    def observe(self, op: Op) -> None:
        """Raises MalformedHistoryError when the op does not fit, and ModelError, perhaps some ops late, when the
        model does not know it.
        """
        if self._parked is not None:
            self._unpark()
        if self._take(op) >= BUFFERED_MAX:
            self._look()

    def observe_all(self, ops: Sequence[Op]) -> None:
        """As ``observe``, one after the other; a columnar history that comes first is judged in large parts."""
        done = 0
        if isinstance(ops, History) and self._windows.position < 0 and self._zones:
            done = self._observe_columns(ops)
            if done == len(ops):
                return
        observe = self.observe
        for op in islice(rows(ops), done, None):
            observe(op)

    def _observe_columns(self, history: History) -> int:
        """How many ops were taken; from a violation, or a key that needs the search, on it is for ``observe``."""
        kept = np.zeros(0, np.int64)
        done = 0
        while done < len(history):
            more = min(len(history), done + max(CHUNK, 2 * len(kept)))
            positions = np.concatenate((kept, np.arange(done, more)))
            part = taken(history, positions)
            pairs = pair(part)
            look = Look(part, self._model, pairs)
            if look.declined or look.invalid:
                break
            self._count_columns(look, int(np.searchsorted(positions, done)))
            kept = positions[np.union1d(*look.kept())]
            done = more
        pairs = pair(taken(history, kept))
        for at in kept[pairs.begin[pairs.end < 0]].tolist():
            self._windows.resume(history[at], at)
        self._parked = history, kept, pairs
        self._windows.position = done - 1
        return done

    def _unpark(self) -> None:
        """What a columnar history left, into the windows."""
        if self._parked is None:
            return
        history, kept, (begin, end, _) = self._parked
        self._parked = None
        done = end >= 0
        for at, until in zip(kept[begin[done]].tolist(), kept[end[done]].tolist(), strict=True):
            self._windows.restore(history[at], at, history[until], until)

    def _count_columns(self, look: Look, first: int) -> None:
        """Count what was completed at position ``first`` of the part or later."""
        history, (begin, end, outcome) = look.history, look.pairs
        new = end >= first
        reads = np.array([f in self._model.reads for f in history.fs])[history.f[begin]]
        new &= ~(reads & (outcome == 3))
        windows = self._windows
        ok, failed, info = np.bincount(outcome[new], minlength=4)[1:].tolist()
        windows.ok += ok
        windows.failed += failed
        windows.info += info
        invoked = begin[new]
        codes, keys = key_codes(history, invoked)
        where = np.empty(keys, np.int64)
        where[codes] = invoked
        names = zip(history.key.kind[where].tolist(), history.key.word[where].tolist(), strict=True)
        for name in set(names) - self._names:
            self._names.add(name)
            windows.count(history.decode(*name))

    # --- judging --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Judge what has come."""
        if self._found:
            return
        self._unpark()
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
