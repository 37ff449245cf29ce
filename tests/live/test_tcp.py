"""Nodes with links of their own, through the harness's proxies: what these do, seen from inside the nodes."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.live.cluster import LiveCluster
from harness.live.gate import METRICS, GatedMember
from harness.live.tcp import TcpMember
from harness.run import check_spec, execute
from harness.spec import RunSpec
from nemeses.fault import Fault
from nemeses.port import Link, LinkRule
from nemeses.schedule import Schedule
from tests.live.clusters import Client, live, until
from tests.live.played import bites, fault


def test_the_same_schedule_plays_in_every_environment(tmp_path: Path) -> None:
    faults = [
        fault(500, 1300, "partition:isolated-leader", "leader"),
        fault(1500, 2100, "kill:one", "one"),
        fault(2300, 2900, "link:loss", "all", loss_ppm=300_000),
        fault(3000, 3500, "power-loss:minority", "minority"),
    ]
    Schedule(faults=faults).dump(tmp_path / "schedule.yaml")
    for env, transport in (("sim", "stdio"), ("process", "stdio"), ("process", "tcp")):
        spec = RunSpec(env=env, transport=transport, nodes=3, time_limit=4, quiet=1, rate=100, seed=5)  # type: ignore[arg-type]
        schedule = Schedule.load(tmp_path / "schedule.yaml")
        outcome = execute(spec, tmp_path / f"{env}-{transport}", schedule=schedule, report=False)
        assert outcome.verdict == "valid", [(r.checker, r.why) for r in outcome.results]
        assert bites(outcome) == dict.fromkeys(("partition", "kill", "link", "power-loss"), (1, 1))


# --- the port -------------------------------------------------------------------------------------------------


def counters(cluster: LiveCluster, node: str) -> dict[str, float]:
    """A node's own counts of its links, from its /metrics: ``name>peer`` or ``name``."""
    member = cluster._seats[node].member
    if isinstance(member, TcpMember):
        port = member.ports["metrics"]
    else:
        assert isinstance(member, GatedMember)
        port = member.ports[METRICS]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        lines = page.read().decode().splitlines()
    found: dict[str, float] = {}
    for line in lines:
        if line.startswith("splitbrain_link_"):
            name, _, value = line.removeprefix("splitbrain_link_").rpartition(" ")
            name, _, peer = name.partition("{")
            found[f"{name.removesuffix('_total')}>{peer[6:-2]}"] = float(value)
    return found


async def frames_under(
    cluster: LiveCluster, rule: LinkRule, seconds: float = 1.2
) -> tuple[int, dict[str, float]]:
    """How many frames the proxy altered on n0>n1 and n1>n0, and what n0 and n1 then counted of each other."""
    links: list[Link] = [("n0", "n1"), ("n1", "n0")]
    before = [counters(cluster, node) for node in ("n0", "n1")]
    altered = sum(cluster.links()[link].altered for link in links)
    handle = await cluster.shape(links, rule)
    await asyncio.sleep(seconds)
    await cluster.release(handle)
    await until(lambda: cluster.network.in_flight == 0)
    await asyncio.sleep(0.1)
    after = [counters(cluster, node) for node in ("n0", "n1")]
    sums: dict[str, float] = {}
    for was, now, peer in zip(before, after, ("n1", "n0"), strict=True):
        for name in ("sent_frames", "received_frames", "forged_frames", "replayed_frames", "lost_frames"):
            sums[name] = sums.get(name, 0) + now[f"{name}>{peer}"] - was[f"{name}>{peer}"]
    return sum(cluster.links()[link].altered for link in links) - altered, sums


def test_nodes_see_from_inside_what_the_proxy_does_to_whole_frames(tmp_path: Path) -> None:
    """Two members: n0 and n1 talk all the time. Each figure of the proxy has its like in the nodes' own."""

    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await client.patient("n0", type="write", key=1, value=1)
        altered, seen = await frames_under(cluster, LinkRule())
        assert altered == seen["forged_frames"] == seen["replayed_frames"] == 0
        assert seen["received_frames"] > 20
        altered, seen = await frames_under(cluster, LinkRule(corrupt_ppm=200_000))
        assert altered == seen["forged_frames"] > 0
        assert seen["replayed_frames"] == 0
        altered, seen = await frames_under(cluster, LinkRule(duplicate_ppm=300_000))
        assert altered == seen["replayed_frames"] > 0
        assert seen["forged_frames"] == 0
        altered, seen = await frames_under(cluster, LinkRule(reorder_ppm=300_000, reorder_us_max=30_000))
        assert altered > 0
        assert seen["forged_frames"] == seen["replayed_frames"] == seen["lost_frames"] == 0
        altered, seen = await frames_under(cluster, LinkRule(loss_ppm=200_000))
        assert altered > 0
        assert seen["sent_frames"] - seen["received_frames"] >= altered - 10  # some are on their way
        assert seen["forged_frames"] == 0

    live(main, tmp_path / "run", nodes=2, transport="tcp")


def test_a_cut_is_one_way_and_leaves_the_connection(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await client.patient("n0", type="write", key=1, value=1)
        dials = counters(cluster, "n0")["dials>n1"]
        first = await cluster.cut([("n0", "n1")])
        second = await cluster.cut([("n0", "n1")])
        await cluster.release(first)
        before = cluster.links()
        await until(lambda: cluster.links()["n0", "n1"].refused >= 3)
        assert cluster.links()["n0", "n1"].delivered == before["n0", "n1"].delivered
        assert cluster.links()["n1", "n0"].refused == 0
        await until(lambda: cluster.links()["n1", "n0"].delivered > before["n1", "n0"].delivered)
        await cluster.release(second)
        refused = cluster.links()["n0", "n1"].refused
        await client.patient("n1", type="write", key=1, value=2)
        assert cluster.links()["n0", "n1"].refused == refused
        assert counters(cluster, "n0")["dials>n1"] == dials

    live(main, tmp_path / "run", nodes=2, transport="tcp")


def test_a_node_that_restarts_behind_a_cut_is_back_when_the_cut_heals(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await client.patient("n0", type="write", key=1, value=1)
        links = [(a, b) for a in cluster.nodes for b in cluster.nodes if a != b and "n2" in (a, b)]
        handle = await cluster.cut(links)
        await cluster.kill("n2")
        await client.patient("n0", type="write", key=1, value=2)
        await cluster.start("n2")
        refused = cluster.links()["n2", "n0"].refused
        await until(lambda: cluster.links()["n2", "n0"].refused > refused)
        reply = await client.once("n2", 0.3, type="read", key=1)
        assert reply is None or reply["code"] == 11
        await cluster.release(handle)
        assert (await client.patient("n2", type="read", key=1))["value"] == 2

    live(main, tmp_path / "run", transport="tcp")


def test_a_call_whose_connection_breaks_has_no_answer_and_the_next_one_has(tmp_path: Path) -> None:
    """Unknown, not failed: the harness never guesses."""

    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await client.patient("n0", type="write", key=1, value=1)
        member = cluster._seats["n0"].member
        assert isinstance(member, TcpMember)
        assert member._door._socket is not None
        await cluster.pause("n0")
        waiting = asyncio.ensure_future(client.once("n0", 1, type="read", key=1))
        await asyncio.sleep(0.1)
        member._door._hung_up()
        await cluster.resume("n0")
        assert await waiting is None
        assert (await client.patient("n0", type="read", key=1))["value"] == 1

    live(main, tmp_path / "run", transport="tcp")


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"env": "sim"}, "transport: tcp is for env: process, not sim"),
        ({"env": "process", "bin": "/bin/cat"}, "transport: tcp is for the project's own nodes"),
        ({"env": "process", "nodes": 51}, "at most 50 nodes"),
    ],
)
def test_what_tcp_cannot_do_is_refused_before_the_run(fields: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        check_spec(RunSpec(transport="tcp", **fields))


def test_a_schedule_that_an_environment_cannot_play_is_refused_before_the_run(tmp_path: Path) -> None:
    def refused(line: str, *faults: Fault, **fields: Any) -> None:
        with pytest.raises(UsageError, match=line):
            execute(RunSpec(**fields), tmp_path / "run", schedule=Schedule(faults=list(faults)), report=False)
        assert not (tmp_path / "run").exists()

    one = fault(1, 2, "clock:jump", ("n0",), offset_ms=5)
    refused("faults.0.: 'clock' cannot be done in environment 'process'", one, env="process", bin="/bin/cat")
    refused("faults.1.: no node 'n7'", one, fault(1, 2, "kill:explicit", ("n7",)), nodes=3)
