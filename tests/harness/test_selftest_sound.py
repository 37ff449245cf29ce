"""The harness judged by itself: nothing is wrong with a sound one, and an oracle knows a false history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers.history import Op
from tests.harness.fake import FLAWED_KEY, clients, install
from tests.harness.plants import Patch, ops, run, whys


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_sound_system_under_a_sound_harness(tmp_path: Path, monkeypatch: Patch, seed: int) -> None:
    oracle = install(monkeypatch)
    outcome = run(tmp_path, seed=seed)
    history = ops(tmp_path)
    assert outcome.verdict == oracle.verdict() == "valid", whys(outcome)
    assert oracle.contradictions(history) == []
    # a record in which every kind of outcome comes up
    kinds = {op.type for op in clients(history)}
    assert kinds == {"invoke", "ok", "fail", "info"}


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_flawed_system_under_a_sound_harness(tmp_path: Path, monkeypatch: Patch, seed: int) -> None:
    oracle = install(monkeypatch, "lies")
    outcome = run(tmp_path, seed=seed)
    assert outcome.verdict == oracle.verdict() == "invalid"
    assert oracle.contradictions(ops(tmp_path)) == []
    (found,) = [r for r in outcome.results if r.verdict == "invalid"]
    assert found.checker == "linearizability"
    assert {a.data["key"] for a in found.anomalies} == {FLAWED_KEY}


def test_the_oracle_tells_a_false_history_from_a_true_one(tmp_path: Path, monkeypatch: Patch) -> None:
    oracle = install(monkeypatch)
    run(tmp_path)
    history = ops(tmp_path)

    def changed(kind: str, f: str, **fields: Any) -> list[Op]:
        at = next(n for n, op in enumerate(history) if (op.type, op.f) == (kind, f))
        return [*history[:at], msgspec.structs.replace(history[at], **fields), *history[at + 1 :]]

    assert oracle.contradictions(changed("ok", "write", type="info")) == []
    for false in (
        changed("ok", "write", type="fail"),
        changed("ok", "read", value=10**9),
        changed("ok", "write", time=0),
    ):
        assert len(oracle.contradictions(false)) == 1
