"""Linearizability: is there one order of all operations that respects real time and the model? (Herlihy,
Wing 1990)

A history is split by key (an object each; linearizability is local), each key's operations are searched for
an order, and where there is none the smallest window that shows it is told in words. ``Linearizability``
judges a whole record, ``Online`` takes ops one by one and finds a violation while the run goes on; they
agree.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from time import perf_counter
from typing import Any

from checkers import _register_search, _state_search
from checkers._budget import Budget, BudgetExceededError
from checkers._explain import explain, register_case
from checkers._key_history import KeyHistory, deed, split
from checkers._online import OnlineKeys
from checkers._tell import Teller, value
from checkers.history import Op
from checkers.models import CAS_REGISTER, MODELS, Model, ModelError, thaw
from checkers.record import Record
from checkers.result import Anomaly, Cost, Result, Verdict

NAME = "linearizability"
BUDGET_S = 60.0
BUDGET_MB = 1000.0
EXPLAINED_KEYS_MAX = 20
"""keys whose violation is shrunk and told; further ones are only named"""


def model_named(name: str) -> Model:
    """The model of that name. Raises ModelError, with the nearest name."""
    found = MODELS.get(name)
    if found is None:
        near = get_close_matches(name, sorted(MODELS), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ModelError(f"no model is called {name!r}, only {', '.join(sorted(MODELS))}{hint}")
    return found


class Linearizability:
    """The checker. ``model`` is a name or a model; ``budget_s`` (wall clock) and ``budget_mb`` (an estimate of the
    search's sets) bound the search of all keys together, and what they do not reach is ``unknown``. What is None is
    taken from the record's options of the same names, then from the defaults.
    """

    name = NAME
    anomalies = ("nonlinearizable",)

    def __init__(
        self,
        model: str | Model | None = None,
        *,
        budget_s: float | None = None,
        budget_mb: float | None = None,
    ) -> None:
        """Raises ModelError for a model that does not exist."""
        self.model = model_named(model) if isinstance(model, str) else model
        self.budget_s = budget_s
        self.budget_mb = budget_mb

    def check(self, record: Record) -> Result:
        """Judge a record.

        Raises MalformedHistoryError when its ops do not pair up, and ModelError for a model that does not exist or
        that does not know an operation of the history.
        """
        started = perf_counter()
        result = self._check(record, started)
        result.cost = Cost(elapsed_s=round(perf_counter() - started, 6), peak_mb=_peak_mb())
        return result

    def _check(self, record: Record, started: float) -> Result:
        model = self.model or model_named(str(record.options.get("model", CAS_REGISTER.name)))
        seconds = _first(self.budget_s, record.options.get("budget_s"), BUDGET_S)
        megabytes = _first(self.budget_mb, record.options.get("budget_mb"), BUDGET_MB)
        keys = split(record.history, model.reads)
        judges = [_judge(key, model) for key in keys.values()]
        coverage = _coverage(model, keys.values())
        if not coverage["operations"]:
            # as Knossos judges such a file; of a run in which nothing succeeded, "stats" makes an unknown one
            if coverage["failed"] or coverage["crashed"]:
                why = "nothing to contradict: no operation succeeded"
                return Result("valid", NAME, why=why, coverage=coverage)
            return Result("unknown", NAME, why="nothing was checked: no operation", coverage=coverage)
        anomalies: list[Anomaly] = []
        undecided: list[tuple[int, Any, str]] = []
        for done, judge in enumerate(judges):
            # each key may use an equal share of the time that is left
            left = seconds - (perf_counter() - started)
            budget = Budget(max(left, 0.0) / (len(judges) - done), megabytes)
            try:
                anomaly = judge.anomaly(budget, told=len(anomalies) < EXPLAINED_KEYS_MAX)
            except BudgetExceededError as e:
                undecided.append((e.position, judge.history.key, str(e)))
                continue
            if anomaly is not None:
                anomalies.append(anomaly)
        coverage["keys_decided"] = len(judges) - len(undecided)
        if anomalies:
            anomalies.sort(key=lambda anomaly: anomaly.op_indexes[-1])
            return Result("invalid", NAME, anomalies, coverage=coverage)
        if undecided:
            position, key, why = min(undecided, key=lambda item: item[0])
            more = f" (and {len(undecided) - 1} more)" if len(undecided) > 1 else ""
            return Result(
                "unknown",
                NAME,
                why=f"{why} on key {value(key)}{more}",
                coverage=coverage,
                proved_prefix=max(position, 0),
            )
        return Result("valid", NAME, coverage=coverage)


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def check(history: Sequence[Op], model: str | Model = CAS_REGISTER, **budget: float) -> Result:
    """Judge a history on its own: ``check(ops, "register", budget_s=10)``."""
    return Linearizability(model, **budget).check(Record(history))


class Online:
    """The same judgement op by op: ``observe`` each op of a run in order, ask ``verdict`` at any time.

    ``violated`` is cheap and may lag behind by the operations that are still open. The budget is for all of
    the run; when it runs out, ``verdict`` judges the whole history anew.
    """

    def __init__(
        self, model: str | Model = CAS_REGISTER, *, budget_s: float = BUDGET_S, budget_mb: float = BUDGET_MB
    ) -> None:
        self._batch = Linearizability(model, budget_s=budget_s, budget_mb=budget_mb)
        assert self._batch.model is not None
        self._keys = OnlineKeys(self._batch.model, budget_s, budget_mb)
        self._history: list[Op] = []

    def observe(self, op: Op) -> None:
        """Raises MalformedHistoryError or ModelError when the op fits neither the history nor the model."""
        self._keys.observe(op)
        self._history.append(op)

    def violated(self) -> bool:
        """Whether the ops observed so far are already impossible."""
        return self._keys.violated()

    def verdict(self) -> Verdict:
        """The verdict on the ops so far: that of the batch."""
        decided = self._keys.decided()
        if decided is None:
            return self.result().verdict
        return "valid" if decided else "invalid"

    def result(self) -> Result:
        """The batch's result on the ops so far, with anomalies and explanations."""
        return self._batch.check(Record(self._history))


def _coverage(model: Model, keys: Iterable[KeyHistory]) -> dict[str, Any]:
    histories = list(keys)
    completed = sum(o.end is not None for key in histories for o in key.operations)
    return {
        "model": model.name,
        "keys": len(histories),
        "operations": completed,
        "crashed": sum(len(key.operations) for key in histories) - completed,
        "failed": sum(len(key.failed) for key in histories),
    }


def _peak_mb() -> float:
    """Of the whole process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1_000_000 if sys.platform == "darwin" else 1_000), 1)


class _RegisterJudge:
    def __init__(self, history: KeyHistory, model: Model) -> None:
        self.history = history
        self.case = register_case(history, model)

    def anomaly(self, budget: Budget, *, told: bool) -> Anomaly | None:
        position = _register_search.search(self.case.acts, budget)
        if position is None:
            return None
        if told:
            return explain(self.case)
        return _untold(self.history, self.case.model, position)


class _StateJudge:
    def __init__(self, history: KeyHistory, model: Model) -> None:
        self.history = history
        self.model = model

    def anomaly(self, budget: Budget, *, told: bool) -> Anomaly | None:
        deeds = [deed(operation) for operation in self.history.operations]
        position, states = _state_search.search(self.model, deeds, budget)
        if position is None:
            return None
        if not told:
            return _untold(self.history, self.model, position)
        return _state_anomaly(self.history, self.model, position, states)


def _judge(history: KeyHistory, model: Model) -> _RegisterJudge | _StateJudge:
    """Raises ModelError for an operation that the model does not know."""
    return _StateJudge(history, model) if model.effect is None else _RegisterJudge(history, model)


def _untold(history: KeyHistory, model: Model, position: int) -> Anomaly:
    known = [o for o in history.operations if o.begin <= position]
    return Anomaly(
        "nonlinearizable",
        [index for o in known[-1:] for index in o.indexes],
        explanation=f"The operations on key {value(history.key)} have no order either.",
        data={"key": history.key, "model": model.name, "kind": "no possible order"},
    )


def _state_anomaly(history: KeyHistory, model: Model, position: int, states: list[Any]) -> Anomaly:
    """Of a model without foresight: the operation that no state allows, and what was going on around it."""
    culprit = next(o for o in history.operations if o.end == position)
    around = [
        o for o in history.operations if o.begin < position and (o.end is None or o.end >= culprit.begin)
    ]
    teller = Teller(history.key, around)
    possible = [thaw(state) for state in states]
    shown = ", ".join(value(state) for state in possible[:10]) + (" ..." if len(possible) > 10 else "")
    indexes = sorted(index for o in around for index in o.indexes)
    told = [teller.sentence(o) for o in around if o is not culprit]
    told.append(teller.sentence(culprit))
    told.append(
        f"By then {teller.object} can only have been in one of these states: {shown}; in none of them, nor in any "
        f"that the operations open at that time lead to, does the model {model.name} allow this. No order of the "
        "operations up to here that respects real time explains it."
    )
    return Anomaly(
        "nonlinearizable",
        indexes,
        explanation=" ".join(told),
        data={
            "key": history.key,
            "model": model.name,
            "kind": "no possible order",
            "window": [indexes[0], indexes[-1]],
            "op": culprit.ended().index,
            "first_impossible": culprit.ended().index,
            "states": possible,
            "impossible": [culprit.ended().index],
            "final_paths": [],
        },
    )
