"""A register against a brute-force twin: all small histories, many drawn ones, step by step too."""

from __future__ import annotations

from itertools import product
from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import pytest

from checkers.linearizability.checker import check
from checkers.linearizability.online import OnlineLinearizability
from checkers.models import CAS_REGISTER, Model
from tests.checkers.acts import impossible
from tests.checkers.linearizability.steps import (
    history,
    intervals,
    register_acts,
    sampled,
    simulated,
    verdict,
)
from tests.checkers.twins import linearizable


def expected(steps):
    if not any(end is not None for *_, end in steps):
        return "unknown"
    return "valid" if linearizable(steps) else "invalid"


KINDS = [
    ("read", None, None),
    ("read", None, 1),
    ("write", 1, None),
    ("write", 2, None),
    ("cas", (None, 1), None),
    ("cas", (1, 2), None),
    ("cas", (2, 1), None),
]


def test_agrees_with_brute_force_on_every_history_of_up_to_three_operations():
    seen = {"valid": 0, "invalid": 0, "unknown": 0}
    for n in (1, 2, 3):
        spans = list(intervals(n))
        for kinds in product(KINDS, repeat=n):
            for span in spans:
                for crashed in range(1 << n):
                    steps = [
                        (f, i, c, begin, None if crashed >> k & 1 else end)
                        for k, ((f, i, c), (begin, end)) in enumerate(zip(kinds, span, strict=True))
                    ]
                    want = expected(steps)
                    seen[want] += 1
                    acts = register_acts(steps)
                    assert (not impossible(acts)) == (want != "invalid"), steps
    assert min(seen.values()) > 20


def test_agrees_with_brute_force_on_every_history_of_four_operations_on_two_values():
    kinds = [("read", None, 1), ("write", 1, None), ("write", 2, None), ("cas", (1, 2), None)]
    seen = {"valid": 0, "invalid": 0}
    for chosen in product(kinds, repeat=4):
        for number, span in enumerate(intervals(4)):
            crash = number % 5  # the first, second... or none: brute force is slow
            steps = [
                (f, i, c, begin, None if k == crash else end)
                for k, ((f, i, c), (begin, end)) in enumerate(zip(chosen, span, strict=True))
            ]
            want = expected(steps)
            seen[want] += 1
            assert (not impossible(register_acts(steps))) == (want == "valid"), steps
    assert min(seen.values()) > 1000


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_brute_force_on_sampled_histories_batch_online_and_for_any_model(seed):
    random = Random(seed)
    seen = {"valid": 0, "invalid": 0, "unknown": 0}
    plain = Model("plain", None, CAS_REGISTER.step, CAS_REGISTER.reads)
    for _ in range(150):
        steps = sampled(random, random.randint(4, 6), random.randint(1, 4))
        want = expected(steps)
        seen[want] += 1
        ops = history(steps)
        result = check(ops)
        assert result.verdict == want, steps
        assert check(ops, plain).verdict == want, steps
        online = OnlineLinearizability()
        for op in ops:
            online.observe(op)
        assert online.verdict() == want, steps
        if want == "invalid":
            assert_window_is_impossible(ops, result.anomalies[0])
            online_plain = OnlineLinearizability({"model": plain})
            positions = [op.index for op in ops if _invalid_after(online_plain, op)]
            assert positions[0] == result.anomalies[0].data["first_impossible"], steps
    assert seen["valid"] > 20
    assert seen["invalid"] > 20


def _invalid_after(online, op):
    online.observe(op)
    return online.verdict() == "invalid"


def assert_window_is_impossible(ops, anomaly):
    """What the anomaly names is impossible by itself, if completions it does not name are unknown outcomes."""
    named = set(anomaly.op_indexes)
    assert named <= {op.index for op in ops}
    assert check([op for op in ops if op.index in named]).verdict == "invalid"
    assert anomaly.data["op"] in named
    assert anomaly.data["window"] == [min(named), max(named)]


@pytest.mark.parametrize("seed", range(3))
def test_decides_long_histories_with_few_values_and_many_crashes(seed):
    steps = simulated(Random(seed), 300, 6, values=4, lies=0, crashes=0.08)
    assert verdict(steps) == "valid"
    last = max(s[4] for s in steps if s[4] is not None)
    assert verdict([*steps, ("read", None, 77, last + 1, last + 2)]) == "invalid"
