"""Planted bugs on real processes: the campaign of live bugs, each until it is caught, and the sound build once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.campaign import Overrides, Planned, load, plan
from harness.run import Outcome, execute

CAMPAIGN = Path(__file__).parents[2] / "campaigns" / "live-bugs.yaml"
SEEDS = 6
"""more than ever were needed: over many seeds, each run has shown each bug"""


def planned(group: str, bug: str | None) -> list[Planned]:
    overrides = Overrides(seeds=SEEDS, groups=(group,))
    return [run for run in plan(load(CAMPAIGN), overrides, str(CAMPAIGN)) if run.spec.bug == bug]


def invalid(outcome: Outcome, checker: str) -> set[str]:
    """The anomalies of a checker that says invalid."""
    return {
        anomaly.type
        for result in outcome.results
        if result.checker == checker and result.verdict == "invalid"
        for anomaly in result.anomalies
    }


@pytest.mark.parametrize(
    ("bug", "checker", "signs"),
    [
        ("vote-not-persisted", "raft-invariants", {"SingleVote", "ElectionSafety"}),
        ("reads-before-own-commit", "linearizability", {"nonlinearizable"}),
    ],
)
def test_a_planted_bug_is_caught(tmp_path: Path, bug: str, checker: str, signs: set[str]) -> None:
    runs = planned("caught", bug)
    assert len(runs) == SEEDS
    for run in runs:
        outcome = execute(run.spec, tmp_path / str(run.spec.seed), report=False)
        if invalid(outcome, checker) & signs:
            return
        why = [r.why for r in outcome.results if r.verdict == "unknown"]
        assert not why, f"seed {run.spec.seed} says nothing"
    raise AssertionError(f"{bug} was not caught with {SEEDS} seeds")


def test_the_sound_build_is_valid_under_the_same_faults(tmp_path: Path) -> None:
    outcome = execute(planned("sound", None)[0].spec, tmp_path / "run", report=False)
    assert outcome.verdict == "valid", [r.why for r in outcome.results if r.verdict != "valid"]
    bite = outcome.summary["bite"]
    assert all(bite[family]["bit"] > 0 for family in ("kill", "partition")), bite
