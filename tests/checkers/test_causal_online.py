"""Causal consistency while a run goes on: what the batch finds wrong is known with the op that makes it so."""

from __future__ import annotations

from typing import Any

import pytest

from checkers import registry
from checkers.columns import History
from checkers.history import MalformedHistoryError, Op
from checkers.record import Record
from tests.checkers.scrambles import Draw


def batch(ops: list[Op], level: str) -> Any:
    return registry.create("causal").check(Record(ops, options={"level": level}))


def judge(level: str) -> Any:
    return registry.online("causal", {"level": level})


def drawn(seed: int, length: int = 40) -> list[Op]:
    """Replicas that pass on what they have in any order; operations overlap, fail and crash; transactions too."""
    draw = Draw(seed)
    txn, wrong = seed % 3 == 0, seed % 5
    views: list[dict[str, int]] = [{}, {}, {}]
    processes = [0, 1, 2]
    open_ops: dict[int, tuple[Op, Any]] = {}
    ops: list[Op] = []
    for at in range(length):
        slot = draw.below(3)
        process, view = processes[slot], views[slot]
        if slot not in open_ops:
            if draw.chance(25):
                view.update(views[draw.below(3)])
            if draw.chance(2 * wrong):  # two replicas take one another's last write for the newer one
                key, other = draw.one("x", "y"), views[draw.below(3)]
                if key in view and key in other:
                    view[key], other[key] = other[key], view[key]
            micros = []
            for m in range(1 + draw.below(3) * txn):
                key = draw.one("x", "y")
                if draw.chance(50):
                    view[key] = 10 * at + m
                    micros.append(["w", key, view[key]])
                else:
                    value = view.get(key)
                    if draw.chance(wrong):
                        value = draw.one(None, *views[draw.below(3)].values())
                    micros.append(["r", key, value])
            asked = [[f, k, None if f == "r" else v] for f, k, v in micros]
            if txn:
                op = Op(at, at, process, "invoke", "txn", None, asked)
                answer: Any = micros
            else:
                f, key, answer = micros[0]
                op = Op(at, at, process, "invoke", {"r": "read", "w": "write"}[f], key, asked[0][2])
            open_ops[slot] = op, answer
        else:
            op, answer = open_ops.pop(slot)
            kind = draw.one("ok", "ok", "ok", "ok", "ok", "ok", "ok", "info", "fail" if wrong else "ok")
            op = Op(at, at, process, kind, op.f, op.key, answer if kind == "ok" else op.value)
            if kind == "info":
                processes[slot] = max(processes) + 1
        ops.append(op)
    return ops


@pytest.mark.parametrize("level", ["cc", "ccv"])
@pytest.mark.parametrize("block", range(2))
def test_a_violation_is_known_with_the_op_that_completes_it(block: int, level: str) -> None:
    kinds: set[str] = set()
    invalid = 0
    for seed in range(200 * block, 200 * block + 200):
        ops = drawn(seed)
        online = judge(level)
        for n, op in enumerate(ops, 1):
            online.observe(op)
            expected = batch(ops[:n], level)
            assert online.violated() == (expected.verdict == "invalid"), (seed, n)
            assert online.result() == expected
            if online.violated():
                invalid += 1
                kinds |= {a.type for a in expected.anomalies}
                break
        assert not online._look_at or online.violated(), seed
    assert 60 < invalid < 180
    assert kinds >= {"ThinAirRead", "WriteCOInitRead", "WriteCORead"} | (
        {"CyclicCF"} if level == "ccv" else set()
    )


def test_an_effect_before_its_cause_is_known() -> None:
    """Each transaction reads what the other writes; and so through a third that was done before."""
    txns = {0: [["r", "x", 1], ["w", "y", 2]], 1: [["r", "y", 2], ["w", "x", 1]]}
    for between in ([], [["r", "y", 2], ["w", "z", 3]]):
        plan = dict(txns)
        if between:
            plan[1] = [["r", "z", 3], ["w", "x", 1]]
            plan[2] = between
        ops = [Op(n, n, p, "invoke", "txn", None, plan[p]) for n, p in enumerate(plan)]
        ops += [
            Op(len(plan) + n, 9, p, "ok", "txn", None, plan[p])
            for n, p in enumerate(sorted(plan, reverse=True))
        ]
        online = judge("cc")
        for n, op in enumerate(ops, 1):
            online.observe(op)
            assert online.violated() == (batch(ops[:n], "cc").verdict == "invalid")
        assert [a.type for a in online.result().anomalies] == ["CyclicCO"]


def long_run(length: int, stale_at: int = -1) -> list[Op]:
    """Four sessions that write and read ten keys, always the last value; from some op on one old value is read."""
    ops: list[Op] = []
    last: dict[int, int] = {}
    for n in range(length // 2):
        key, process = n % 10, n % 4
        read = n % 3 == 0 and key in last
        value = last[key] if read else n
        if read and stale_at >= 0 and 2 * n >= stale_at:
            value, stale_at = key if key % 3 else 10 + key, -1
        last[key] = value
        f = "read" if read else "write"
        ops.append(Op(2 * n, n, process, "invoke", f, key, None if read else value))
        ops.append(Op(2 * n + 1, n, process, "ok", f, key, value))
    return ops


def test_what_came_at_op_10000_is_reported_by_op_10100() -> None:
    right, ops = judge("ccv"), long_run(11_000)
    for op in ops:
        right.observe(op)
    assert (right.violated(), right.verdict(), right._look_at) == (False, "valid", 0)
    ops = long_run(11_000, 10_000)
    at = next(n for n in range(10_000, 11_000) if batch(ops[: n + 1], "ccv").verdict == "invalid")
    online = judge("ccv")
    for told, op in enumerate(ops):  # noqa: B007
        online.observe(op)
        if online.violated():
            break
    assert told == at < 10_100


def test_values_that_are_written_twice_are_looked_at_now_and_then() -> None:
    ops = []
    for n in range(20):
        ops += [
            Op(2 * n, n, n % 3, "invoke", "write", "x", n % 7),
            Op(2 * n + 1, n, n % 3, "ok", "write", "x", n % 7),
        ]
    online = judge("ccv")
    for n, op in enumerate(ops, 1):
        online.observe(op)
        assert online.result() == batch(ops[:n], "ccv")
    assert online._look_at


def test_columns_that_come_first_are_judged_alike() -> None:
    for seed in range(20):
        ops = drawn(seed)
        online = judge("ccv")
        online.observe_all(History.from_ops(ops[:20]))
        assert online.result() == batch(ops[:20], "ccv")
        online.observe_all(ops[20:])
        assert online.result() == batch(ops, "ccv")


def test_it_refuses_what_does_not_pair_and_levels_that_do_not_exist() -> None:
    online = judge("ccv")
    online.observe(Op(0, 0, 1, "invoke", "read", "x"))
    with pytest.raises(MalformedHistoryError):
        online.observe(Op(1, 0, 1, "invoke", "read", "x"))
    with pytest.raises(ValueError, match="expected cc or ccv"):
        judge("strong")
