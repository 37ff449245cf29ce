"""Why the operations on one object have no order: the smallest window, its kind, and plain sentences about it.

Words are made of the core alone, a few operations; what the rest of the history adds is asked of its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from checkers.linearizability import table
from checkers.linearizability.acts import NONE, Item, paths
from checkers.linearizability.budget import BudgetExceededError, effort
from checkers.linearizability.case import Case, conflict_of
from checkers.linearizability.dissect import Scalpel
from checkers.linearizability.engines import INVALID, UNKNOWN, Engine
from checkers.linearizability.objects import Objects
from checkers.linearizability.reasons import reason_of
from checkers.linearizability.tell import Teller, told_operation, told_operations, value
from checkers.models import Model, Role, thaw
from checkers.result import Anomaly

SEARCHED_MAX = 20_000
"""operations of a key that are searched for further impossible completions when its engine needed no search"""
STATES_EFFORT = 20_000
"""configurations to explore for the possible states before the impossible completion"""
EXPLAIN_EFFORT = 3_000_000
"""configurations to explore for one key's explanation: counted, not timed, so that it is the same
everywhere
"""


class _Found(NamedTuple):
    """The first impossible completion; few operations, as known there, that are impossible in every history that
    holds them; codes of the values before it; completions that are impossible.
    """

    position: int
    core: list[Item]
    states: Sequence[int]
    impossible: list[int]


def explain(objects: Objects, model: Model, engine: Engine, position: int) -> Anomaly:
    """The anomaly of the only key of ``objects``, known to be impossible at ``position``.

    When the effort ends it is only coarser.
    """
    if model.roles is None or objects.with_role(Role.OTHER) or objects.with_role(Role.MISMATCH):
        position = first_impossible(objects, model, engine, position)
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
    position, core, states, impossible = _found(case, engine, position)
    case.know(core)
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
            "states": [thaw(case.registers.value(code)) for code in states],
            "impossible": sorted(case.index(at) for at in impossible),
            "final_paths": [[case.operation(number).invoke.index for number in path] for path in paths(core)],
        },
    )


def _found(case: Case, engine: Engine, position: int) -> _Found:
    if engine.core is not None and engine.first is not None and engine.states is not None:
        position = engine.first(case.objects, case.model, position)
        core = Scalpel(case.objects, sorted(engine.core(case.objects, case.model, position)))
        states = engine.states(case.objects, case.model, position)
        impossible = [position]
        if len(case.begin) <= SEARCHED_MAX:
            impossible = Scalpel(case.objects).dissect(position).impossible or impossible
    else:
        core = Scalpel(case.objects)
        impossible, states = core.dissect(position)
        if impossible:
            position = impossible[0]
    return _Found(position, core.shrink(position), states, impossible)


def _culprit(core: Sequence[Item], last: int) -> int:
    """The operation to be called impossible: the observer that ended last (of a possible history none
    did).
    """
    ends = [(act.end, number) for number, act in core if act.need != NONE and act.end is not None]
    return max(ends)[1] if ends else last


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
    around = told_operations(objects, numbers, until=position)
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
