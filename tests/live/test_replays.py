"""A schedule that simulation found, replayed in containers: invalid with the bug, and with nothing else.

How often of ten, benchmarks/replays.py says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.run import Outcome, execute
from harness.shrink import smallest
from harness.spec import RunSpec
from nemeses.schedule import Schedule
from tests.live.engines import held_engine

REPLAYS = 3
"""nine of ten show the bug"""
SPEC = RunSpec(
    bug="short-read-quorum", nemesis=["partition:majority"], interval=1.5, time_limit=8, rate=100, seed=2
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with held_engine(tmp_path_factory) as client:
        yield client


def caught(outcome: Outcome) -> bool:
    return any(r.checker == "linearizability" and r.verdict == "invalid" for r in outcome.results)


def test_a_schedule_found_by_simulation_shows_its_bug_in_containers(engine: Any, tmp_path: Path) -> None:
    del engine
    assert caught(execute(SPEC, tmp_path / "sim", report=False))
    whole = Schedule.load(tmp_path / "sim" / "schedule.yaml")
    bare = msgspec.structs.replace(SPEC, nemesis=[])

    def fails(schedule: Schedule) -> bool:
        return caught(execute(bare, tmp_path / "smaller", schedule=schedule, report=False))

    schedule = smallest(whole, fails)
    assert 0 < len(schedule.faults) < len(whole.faults)
    assert all(isinstance(fault.target, str) for fault in schedule.faults)
    last_ms = max(fault.end_ms for fault in schedule.faults)
    live = msgspec.structs.replace(bare, env="docker", time_limit=last_ms / 1000 + 1.5)

    def played(name: str, faults: Schedule, bug: str | None) -> Outcome:
        spec = msgspec.structs.replace(live, bug=bug)
        return execute(spec, tmp_path / name, schedule=faults, report=False)

    assert any(caught(played(f"bug-{n}", schedule, SPEC.bug)) for n in range(REPLAYS))
    for outcome in (played("sound", schedule, None), played("empty", Schedule(), SPEC.bug)):
        assert outcome.verdict == "valid", [(r.checker, r.why) for r in outcome.results]
