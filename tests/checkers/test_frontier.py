"""The search op by op: what the batch finds, when it finds it, with little memory."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import pytest

from checkers.linearizability import frontier as _frontier
from checkers.linearizability.budget import Budget, BudgetExceededError, effort
from checkers.linearizability.frontier import Deed, Frontier
from checkers.models import CAS_REGISTER, Model
from tests.checkers.test_search import Batch, busy

PLAIN = Model("plain", None, CAS_REGISTER.step, CAS_REGISTER.reads)


def events(steps):
    """(position, number, deed, whether it completes)."""
    out = []
    for number, (f, invoked, completed, begin, end) in enumerate(steps):
        deed = Deed(f, invoked, None if end is None else completed, begin, end)
        out.append((begin, number, deed, False))
        if end is not None:
            out.append((end, number, deed, True))
    return sorted(out, key=lambda event: event[0])


def violated(frontier, steps):
    for position, number, deed, completes in events(steps):
        if not completes:
            frontier.invoke(number, deed)
        elif not frontier.complete(number):
            return position
    return -1


@pytest.mark.parametrize("model", [CAS_REGISTER, PLAIN], ids=["register", "any model"])
def test_finds_a_violation_at_the_first_completion_that_is_impossible(model):
    random = Random(5)
    seen = []
    for _ in range(150):
        steps = busy(
            random, 40, random.randint(2, 6), random.choice([2, 4, 1000]), random.choice([0, 0.1]), 0.05
        )
        ((_, want),), _ = Batch([steps]).decide()
        assert violated(Frontier(model, Budget(60, 1000)), steps) == want, steps
        seen.append(want)
    assert 20 < seen.count(-1) < 130


@pytest.mark.parametrize("model", [CAS_REGISTER, PLAIN], ids=["register", "any model"])
def test_a_copy_goes_on_by_itself(model):
    steps = busy(Random(2), 60, 5, 3, 0.1, 0)
    frontier = Frontier(model, Budget(60, 1000))
    for at, (position, number, deed, completes) in enumerate(events(steps)):
        if at % 10 == 0:
            twin = frontier.copy()
            twin.invoke(-1, Deed("read", None, 77, position, position + 1))
            assert not twin.complete(-1)
        if completes:
            assert frontier.complete(number)
        else:
            frontier.invoke(number, deed)


def test_numbers_of_values_that_are_over_are_used_again():
    frontier = Frontier(CAS_REGISTER, Budget(60, 1000))
    steps = [step for n in range(2000) for step in _written_and_read(n, 4 * n)]
    assert violated(frontier, steps) == -1
    assert frontier._kind._values == _frontier.VALUES
    assert len(frontier._kind._numbers) <= _frontier.VALUES


def test_more_values_may_be_in_use_than_there_was_room_for():
    frontier = Frontier(CAS_REGISTER, Budget(60, 1000))
    writes = [("write", n, None, n, 1000 + n) for n in range(150)]
    reads = [("read", None, n, 200 + 2 * n, 201 + 2 * n) for n in range(149, -1, -1)]
    assert violated(frontier, [*writes, *reads]) == -1
    assert (
        violated(Frontier(CAS_REGISTER, Budget(60, 1000)), [*writes, *reads, ("read", None, 9, 600, 601)])
        == 601
    )


def test_states_and_classes_that_are_over_are_let_go(monkeypatch):
    monkeypatch.setattr(_frontier, "STEPS_MAX", 100)
    frontier = Frontier(PLAIN, Budget(60, 1000))
    steps = [step for n in range(2000) for step in _written_and_read(n, 4 * n)]
    assert violated(frontier, steps) == -1
    assert len(frontier._kind._steps._states) < 120
    assert len(frontier._kind._steps._classes) < 120


def _written_and_read(value, at):
    return [("write", value, None, at, at + 1), ("read", None, value, at + 2, at + 3)]


def test_where_not_everything_was_tried_nothing_is_called_impossible(monkeypatch):
    monkeypatch.setattr(_frontier, "EFFORT", 300)
    random = Random(9)
    steps = busy(random, 300, 6, 5, 0.2, 0)
    frontier = Frontier(CAS_REGISTER, Budget(60, 1000))
    assert violated(frontier, steps) == -1
    frontier.invoke(-1, Deed("read", None, 77, 10_000, 10_001))
    with pytest.raises(BudgetExceededError, match="crashed operations left too many possibilities"):
        frontier.complete(-1)


def test_a_spent_budget_is_told_and_a_new_one_may_be_given():
    frontier = Frontier(CAS_REGISTER, effort(50))
    steps = busy(Random(3), 200, 6, 4, 0.1, 0)
    with pytest.raises(BudgetExceededError, match="50 configurations were explored"):
        violated(frontier, steps)
    frontier = Frontier(CAS_REGISTER, effort(5))
    frontier.budget = Budget(60, 1000)
    assert violated(frontier, steps) == -1
