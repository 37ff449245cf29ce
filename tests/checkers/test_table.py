"""The compiled search for any model, against a brute-force twin, the search for registers, and itself uncompiled."""

from __future__ import annotations

from itertools import combinations, permutations
from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import numpy as np
import pytest

from checkers.columns import columnar
from checkers.history import Op
from checkers.linearizability import search, table
from checkers.linearizability.budget import Budget, effort
from checkers.linearizability.engines import INVALID, UNKNOWN, VALID
from checkers.linearizability.objects import grouped
from checkers.models import CAS_REGISTER, INCONSISTENT, Model
from tests.checkers.linearizability.steps import history
from tests.checkers.test_search import busy
from tests.kernels import uncompiled


def queue_step(state, f, invoked, completed, known):
    if f == "enqueue":
        return (*state, invoked)
    if not state:
        return INCONSISTENT
    return state[1:] if not known or completed == state[0] else INCONSISTENT


def lock_step(state, f, invoked, completed, known):
    del invoked, completed, known
    if f == "acquire":
        return INCONSISTENT if state else True
    return False if state else INCONSISTENT


def set_step(state, f, invoked, completed, known):
    if f == "add":
        return state | {invoked}
    if f == "remove":
        return state - {invoked}
    return state if not known or completed == (("bool", invoked in state)) else INCONSISTENT


def growing_step(state, f, invoked, completed, known):
    if f == "append":
        return (*state, invoked)
    return state if not known or completed == state else INCONSISTENT


QUEUE = Model("queue", (), queue_step)
LOCK = Model("lock", False, lock_step)
SET = Model("set", frozenset(), set_step, frozenset({"contains"}))
LOG = Model("log", (), growing_step, frozenset({"read"}))
OPERATIONS = {
    "queue": (QUEUE, [("enqueue", 1), ("enqueue", 2), ("dequeue", None), ("dequeue", None)]),
    "lock": (LOCK, [("acquire", None), ("release", None)]),
    "set": (SET, [("add", 1), ("remove", 1), ("contains", 1), ("add", 2), ("contains", 2)]),
    "log": (LOG, [("append", 1), ("append", 2), ("read", None)]),
}


def possible(model, steps):
    """Every order of all that completed and any that crashed."""
    over = [step for step in steps if step[4] is not None]
    maybe = [step for step in steps if step[4] is None and step[0] not in model.reads]
    return any(
        legal(model, order)
        for size in range(len(maybe) + 1)
        for some in combinations(maybe, size)
        for order in permutations([*over, *some])
    )


def legal(model, order):
    state = model.initial
    for i, (f, invoked, completed, begin, end) in enumerate(order):
        if any(later[4] is not None and later[4] < begin for later in order[i + 1 :]):
            return False
        state = model.step(state, f, invoked, completed, end is not None)
        if state is INCONSISTENT:
            return False
    return True


def first_impossible(model, steps):
    for at in sorted(end for *_, end in steps if end is not None):
        known = [
            (
                f,
                i,
                c if end is not None and end <= at else None,
                b,
                end if end is not None and end <= at else None,
            )
            for f, i, c, b, end in steps
            if b <= at
        ]
        if not possible(model, known):
            return at
    return -1


def answer(random, name, state, f, invoked):
    """What the object says; sometimes something else."""
    lie = random.random() < 0.25
    if f == "dequeue":
        return random.choice([1, 2]) if lie or not state else state[0]
    if f == "contains":
        return ("bool", (invoked in state) != lie)
    if f == "read":
        return (*state, 2) if lie else state
    del name
    return None


def sampled(random, name, size):
    model, operations = OPERATIONS[name]
    order = [*range(size), *range(size)]
    random.shuffle(order)
    relabel = {}
    for i in order:
        relabel.setdefault(i, len(relabel))
    order = [relabel[i] for i in order]
    state, steps = model.initial, []
    for i in range(size):
        begin, end = order.index(i), 2 * size - 1 - order[::-1].index(i)
        f, invoked = random.choice(operations)
        completed = answer(random, name, state, f, invoked)
        after = model.step(state, f, invoked, completed, True)
        state = state if after is INCONSISTENT else after
        steps.append((f, invoked, completed, begin, end))
        if random.random() < 0.2:
            steps[-1] = (f, invoked, None, begin, None)
    return steps


def objects_of(keys, model):
    """One object per list of steps; values are thawed as a history has them."""
    ops, base = [], 0
    for key, steps in enumerate(keys):
        for number, (f, invoked, completed, begin, end) in enumerate(steps):
            process = base + number
            ops.append((base + begin, process, "invoke", f, key, invoked))
            if end is not None:
                told = (
                    completed[1] if isinstance(completed, tuple) and completed[:1] == ("bool",) else completed
                )
                told = list(told) if isinstance(told, tuple) else told
                ops.append((base + end, process, "ok", f, key, told if completed is not None else invoked))
        base += 2 * len(steps)
    ops.sort(key=lambda op: op[0])
    rows = [Op(i, i, p, t, f, key, value) for i, (_, p, t, f, key, value) in enumerate(ops)]
    places = [at for at, *_ in ops]
    return grouped(columnar(rows), model)[0], places


@pytest.mark.parametrize("name", OPERATIONS)
def test_agrees_with_brute_force_and_names_the_first_impossible_completion(name):
    model = OPERATIONS[name][0]
    random = Random(4)
    keys = [sampled(random, name, random.randint(3, 6)) for _ in range(400)]
    keys = [steps for steps in keys if any(s[4] is not None or s[0] not in model.reads for s in steps)]
    objects, places = objects_of(keys, model)
    found = table.decide(objects, model, Budget(60, 1000))
    number = dict(enumerate(objects.key(i) for i in range(objects.keys)))
    base = np.cumsum([0] + [2 * len(steps) for steps in keys])
    seen = []
    for at in range(objects.keys):
        steps = keys[number[at]]
        first = first_impossible(model, steps)
        seen.append(first)
        assert found.status[at] == (VALID if first == -1 else INVALID), steps
        if first != -1:
            assert places[found.position[at]] - base[number[at]] == first, steps
    assert 0.15 < sum(first == -1 for first in seen) / len(seen) < 0.95


def test_agrees_with_the_search_for_registers_on_long_histories():
    random = Random(6)
    statuses = []
    for _ in range(100):
        steps = busy(
            random, 40, random.randint(2, 6), random.choice([2, 4, 50]), random.choice([0, 0.1]), 0.1
        )
        objects = grouped(columnar(history(steps)), CAS_REGISTER)[0]
        ours = table.decide(objects, CAS_REGISTER, Budget(60, 1000))
        its = search.decide(objects, CAS_REGISTER, Budget(60, 1000))
        assert (ours.status[0], ours.position[0]) == (its.status[0], its.position[0]), steps
        statuses.append(int(ours.status[0]))
    assert {VALID, INVALID} == set(statuses)


def test_gives_the_same_uncompiled(monkeypatch):
    random = Random(7)
    keys = [sampled(random, "queue", random.randint(3, 7)) for _ in range(60)]
    objects, _ = objects_of(keys, QUEUE)
    compiled = table.decide(objects, QUEUE, Budget(60, 1000))
    monkeypatch.setattr(table, "table", uncompiled("table", "slots", "memo", "configurations"))
    monkeypatch.setattr(table, "view", memoryview)
    plain = table.decide(objects, QUEUE, Budget(600, 1000))
    assert plain.status.tolist() == compiled.status.tolist()
    assert plain.position.tolist() == compiled.position.tolist()


def test_asks_the_model_once_for_each_state_and_class_and_lets_go_of_states_that_are_over(monkeypatch):
    monkeypatch.setattr(table, "STEPS_MAX", 50)
    asked, held = [], []

    def step(state, f, invoked, completed, known):
        asked.append((state, f, invoked, completed))
        return growing_step(state, f, invoked, completed, known)

    keep = table.Steps.keep

    def kept(self, numbers, classes):
        keep(self, numbers, classes)
        held.append(len(self.states))

    monkeypatch.setattr(table.Steps, "keep", kept)
    steps = [("append", n % 3, None, 2 * n, 2 * n + 1) for n in range(300)]
    objects, _ = objects_of([steps], LOG)
    assert (
        table.decide(objects, Model("log", (), step, frozenset({"read"})), Budget(60, 1000)).status[0]
        == VALID
    )
    assert len(asked) == len(set(asked)) == 300
    assert held
    assert max(held) <= 2  # the initial state, which every key begins with, and the present one


def test_more_operations_may_be_pending_than_a_word_has_bits():
    steps = [("add", n % 2, None, n, 400 + n) for n in range(150)]
    steps += [("contains", n % 2, ("bool", True), 150 + n, 300 + n) for n in range(50)]
    objects, _ = objects_of([steps], SET)
    assert table.decide(objects, SET, Budget(60, 1000)).status[0] == VALID
    steps.append(("contains", 9, ("bool", True), 370, 390))
    objects, places = objects_of([steps], SET)
    found = table.decide(objects, SET, Budget(60, 1000))
    assert (found.status[0], places[found.position[0]]) == (INVALID, 390)


def test_a_spent_budget_is_unknown_and_the_proved_prefix_is_possible():
    steps = [("enqueue", n, None, n, 100 + n) for n in range(8)]
    steps += [("dequeue", None, n, 200 + n, 300 + n) for n in range(8, 0, -1)]
    objects, _ = objects_of([steps], QUEUE)
    for configurations in (10, 1000, 10_000):
        found = table.decide(objects, QUEUE, effort(configurations))
        assert found.status[0] == UNKNOWN
        assert found.why[0] == f"{configurations} configurations were explored"
        proved = objects.until(int(found.position[0]))
        assert table.decide(proved, QUEUE, Budget(60, 1000)).status[0] == VALID
    found = table.decide(objects, QUEUE, Budget(60, 0.5))
    assert (found.status[0], found.why[0]) == (UNKNOWN, "the memory budget of 0.5 MB ran out")


def test_tells_the_states_before_the_first_impossible_completion():
    steps = [
        ("enqueue", 1, None, 0, 3),
        ("enqueue", 2, None, 1, 2),
        ("dequeue", None, 3, 4, 5),
    ]
    objects, _ = objects_of([steps], QUEUE)
    assert sorted(table.states_before(objects, QUEUE, 5, Budget(10, 100))) == [(1, 2), (2, 1)]
