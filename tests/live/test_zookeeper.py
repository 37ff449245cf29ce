"""ZooKeeper: linearizable behind a write through a quorum, stale by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.live import machines
from harness.live.cluster import LiveCluster
from harness.live.faults import faketime
from harness.run import check_spec
from harness.spec import RunSpec
from harness.systems.jute import Session, ZooError
from harness.systems.zookeeper import JARS
from tests.live.clusters import live
from tests.live.test_foreign import bit, needs, run

HOUR_NS = 3600 * 10**9


def needs_zookeeper() -> None:
    needs("java")
    if not Path(JARS.rpartition(":")[2]).exists():
        pytest.skip("zookeeper is not installed")


def test_zookeeper_is_sound_where_reads_are_ordered(tmp_path: Path) -> None:
    needs_zookeeper()
    faults = ["partition", "kill", "pause"]
    outcome = run(tmp_path, system="zookeeper", nemesis=faults, interval=4, time_limit=12, seed=2, quiet=5)
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
        options={"config": {"reads": "local"}},
    )
    assert outcome.verdict == "invalid"


def test_the_clock_of_the_leader_is_what_its_writes_show(tmp_path: Path) -> None:
    needs_zookeeper()
    if faketime.library() is None:
        pytest.skip("libfaketime is not installed")

    async def main(cluster: LiveCluster) -> None:
        async def written_ms() -> int:
            session = await Session.open(*door, 10_000)
            try:
                try:
                    await session.create("/clock", b"")
                except ZooError:
                    await session.set("/clock", b"", -1)
                return (await session.get("/clock"))[1].changed_ms
            finally:
                session.close()

        leader = cluster.leader()
        assert leader is not None
        member: Any = cluster._seats[leader].member
        door = member._place.door(2181)
        before = await written_ms()
        await cluster.set_clock(leader, HOUR_NS, 0)
        assert await written_ms() - before > HOUR_NS // 2_000_000
        assert abs((await cluster.observe())[leader].clock_offset_ns - HOUR_NS) < 10**9
        await cluster.set_clock(leader, 0, 0)
        assert await written_ms() - before < HOUR_NS // 2_000_000

    live(main, tmp_path / "run", system="zookeeper", nemesis=["clock"])


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
