"""Linearizability: is there one order of all operations that respects real time and the model? (Herlihy,
Wing 1990)

Ops are paired and split by key (an object each; linearizability is local) in columns; engines (engines.py)
decide the keys, each all that the ones before it declined; where no order exists the smallest window that shows
it is told in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from checkers.columns import Int8, Int64, columnar
from checkers.history import Op
from checkers.linearizability.budget import Budget
from checkers.linearizability.engines import DECLINED, INVALID, UNKNOWN, Engine, engine_named
from checkers.linearizability.objects import Objects, Tally, grouped
from checkers.memory import peak_mb
from checkers.models import CAS_REGISTER, MODELS, Model, ModelError, beginning, own
from checkers.record import Record
from checkers.result import Anomaly, Cost, Result

NAME = "linearizability"
BUDGET_S = 60.0
BUDGET_MB = 1000.0
EXPLAINED_KEYS_MAX = 20
"""keys whose violation is shrunk and told; further ones are only named"""


def model_named(name: str) -> Model:
    """The model of that name, or in that file (``mymodel.py:MODEL``). Raises ModelError, with the nearest name."""
    if own.is_in_file(name):
        return own.from_file(name)
    found = MODELS.get(name)
    if found is None:
        near = get_close_matches(name, sorted(MODELS), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ModelError(f"no model is called {name!r}, only {', '.join(sorted(MODELS))}{hint}")
    return found


def model_of(options: Mapping[str, Any], given: Model | None = None) -> Model:
    """The model that a record's options ask for: ``model``, and ``initial``, what a register begins with."""
    model = given or options.get("model", CAS_REGISTER)
    if not isinstance(model, Model):
        model = model_named(str(model))
    return beginning(model, options["initial"]) if "initial" in options else model


class Decided(NamedTuple):
    """By key: what engines decided (as in Decisions), and which of ``engines`` it was."""

    status: Int8
    position: Int64
    why: dict[int, str]
    by: Int8
    engines: list[Engine]

    def counts(self) -> dict[str, int]:
        """Keys decided, by engine."""
        done = self.by[self.status < UNKNOWN]
        sizes = np.bincount(done, minlength=len(self.engines)).tolist()
        return {engine.name: size for engine, size in zip(self.engines, sizes, strict=True) if size}


class Linearizability:
    """The checker. ``model`` is a name or a model; ``budget_s`` (wall clock) and ``budget_mb`` (an estimate of the
    search's sets) bound the search of all keys together, and what they do not reach is ``unknown``; ``engine``
    names the only one to be asked. What is None is taken from the record's options of the same names, then from the
    defaults. The option ``initial`` is what a register begins with (nothing, else).
    """

    name = NAME
    anomalies = ("nonlinearizable",)

    def __init__(
        self,
        model: str | Model | None = None,
        *,
        budget_s: float | None = None,
        budget_mb: float | None = None,
        engine: str | None = None,
    ) -> None:
        """Raises ModelError for a model or an engine that does not exist."""
        self.model = model_named(model) if isinstance(model, str) else model
        self.budget_s = budget_s
        self.budget_mb = budget_mb
        self.engine = engine
        if engine is not None:
            engine_named(engine)

    def check(self, record: Record) -> Result:
        """Judge a record.

        Raises MalformedHistoryError when its ops do not pair up, and ModelError for a model or an engine that does
        not exist or a model that does not know an operation of the history.
        """
        started = perf_counter()
        result = self._check(record)
        result.cost = Cost(elapsed_s=round(perf_counter() - started, 6), peak_mb=peak_mb())
        return result

    def _check(self, record: Record) -> Result:
        options = record.options
        model = model_of(options, self.model)
        budget = Budget(
            _first(self.budget_s, options.get("budget_s"), BUDGET_S),
            _first(self.budget_mb, options.get("budget_mb"), BUDGET_MB),
        )
        forced = self.engine or options.get("engine")
        engines = (str(forced),) if forced is not None else model.engines
        objects, tally = grouped(columnar(record.history), model)
        coverage = coverage_of(model, tally)
        if not tally.ok:
            # as Knossos judges such a file; of a run in which nothing succeeded, "stats" makes an unknown one
            if len(record.history):
                why = "nothing to contradict: no operation succeeded"
                return Result("valid", NAME, why=why, coverage=coverage)
            return Result("unknown", NAME, why="nothing was checked: no operation", coverage=coverage)
        decided = decide(objects, model, map(engine_named, engines), budget)
        return _result(objects, model, decided, coverage)


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def check(history: Sequence[Op], model: str | Model = CAS_REGISTER, **options: Any) -> Result:
    """Judge a history on its own: ``check(ops, "register", budget_s=10)``."""
    return Linearizability(model, **options).check(Record(history))


def decide(objects: Objects, model: Model, engines: Iterable[Engine], budget: Budget) -> Decided:
    """Ask engines in order, each for the keys that all before it declined."""
    left = iter(engines)
    first = next(left)
    decided = Decided(*first.decide(objects, model, budget), np.zeros(objects.keys, np.uint8), [first])
    while len(keys := np.flatnonzero(decided.status == DECLINED)) and (engine := next(left, None)):
        found = engine.decide(objects.some(keys), model, budget)
        decided.status[keys] = found.status
        decided.position[keys] = found.position
        decided.by[keys] = len(decided.engines)
        decided.why.update({int(keys[key]): reason for key, reason in found.why.items()})
        decided.engines.append(engine)
    return decided


def _result(objects: Objects, model: Model, decided: Decided, coverage: dict[str, Any]) -> Result:
    status = decided.status
    statuses = np.bincount(status, minlength=DECLINED + 1).tolist()
    open_keys = statuses[UNKNOWN] + statuses[DECLINED]
    coverage["keys_decided"] = coverage["keys"] - open_keys
    coverage["engines"] = decided.counts()
    if statuses[INVALID]:
        from checkers.linearizability.explain import explain, untold  # noqa: PLC0415 (words only where they are due)

        anomalies = []
        invalid = np.flatnonzero(status == INVALID)
        first = invalid[np.argsort(decided.position[invalid], kind="stable")].tolist()
        for count, key in enumerate(first):
            position, engine = int(decided.position[key]), decided.engines[decided.by[key]]
            if count < EXPLAINED_KEYS_MAX:
                anomalies.append(explain(objects.only(key), model, engine, position))
            else:
                anomalies.append(untold(objects.only(key), model, position))
        anomalies.sort(key=_last_op)
        return Result("invalid", NAME, anomalies, coverage=coverage)
    if open_keys:
        from checkers.linearizability.tell import value  # noqa: PLC0415

        unknown = np.flatnonzero((status == UNKNOWN) | (status == DECLINED))
        key = int(unknown[np.argmin(decided.position[unknown])])
        more = f" (and {open_keys - 1} more)" if open_keys > 1 else ""
        why = decided.why.get(key, "no engine can decide it")
        if status[key] == DECLINED:
            why = f"engine {decided.engines[decided.by[key]].name} does not apply: {why}"
        return Result(
            "unknown",
            NAME,
            why=f"{why} on key {value(objects.key(key))}{more}",
            coverage=coverage,
            proved_prefix=max(int(decided.position[key]), 0),
        )
    return Result("valid", NAME, coverage=coverage)


def _last_op(anomaly: Anomaly) -> int:
    return anomaly.op_indexes[-1]


def coverage_of(model: Model, tally: Tally) -> dict[str, Any]:
    return {
        "model": model.name,
        "keys": tally.keys,
        "operations": tally.ok,
        "crashed": tally.crashed,
        "failed": tally.failed,
    }
