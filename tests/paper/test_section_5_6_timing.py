"""Section 5.6: broadcast time << election time-out << time between failures."""

from __future__ import annotations

import pytest

from harness.sim.cluster import SimCluster
from harness.spec import RunSpec
from harness.streams import Streams
from nodes.raft.core import RaftConfig
from nodes.systems import RAFT

SECOND = 1_000_000_000


def elections(mean_us, seconds=5, seed=1):
    """(candidacies, leaders) of five nodes whose messages take ``mean_us``."""
    roles = []

    def observe(_index, _time, node, kind, data):
        if kind == "role":
            roles.append((node, data["role"], data["term"]))

    options = {"latency": {"dist": "constant", "mean_us": mean_us, "min_us": 0}}
    cluster = SimCluster(RunSpec(seed=seed, options=options), RAFT, Streams(seed), None, [observe])

    async def main():
        await cluster.start_all()
        await cluster.sleep_until(seconds * SECOND)

    cluster.drive(main())
    return [r for r in roles if r[1] == "candidate"], [r for r in roles if r[1] == "leader"]


def test_5_6_the_default_heartbeat_is_well_below_the_election_timeout():
    config = RaftConfig()
    assert 2 * config.heartbeat_ms < config.election_ms_min < config.election_ms_max


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_5_6_where_messages_are_fast_a_leader_is_elected_and_stays(seed):
    candidates, leaders = elections(1_000, seed=seed)
    assert len(leaders) == 1
    assert len(candidates) < 5


def test_5_6_where_messages_are_slower_than_the_timeout_elections_go_on_without_end():
    candidates, leaders = elections(400_000)
    assert len(candidates) > 20
    assert len(leaders) < len(candidates) // 5
