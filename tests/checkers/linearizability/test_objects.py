"""Operations by key and what they need and put, in columns, against the slow way, one operation after the other."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from checkers import operations as pairs_of
from checkers.columns import columnar
from checkers.history import Op
from checkers.linearizability import objects as by_key
from checkers.linearizability import registers as values_of
from checkers.linearizability.objects import CRASHED, NONE, Objects, grouped
from checkers.models import ANY, KEEP, MODELS, Model, ModelError, effect, freeze
from harness.streams import Streams
from tests.kernels import uncompiled

KEYS = [None, "x", 3, [1, "x"], [1, "x"], True]
VALUES: dict[str, list[Any]] = {
    "small": [None, 0, 1, 2, True, "a", "b"],
    "farthest": [-(1 << 63)],
    "far": [None, -(1 << 40), 1 << 62, 7],
    "deep": [[1], [1, [2]], {"a": 1}, 1.5, None, 1 << 70],
}


def history(seed: int, values: list[Any], keys: list[Any], processes: int = 4) -> list[Op]:
    random = Streams(seed).stream("ops")
    ops: list[Op] = []
    opened: dict[int | str, Op] = {}
    for index in range(60):
        process = random.choice([*range(processes), "admin", "nemesis"])
        if process == "nemesis":
            ops.append(Op(index, index, process, "info", "start", None, "n1"))
            continue
        asked = opened.pop(process, None)
        if asked is None:
            f = random.choice(["read", "write", "cas"])
            value = {
                "read": None,
                "write": random.choice(values),
                "cas": [random.choice(values), random.choice(values)],
            }[f]
            ops.append(Op(index, index, process, "invoke", f, random.choice(keys), value))
            opened[process] = ops[-1]
            continue
        kind = random.choice(["ok", "ok", "ok", "fail", "info"])
        value = random.choice(values) if asked.f == "read" and kind == "ok" else asked.value
        error = "precondition failed" if kind == "fail" and random.chance(500_000) else None
        ops.append(Op(index, index, process, kind, asked.f, asked.key, value, None, error))
    return ops


def slowly(ops: list[Op], model: Model) -> list[list[tuple[int, int, int, str]]]:
    """By key, as keys are met: (begin, end, position of the completion, function) of what counts."""
    found: dict[Any, list[tuple[int, int, int, str]]] = {}
    for operation in pairs_of.operations(ops):
        f, kind = operation.invoke.f, operation.type
        done = -1 if operation.end is None else operation.end
        if kind == "info" and f in model.reads:
            continue
        key = found.setdefault(repr(freeze(operation.invoke.key)), [])
        if kind == "fail":
            refusal = (model.refusals or {}).get(f)
            if refusal is not None and operation.completion is not None and operation.completion.error:
                key.append((operation.begin, done, done, refusal))
        else:
            key.append((operation.begin, done if kind == "ok" else CRASHED, done, f))
    return [key for key in found.values() if key]


def rows(objects: Objects) -> list[list[tuple[int, int, int, str]]]:
    every = list(
        zip(
            objects.begin.tolist(),
            objects.end.tolist(),
            objects.done.tolist(),
            [objects.fs[code] for code in objects.f.tolist()],
            strict=True,
        )
    )
    start = objects.start.tolist()
    return [every[a:b] for a, b in pairwise(start)]


@pytest.mark.parametrize("name", ["cas-register", "cas-register-strict"])
@pytest.mark.parametrize("keys", [[None], KEYS], ids=["one key", "keys"])
@pytest.mark.parametrize("values", VALUES)
def test_operations_and_effects_are_those_of_the_slow_way(name, keys, values):
    model = MODELS[name]
    for seed in range(30):
        ops = history(seed, VALUES[values], keys)
        objects, tally = grouped(columnar(ops), model)
        assert rows(objects) == slowly(ops, model)
        assert tally.ok == sum(o.type == "ok" for o in pairs_of.operations(ops))
        need, put, size, initial, value, unlike = objects.registers
        assert value(initial) == model.initial
        assert max(need.max(), put.max(), initial) < size
        for at, (begin, end, _, f) in enumerate(row for key in rows(objects) for row in key):
            answered = None if end == CRASHED else freeze(ops[end].value)
            needs, puts = effect(model, f, freeze(ops[begin].value), answered)
            assert need[at] == NONE if needs is ANY else value(int(need[at])) == needs
            assert put[at] == NONE if puts is KEEP else value(int(put[at])) == puts
            if f == "refused cas":
                assert unlike is not None
                assert value(int(unlike[at])) == freeze(ops[begin].value)[0]


@pytest.mark.parametrize("values", VALUES)
def test_uncompiled_kernels_find_the_same(values, monkeypatch):
    model = MODELS["cas-register-strict"]
    ops = [columnar(history(seed, VALUES[values], KEYS)) for seed in range(10)]
    compiled = [grouped(some, model)[0] for some in ops]
    expected = [(rows(objects), objects.registers[:4]) for objects in compiled]
    for module, kernel in ((pairs_of, "pairing"), (by_key, "grouping"), (values_of, "effects")):
        monkeypatch.setattr(module, kernel, uncompiled(kernel))
        monkeypatch.setattr(module, "view", memoryview)
    for some, (found, (need, put, size, initial)) in zip(ops, expected, strict=True):
        objects, _ = grouped(some, model)
        assert rows(objects) == found
        assert np.array_equal(objects.registers.need, need)
        assert np.array_equal(objects.registers.put, put)
        assert objects.registers[2:4] == (size, initial)


def test_a_cas_of_no_pair_is_refused_with_its_value():
    ops = [Op(0, 0, 0, "invoke", "cas", None, [1]), Op(1, 1, 0, "ok", "cas", None, [1])]
    objects, _ = grouped(columnar(ops), MODELS["cas-register"])
    with pytest.raises(ModelError, match=r"is \[from, to\], not \[1\]"):
        _ = objects.registers
