"""Planted bugs 1 and 8 in containers: caught by what should see them; the sound build valid under the same faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.run import Outcome, execute
from harness.spec import RunSpec
from tests.live import test_planted_bugs as processes
from tests.live.engines import held_engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with held_engine(tmp_path_factory) as client:
        yield client


def contained(spec: RunSpec, folder: Path) -> Outcome:
    return execute(msgspec.structs.replace(spec, env="docker"), folder, report=False)


@pytest.mark.parametrize(
    ("bug", "checker", "signs"),
    [
        ("vote-not-persisted", "raft-invariants", {"SingleVote", "ElectionSafety"}),
        ("reads-before-own-commit", "linearizability", {"nonlinearizable"}),
    ],
)
def test_a_planted_bug_is_caught_in_containers(
    engine: Any, tmp_path: Path, bug: str, checker: str, signs: set[str]
) -> None:
    del engine
    for run in processes.planned("caught", bug):
        outcome = contained(run.spec, tmp_path / str(run.spec.seed))
        if processes.invalid(outcome, checker) & signs:
            return
    raise AssertionError(f"{bug} was not caught with {processes.SEEDS} seeds")


def test_the_sound_build_is_not_accused_in_containers(engine: Any, tmp_path: Path) -> None:
    del engine
    outcome = contained(processes.planned("sound", None)[0].spec, tmp_path / "run")
    assert outcome.verdict != "invalid", [(r.checker, r.anomalies) for r in outcome.results]
