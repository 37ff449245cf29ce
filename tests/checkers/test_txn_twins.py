"""List-append against a twin that enumerates every cycle, on thousands of small random histories."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.history import Op
from checkers.record import Record
from checkers.txn.list_append import ListAppend
from checkers.txn.models import FORBIDDEN
from tests.checkers.histories import types
from tests.checkers.txn_twins import Lists, serial, told


class Draws:
    """Integers of a seeded stream: splitmix64."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, n: int) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        return (z ^ (z >> 31)) % n


def scrambled(seed: int, write: str = "append") -> list[Op]:
    """Up to six transactions on a store that lies now and then; some fail, some are lost."""
    d = Draws(seed)
    lists = write == "append"
    keys = "xyz"[: 1 + d.below(3)]
    elements = dict.fromkeys(keys, 0)
    plans: list[list[list[Any]]] = []
    for _ in range(2 + d.below(5)):
        plan: list[list[Any]] = []
        for _ in range(1 + d.below(3)):
            key = keys[d.below(len(keys))]
            if d.below(2):
                elements[key] += 1
                plan.append([write, key, elements[key]])
            else:
                plan.append(["r", key, None])
        plans.append(plan)
    lies = d.below(3) * 12
    state: dict[str, list[Any]] = {key: [] for key in keys}
    snapshots = d.below(2)  # a transaction reads what was there when it began, and its own writes
    began: dict[int, dict[str, list[Any]]] = {}
    done: list[list[list[Any]]] = [[] for _ in plans]
    turns = [n for n, plan in enumerate(plans) for _ in plan]
    for at in range(len(turns)):  # mostly one transaction after the other, sometimes mixed
        other = d.below(len(turns))
        if d.below(100) < 4 + lies + 40 * snapshots:
            turns[at], turns[other] = turns[other], turns[at]
    for n in turns:
        f, key, value = plans[n][len(done[n])]
        held = state[key]
        base = began.setdefault(n, dict(state))
        if f != "r":
            state[key] = [*held, value]
            if d.below(100) < lies // 4:
                state[key] = held
            done[n].append([f, key, value])
            continue
        own = [v for g, k, v in done[n] if g != "r" and k == key]
        seen = [*base[key], *own] if snapshots else list(held)
        if d.below(100) < lies:
            seen = seen[: d.below(len(seen) + 1)]
        if d.below(100) < lies // 6 and len(seen) > 1:
            seen[-1], seen[-2] = seen[-2], seen[-1]
        if d.below(100) < lies // 12:
            seen.append([9, seen[0] if seen else 9, 1][d.below(3)])
        done[n].append([f, key, seen if lists else seen[-1] if seen else None])
    ops: list[Op] = []
    waiting: dict[int, int] = {}
    names = list(range(1 + d.below(4)))
    left = list(range(len(plans)))

    def add(process: int, kind: Any, micro: list[list[Any]]) -> None:
        ops.append(Op(len(ops), len(ops) * 1000, process, kind, "txn", value=micro))

    while left or waiting:
        slot = d.below(len(names))
        if slot not in waiting:
            if left:
                n = waiting[slot] = left.pop(0)
                add(names[slot], "invoke", [[f, k, None if f == "r" else v] for f, k, v in plans[n]])
            continue
        if d.below(3) == 0:
            continue
        n = waiting.pop(slot)
        outcome = ["ok"] * 10 + ["info", "fail"]
        kind = outcome[d.below(12)]
        add(names[slot], kind, done[n] if kind == "ok" else plans[n])
        if kind == "info":
            names[slot] += 10
    return ops


MODELS = (
    "read-uncommitted",
    "read-committed",
    "cursor-stability",
    "consistent-view",
    "snapshot-isolation",
    "repeatable-read",
    "serializable",
    "strong-session-snapshot-isolation",
    "strong-session-serializable",
    "strong-read-committed",
    "strict-serializable",
)


def explained(ops: list[Op], model: str) -> set[str]:
    """What the twin finds that the model forbids."""
    forbidden = FORBIDDEN[model]
    twin = Lists(ops, contradictions="internal" not in forbidden)
    found = (twin.found & forbidden) | told(twin.txns, twin.edges, forbidden)
    if "dirty-update" not in forbidden:
        found -= {"G1a"}
    return found - ({"G-cursor"} if "G-single" in forbidden else set())


@pytest.mark.parametrize("block", range(4))
def test_list_append_agrees_with_every_cycle_enumerated(block: int) -> None:
    rejected = 0
    for seed in range(block * 1000, block * 1000 + 1000):
        ops = scrambled(seed)
        for model in (MODELS[seed % len(MODELS)], "strict-serializable"):
            result = ListAppend().check(Record(ops, options={"model": model}))
            assert set(types(result)) == explained(ops, model), (seed, model)
            rejected += result.verdict == "invalid"
    assert 400 < rejected < 1900


def test_list_append_agrees_with_all_orders() -> None:
    """Valid means that a serial order exists, invalid that none does."""
    seen = {True: 0, False: 0}
    for seed in range(1500):
        ops = scrambled(seed)
        for model in ("strict-serializable", "serializable"):
            result = ListAppend().check(Record(ops, options={"model": model}))
            if result.verdict != "unknown":
                exists = serial(ops, strict=model.startswith("strict"))
                assert (result.verdict == "valid") == exists, (seed, model)
                seen[exists] += 1
    assert min(seen.values()) > 500
