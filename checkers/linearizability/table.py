"""The engine ``table``: any model, by its step (the inner loop: checkers/kernels/table.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkers.columns import Int64
from checkers.kernels import table, view
from checkers.linearizability.budget import Budget
from checkers.linearizability.engines import CRASHED, NONE, UNKNOWN, Decisions, Engine, Objects, undecided
from checkers.linearizability.purse import Purse, each_within
from checkers.linearizability.states import Call, States
from checkers.models import Model

STEPS_MAX = 100_000
"""steps to remember before states that are in no configuration any more are let go of"""


class Steps:
    """A model's states, and operations by classes: those that are alike in all that its step is given."""

    def __init__(self, model: Model) -> None:
        self.states = States(model)
        self.operations: list[Call] = []
        """by class"""

    def after(self, state: int, kind: int) -> int:
        """The number of the state after an operation, or NONE."""
        return self.states.step(state, self.operations[kind])

    def keep(self, numbers: list[int], classes: list[int]) -> None:
        """Forget all states but these and the initial one."""
        del classes
        self.states.keep((0, *numbers))

    def reads(self, model: Model) -> NDArray[np.uint8]:
        """By class: whether it never changes the state."""
        return np.array([operation[0] in model.reads for operation in self.operations] or [False], np.uint8)


def decide(objects: Objects, model: Model, budget: Budget) -> Decisions:
    decisions = undecided(objects.keys)
    status, position, why = decisions
    status[:] = UNKNOWN
    found, steps, kinds = _loaded(objects, model, budget)
    reads = view(steps.reads(model))
    arguments = _flat(objects.start), _flat(objects.begin), _flat(objects.end), kinds, reads
    results = view(status), view(position)
    each_within(found, objects.keys, lambda key: found.decide(key, *arguments, *results), position, why)
    return decisions


def first(objects: Objects, model: Model, position: int) -> int:
    """``decide`` finds the first impossible completion at once."""
    del objects, model
    return position


def states_before(objects: Objects, model: Model, position: int, budget: Budget) -> list[Any]:
    """The states that the only key may have been in before the completion at ``position``, if that is the first
    impossible one. Raises BudgetExceededError.
    """
    found, steps, kinds = _loaded(objects, model, budget)
    count = int(np.searchsorted(objects.begin, position))
    found.reads = view(steps.reads(model))
    at = found.key(_flat(objects.begin), _flat(objects.end), kinds, 0, count)
    return [steps.states[number] for number in found.states()] if at == position else []


def _loaded(objects: Objects, model: Model, budget: Budget) -> tuple[table.Table, Steps, Any]:
    """A search, the model's steps, and the operations' classes."""
    kinds, steps = _classes(objects, model)
    purse = Purse(budget, objects.keys)
    found = table.Table(purse.look, steps.after, steps.keep, STEPS_MAX)
    purse.search = found
    return found, steps, _flat(kinds)


def _classes(objects: Objects, model: Model) -> tuple[Int64, Steps]:
    """Operations alike in all that the model's step is given have one class."""
    invoked, completed, size, value = objects.arguments
    crashed = objects.end == CRASHED
    names = ((objects.f * (size + 1) + invoked + 1) * (size + 1) + completed + 1) * 2 + crashed
    _, firsts, kinds = np.unique(names, return_index=True, return_inverse=True)
    steps = Steps(model)
    for at in firsts.tolist():
        answered = int(completed[at])
        steps.operations.append(
            (
                objects.fs[objects.f[at]],
                value(int(invoked[at])),
                None if answered == NONE else value(answered),
                not crashed[at],
            )
        )
    return kinds.astype(np.int64, copy=False).reshape(-1), steps


def _flat(array: Int64) -> Any:
    return view(np.ascontiguousarray(array))


ENGINE = Engine("table", decide, first=first)
