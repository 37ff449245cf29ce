"""The few operations that show a violation: impossible by brute force, minimal, and the same uncompiled."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import numpy as np
import pytest

from checkers.columns import columnar
from checkers.linearizability import dissect as _dissect
from checkers.linearizability.acts import INITIAL, paths
from checkers.linearizability.checker import check
from checkers.linearizability.dissect import IMPOSSIBLE_MAX, Scalpel
from checkers.linearizability.engines import CRASHED
from checkers.linearizability.objects import grouped
from checkers.models import CAS_REGISTER
from tests.checkers.linearizability.steps import history, sampled, simulated
from tests.kernels import uncompiled

NONE = -1


def possible(acts, state=0):
    """Whether acts (need, put, begin, end) have an order from a state, by trying all."""
    due = min((end for *_, end in acts), default=CRASHED)
    if due == CRASHED:
        return True
    return any(
        possible(acts[:i] + acts[i + 1 :], state if put == NONE else put)
        for i, (need, put, begin, _) in enumerate(acts)
        if begin <= due and need in (NONE, state)
    )


def weaker(acts):
    """Each way to weaken them by one step that makes no possible history impossible."""
    for i, (need, put, begin, end) in enumerate(acts):
        rest = acts[:i], acts[i + 1 :]
        if need != NONE:
            yield [*rest[0], *([(NONE, put, begin, end)] if put != NONE else []), *rest[1]]
        if put != NONE and all(other[0] != put for other in acts):
            left = need != NONE and end != CRASHED
            yield [*rest[0], *([(need, NONE, begin, end)] if left else []), *rest[1]]


def core_of(objects, position):
    registers = objects.registers
    codes = {registers.initial: 0, NONE: NONE}
    number = [
        codes.setdefault(code, len(codes) - 1) for code in [*registers.need.tolist(), *registers.put.tolist()]
    ]
    m = len(objects.begin)
    acts = []
    names = {NONE: NONE, INITIAL: 0}
    for i, act in Scalpel(objects).shrink(position):
        begin, end = int(objects.begin[i]), int(objects.end[i])
        assert (act.begin, act.end) == (begin, end if end <= position else None)
        need = number[i] if act.need != NONE else NONE
        put = number[m + i] if act.put != NONE else NONE
        for named, value in ((act.need, need), (act.put, put)):
            assert names.setdefault(named, value) == value
        acts.append((need, put, begin, end if end <= position else CRASHED))
    assert len({*names.values()}) == len(names)
    known = [int(b) <= position for b in objects.begin]
    producers = {}
    for i in range(m):
        if known[i] and number[m + i] != NONE:
            producers[number[m + i]] = producers.get(number[m + i], 0) + 1
    return acts, producers


@pytest.mark.parametrize("seed", range(3))
def test_a_core_is_impossible_and_no_part_of_it_can_go(seed):
    random = Random(seed)
    sizes = []
    for _ in range(400):
        steps = sampled(random, random.randint(3, 7), random.randint(1, 3))
        if check(history(steps)).verdict != "invalid":
            continue
        objects, _ = grouped(columnar(history(steps)), CAS_REGISTER)
        impossible, _ = Scalpel(objects).dissect(len(objects.history))
        acts, producers = core_of(objects, impossible[0])
        assert not possible(acts), steps
        for less in weaker(acts):
            assert possible(less), (steps, acts, less)
        for need in {act[0] for act in acts} - {NONE}:
            assert producers.get(need, 0) == sum(act[1] == need for act in acts), (steps, acts)
        sizes.append(len(acts))
    assert len(sizes) > 60
    assert len(set(sizes)) > 2


def test_of_many_operations_parts_are_tried_first():
    steps = []
    for i in range(0, 1200, 3):
        steps.append(("write", i % 5, None, 2 * i, 2 * i + 1))
        steps.append(("read", None, i % 5, 2 * i + 2, 2 * i + 3))
        steps.append(("cas", (i % 5, i % 5), None, 2 * i + 4, 2 * i + 5))
    f, _, _, begin, end = steps[901]
    steps[901] = (f, None, (steps[900][1] + 1) % 5, begin, end)
    objects, _ = grouped(columnar(history(steps)), CAS_REGISTER)
    impossible, states = Scalpel(objects).dissect(len(objects.history))
    assert impossible == [end]
    assert [objects.registers.value(code) for code in states] == [steps[900][1]]
    acts, _ = core_of(objects, end)
    assert acts[-1][2:] == (begin, end)
    assert sum(need != NONE for need, *_ in acts) == 1


def test_each_completion_that_has_to_go_is_named_up_to_a_number_of_them():
    steps = [("write", 1, None, 0, 1)]
    steps += [("read", None, 2 if i % 2 else 1, 2 * i + 2, 2 * i + 3) for i in range(40)]
    objects, _ = grouped(columnar(history(steps)), CAS_REGISTER)
    wrong = [s[4] for s in steps if s[0] == "read" and s[2] == 2]
    assert Scalpel(objects).dissect(200).impossible == wrong[:IMPOSSIBLE_MAX]
    assert Scalpel(objects).dissect(200, most=1).impossible == wrong[:1]


def test_gives_the_same_uncompiled(monkeypatch):
    random = Random(3)
    cases = []
    for _ in range(60):
        steps = simulated(random, 25, 4, values=random.choice([2, 4, 1000]), lies=2)
        objects, _ = grouped(columnar(history(steps)), CAS_REGISTER)
        cases.append((objects, found(objects)))
    monkeypatch.setattr(
        _dissect, "Cores", uncompiled("cores", "slots", "pending", "steps", "moves", "search").Cores
    )
    monkeypatch.setattr(_dissect, "view", memoryview)
    assert [found(objects) for objects, _ in cases] == [before for _, before in cases]
    assert sum(bool(before[0][0]) for _, before in cases) > 20


def found(objects):
    scalpel = Scalpel(objects)
    dissection = scalpel.dissect(len(objects.history))
    core = scalpel.shrink(dissection.impossible[0]) if dissection.impossible else []
    assert np.all(np.diff([number for number, *_ in core]) > 0)
    return dissection, core


def longest(acts, state=0):
    """Of all orders, by trying all."""
    due = min((act.end for act in acts if act.end is not None), default=CRASHED)
    return max(
        (
            1 + longest(acts[:i] + acts[i + 1 :], state if act.put == NONE else act.put)
            for i, act in enumerate(acts)
            if act.begin <= due and act.need in (NONE, state)
        ),
        default=0,
    )


def test_no_order_goes_further_than_those_that_are_told():
    random = Random(5)
    lengths = set()
    for _ in range(300):
        steps = sampled(random, random.randint(3, 7), random.randint(1, 3))
        objects, _ = grouped(columnar(history(steps)), CAS_REGISTER)
        dissection = Scalpel(objects).dissect(len(objects.history))
        if not dissection.impossible:
            continue
        items = Scalpel(objects).shrink(dissection.impossible[0])
        acts = dict(items)
        told = paths(items)
        length = longest([*acts.values()])
        assert length < len(items)
        for path in told:
            assert len(path) == len({*path}) == length
            state, left = 0, dict(acts)
            for number in path:
                act = left.pop(number)
                assert act.need in (NONE, state)
                assert all(other.end is None or act.begin < other.end for other in left.values())
                state = state if act.put == NONE else act.put
        lengths.add(length)
    assert len(lengths) > 2
