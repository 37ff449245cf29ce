"""ZooKeeper: linearizable behind a write through a quorum, stale by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.live import machines
from harness.run import check_spec
from harness.spec import RunSpec
from harness.systems.zookeeper import JARS
from tests.live.test_foreign import bit, needs, run


def needs_zookeeper() -> None:
    needs("java")
    if not Path(JARS.rpartition(":")[2]).exists():
        pytest.skip("zookeeper is not installed")


def test_zookeeper_is_sound_where_reads_are_ordered(tmp_path: Path) -> None:
    needs_zookeeper()
    faults = ["partition", "kill", "pause"]
    # a member that waited in vain for followers (2.5 s) may have to be elected against once more
    outcome = run(tmp_path, system="zookeeper", nemesis=faults, interval=4, time_limit=12, seed=2, quiet=10)
    assert outcome.verdict == "valid", outcome.results
    assert bit(outcome) == set(faults)
    assert outcome.summary["ok"] > 25


def test_stale_reads_of_zookeeper_are_caught(tmp_path: Path) -> None:
    needs_zookeeper()
    outcome = run(
        tmp_path,
        system="zookeeper",
        nemesis=["partition:isolated-node"],
        interval=4,
        time_limit=10,
        # many clients that seldom write: those of a member that is cut off are not all at a write at once
        concurrency="6n",
        rate=150,
        options={"config": {"reads": "local"}, "workload": {"read_percent": 90}},
    )
    assert outcome.verdict == "invalid"


@pytest.mark.parametrize(
    ("config", "words"),
    [({"reads": "fresh"}, "expected ordered, sync, local"), ({"tick_ms": 0}, "milliseconds, got 0")],
)
def test_settings_that_cannot_be_are_refused(config: dict[str, Any], words: str) -> None:
    needs_zookeeper()
    assert machines.able()
    with pytest.raises(UsageError) as raised:
        check_spec(RunSpec(env="process", system="zookeeper", options={"config": config}))
    assert words in str(raised.value)
