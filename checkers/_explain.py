"""Why the operations on one object have no order: the smallest window, its kind, and plain sentences about it.

Words are made of the core alone, a few operations; what the rest of the history adds is asked of its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from checkers import search, table
from checkers._acts import NONE, cut
from checkers._budget import Budget, BudgetExceededError, effort
from checkers._case import Case, conflict_of
from checkers._reasons import reason_of
from checkers._shrink import Item, paths, shrink
from checkers._tell import Teller, told_operation, value
from checkers.columns import Int64
from checkers.engines import INVALID, UNKNOWN, Engine
from checkers.models import Model, Role, thaw
from checkers.objects import Objects
from checkers.result import Anomaly

IMPOSSIBLE_MAX = 8
"""operations that are named as impossible, of one key"""
IMPOSSIBLE_EFFORT = 1_000_000
"""operations to look at again for those"""
STATES_EFFORT = 20_000
"""configurations to explore for the possible states before the impossible completion"""
EXPLAIN_EFFORT = 3_000_000
"""configurations to explore for one key's explanation: counted, not timed, so that it is the same
everywhere
"""
CORE_MAX = 5000
"""operations beyond which nothing is shrunk"""


def explain(objects: Objects, model: Model, engine: Engine, position: int) -> Anomaly:
    """The anomaly of the only key of ``objects``, known to be impossible at ``position``.

    When the effort ends it is only coarser.
    """
    position = first_impossible(objects, model, engine, position)
    if model.roles is None or Role.OTHER in objects.roles or Role.MISMATCH in objects.roles:
        return _state_anomaly(objects, model, engine, position)
    return _register_anomaly(Case(objects, model), engine, position)


def first_impossible(objects: Objects, model: Model, engine: Engine, position: int) -> int:
    """The first completion at which the ops so far have no order; they have none at ``position``."""
    if engine.first is not None:
        return engine.first(objects, model, position)
    ends = np.sort(objects.end[objects.end <= position])
    low, high = 0, len(ends) - 1  # prefixes are closed: an impossible one stays impossible when it grows
    budget = effort(EXPLAIN_EFFORT)
    while low < high:
        middle = (low + high) // 2
        status = engine.decide(objects.until(int(ends[middle])), model, budget).status[0]
        if status == UNKNOWN:
            return position
        if status == INVALID:
            high = middle
        else:
            low = middle + 1
    return int(ends[low])


def _register_anomaly(case: Case, engine: Engine, position: int) -> Anomaly:
    budget = effort(EXPLAIN_EFFORT)
    core = _core(case, engine, position, budget)
    last = case.at(position)
    culprit = _culprit(core, last)
    conflict = conflict_of(core, culprit)
    teller = Teller(case.key, [case.operation(number) for number, _ in core])
    kind, reason, more = reason_of(case, core, culprit, conflict, teller)
    operations = [case.operation(number) for number, _ in core] + more
    told = [teller.sentence(case.operation(n)) for n, _ in core if n != culprit]
    told.append(teller.sentence(case.operation(culprit)))
    told += reason
    indexes = sorted(index for operation in operations for index in operation.indexes)
    return Anomaly(
        type="nonlinearizable",
        op_indexes=indexes,
        explanation=" ".join(told),
        data={
            "key": case.key,
            "model": case.model.name,
            "kind": kind,
            "window": [indexes[0], indexes[-1]],
            "op": case.operation(culprit).ended().index,
            "first_impossible": case.operation(last).ended().index,
            "states": _states(case, engine, position),
            "impossible": _impossible(case, engine, culprit, budget),
            "final_paths": [[case.operation(number).invoke.index for number in path] for path in paths(core)],
        },
    )


def _core(case: Case, engine: Engine, position: int, budget: Budget) -> list[Item]:
    """Few operations, as known at the position, that are impossible in every history that holds them."""
    if engine.core is not None:
        numbers = sorted(engine.core(case.objects, case.model, position))
    else:
        numbers = np.flatnonzero(case.begin <= position).tolist()
    items = [(n, act) for n in numbers if (act := cut(case.act(n), position)) is not None]
    return shrink(items, budget) if len(items) <= CORE_MAX else items


def _culprit(core: Sequence[Item], last: int) -> int:
    """The operation to be called impossible: the observer that ended last (of a possible history none
    did).
    """
    ends = [(act.end, number) for number, act in core if act.need != NONE and act.end is not None]
    return max(ends)[1] if ends else last


def _states(case: Case, engine: Engine, position: int) -> list[Any]:
    """The values the register may have held before the impossible completion."""
    codes = (engine.states or search.states)(case.objects, case.model, position)
    return [thaw(case.registers.value(code)) for code in codes]


def _impossible(case: Case, engine: Engine, culprit: int, budget: Budget) -> list[int]:
    """The completions that have to go, one after the other, until the rest is possible; the first of them at
    most.
    """
    need = case.need.copy()
    out: list[int] = []
    current: int | None = culprit
    rounds = min(IMPOSSIBLE_MAX, 1 + IMPOSSIBLE_EFFORT // len(need))
    while current is not None:
        out.append(case.operation(current).ended().index)
        if len(out) == rounds:
            break
        need[current] = NONE  # what then neither needs nor puts is passed over
        current = _next_impossible(case, engine, need, budget)
    return sorted(out)


def _next_impossible(case: Case, engine: Engine, need: Int64, budget: Budget) -> int | None:
    kept = np.flatnonzero((need != NONE) | (case.put != NONE))
    rest = case.objects.among(kept)
    rest.registers = case.registers._replace(need=need[kept], put=case.put[kept])
    found = engine.decide(rest, case.model, budget)
    if found.status[0] != INVALID:
        return None
    less = Case(rest, case.model)
    position = first_impossible(rest, case.model, engine, int(found.position[0]))
    last = less.at(position)
    if less.need[last] == NONE:
        last = _culprit(_core(less, engine, position, budget), last)
    return int(kept[last]) if less.need[last] != NONE else None


def untold(objects: Objects, model: Model, position: int) -> Anomaly:
    """The anomaly of a key when enough have been told already."""
    operation = told_operation(objects, int(np.flatnonzero(objects.begin <= position)[-1]))
    return Anomaly(
        "nonlinearizable",
        operation.indexes,
        explanation=f"The operations on key {value(objects.key(0))} have no order either.",
        data={"key": objects.key(0), "model": model.name, "kind": "no possible order"},
    )


def _state_anomaly(objects: Objects, model: Model, engine: Engine, position: int) -> Anomaly:
    """Of any model: the operation that no state allows, and what was going on around it."""
    key = objects.key(0)
    culprit = int(np.flatnonzero(objects.end == position)[0])
    if engine.core is not None:
        numbers = sorted(engine.core(objects, model, position))
    else:
        near = (objects.begin < position) & (objects.end >= objects.begin[culprit])
        numbers = np.flatnonzero(near).tolist()
    around = [told_operation(objects, n, until=position) for n in numbers]
    it = told_operation(objects, culprit)
    teller = Teller(key, around)
    try:
        states = table.states_before(objects, model, position, effort(STATES_EFFORT))
        possible = [thaw(state) for state in states]
    except BudgetExceededError:
        possible = []
    told = [teller.sentence(o) for o, n in zip(around, numbers, strict=True) if n != culprit]
    told.append(teller.sentence(it))
    if possible:
        shown = ", ".join(value(state) for state in possible[:10]) + (" ..." if len(possible) > 10 else "")
        told.append(
            f"By then {teller.object} can only have been in one of these states: {shown}; in none of them, nor in "
            f"any that the operations open at that time lead to, does the model {model.name} allow this."
        )
    told.append("No order of the operations up to here that respects real time explains it.")
    indexes = sorted({index for o in [*around, it] for index in o.indexes})
    return Anomaly(
        "nonlinearizable",
        indexes,
        explanation=" ".join(told),
        data={
            "key": key,
            "model": model.name,
            "kind": "no possible order",
            "window": [indexes[0], indexes[-1]],
            "op": it.ended().index,
            "first_impossible": it.ended().index,
            "states": possible,
            "impossible": [it.ended().index],
            "final_paths": [],
        },
    )
