"""Every model and every engine against the brute-force twin: all small histories, many random ones, other names.

110,000 random histories each time; others, or more of them, with

    TWIN_SEED=2 TWIN_SAMPLES=50000 pytest -n auto tests/checkers/linearizability/test_against_twin.py
"""

from __future__ import annotations

import os
import re
from functools import cache
from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried
from typing import Any

import numpy as np
import pytest

from checkers.linearizability.budget import effort
from checkers.linearizability.checker import Decided, Linearizability, decide
from checkers.linearizability.engines import DECLINED, INVALID, VALID, engine_named
from checkers.linearizability.objects import grouped
from checkers.models import MODELS, Model
from checkers.record import Record
from tests.checkers.linearizability.batches import batch
from tests.checkers.linearizability.shapes import all_small, drawn
from tests.checkers.linearizability.specs import SPECS
from tests.checkers.linearizability.twin import Step, Twin

SAMPLES = int(os.environ.get("TWIN_SAMPLES", "5000"))
"""random histories of each spec"""
SEED = os.environ.get("TWIN_SEED", "")
BATCH = 1000
FORCED_ONE_IN = 10
"""of the histories of four operations, so many are given to each engine alone too"""


def model_of(name: str) -> Model:
    return MODELS[name.partition(",")[0]]


def decided(model: Model, history: Any, engines: tuple[str, ...]) -> tuple[Decided, list[int]]:
    """What these engines say, and the numbers of the histories that the keys are."""
    objects, _ = grouped(history, model)
    found = decide(objects, model, [engine_named(name) for name in engines], effort(1 << 60))
    return found, [objects.key(number) for number in range(objects.keys)]


def disagreements(
    model: Model, twin: Twin, histories: list[list[Step]], truth: list[bool], engines: tuple[str, ...]
) -> tuple[list[Any], dict[str, int], int]:
    """(histories judged wrongly, keys decided by engine, keys that all of the engines declined)."""
    found, keys = decided(model, batch(twin.kinds, histories), engines)
    wrong = [
        ([(*twin.kinds[s.kind], s.begin, s.end) for s in histories[key]], int(status))
        for key, status in zip(keys, found.status.tolist(), strict=True)
        if status != DECLINED and status != (VALID if truth[key] else INVALID)
    ]
    return wrong, found.counts(), int((found.status == DECLINED).sum())


@pytest.mark.parametrize("name", SPECS)
def test_agrees_on_every_history_of_up_to_four_operations(name):
    spec, model = SPECS[name], model_of(name)
    twin = Twin(spec)
    crashed_max = (1, 2, 3, 2 if len(spec.kinds) < 6 else 1)
    histories = [steps for n in (1, 2, 3, 4) for steps in all_small(twin, spec.kinds, n, crashed_max[n - 1])]
    truth = [twin.linearizable(steps) for steps in histories]
    assert 0.05 < sum(truth) / len(truth) < 0.95
    some = [i for i, steps in enumerate(histories) if len(steps) < 4 or i % FORCED_ONE_IN == 0]
    wrong, _, declined = disagreements(model, twin, histories, truth, model.engines)
    assert not wrong[:3]
    assert not declined
    for engine in model.engines:
        alone, _, _ = disagreements(
            model, twin, [histories[i] for i in some], [truth[i] for i in some], (engine,)
        )
        assert not alone[:3], engine


@cache
def samples(name: str) -> tuple[Twin, list[list[Step]], list[bool]]:
    twin = Twin(SPECS[name])
    pairs = list(drawn(Random(name + SEED), twin, SAMPLES))
    return twin, [steps for steps, _ in pairs], [truth for _, truth in pairs]


def test_there_are_a_hundred_thousand_samples():
    assert len(SPECS) * SAMPLES >= 100_000
    assert {model_of(name).name for name in SPECS} == MODELS.keys()


@pytest.mark.parametrize("name", SPECS)
def test_agrees_on_random_histories_of_five_to_seven_operations(name):
    model = model_of(name)
    twin, histories, truth = samples(name)
    assert len(histories) == SAMPLES
    assert {len(steps) for steps in histories} == {5, 6, 7}
    assert truth.count(False) / SAMPLES >= 0.2
    assert sum(any(s.end is None for s in steps) for steps in histories) / SAMPLES >= 0.2
    ran: dict[str, int] = {}
    for low in range(0, SAMPLES, BATCH):
        part, expected = histories[low : low + BATCH], truth[low : low + BATCH]
        wrong, counts, declined = disagreements(model, twin, part, expected, model.engines)
        assert not wrong[:3]
        assert not declined
        for engine, keys in counts.items():
            ran[engine] = ran.get(engine, 0) + keys
        for engine in model.engines:
            alone, _, _ = disagreements(model, twin, part, expected, (engine,))
            assert not alone[:3], engine
    assert sum(ran.values()) == SAMPLES
    assert ran.keys() >= set(SPECS[name].engines) & set(model.engines)


@pytest.mark.parametrize("name", SPECS)
def test_a_check_says_which_engines_decided_how_many_keys(name):
    model = model_of(name)
    twin, histories, truth = samples(name)
    low = next(i for i, linearizable in enumerate(truth) if not linearizable)
    history = batch(twin.kinds, histories[low : low + 20])
    found, _ = decided(model, history, model.engines)
    result = Linearizability(model).check(Record(history))
    assert result.coverage["engines"] == found.counts()
    assert sum(result.coverage["engines"].values()) == result.coverage["keys"] == 20
    assert result.verdict == "invalid"
    assert len(result.anomalies) == truth[low : low + 20].count(False)
    assert all(a.explanation for a in result.anomalies)


@pytest.mark.parametrize("name", SPECS)
def test_other_names_of_values_keys_and_processes_change_nothing(name):
    model = model_of(name)
    twin, histories, _ = samples(name)
    some = histories[:BATCH]
    kinds = twin.kinds
    if not name.startswith("counter"):  # its values are no names
        kinds = [(f, renamed(asked), renamed(answer)) for f, asked, answer in kinds]
    first, keys = decided(model, batch(twin.kinds, some), model.engines)
    other, names = decided(model, batch(kinds, some[::-1], first_process=10**9), model.engines)
    assert names == keys == list(range(BATCH))
    assert np.array_equal(first.status, other.status[::-1])
    assert np.array_equal(first.by, other.by[::-1])


def renamed(value: Any) -> Any:
    """Another value for each, in the same order (a priority queue's elements have one)."""
    if isinstance(value, tuple):
        return tuple(renamed(item) for item in value)
    if isinstance(value, dict):
        return {key: f"client {item}" for key, item in value.items()}
    if type(value) is int:
        return value * 10 if value else value
    if isinstance(value, str) and value.startswith("<"):
        return re.sub(r"\d+", lambda number: f"{number[0]}.", value)
    return {"x": "register x", "y": "register y"}.get(value, value) if isinstance(value, str) else value
