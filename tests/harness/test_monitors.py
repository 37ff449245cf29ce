"""What a run of Raft is watched for: a lie in its trace is seen by the checker that should see it, and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.run import MONITORS, Outcome, execute
from harness.spec import RunSpec
from nodes.raft.core import Raft

Data = dict[str, Any]

LIAR = "n0"
"""a follower with this seed"""


def run(folder: Path, **options: Any) -> Outcome:
    spec = RunSpec(nodes=5, time_limit=3.0, seed=1, options={"checker": options})
    return execute(spec, folder / "run", report=False)


def found(outcome: Outcome) -> set[tuple[str, str]]:
    return {(r.checker, a.type) for r in outcome.results for a in r.anomalies}


def lie(monkeypatch: pytest.MonkeyPatch, change: Callable[[str, Data], Data | None]) -> None:
    """``LIAR`` says something else than it did; None: nothing at all."""
    honest = Raft._trace

    def trace(self: Raft, kind: str, data: Data) -> None:
        told = change(kind, data) if self.id == LIAR else data
        if told is not None:
            honest(self, kind, told)

    monkeypatch.setattr(Raft, "_trace", trace)


def test_an_honest_run_is_watched_by_all_of_them(tmp_path: Path) -> None:
    outcome = run(tmp_path)
    assert outcome.verdict == "valid"
    judged = {r.checker: r for r in outcome.results}
    assert set(MONITORS["raft"]) < set(judged)
    assert judged["state-divergence"].coverage["compared"] > 100
    assert judged["agreement"].coverage["compared"] > 100
    assert judged["agreement"].coverage["validity"] > 100
    assert judged["elections"].coverage["leading"]
    assert judged["startup"].coverage["worked"] == 5


def test_another_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(kind: str, data: Data) -> Data:
        return {**data, "state": data["state"] + 1} if kind == "apply" and data["index"] > 9 else data

    lie(monkeypatch, change)
    outcome = run(tmp_path)
    assert found(outcome) == {("state-divergence", "state-divergence")}
    (anomaly,) = next(r for r in outcome.results if r.checker == "state-divergence").anomalies
    assert LIAR in anomaly.data["nodes"]
    assert anomaly.op_indexes, "the entries are operations of the history"


def test_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(kind: str, data: Data) -> Data:
        if kind != "append" or data["index"] < 10:
            return data
        return {**data, "entries": [[term, "c0:999999" if name else name] for term, name in data["entries"]]}

    lie(monkeypatch, change)
    seen = found(run(tmp_path))
    assert {
        ("agreement", "disagreement"),
        ("agreement", "forged"),
        ("raft-invariants", "LogMatching"),
    } == seen


def test_a_node_that_starts_and_says_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lie(monkeypatch, lambda kind, data: data if kind == "started" else None)
    assert found(run(tmp_path, startup_s=2)) == {("startup", "stuck-startup")}


def test_a_second_leader_without_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(kind: str, data: Data) -> Data:
        return {**data, "role": "leader", "term": 7} if kind == "role" else data

    assert found(run(tmp_path / "honest", settle_s=0, leader_changes_max=0)) == set()
    lie(monkeypatch, change)
    seen = found(run(tmp_path, settle_s=0, leader_changes_max=0))
    assert ("elections", "unsettled") in seen
    assert {checker for checker, _ in seen} == {"elections", "raft-invariants"}
