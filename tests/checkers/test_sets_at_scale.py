"""Sets in columns are judged as one by one; what is removed, as some order of its adds, removals and reads allows."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from checkers.collections.set_columns import judge
from checkers.collections.sets import OnlineSetFull
from checkers.columns import History
from checkers.history import NEMESIS, Op
from checkers.kernels import memberships
from checkers.operations import Operation, operations
from checkers.result import Anomaly
from checkers.running import KEPT_MAX
from tests.checkers.scrambles import Draw, scramble
from tests.kernels import uncompiled


def keyed(seed: int, length: int, kind: str) -> list[Op]:
    """Two or three sets at once."""
    draw = Draw(seed)
    ops = scramble(kind, seed, length, processes=5, wrong=seed % 5 * 4)
    keys: dict[object, object] = {}
    out = []
    for op in ops:
        if op.type == "invoke":
            keys[op.process] = draw.one(None, "x", 7)
        key = None if op.process == NEMESIS else keys[op.process]
        out.append(Op(op.index, op.time, op.process, op.type, op.f, key, op.value, op.node))
    return out


@pytest.mark.parametrize("linearizable", [False, True])
@pytest.mark.parametrize("kind", ["g-set", "set"])
def test_columns_give_what_objects_give(kind: str, linearizable: bool) -> None:
    verdicts = []
    for seed in range(150):
        ops = scramble(kind, seed, 60, wrong=seed % 5 * 4) if seed % 2 else keyed(seed, 90, kind)
        online = OnlineSetFull({"linearizable": linearizable})
        online.observe_all(ops)
        one, two = online.result(), judge(History.from_ops(ops), linearizable=linearizable)
        assert (one.verdict, one.why, one.coverage) == (two.verdict, two.why, two.coverage)
        if one.coverage["anomalies"] <= KEPT_MAX:  # of more, not the same ones are kept
            assert sorted(map(words, one.anomalies)) == sorted(map(words, two.anomalies))
        verdicts.append(one.verdict)
    assert {"valid", "invalid"} <= set(verdicts)


def words(anomaly: Anomaly) -> tuple[str, list[int], str]:
    return anomaly.type, anomaly.op_indexes, anomaly.explanation


def orders(found: list[Operation], name: object) -> bool:
    """Whether an order in real time of what was done to one element explains every read."""
    steps = []
    for o in found:
        done = o.completion.value if o.completion is not None else None
        if o.invoke.f == "read" and o.type == "ok":
            steps.append((isinstance(done, list) and name in done, None, o.begin, o.end))
        elif o.invoke.f != "read" and o.invoke.value == name and o.type != "fail":
            steps.append((None, o.invoke.f == "add", o.begin, o.end if o.type == "ok" else None))
    sure = [s for s in steps if s[3] is not None]
    maybe = [s for s in steps if s[3] is None]
    for size in range(len(maybe) + 1):
        for some in combinations(maybe, size):
            for order in permutations([*sure, *some]):
                held, possible = False, True
                for i, (has, put, begin, _) in enumerate(order):
                    if any(later[3] is not None and later[3] < begin for later in order[i + 1 :]):
                        possible = False
                    if put is not None:
                        held = put
                    elif has != held:
                        possible = False
                    if not possible:
                        break
                if possible:
                    return True
    return False


def small_removals(seed: int) -> list[Op]:
    draw = Draw(seed)
    ops: list[Op] = []
    open_ops: dict[int, Op] = {}
    left = 6
    while left or open_ops:
        process = draw.below(3)
        if process in open_ops:
            op = open_ops.pop(process)
            value = ([1] if draw.chance(50) else []) if op.f == "read" else 1
            kind = draw.one("ok", "ok", "ok", "ok", "fail") if op.f != "read" else "ok"
            ops.append(Op(len(ops), len(ops), process, kind, op.f, None, value))
        elif left:
            left -= 1
            f = draw.one("add", "remove", "read", "read")
            open_ops[process] = Op(len(ops), len(ops), process, "invoke", f, None, None if f == "read" else 1)
            ops.append(open_ops[process])
    return ops


def test_what_is_found_of_removed_elements_has_no_order() -> None:
    wrong = sound = 0
    for seed in range(700):
        ops = small_removals(seed)
        found = OnlineSetFull({"linearizable": True})
        found.observe_all(ops)
        if found.result().verdict == "invalid":
            assert not orders(operations(ops), 1), ops
            wrong += 1
        elif orders(operations(ops), 1):
            sound += 1
    assert wrong > 100
    assert sound > 100


def test_the_kernel_says_the_same_uncompiled() -> None:
    plain = uncompiled("memberships")
    rng = np.random.default_rng(5)
    for _ in range(50):
        reads, elements, keys = 6, 9, 2
        element_key = rng.integers(0, keys, elements)
        read_key = rng.integers(0, keys, reads)
        rows = [
            rng.choice(np.flatnonzero(element_key == k), 3) if (element_key == k).any() else []
            for k in read_key
        ]
        start = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
        items = np.concatenate([*rows, []]).astype(np.int64)
        ends = rng.permutation(reads).astype(np.int64)

        def blank() -> list[np.ndarray]:
            return [
                np.zeros(keys, np.int64),  # noqa: B023
                np.full(keys, -1, np.int64),  # noqa: B023
                *(np.full(elements, -1, np.int64) for _ in range(4)),  # noqa: B023
                np.zeros(reads, np.uint8),  # noqa: B023
            ]

        one, two = blank(), blank()
        given = [read_key, ends, start, items, element_key]
        memberships.place(*given, *one)
        plain.place(*map(memoryview, given), *map(memoryview, two))
        assert all((a == b).all() for a, b in zip(one, two, strict=True))
