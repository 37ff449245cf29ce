"""Of elements that all reads have, only the names are kept: the verdict on every prefix stays the same."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.collections.set_elements import UNTOLD
from checkers.collections.sets import OnlineSetFull
from checkers.history import Op
from tests.checkers.scrambles import Draw, scramble
from tests.checkers.test_memory import weight


def forgetful(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]) -> OnlineSetFull:
    monkeypatch.setattr("checkers.collections.sets.SETTLED", 0)
    monkeypatch.setattr("checkers.collections.sets.REMEMBERED", 0)
    return OnlineSetFull(options)


def counts(coverage: dict[str, Any]) -> dict[str, Any]:
    """Without the times: an element that is known again is so from a later moment on."""
    return {name: count for name, count in coverage.items() if name != "visible_after_ms"}


def growing(seed: int, length: int, nodes: int = 3) -> list[Op]:
    """A set that grows, read at nodes that are up to date, mostly; adds and reads overlap."""
    draw = Draw(seed)
    ops: list[Op] = []
    open_ops: dict[int, Op] = {}
    value, there = 0, []
    for at in range(length):
        node = draw.below(nodes)
        invoke = open_ops.pop(node, None)
        if invoke is None:
            f = draw.one("add", "add", "read", "remove" if draw.chance(seed % 3) else "add")
            value += f == "add"
            asked = value if f == "add" else draw.one(*there) if f == "remove" and there else None
            f = "read" if asked is None else f
            open_ops[node] = Op(at, at, node, "invoke", f, None, asked, f"n{node}")
            ops.append(open_ops[node])
            continue
        answer = None
        if invoke.f == "add":
            there.append(invoke.value)
        elif invoke.f == "remove":
            there = [v for v in there if v != invoke.value]
        else:
            answer = list(there)
            if draw.chance(seed % 4) and there:
                answer.remove(draw.one(*there))
        ops.append(Op(at, at, node, "ok", invoke.f, None, answer, f"n{node}"))
    return ops


@pytest.mark.parametrize("linearizable", [False, True])
@pytest.mark.parametrize("kind", ["growing", "g-set", "set"])
def test_every_prefix_is_judged_alike(kind: str, linearizable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"linearizable": linearizable}
    verdicts, settled, recalled = set(), 0, 0
    for seed in range(60):
        wrong = seed % 4 * 4
        ops = growing(seed, 90) if kind == "growing" else scramble(kind, seed, 60, wrong=wrong)
        whole = OnlineSetFull(options)
        with monkeypatch.context() as patch:
            short = forgetful(patch, options)
            for op in ops:
                whole.observe(op)
                short._settle_at = 0
                short.observe(op)
                assert short.violated() == whole.violated()
                one, other = short.result(), whole.result()
                assert one.verdict == other.verdict
                assert counts(one.coverage) == counts(other.coverage)
                assert all(UNTOLD not in a.op_indexes for a in one.anomalies)
                verdicts.add(one.verdict)
        parts = [part for _, part in short._sets.values()]
        settled += any(part.settled for part in parts)
        recalled += any(a.invoke.index == UNTOLD for p in parts for e in p.elements.values() for a in e.adds)
    assert verdicts == {"valid", "invalid", "unknown"}
    assert settled > 2 or kind == "set"  # which is removed from early
    assert recalled > 2 or kind == "set"


def test_names_are_all_that_grows() -> None:
    weights = []
    for length in (200, 400):
        judge = OnlineSetFull({"linearizable": True})
        for key in range(length):
            for n in range(101):
                process, value = n % 3, None if n == 100 else n
                f, at = ("read", "add")[n < 100], judge.position
                answer = list(range(100)) if n == 100 else None
                judge.observe(Op(at, at, process, "invoke", f, key, value))
                judge.observe(Op(at + 1, at, process, "ok", f, key, answer, f"n{process}"))
        assert judge.verdict() == "valid"
        weights.append(weight(judge))
    assert weights[1] - weights[0] < 200 * 100 * 200  # each element as an object: five times as much
