"""The compiled search for registers, against a brute-force twin and itself uncompiled."""

from __future__ import annotations

from array import array
from itertools import product
from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import pytest

from checkers.columns import columnar
from checkers.kernels import COMPILED, search
from checkers.linearizability import search as engine
from checkers.linearizability.budget import Budget, effort
from checkers.linearizability.dissect import Scalpel
from checkers.linearizability.engines import INVALID, UNKNOWN, VALID
from checkers.linearizability.objects import grouped
from checkers.models import CAS_REGISTER
from tests.checkers.linearizability.steps import history, intervals, sampled
from tests.checkers.twins import linearizable
from tests.kernels import uncompiled

CRASHED = 1 << 62
PLAIN = uncompiled("search", "slots", "pending", "steps", "moves")


def endless(explored: int, held: int) -> int:
    del explored, held
    return 1 << 40


class Batch:
    """Keys of steps (f, invoked, completed, begin, end), as a kernel takes them."""

    def __init__(self, keys, codes=None):
        self.codes = {None: 0} if codes is None else codes
        self.start = array("q", [0])
        self.begin, self.end, self.need, self.put = (array("q") for _ in range(4))
        for steps in keys:
            self._add(sorted(steps, key=lambda step: step[3]))
            self.start.append(len(self.begin))

    def _add(self, steps):
        for f, invoked, completed, begin, end in steps:
            if f == "read" and end is None:
                continue
            need, put = {"read": (completed, ...), "write": (..., invoked)}.get(f) or invoked
            self.begin.append(begin)
            self.end.append(CRASHED if end is None else end)
            self.need.append(self._code(need))
            self.put.append(self._code(put))

    def _code(self, value):
        return -1 if value is ... else self.codes.setdefault(value, len(self.codes))

    def loaded(self, module=search, look=endless):
        found = module.Search(look)
        found.load(self.begin, self.end, max(len(self.codes), 1 + max(self.codes.values())), self.longest())
        return found

    def longest(self):
        return max([1, *(b - a for a, b in zip(self.start, self.start[1:], strict=False))])

    def decide(self, module=search):
        """[(status, position)], and how many configurations that took."""
        found = self.loaded(module)
        keys = len(self.start) - 1
        status, position = array("B", [UNKNOWN] * keys), array("q", [-1] * keys)
        found.decide(0, self.start, self.need, self.put, self.codes[None], status, position)
        return list(zip(status, position, strict=True)), found.explored

    def attempt(self, **how):
        """The only key's verdict of one search: the position where it is impossible, or -1."""
        found = self.loaded()
        count = len(self.begin)
        values = found.number(0, 0, count, self.need, self.put, self.codes[None])
        options = {"width": 1 << 60, "exact": False, "thrift": False, "endless": False, **how}
        return found.key(0, count, values, *options.values()), found


def known(steps, position):
    """What was known at a position."""
    out = []
    for f, invoked, completed, begin, end in steps:
        if begin <= position:
            over = end is not None and end <= position
            out.append((f, invoked, completed if over else None, begin, end if over else None))
    return out


def first_impossible(steps):
    ends = sorted(end for *_, end in steps if end is not None)
    return next((at for at in ends if not linearizable(known(steps, at))), -1)


def wanted(steps):
    if linearizable(steps):
        return VALID, -1
    return INVALID, first_impossible(steps)


KINDS = [
    ("read", None, None),
    ("read", None, 1),
    ("write", 1, None),
    ("write", 2, None),
    ("cas", (None, 1), None),
    ("cas", (1, 2), None),
    ("cas", (2, 1), None),
]


def small(kinds, size, crashes=None):
    for chosen in product(kinds, repeat=size):
        for number, span in enumerate(intervals(size)):
            for crashed in range(1 << size) if crashes is None else [crashes[number % len(crashes)]]:
                yield [
                    (f, i, c, begin, None if crashed >> k & 1 else end)
                    for k, ((f, i, c), (begin, end)) in enumerate(zip(chosen, span, strict=True))
                ]


def test_agrees_with_brute_force_on_every_history_of_up_to_three_operations_and_names_the_first_impossible():
    histories = [steps for size in (1, 2, 3) for steps in small(KINDS, size)]
    found, _ = Batch(histories).decide()
    for steps, got in zip(histories, found, strict=True):
        assert got == wanted(steps), steps
    statuses = [status for status, _ in found]
    assert min(statuses.count(VALID), statuses.count(INVALID)) > 1000


def test_agrees_with_brute_force_on_every_order_of_four_operations_on_two_values():
    kinds = [("read", None, 1), ("write", 1, None), ("write", 2, None), ("cas", (1, 2), None)]
    histories = list(small(kinds, 4, (0, 1, 2, 4, 8)))
    found, _ = Batch(histories).decide()
    for steps, (status, _) in zip(histories, found, strict=True):
        assert (status == VALID) == linearizable(steps), steps


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_brute_force_on_sampled_histories(seed):
    random = Random(seed)
    histories = [sampled(random, random.randint(4, 6), random.randint(1, 4)) for _ in range(1500)]
    found, _ = Batch(histories).decide()
    for steps, got in zip(histories, found, strict=True):
        assert got == wanted(steps), steps
    invalid = sum(status == INVALID for status, _ in found)
    crashed = sum(any(end is None for *_, end in steps) for steps in histories)
    assert min(invalid, crashed) > 0.2 * len(histories)


def busy(random, size, processes, values, crash, lies):
    """A register under so many processes, whose operations take effect at any time between begin and end."""
    steps, state, pending, begun, position, idle = [], None, [], 0, 0, processes
    while begun < size or pending:
        if idle and begun < size and (not pending or random.random() < 0.5):
            f = random.choice(["read", "write", "cas"])
            value = random.randrange(values)
            old = random.choice([None, *range(values)])
            pending.append([f, {"read": None, "write": value, "cas": (old, value)}[f], None, position, None])
            position, begun, idle = position + 1, begun + 1, idle - 1
            continue
        at = random.randrange(len(pending))
        step = pending[at]
        f, invoked, _, _, done = step
        if done is None and random.random() >= crash:
            step[4] = True
            if f == "read":
                step[2] = state if random.random() >= lies else random.randrange(values)
            elif f == "write":
                state = invoked
            else:
                step[1] = (state, invoked[1])
                state = invoked[1]
            continue
        del pending[at]
        idle += 1
        if done is None or random.random() < crash:
            steps.append((*step[:4], None))
        else:
            steps.append((*step[:4], position))
            position += 1
    return steps


def test_gives_the_same_uncompiled():
    random = Random(3)
    histories = [
        busy(random, 30, random.randint(2, 8), random.choice([2, 5, 1000]), random.choice([0, 0.1]), 0.1)
        for _ in range(150)
    ]
    histories.append([("write", n % 3, None, n, 200 + n) for n in range(70)] + [("read", None, 2, 100, 150)])
    batch = Batch(histories)
    assert batch.decide() == batch.decide(PLAIN)
    assert {status for status, _ in batch.decide()[0]} == {VALID, INVALID}


@pytest.mark.skipif(not COMPILED, reason="the kernels are not compiled here")
def test_is_compiled():
    assert not search.__file__.endswith(".py")
    assert PLAIN.__file__.endswith(".py")


def test_all_ways_to_search_agree_where_they_decide():
    random = Random(11)
    refuted = 0
    for _ in range(400):
        steps = busy(random, random.randint(6, 40), random.randint(2, 7), 3, random.choice([0, 0.15]), 0.1)
        batch = Batch([steps])
        everything, _ = batch.attempt()
        exact, _ = batch.attempt(exact=True)
        thrifty, search_ = batch.attempt(width=16, thrift=True)
        endless_, _ = batch.attempt(endless=True)
        narrow, search_of_few = batch.attempt(width=2)
        assert (everything == -1) == (exact == -1), steps
        assert everything <= exact, steps  # foresight finds it before it is there
        if thrifty == -1 or not search_.narrowed:
            assert (thrifty == -1) == (exact == -1), steps
        if narrow == -1 or not search_of_few.narrowed:
            assert (narrow == -1) == (exact == -1), steps
        if endless_ != -1:
            assert exact != -1, steps
        refuted += exact != -1
    assert 50 < refuted < 350


def test_renaming_values_and_reordering_keys_changes_nothing():
    random = Random(8)
    histories = [busy(random, 25, 5, 4, 0.1, 0.1) for _ in range(100)]
    plain, _ = Batch(histories).decide()
    values = [3, 0, None, 2, 1]
    numbers = {value: 7 * number for number, value in enumerate(values)}
    renamed, _ = Batch(histories, numbers).decide()
    assert renamed == plain
    mirrored, _ = Batch(histories[::-1]).decide()
    assert mirrored[::-1] == plain


def test_more_operations_may_be_pending_than_a_word_has_bits():
    writes = [("write", n % 3, None, n, 1000 + n) for n in range(200)]
    reads = [("read", None, n % 3, 200 + n, 500 + n) for n in range(100)]
    assert Batch([writes + reads]).decide()[0] == [(VALID, -1)]
    lie = ("read", None, 7, 400, 450)
    assert Batch([[*writes, *reads, lie]]).decide()[0] == [(INVALID, 450)]
    late = ("read", None, None, 520, 530)  # reads of all three values are over by then
    assert Batch([[*writes, *reads, late]]).decide()[0] == [(INVALID, 530)]


def test_thousands_of_crashed_operations_cost_little_where_few_are_needed():
    steps, position = [], 0
    for n in range(2000):
        steps.append(("write", n % 5, None, position, None))
        steps.append(("cas", (n % 5, (n + 2) % 5), None, position + 1, None))
        steps.append(("write", 9, None, position + 2, position + 3))
        steps.append(("read", None, 9 if n % 50 else n % 5, position + 4, position + 5))
        position += 6
    batch = Batch([steps])
    decided, explored = batch.decide()
    assert decided == [(VALID, -1)]
    assert explored < 20 * len(steps)


def test_a_crashed_operation_takes_effect_once():
    steps = [
        ("write", 1, None, 0, None),
        ("read", None, 1, 1, 2),
        ("write", 2, None, 3, 4),
        ("read", None, 1, 5, 6),
    ]
    again = [*steps[:1], ("write", 1, None, 0.5, None), *steps[1:]]
    twice = [(f, i, c, int(2 * b), None if e is None else 2 * e) for f, i, c, b, e in again]
    assert Batch([steps, twice]).decide()[0] == [(INVALID, 6), (VALID, -1)]


def test_chains_of_compare_and_sets_in_any_order():
    size = 60
    chain = [("cas", (n or None, n + 1), None, size - n, 2 * size + n) for n in range(size)]
    assert Batch([chain]).decide()[0] == [(VALID, -1)]
    broken = [step for n, step in enumerate(chain) if n != size // 2]
    ((status, position),) = Batch([broken]).decide()[0]
    assert (status, position) == (INVALID, 2 * size + size // 2 + 1)


def objects_of(steps):
    return grouped(columnar(history(steps)), CAS_REGISTER)[0]


def test_a_spent_budget_is_unknown_and_the_proved_prefix_is_possible():
    steps = busy(Random(1), 480, 8, 6, 0.15, 0)
    objects = objects_of([*steps, ("read", None, 99, 10_000, 10_001)])
    seen = set()
    for configurations in (1, 10, 100, 300):
        budget = effort(configurations)
        found = engine.decide(objects, CAS_REGISTER, budget)
        assert found.status[0] == UNKNOWN
        assert found.why[0] == f"{configurations} configurations were explored"
        assert budget.configurations == configurations + 1
        proved = int(found.position[0])
        seen.add(proved)
        prefix = engine.decide(objects.until(proved), CAS_REGISTER, Budget(60, 1000))
        assert prefix.status[0] == VALID
    assert len(seen) == 4


def test_a_spent_budget_of_memory_is_unknown():
    found = engine.decide(objects_of(busy(Random(1), 480, 8, 6, 0.15, 0.2)), CAS_REGISTER, Budget(60, 0.001))
    assert found.status[0] == UNKNOWN
    assert found.why[0] == "the memory budget of 0.001 MB ran out"


def test_says_which_completion_is_the_first_impossible_one_and_the_states_before_it():
    steps = [
        ("write", 1, None, 0, 1),
        ("write", 2, None, 2, 5),
        ("read", None, 1, 3, 4),
        ("read", None, 2, 6, 7),
        ("read", None, 1, 8, 9),
        ("read", None, 5, 10, 11),
    ]
    objects = objects_of(steps)
    impossible, codes = Scalpel(objects).dissect(11)
    assert impossible == [9, 11]
    assert [objects.registers.value(code) for code in codes] == [2]
