"""Linearizability while a run goes on.

Per key a window is kept of the operations that can still matter (``retain`` in checkers/kernels/zones.py), whatever
comes: those of values that may still be read, and what is open. Each time some ops have come, the batch's engine for
unique values judges the windows with them. A key of which a value that may still be read is written again, or of
another model, is given to a search of all its possible states, with the window for its past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from checkers.columns import Column, History, Int64, columnar
from checkers.history import NEMESIS, Op
from checkers.linearizability import zones
from checkers.linearizability.budget import Budget
from checkers.linearizability.checker import BUDGET_MB, BUDGET_S, NAME, coverage_of, model_named
from checkers.linearizability.engines import DECLINED, INVALID
from checkers.linearizability.explain import explain
from checkers.linearizability.objects import Tally, grouped, is_mismatch, key_codes
from checkers.linearizability.online_key import OnlineKey, Pairing
from checkers.linearizability.tell import Teller, told_operation
from checkers.models import CAS_REGISTER, Model, Role, freeze
from checkers.online import BUFFERED_MAX
from checkers.operations import Pairs, pair
from checkers.result import Anomaly, Result, Verdict

CHUNK = 1 << 17
"""ops of a columnar history that are looked at together"""
CHAIN_MAX = 512
"""compare-and-sets that a key may keep before it is given to the search: a chain of them is a single block"""
FORGETFUL = " (Told from what was still remembered: what nothing could see any more had been forgotten.)"

UNWRITTEN = ("value never written", "value read before it was written", "failed write took effect")
"""kinds that a window cannot tell from a value that was written and forgotten"""
GONE = "value that could not be seen any more"
NOTHING = object()
"""no value"""

Row = tuple[int, Op]
"""an op and its position in the run"""


class OnlineLinearizability:
    """Options as Linearizability's, without ``engine``; ``model`` may also be a model.

    ``violated`` lags behind by up to BUFFERED_MAX ops; ``verdict`` does not. The budget is for one look at a time.
    Memory: per key what may still be read, and what is open.
    """

    name = NAME

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        """Raises ModelError for a model that does not exist."""
        options = options or {}
        model = options.get("model", CAS_REGISTER)
        self._model = model if isinstance(model, Model) else model_named(str(model))
        self._zones = "zones" in self._model.engines
        self._budget = (options.get("budget_s", BUDGET_S), options.get("budget_mb", BUDGET_MB))
        self._pairing = Pairing()
        self._buffer: list[tuple[Any, int, Op]] = []  # frozen key, position, op
        self._windows: dict[Any, list[Row]] = {}
        self._asleep: dict[tuple[Any, Any], list[Row]] = {}
        """by key and value: crashed operations that put it, which nobody has seen yet"""
        self._needs: list[tuple[Any, Any]] = []
        """of the buffer, by key and value"""
        self._searches: dict[Any, _Search] = {}
        self._counts = {"ok": 0, "info": 0, "fail": 0}
        self._keys: set[Any] = set()
        self._parked: tuple[History, Int64, Pairs] | None = None
        """of the columnar history that came first: positions of the windows, and how they pair"""
        self._names: set[tuple[int, int]] = set()
        """keys as they stand in the columnar history that came first"""
        self._found: list[Anomaly] = []

    # --- observing ------------------------------------------------------------------------------------------

    def observe(self, op: Op) -> None:
        """Raises MalformedHistoryError when the op does not fit, and ModelError, perhaps some ops late, when the
        model does not know it.
        """
        found = self._pairing.observe(op)
        if op.process == NEMESIS:
            return
        if found is not None:
            invoke = found[0]
            key = freeze(invoke.key)
            self._count(key, invoke.f, op.type)
            if self._asleep and op.type == "ok" and not self._found:
                self._needs.append((key, needed(self._model, invoke, op)))
        elif op.type == "invoke":
            key = freeze(op.key)
        else:
            return
        if not self._found:
            self._buffer.append((key, self._pairing.position, op))
            if len(self._buffer) >= BUFFERED_MAX:
                self._look()

    def _count(self, key: Any, f: str, kind: str) -> None:
        if kind != "info" or f not in self._model.reads:
            self._counts[kind] += 1
            self._keys.add(key)

    def observe_all(self, ops: Sequence[Op]) -> None:
        """As ``observe``, one after the other; a columnar history that comes first is judged in large parts."""
        done = 0
        if isinstance(ops, History) and self._pairing.position < 0 and self._zones:
            done = self._observe_columns(ops)
        for at in range(done, len(ops)):
            self.observe(ops[at])

    def _observe_columns(self, history: History) -> int:
        """How many ops were taken; from a violation, or a key that needs the search, on it is for ``observe``."""
        kept = np.zeros(0, np.int64)
        done = 0
        while done < len(history):
            more = min(len(history), done + max(CHUNK, 2 * len(kept)))
            positions = np.concatenate((kept, np.arange(done, more)))
            part = taken(history, positions)
            pairs = pair(part)
            look = _Look(part, self._model, pairs)
            if look.declined or look.invalid:
                break
            self._count_columns(look, int(np.searchsorted(positions, done)))
            kept = positions[np.union1d(*look.kept())]
            done = more
        part = taken(history, kept)
        pairs = pair(part)
        for at in kept[pairs.begin[pairs.end < 0]].tolist():
            self._pairing.resume(history[at], at)
        self._parked = history, kept, pairs
        self._pairing.position = done - 1
        return done

    def _unpark(self) -> None:
        """What a columnar history left, as rows."""
        if self._parked is None:
            return
        history, kept, pairs = self._parked
        self._parked = None
        for begin, end in zip(pairs.begin.tolist(), pairs.end.tolist(), strict=True):
            op = history[int(kept[begin])]
            window = self._windows.setdefault(freeze(op.key), [])
            window += [(at, history[at]) for at in kept[[begin, end] if end >= 0 else [begin]].tolist()]

    def _count_columns(self, look: _Look, first: int) -> None:
        """Count what was completed at position ``first`` of the part or later."""
        history, (begin, end, outcome) = look.history, look.pairs
        new = end >= first
        reads = np.array([f in self._model.reads for f in history.fs])[history.f[begin]]
        new &= ~(reads & (outcome == 3))
        for kind, size in zip(
            ("ok", "fail", "info"), np.bincount(outcome[new], minlength=4)[1:], strict=True
        ):
            self._counts[kind] += int(size)
        invoked = begin[new]
        codes, keys = key_codes(history, invoked)
        where = np.empty(keys, np.int64)
        where[codes] = invoked
        names = zip(history.key.kind[where].tolist(), history.key.word[where].tolist(), strict=True)
        for name in set(names) - self._names:
            self._names.add(name)
            self._keys.add(freeze(history.decode(*name)))

    # --- judging --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Judge what has come."""
        if not self._buffer:
            return
        self._unpark()
        touched: dict[Any, list[Row]] = {}
        for key, position, op in self._buffer:
            touched.setdefault(key, []).append((position, op))
        self._buffer.clear()
        windows: dict[Any, list[Row]] = {}
        for key, rows in touched.items():
            if key in self._searches or not self._zones:
                self._search(key, rows)
            else:
                windows[key] = self._windows.pop(key, []) + rows
        self._wake(windows)
        if windows and not self._found:
            self._judge(windows)

    def _wake(self, windows: dict[Any, list[Row]]) -> None:
        """Bring back crashed operations that put what is needed now, and what those need, and so on.

        What a cas that is open needs is needed as soon as somebody sees what it puts.
        """
        if not self._asleep:
            return
        roles = self._model.roles or {}
        for key, rows in windows.items():
            self._needs += [
                (key, needed(self._model, op, op))
                for _, op in rows
                if op.type == "invoke" and roles.get(op.f) == Role.CAS
            ]
        for key, need in self._needs:
            found = self._asleep.pop((key, need), None)
            if found is not None:
                windows[key] += found
                self._needs += [(key, needed(self._model, op, op)) for _, op in found[::2]]
        self._needs.clear()

    def _judge(self, windows: dict[Any, list[Row]]) -> None:
        rows = sorted(
            ((position, key, op) for key, window in windows.items() for position, op in window), key=_first
        )
        history = columnar([op for _, _, op in rows])
        look = _Look(history, self._model, pair(history))
        roles = self._model.roles or {}
        if look.invalid:
            self._found = [look.told(number) for number in look.invalid]
            return
        unkept = {rows[at][1] for at in look.declined}
        left: dict[Any, list[Row]] = {key: [] for key in windows}
        kept, asleep = look.kept()
        for at in kept.tolist():
            position, key, op = rows[at]
            left[key].append((position, op))
        chains = dict.fromkeys(windows, 0)
        for _, key, op in (rows[at] for at in kept.tolist()):
            chains[key] += op.type == "ok" and roles.get(op.f) == Role.CAS
        for key, window in left.items():
            if key in unkept or chains[key] > CHAIN_MAX:
                self._search(key, self._with_sleepers(key, windows[key]))
            elif window:
                self._windows[key] = window
        put: Any = None
        for at in asleep.tolist():
            position, key, op = rows[at]
            if op.type == "invoke":
                put = put_by(self._model, op)
            if key not in self._searches:
                self._asleep.setdefault((key, put), []).append((position, op))

    def _with_sleepers(self, key: Any, rows: list[Row]) -> list[Row]:
        """All that is known of a key."""
        for name in [name for name in self._asleep if name[0] == key]:
            rows = rows + self._asleep.pop(name)
        return sorted(rows, key=_position)

    def _search(self, key: Any, rows: Iterable[Row]) -> None:
        search = self._searches.get(key)
        if search is None:
            search = self._searches[key] = _Search(self._model)
        search.observe(rows, Budget(*self._budget))
        if search.key.violated:
            self._found = [search.told()]

    # --- the verdict ----------------------------------------------------------------------------------------

    def violated(self) -> bool:
        return bool(self._found)

    def verdict(self) -> Verdict:
        return self.result().verdict

    def result(self) -> Result:
        """The coverage has no engines; the words are of what was still remembered."""
        self._look()
        opened = [
            (freeze(op.key), op) for op, _ in self._pairing.unfinished() if op.f not in self._model.reads
        ]
        keys = self._keys | {key for key, _ in opened}
        tally = Tally(self._counts["ok"], self._counts["info"] + len(opened), self._counts["fail"], len(keys))
        coverage = coverage_of(self._model, tally)
        if not tally.ok:
            why = "nothing was checked: no operation"
            if tally.failed or tally.crashed:
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


def _first(row: tuple[int, Any, Op]) -> int:
    return row[0]


def _position(row: Row) -> int:
    return row[0]


def needed(model: Model, invoke: Op, done: Op) -> Any:
    """The frozen value that an operation needs, or NOTHING."""
    role = (model.roles or {}).get(invoke.f)
    if role == Role.READ:
        return freeze(done.value)
    return freeze(invoke.value)[0] if role == Role.CAS and invoke.value else NOTHING


def put_by(model: Model, invoke: Op) -> Any:
    """The frozen value that an operation puts."""
    role = (model.roles or {}).get(invoke.f)
    if role == Role.CAS:
        return freeze(invoke.value)[1]
    return freeze(model.initial if role == Role.DELETE else invoke.value)


def taken(history: History, positions: Int64) -> History:
    """Some ops of a history, with all that its values refer to."""

    def of(column: Column) -> Column:
        return Column(column.kind[positions], column.word[positions])

    return History(
        index=history.index[positions],
        time=history.time[positions],
        process=history.process[positions],
        type=history.type[positions],
        f=history.f[positions],
        node=history.node[positions],
        key=of(history.key),
        value=of(history.value),
        error=of(history.error),
        pool=history.pool,
        fs=history.fs,
        names=history.names,
        strings=history.strings,
        others=history.others,
    )


class _Look:
    """Windows and what has come since, judged by zones. What is open counts as crashed."""

    def __init__(self, history: History, model: Model, pairs: Pairs) -> None:
        self.history = history
        self.pairs = pairs
        self.model = model
        self.objects, _ = grouped(history, model, pairs)
        self.case, self.scan, self._decisions = zones.judged(self.objects)
        status = self._decisions.status
        self.invalid: list[int] = np.flatnonzero(status == INVALID).tolist()
        first = self.objects.begin[self.objects.start[:-1]]
        self.declined: list[int] = first[status == DECLINED].tolist()
        """the position of the first operation of each declined key"""

    def kept(self) -> tuple[Int64, Int64]:
        """Positions of ops that can still matter: of open operations, and of those that ``retain`` names; and apart
        from them those of crashed operations that nobody has seen, each invocation before its completion.
        """
        history, objects = self.history, self.objects
        opened = self.pairs.begin[self.pairs.end < 0]
        limit = np.full(objects.keys, len(history), np.int64)
        codes, _ = key_codes(history, np.concatenate((objects.begin[objects.start[:-1]], opened)))
        of = codes[objects.keys :]
        known = of < objects.keys
        np.minimum.at(limit, of[known], opened[known])
        keep = zones.retained(self.case, self.scan, limit) != 0
        # of operations alone; the kernel has places for the initial values behind them
        unseen = keep & (self.scan.block[: len(keep)] < 0) & (objects.done >= 0) & (self.case.put >= 0)
        done = objects.done[keep & ~unseen]
        kept = np.unique(np.concatenate((opened, objects.begin[keep & ~unseen], done[done >= 0])))
        return kept, np.stack((objects.begin[unseen], objects.done[unseen]), 1).ravel()

    def told(self, number: int) -> Anomaly:
        position = int(self._decisions.position[number])
        objects = self.objects.only(number)
        anomaly = explain(objects, self.model, zones.ENGINE, position)
        if anomaly.data["kind"] in UNWRITTEN:
            index = anomaly.data["op"]
            done = np.flatnonzero((objects.done >= 0) & (self.history.index[objects.done] == index))
            operation = told_operation(objects, int(done[0]))
            anomaly.data["kind"] = GONE
            anomaly.op_indexes = operation.indexes
            anomaly.explanation = (
                f"{Teller(objects.key(0), [operation]).sentence(operation)} Nothing that happened before can have "
                "been seen by then as this: either no operation ever put that value there, or it had certainly been "
                "replaced before this operation began."
            )
        anomaly.explanation += FORGETFUL
        return anomaly


class _Search:
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
