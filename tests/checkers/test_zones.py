"""The engine of unique values against a brute-force twin: verdicts, first impossible completions, witnesses."""

from __future__ import annotations

from itertools import permutations, product
from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import numpy as np
import pytest

from checkers.columns import columnar
from checkers.history import Op
from checkers.kernels import zones as kernel
from checkers.linearizability import zones
from checkers.linearizability.acts import NONE, Act
from checkers.linearizability.budget import effort
from checkers.linearizability.checker import check
from checkers.linearizability.engines import CRASHED, DECLINED, INVALID, VALID
from checkers.linearizability.objects import grouped
from checkers.models import CAS_REGISTER, MODELS
from tests.checkers.acts import cut, first_refuted, impossible
from tests.checkers.linearizability.steps import history, intervals, register_acts, simulated
from tests.checkers.twins import linearizable
from tests.kernels import uncompiled

BUDGET = effort(1 << 40)


def case(steps):
    """The operations of twin steps on one key, as the engine sees them."""
    acts = sorted(register_acts(steps), key=lambda act: act.begin)
    columns = [
        np.array(column, np.int64).reshape(-1)
        for column in (
            [act.begin for act in acts],
            [CRASHED if act.end is None else act.end for act in acts],
            [act.need for act in acts],
            [NONE if act.put == act.need else act.put for act in acts],
        )
    ]
    size = 1 + max((max(act.need, act.put) for act in acts), default=0)
    return zones.Case(np.array([0, len(acts)]), *columns, size, 0, 2 * len(steps))


def status(steps):
    return int(zones.scanned(case(steps)).status[0])


def known_at(steps, position):
    """What was known of a history at a position."""
    return [
        (*s[:4], s[4] if s[4] is not None and s[4] <= position else None) for s in steps if s[3] <= position
    ]


def first_impossible(steps):
    """By brute force: the first completion at which no order is left."""
    ends = sorted(s[4] for s in steps if s[4] is not None)
    return next((end for end in ends if not linearizable(known_at(steps, end))), None)


KINDS = [
    ("read", None, None),
    ("read", None, 1),
    ("write", 1, None),
    ("write", 2, None),
    ("cas", (None, 1), None),
    ("cas", (1, 2), None),
    ("cas", (2, 1), None),
    ("cas", (1, 1), None),
]


def test_agrees_with_brute_force_on_every_history_of_up_to_three_operations():
    seen = {VALID: 0, INVALID: 0, DECLINED: 0}
    for n in (1, 2, 3):
        for kinds, span in product(product(KINDS, repeat=n), list(intervals(n))):
            for crashed in range(1 << n):
                steps = [
                    (f, i, c, begin, None if crashed >> k & 1 else end)
                    for k, ((f, i, c), (begin, end)) in enumerate(zip(kinds, span, strict=True))
                ]
                found = status(steps)
                seen[found] += 1
                assert found == DECLINED or (found == VALID) == linearizable(steps), steps
    assert min(seen.values()) > 1000
    assert seen[DECLINED] < seen[VALID]


FOUR = [
    ("read", None, 1),
    ("read", None, None),
    ("write", 1, None),
    ("cas", (None, 2), None),
    ("cas", (1, 2), None),
]


def test_agrees_with_brute_force_on_every_history_of_four_operations_on_two_values():
    seen = {VALID: 0, INVALID: 0, DECLINED: 0}
    for number, (chosen, span) in enumerate(product(product(FOUR, repeat=4), list(intervals(4)))):
        crash = number % 5  # the first, second... or none: brute force is slow
        steps = [
            (f, i, c, begin, None if k == crash else end)
            for k, ((f, i, c), (begin, end)) in enumerate(zip(chosen, span, strict=True))
        ]
        found = status(steps)
        seen[found] += 1
        if found != DECLINED:
            assert (found == VALID) == linearizable(steps), steps
    assert min(seen.values()) > 1000


def sampled(random, n):
    """A random history in which most values are written once; half of it answers as a register would."""
    places = [*range(n), *range(n)]
    random.shuffle(places)
    names = {}
    places = [names.setdefault(i, len(names)) for i in places]
    honest = random.random() < 0.4
    few = random.choice([2, 9])
    state, written, steps = None, [None], []
    for i in range(n):
        begin, end = places.index(i), 2 * n - 1 - places[::-1].index(i)
        f = random.choice(["read", "read", "write", "write", "cas"])
        fresh = random.randrange(few) if random.random() < 0.2 else 10 + i
        seen = state if honest else random.choice([*written, 10 + random.randrange(n)])
        if f == "read":
            steps.append((f, None, seen, begin, end))
        else:
            steps.append((f, fresh if f == "write" else (seen, fresh), None, begin, end))
            state = fresh
            written.append(fresh)
        if random.random() < 0.25:
            steps[-1] = (*steps[-1][:4], None)
    return dense(steps)


def dense(steps):
    """The same at positions without gaps, as they stand in a history."""
    place = {p: i for i, p in enumerate(sorted(p for s in steps for p in s[3:] if p is not None))}
    return [(*s[:3], place[s[3]], place.get(s[4])) for s in steps]


def ops_of(steps):
    return history(steps, key="x")


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_brute_force_on_sampled_histories_up_to_the_first_impossible_completion(seed):
    random = Random(seed)
    seen = {VALID: 0, INVALID: 0, DECLINED: 0}
    crashed = 0
    for _ in range(1000):
        steps = sampled(random, random.randint(4, 6))
        found = status(steps)
        seen[found] += 1
        crashed += any(s[4] is None for s in steps)
        if found == DECLINED:
            continue
        position = first_impossible(steps)
        assert (found == VALID) == (position is None), steps
        if position is not None:
            objects, _ = grouped(columnar(ops_of(steps)), CAS_REGISTER)
            bound = int(zones.decide(objects, CAS_REGISTER, BUDGET).position[0])
            assert not linearizable(known_at(steps, bound)), steps
            assert zones.first(objects, CAS_REGISTER, bound) == position, steps
            assert_core_suffices(steps, zones.core(objects, CAS_REGISTER, position), position)
    assert seen[VALID] > 300
    assert seen[INVALID] > 200
    assert seen[DECLINED] < 300
    assert crashed > 400


def assert_core_suffices(steps, numbers, position):
    """It is impossible alone, and every value in it that is needed has all its writers there."""
    ordered = sorted((s for s in steps if s[0] != "read" or s[4] is not None), key=lambda s: s[3])
    assert not linearizable(known_at([ordered[n] for n in numbers], position)), (steps, numbers)
    acts = [act and cut(act, position) for act in register_acts(ordered)]
    needed = {acts[n].need for n in numbers if acts[n]} - {NONE}
    sources = {n for n, act in enumerate(acts) if act and act.put in needed and act.put != act.need}
    assert sources <= set(numbers), (steps, numbers)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_search_on_long_histories_and_names_what_matters(seed):
    random = Random(seed)
    verdicts = []
    for _ in range(40):
        steps = simulated(random, 60, random.randint(2, 8), values=100_000, lies=random.choice([0, 1, 1, 4]))
        result = check(ops_of(steps), engine="zones")
        position = first_refuted(register_acts(steps))
        assert result.verdict == ("valid" if position is None else "invalid"), steps
        verdicts.append(result.verdict)
        if position is not None:
            (anomaly,) = result.anomalies
            other = check(ops_of(steps), engine="search").anomalies[0]
            assert anomaly.data["first_impossible"] == position == other.data["first_impossible"]
            assert sorted(map(repr, anomaly.data["states"])) == sorted(map(repr, other.data["states"]))
            assert_minimal(ops_of(steps), anomaly)
    assert verdicts.count("valid") > 5
    assert verdicts.count("invalid") > 10


def assert_minimal(ops, anomaly):
    """What it names is impossible alone; without any one of its operations, or parts of one, it is not."""
    named = [op for op in ops if op.index in anomaly.op_indexes]
    assert check(named).verdict == "invalid"
    objects, _ = grouped(columnar(named), CAS_REGISTER)
    registers = objects.registers
    codes = {registers.initial: 0, NONE: NONE}
    items = [
        (n, Act(*(codes.setdefault(c, len(codes) - 1) for c in pair), begin, end))
        for n, (pair, begin, end) in enumerate(
            zip(
                zip(registers.need.tolist(), registers.put.tolist(), strict=True),
                objects.begin.tolist(),
                [None if end == CRASHED else end for end in objects.end.tolist()],
                strict=True,
            )
        )
    ]
    written = {act.put for _, act in items} | {0}
    items = [(n, act if act.need in written else act._replace(need=NONE)) for n, act in items]
    acts = [act for _, act in items]
    assert impossible(acts) or len(items) == 1
    for place, act in enumerate(acts):
        if act.put == NONE or (act.need == NONE and all(other.need != act.put for other in acts)):
            assert not impossible(acts[:place] + acts[place + 1 :]), (named, place)


FAMILIES = {
    "all concurrent": lambda n: [
        *[("write", i, None, i, 3 * n + i) for i in range(n)],
        *[("read", None, (7 * i) % n, n + i, 3 * n - 1 - i) for i in range(n)],
    ],
    "nested": lambda n: [("write", i, None, i, 2 * n - 1 - i) for i in range(n)],
    "half crashed": lambda n: [("write", i, None, 2 * i, 2 * i + 1 if i % 2 else None) for i in range(n)],
    "chain of cas": lambda n: [
        ("cas", (i - 1 if i else None, i), None, 2 * i, None if i % 3 == 0 and i < n - 1 else 2 * i + 1)
        for i in range(n)
    ],
}


@pytest.mark.parametrize("name", FAMILIES)
def test_accepts_what_is_hard_for_searches_and_finds_the_one_flaw_in_it(name):
    n = 200
    steps = FAMILIES[name](n)
    assert len({p for s in steps for p in s[3:] if p is not None}) == sum(
        s[4] is not None for s in steps
    ) + len(steps)
    steps = dense(steps)
    assert status(steps) == VALID
    end = 1 + max(s[4] or s[3] for s in steps)
    flawed = [*steps, ("read", None, n - 1, end, end + 1), ("read", None, None, end + 2, end + 3)]
    assert status(flawed) == INVALID
    (anomaly,) = check(ops_of(flawed), engine="zones").anomalies
    assert anomaly.data["op"] == anomaly.data["first_impossible"] == end + 3
    assert len(anomaly.op_indexes) < 8


def test_values_that_nobody_observed_may_be_written_again():
    twice = [("write", 1, None, 0, 1), ("write", 1, None, 2, 3), ("write", 2, None, 4, 5)]
    assert status([*twice, ("read", None, 2, 6, 7)]) == VALID
    assert status([*twice, ("read", None, None, 6, 7)]) == INVALID
    assert status([*twice, ("read", None, 1, 6, 7)]) == DECLINED
    # the second write began after the only read had ended: it is not what was read
    assert status([("write", 1, None, 0, 1), ("read", None, 1, 2, 3), ("write", 1, None, 4, 5)]) == VALID


def test_keys_are_decided_each_by_the_engine_that_can():
    unique = history([("write", 1, None, 0, 1), ("read", None, 1, 2, 3)], key="a")
    reused = history(
        [("write", 1, None, 0, 1), ("write", 1, None, 2, 3), ("read", None, 1, 4, 5)], key="b", process=10
    )
    ops = unique + reused
    for index, op in enumerate(ops):
        op.index = index
    result = check(ops)
    assert result.verdict == "valid"
    assert result.coverage["engines"] == {"zones": 1, "search": 1}
    forced = check(ops, engine="zones")
    assert forced.verdict == "unknown"
    assert "engine zones does not apply" in forced.why
    assert 'on key "b"' in forced.why
    assert check(ops, engine="search").coverage["engines"] == {"search": 2}


def test_a_refused_cas_constrains_the_strict_model_only():
    ops = history([("write", 1, None, 0, 1), ("cas", (1, 2), None, 2, 3)])
    ops[3].type = "fail"
    for error, verdict in (
        ([22, "no match"], "invalid"),
        ("precondition-failed", "invalid"),
        ([11, "busy"], "valid"),
    ):
        ops[3].error = error
        result = check(ops, "cas-register-strict")
        assert result.verdict == verdict
        assert check(ops, "cas-register").verdict == "valid"
    ops[3].error = [22, "no match"]
    (anomaly,) = check(ops, "cas-register-strict").anomalies
    assert (anomaly.op_indexes, anomaly.data["states"]) == ([2, 3], [1])
    ops[2].value = ops[3].value = [5, 2]
    assert check(ops, "cas-register-strict").verdict == "valid"
    assert check(ops, "cas-register-strict").coverage["engines"] == {"table": 1}


@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_gives_the_same_uncompiled(seed, monkeypatch):
    random = Random(seed)
    for _ in range(60):
        steps = sampled(random, random.randint(3, 12))
        one = zones.scanned(case(steps))
        with monkeypatch.context() as patch:
            plain = uncompiled("zones")
            patch.setattr(zones, "view", memoryview)
            patch.setattr(zones, "zones", plain)
            other = zones.scanned(case(steps))
        assert one.status[0] == other.status[0]
        if one.status[0] == VALID:
            blocks = one.block >= 0
            assert (one.block == other.block).all()
            assert (one.low[blocks] == other.low[blocks]).all()
            assert (one.high[blocks] == other.high[blocks]).all()
        if one.status[0] == INVALID:
            assert (one.witness == other.witness).all()


def test_renaming_keys_values_and_processes_changes_nothing():
    random = Random(4)
    for _ in range(60):
        steps = simulated(random, 40, 5, values=100_000, lies=random.choice([0, 1]))
        plain = history(steps, key=1)
        names = {}

        def name(value, names=names):
            if value is None:
                return None
            if isinstance(value, list):
                return [name(v) for v in value]
            return names.setdefault(
                value, random.choice([f"v{value}", value + (1 << 40), float(value) + 0.5])
            )

        renamed = [
            Op(op.index, op.time, f"p{9 - op.process}", op.type, op.f, ["k", {"a": 1}], name(op.value))
            for op in plain
        ]
        first, second = check(plain, engine="zones"), check(renamed, engine="zones")
        assert first.verdict == second.verdict
        assert [a.op_indexes for a in first.anomalies] == [a.op_indexes for a in second.anomalies]
        assert [a.data["kind"] for a in first.anomalies] == [a.data["kind"] for a in second.anomalies]


def test_every_model_of_registers_names_engines_that_exist():
    for model in MODELS.values():
        for name in model.engines:
            assert check([], model, engine=name).verdict == "unknown"


def test_the_kernels_verdicts_are_the_contracts():
    assert (kernel.CRASHED if hasattr(kernel, "CRASHED") else CRASHED) == CRASHED
    plain = uncompiled("zones")
    assert (plain.CRASHED, plain.VALID, plain.INVALID, plain.DECLINED) == (CRASHED, VALID, INVALID, DECLINED)


def test_every_interleaving_is_tried():
    assert [len(list(intervals(n))) for n in (1, 2, 3, 4)] == [1, 3, 15, 105]
    assert len(set(permutations([0, 0, 1, 1]))) == 6
