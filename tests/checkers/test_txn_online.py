"""Transactions while a run goes on: what the batch finds wrong is known with the op that makes it so."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from checkers import registry
from checkers.columns import History
from checkers.history import MalformedHistoryError, Op
from checkers.record import Record
from tests.checkers.test_txn_twins import MODELS, Draws, scrambled
from tests.kernels import uncompiled

CHECKERS = {"append": "list-append", "w": "rw-register"}
KERNELS = {"append": ("appending", "Appending"), "w": ("writing", "Writing")}
writes = pytest.mark.parametrize("write", CHECKERS)


def batch(ops: list[Op], model: str, write: str = "append") -> Any:
    return registry.create(CHECKERS[write]).check(Record(ops, options={"model": model}))


def judge(model: str, write: str = "append") -> Any:
    return registry.online(CHECKERS[write], {"model": model})


def impossible_at(ops: list[Op], model: str, write: str) -> int:
    """The first prefix that the batch finds invalid; one more than there are ops where none is."""
    every = range(1, len(ops) + 1)
    return next((n for n in every if batch(ops[:n], model, write).verdict == "invalid"), len(ops) + 1)


NOTICED = tuple(model for model in MODELS if model != "cursor-stability")
"""models of which a violation is noticed by the op that completes it"""


def told_at(ops: list[Op], model: str, write: str) -> int:
    online = judge(model, write)
    for n, op in enumerate(ops, 1):
        online.observe(op)
        if online.violated():
            assert online.verdict() == batch(ops[:n], model, write).verdict == "invalid"
            return n
    return len(ops) + 1


@writes
@pytest.mark.parametrize("block", range(2))
def test_a_violation_is_known_with_the_op_that_completes_it(block: int, write: str) -> None:
    invalid = 0
    for seed in range(120 * block, 120 * block + 120):
        ops = scrambled(seed, write)
        for model in (NOTICED[1 + seed % (len(NOTICED) - 1)], "strict-serializable"):
            at = impossible_at(ops, model, write)
            assert told_at(ops, model, write) == at, (seed, model)
            invalid += at <= len(ops)
    assert 50 < invalid < 190


@writes
def test_the_verdict_is_that_of_the_batch_at_any_time(write: str) -> None:
    verdicts = set()
    for seed in range(40):
        ops = scrambled(seed, write)
        online = judge("strict-serializable", write)
        for n, op in enumerate(ops, 1):
            online.observe(op)
            if n % 3 == 0:
                assert online.result() == batch(ops[:n], "strict-serializable", write)
                verdicts.add(online.verdict())
    assert verdicts == {"valid", "invalid", "unknown"}


@writes
def test_a_history_in_columns_that_comes_first_is_judged_alike(write: str) -> None:
    verdicts = set()
    for seed in range(40):
        ops = scrambled(seed, write)
        part = len(ops) * (seed % 4) // 4
        online = judge("strict-serializable", write)
        online.observe_all(History.from_ops(ops[:part]))
        assert online.result() == batch(ops[:part], "strict-serializable", write)
        online.observe_all(ops[part:])
        assert online.result() == batch(ops, "strict-serializable", write)
        assert online.violated() == (online.verdict() == "invalid")
        verdicts.add(online.verdict())
    assert verdicts == {"valid", "invalid", "unknown"}


@writes
def test_an_uncompiled_kernel_notices_the_same(write: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [(scrambled(seed, write), NOTICED[seed % len(NOTICED)]) for seed in range(60)]
    compiled = [told_at(ops, model, write) for ops, model in cases]
    module, name = KERNELS[write]
    plain = getattr(uncompiled(module, "slots", "acyclic", "dependencies"), name)
    monkeypatch.setattr(f"checkers.txn.online.{name}", plain)
    assert [told_at(ops, model, write) for ops, model in cases] == compiled


def test_of_a_read_at_odds_with_its_own_transaction_the_list_is_compared_all_the_same() -> None:
    model = "read-committed"  # which does not forbid such reads
    plans: list[Any] = [[["r", "x", None], ["append", "x", 1], ["r", "x", None]], [["append", "x", 2]]]
    done: list[Any] = [[["r", "x", [2]], ["append", "x", 1], ["r", "x", [2, 1]]], [["append", "x", 2]]]
    last = [["append", "x", 3]], [["r", "x", [2, 3, 1]]]
    ops = [Op(p, p, p, "invoke", "txn", value=plan) for p, plan in enumerate(plans)]
    ops += [Op(2, 2, 1, "ok", "txn", value=done[1]), Op(3, 3, 2, "invoke", "txn", value=last[0])]
    ops += [Op(4, 4, 3, "invoke", "txn", value=[["r", "x", None]]), Op(5, 5, 3, "ok", "txn", value=last[1])]
    ops += [Op(6, 6, 0, "ok", "txn", value=done[0])]
    assert impossible_at(ops, model, "append") == told_at(ops, model, "append") == len(ops)


def right(seed: int, length: int, write: str = "append") -> list[Op]:
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
                plan.append([write, key, fresh] if draws.below(2) else ["r", key, None])
            waiting[process] = plan
            ops.append(Op(len(ops), len(ops), process, "invoke", "txn", value=plan))
            continue
        done = []
        for f, key, value in plan:
            held = state.setdefault(key, [])
            if f == write:
                held.append(value)
            seen = list(held) if write == "append" else held[-1] if held else None
            done.append([f, key, value if f == write else seen])
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
    assert at + 1 <= told_at(ops, "strict-serializable", "append") <= at + 100


def test_a_stale_read_of_a_register_at_op_10000_is_reported_by_op_10100() -> None:
    ops = right(3, 10_400, "w")
    written: dict[str, list[int]] = {}
    for at, op in enumerate(ops):
        if op.type != "ok":
            continue
        first = op.value[0]
        if at >= 10_000 and first[0] == "r" and len(written.get(first[1], ())) > 12:
            first[2] = written[first[1]][-10]
            break
        for f, key, value in op.value:
            if f == "w":
                written.setdefault(key, []).append(value)
    assert batch(ops[:at], "strict-serializable", "w").verdict == "valid"
    assert at + 1 <= told_at(ops, "strict-serializable", "w") <= at + 100


def test_a_right_run_is_never_suspected() -> None:
    for model, write in product(("strict-serializable", "snapshot-isolation", "read-committed"), CHECKERS):
        online = judge(model, write)
        for op in right(4, 6_000, write):
            online.observe(op)
        assert not online._kernel.suspect
        assert online.verdict() == "valid"


def test_where_the_batch_finds_nothing_wrong_it_looks_again_now_and_then() -> None:
    ops = right(5, 3_000)
    twice = [["append", "odd", 1], ["append", "odd", 1]]  # nothing can be said of this key
    ops = [Op(0, 0, 77, "invoke", "txn", value=twice), Op(1, 0, 77, "ok", "txn", value=twice), *ops]
    broken(ops, 1_500, "stale")
    online = judge("strict-serializable")
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


def test_with_an_assumed_order_of_versions_the_batch_looks_now_and_then() -> None:
    online = registry.online("rw-register", {"linearizable_keys": True, "model": "serializable"})
    assert online is not None
    for op in right(6, 600, "w"):
        online.observe(op)
    assert online.verdict() == "valid"
