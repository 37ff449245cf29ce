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
from tests.live.played import fault, played
from tests.live.test_foreign import bit, needs, result


def needs_zookeeper() -> None:
    needs("java")
    if not Path(JARS.rpartition(":")[2]).exists():
        pytest.skip("zookeeper is not installed")


def test_zookeeper_is_sound_where_reads_are_ordered(tmp_path: Path) -> None:
    """While one follower after the other is in trouble. Of leaders ZooKeeper 3.8 is not: docs/systems.md says how."""
    needs_zookeeper()
    outcome = played(
        "process",
        tmp_path,
        [
            fault(800, 3800, "partition:isolated-node", "follower"),
            fault(7000, 8500, "kill:one", "follower"),
            fault(11500, 13000, "pause:one", "follower"),
        ],
        system="zookeeper",
        nodes=3,
        time_limit=14,
        rate=60,
        quiet=10,
    )
    assert outcome.verdict == "valid", outcome.results
    assert bit(outcome) == {"partition", "kill", "pause"}
    assert outcome.summary["ok"] > 25


def test_stale_reads_of_zookeeper_are_caught(tmp_path: Path) -> None:
    """A follower that is cut off goes on answering for a while, on sessions that it has; a write takes one with it.

    So most requests are reads, and all are of the key that the others write.
    """
    needs_zookeeper()
    outcome = played(
        "process",
        tmp_path,
        [fault(start, start + 3500, "partition:isolated-node", "follower") for start in (800, 7000)],
        system="zookeeper",
        nodes=3,
        time_limit=11,
        rate=150,
        concurrency="6n",
        options={"config": {"reads": "local"}, "workload": {"read_percent": 90, "keys": 1}},
    )
    assert result(outcome, "linearizability").verdict == "invalid"


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
