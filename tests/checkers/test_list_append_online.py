"""List-append while a run goes on: what the batch finds wrong is known with the op that makes it so."""

from __future__ import annotations

from typing import Any

import pytest

from checkers import registry
from checkers.history import MalformedHistoryError, Op
from checkers.record import Record
from checkers.txn.list_append import ListAppend
from checkers.txn.online import OnlineListAppend
from tests.checkers.test_txn_twins import MODELS, Draws, scrambled
from tests.kernels import uncompiled


def batch(ops: list[Op], model: str) -> Any:
    return ListAppend().check(Record(ops, options={"model": model}))


def impossible_at(ops: list[Op], model: str) -> int:
    """The first prefix that the batch finds invalid; one more than there are ops where none is."""
    return next(
        (n for n in range(1, len(ops) + 1) if batch(ops[:n], model).verdict == "invalid"), len(ops) + 1
    )


def told_at(ops: list[Op], model: str) -> int:
    online = OnlineListAppend({"model": model})
    for n, op in enumerate(ops, 1):
        online.observe(op)
        if online.violated():
            assert online.verdict() == batch(ops[:n], model).verdict == "invalid"
            return n
    return len(ops) + 1


@pytest.mark.parametrize("block", range(4))
def test_a_violation_is_known_with_the_op_that_completes_it(block: int) -> None:
    invalid = 0
    for seed in range(100 * block, 100 * block + 100):
        ops = scrambled(seed)
        for model in (MODELS[seed % len(MODELS)], "strict-serializable"):
            at = impossible_at(ops, model)
            assert told_at(ops, model) == at, (seed, model)
            invalid += at <= len(ops)
    assert 60 < invalid < 160


def test_the_verdict_is_that_of_the_batch_at_any_time() -> None:
    verdicts = set()
    for seed in range(40):
        ops = scrambled(seed)
        online = OnlineListAppend()
        for n, op in enumerate(ops, 1):
            online.observe(op)
            if n % 3 == 0:
                assert online.result() == batch(ops[:n], "strict-serializable")
                verdicts.add(online.verdict())
    assert verdicts == {"valid", "invalid", "unknown"}


def test_an_uncompiled_kernel_notices_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [(scrambled(seed), MODELS[seed % len(MODELS)]) for seed in range(60)]
    compiled = [told_at(ops, model) for ops, model in cases]
    plain = uncompiled("appending", "pending", "acyclic").Appending
    monkeypatch.setattr("checkers.txn.online.Appending", plain)
    assert [told_at(ops, model) for ops, model in cases] == compiled


def right(seed: int, length: int) -> list[Op]:
    """A strictly serializable run of 6 processes: transactions take effect when they complete."""
    draws = Draws(seed)
    state: dict[str, list[int]] = {}
    waiting: dict[int, list[list[Any]]] = {}
    ops: list[Op] = []
    fresh = 0
    while len(ops) < length:
        process = draws.below(6)
        plan = waiting.pop(process, None)
        if plan is None:
            plan = []
            for _ in range(1 + draws.below(3)):
                key = f"k{len(ops) // 300}-{draws.below(4)}"
                fresh += 1
                plan.append(["append", key, fresh] if draws.below(2) else ["r", key, None])
            waiting[process] = plan
            ops.append(Op(len(ops), len(ops), process, "invoke", "txn", value=plan))
            continue
        done = []
        for f, key, value in plan:
            held = state.setdefault(key, [])
            if f == "append":
                held.append(value)
            done.append([f, key, value if f == "append" else list(held)])
        ops.append(Op(len(ops), len(ops), process, "ok", "txn", value=done))
    return ops


def broken(ops: list[Op], at: int, way: str) -> int:
    """Break the first completion from ``at`` on that can be; where."""
    for n in range(at, len(ops)):
        if ops[n].type != "ok":
            continue
        wrote = {key for f, key, _ in ops[n].value if f == "append"}
        for micro in ops[n].value:
            f, key, value = micro
            if f != "r" or key in wrote or len(value) < 12:
                continue
            micro[2] = {
                "stale": value[:-10],
                "swapped": [*value[:-2], value[-1], value[-2]],
                "garbage": [*value, 0],
                "twice": [*value, value[0]],
                "vanished": [*value[:4], *value[5:]],
            }[way]
            return n
    raise AssertionError


@pytest.mark.parametrize("way", ["stale", "swapped", "garbage", "twice", "vanished"])
def test_what_came_at_op_10000_is_reported_by_op_10100(way: str) -> None:
    ops = right(3, 10_400)
    at = broken(ops, 10_000, way)
    assert batch(ops[:at], "strict-serializable").verdict == "valid"
    assert batch(ops[: at + 1], "strict-serializable").verdict == "invalid"
    assert at + 1 <= told_at(ops, "strict-serializable") <= at + 100


def test_a_right_run_is_never_suspected() -> None:
    for model in ("strict-serializable", "snapshot-isolation", "read-committed"):
        online = OnlineListAppend({"model": model})
        for op in right(4, 6_000):
            online.observe(op)
        assert not online._kernel.suspect
        assert online.verdict() == "valid"


def test_where_the_batch_finds_nothing_wrong_it_looks_again_now_and_then() -> None:
    ops = right(5, 3_000)
    twice = [["append", "odd", 1], ["append", "odd", 1]]  # nothing can be said of this key
    ops = [Op(0, 0, 77, "invoke", "txn", value=twice), Op(1, 0, 77, "ok", "txn", value=twice), *ops]
    broken(ops, 1_500, "stale")
    online = OnlineListAppend()
    for told, op in enumerate(ops):  # noqa: B007
        online.observe(op)
        if online.violated():
            break
    assert 1_500 < told < 2_900
    assert online.verdict() == "invalid"


def test_it_refuses_what_is_no_transaction() -> None:
    online = registry.online("list-append", {})
    assert online is not None
    assert online.verdict() == "unknown"
    online.observe(Op(0, 0, 1, "invoke", "txn", value=[["r", "x", None]]))
    with pytest.raises(MalformedHistoryError, match="still open"):
        online.observe(Op(1, 0, 1, "invoke", "txn", value=[]))
    strange = registry.online("list-append", {})
    assert strange is not None
    with pytest.raises(MalformedHistoryError, match="a micro-op is append or r"):
        strange.observe(Op(0, 0, 1, "invoke", "txn", value=[["w", "x", 1]]))
