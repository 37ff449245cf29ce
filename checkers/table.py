"""The engine ``table``: any model, by its step."""

from __future__ import annotations

from typing import Any

from checkers import _state_search
from checkers._budget import Budget, BudgetExceededError
from checkers._state_search import Deed
from checkers.engines import CRASHED, INVALID, NONE, UNKNOWN, VALID, Decisions, Engine, Objects, undecided
from checkers.models import Model


def decide(objects: Objects, model: Model, budget: Budget) -> Decisions:
    decisions = undecided(objects.keys)
    for key in range(objects.keys):
        deeds = _deeds(objects, int(objects.start[key]), int(objects.start[key + 1]))
        try:
            position, _ = _state_search.search(model, deeds, budget.share(objects.keys - key))
        except BudgetExceededError as e:
            decisions.status[key], decisions.position[key] = UNKNOWN, e.position
            decisions.why[key] = str(e)
            continue
        decisions.status[key] = VALID if position is None else INVALID
        decisions.position[key] = -1 if position is None else position
    return decisions


def states_before(objects: Objects, model: Model, position: int, budget: Budget) -> list[Any]:
    """The states that the only key may have been in before the completion at ``position``.

    Raises BudgetExceededError.
    """
    cut = objects.until(position)
    return _state_search.search(model, _deeds(cut, 0, len(cut.begin)), budget)[1]


def _deeds(objects: Objects, low: int, high: int) -> list[Deed]:
    invoked, completed, _, value = objects.arguments
    return [
        Deed(
            objects.fs[f],
            value(asked),
            None if answered == NONE else value(answered),
            begin,
            None if end == CRASHED else end,
        )
        for f, asked, answered, begin, end in zip(
            objects.f[low:high].tolist(),
            invoked[low:high].tolist(),
            completed[low:high].tolist(),
            objects.begin[low:high].tolist(),
            objects.end[low:high].tolist(),
            strict=True,
        )
    ]


ENGINE = Engine("table", decide)
