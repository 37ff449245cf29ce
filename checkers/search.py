"""The engine ``search``: registers whose values may be written more than once."""

from __future__ import annotations

from checkers import _register_search
from checkers._budget import Budget, BudgetExceededError
from checkers._register_search import INITIAL, Act
from checkers.engines import CRASHED, INVALID, NONE, UNKNOWN, VALID, Decisions, Engine, Objects, undecided
from checkers.models import Model, Role


def decide(objects: Objects, model: Model, budget: Budget) -> Decisions:
    """Declines keys with operations that have no role of a register."""
    del model
    registers, roles = objects.registers, objects.roles
    decisions = undecided(objects.keys)
    for key in range(objects.keys):
        low, high = int(objects.start[key]), int(objects.start[key + 1])
        if not set(roles[low:high].tolist()).isdisjoint((Role.OTHER, Role.MISMATCH)):
            decisions.why[key] = (
                "some of its operations are no reads, writes or compare-and-sets of one register"
            )
            continue
        codes = {registers.initial: INITIAL, NONE: NONE}
        acts = [
            Act(
                codes.setdefault(need, len(codes) - 1),
                codes.setdefault(put, len(codes) - 1),
                begin,
                None if end == CRASHED else end,
            )
            for need, put, begin, end in zip(
                registers.need[low:high].tolist(),
                registers.put[low:high].tolist(),
                objects.begin[low:high].tolist(),
                objects.end[low:high].tolist(),
                strict=True,
            )
        ]
        try:
            position = _register_search.search(acts, budget.share(objects.keys - key))
        except BudgetExceededError as e:
            decisions.status[key], decisions.position[key] = UNKNOWN, e.position
            decisions.why[key] = str(e)
            continue
        decisions.status[key] = VALID if position is None else INVALID
        if position is not None:  # found with foresight, perhaps before the first that is impossible
            ends = objects.end[low:high]
            decisions.position[key] = ends[ends != CRASHED].max()
    return decisions


ENGINE = Engine("search", decide)
