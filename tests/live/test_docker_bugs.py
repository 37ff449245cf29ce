"""Planted bugs 1 and 8 in containers: caught by what should see them; the sound build valid under the same faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.run import execute
from harness.spec import RunSpec
from tests.live import test_planted_bugs as processes
from tests.live.engines import held_engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with held_engine(tmp_path_factory) as client:
        yield client


SEEDS = 8


def forgetful(bug: str | None) -> Iterator[RunSpec]:
    """Nobody remembers whom it voted for: the campaign of live bugs."""
    for run in processes.planned("caught", bug):
        yield msgspec.structs.replace(run.spec, env="docker")


def deposed(bug: str | None) -> Iterator[RunSpec]:
    """Leaders are cut off one after the other, and what they committed last their successors do not know of yet."""
    for seed in range(2, 2 + SEEDS):
        yield RunSpec(
            env="docker",
            bug=bug,
            workload="register",
            nemesis=["partition:isolated-leader", "partition:new-leader"],
            interval=1.3,
            time_limit=12,
            quiet=1,
            rate=400,
            concurrency="10n",
            op_timeout=0.4,
            seed=seed,
            options={"latency": {"dist": "uniform", "min_us": 10_000, "mean_us": 30_000}},
        )


@pytest.mark.parametrize(
    ("bug", "specs", "checker", "signs"),
    [
        ("vote-not-persisted", forgetful, "raft-invariants", {"SingleVote", "ElectionSafety"}),
        ("reads-before-own-commit", deposed, "linearizability", {"nonlinearizable"}),
    ],
)
def test_a_planted_bug_is_caught_in_containers(
    engine: Any, tmp_path: Path, bug: str, specs: Any, checker: str, signs: set[str]
) -> None:
    del engine
    tried = 0
    for spec in specs(bug):
        tried += 1
        outcome = execute(spec, tmp_path / str(spec.seed), report=False)
        if processes.invalid(outcome, checker) & signs:
            return
    raise AssertionError(f"{bug} was not caught with {tried} seeds")


def test_the_sound_build_is_valid_in_containers(engine: Any, tmp_path: Path) -> None:
    del engine
    outcome = execute(next(deposed(None)), tmp_path / "run", report=False)
    assert outcome.verdict == "valid", [(r.checker, r.why) for r in outcome.results]
    assert outcome.summary["bite"]["partition"]["bit"] > 0
