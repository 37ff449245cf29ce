"""Faults on real processes: what they do, and the evidence that says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

from harness.live.cluster import LiveCluster
from harness.live.trace import merged
from nemeses.port import LinkRule
from tests.live.clusters import ECHO, Client, live, script, until

GOSSIP = """
import json, sys
me = None
for line in sys.stdin:
    m = json.loads(line)
    body = m["body"]
    def send(dest, body):
        print(json.dumps({"src": me, "dest": dest, "body": body}), flush=True)
    if body["type"] == "init":
        me = body["node_id"]
        heard = []
    if body["type"] == "pass":
        for i in range(body["times"]):
            send(body["to"], {"type": "heard", "i": i})
    if body["type"] == "heard":
        heard.append(body["i"])
    elif body["type"] == "what":
        send(m["src"], {"type": "what_ok", "heard": heard, "in_reply_to": body["msg_id"]})
    else:
        send(m["src"], {"type": body["type"] + "_ok", "in_reply_to": body["msg_id"]})
"""


async def passed(cluster: LiveCluster, times: int = 50) -> list[int]:
    """What n1 has heard after n0 sent it ``times`` messages and all of them arrived or were refused."""
    client = Client(cluster)
    before = _seen(cluster)
    await client.patient("n0", type="pass", to="n1", times=times)
    await until(lambda: _seen(cluster) >= before + times)
    return (await client.patient("n1", type="what"))["heard"]  # type: ignore[no-any-return]


def _seen(cluster: LiveCluster) -> int:
    count = cluster.links().get(("n0", "n1"))
    return 0 if count is None else count.delivered + count.refused


def test_a_cut_refuses_one_direction_until_every_cut_is_released(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        first = await cluster.cut([("n0", "n1")])
        second = await cluster.cut([("n0", "n1"), ("n1", "n2")])
        assert await passed(cluster) == []
        await cluster.release(first)
        assert await passed(cluster) == []
        await cluster.release(second)
        assert await passed(cluster) == list(range(50))
        count = cluster.links()["n0", "n1"]
        assert (count.refused, count.delivered, count.altered) == (100, 50, 0)
        await Client(cluster).patient("n1", type="pass", to="n0", times=3)
        await until(lambda: cluster.links()["n1", "n0"].delivered == 3)

    live(main, tmp_path / "run", bin=script(tmp_path, GOSSIP))


def test_rules_lose_double_delay_and_reorder(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)

        async def under(rule: LinkRule, times: int = 200) -> tuple[list[int], int]:
            await client.patient("n1", type="init", node_id="n1")
            altered = cluster.links()["n0", "n1"].altered
            handle = await cluster.shape([("n0", "n1")], rule)
            await client.patient("n0", type="pass", to="n1", times=times)
            await cluster.release(handle)
            await until(lambda: cluster.network.in_flight == 0)
            heard = (await client.patient("n1", type="what"))["heard"]
            return heard, cluster.links()["n0", "n1"].altered - altered

        assert await passed(cluster, 5) == list(range(5))
        heard, altered = await under(LinkRule(loss_ppm=300_000))
        assert heard == sorted(set(heard))
        assert len(heard) == 200 - altered
        assert 20 < altered < 120
        heard, altered = await under(LinkRule(duplicate_ppm=300_000))
        assert set(heard) == set(range(200))
        assert len(heard) == 200 + altered
        heard, altered = await under(LinkRule(delay_us=20_000))
        assert (heard, altered) == (list(range(200)), 200)
        heard, altered = await under(LinkRule(reorder_ppm=500_000, reorder_us_max=100_000))
        assert sorted(heard) == list(range(200)) != heard
        assert 0 < altered < 200

    live(main, tmp_path / "run", bin=script(tmp_path, GOSSIP))


def test_kill_is_seen_in_the_status_and_a_restart_recovers(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        assert (await client.patient("n0", type="write", key=1, value=5))["type"] == "write_ok"
        for name in cluster.nodes:
            await cluster.kill(name)
        states = await cluster.observe()
        assert all((s.up, s.exit_status, s.incarnation) == (False, -9, 1) for s in states.values())
        assert await client.once("n0", 0.2, type="read", key=1) is None
        assert cluster.leader() is None
        for name in cluster.nodes:
            await cluster.start(name)
            await cluster.start(name)
        states = await cluster.observe()
        assert all((s.up, s.incarnation) == (True, 2) for s in states.values())
        assert (await client.patient("n1", type="read", key=1))["value"] == 5

    cluster = live(main, tmp_path / "run")
    events = [e for _, e in merged(cluster.folders, cluster.world, cluster.runtime.origin_ns)]
    assert [e.time for e in events] == sorted(e.time for e in events)
    started = [(e.node, e.data["incarnation"]) for e in events if e.kind == "started"]
    assert sorted(started) == [(n, i) for n in cluster.nodes for i in (1, 2)]
    assert len([e for e in events if e.kind == "killed"]) == 6
    assert next(e.time for e in events if e.kind == "started") == 0


def test_pause_is_seen_in_proc_and_messages_wait(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await cluster.pause("n1")
        assert (await cluster.observe())["n1"].paused
        waiting = asyncio.ensure_future(client.once("n1", 20, type="echo", echo=1))
        await asyncio.sleep(0.1)
        state = (await cluster.observe())["n1"]
        assert (state.paused, state.up, state.stalled) == (True, True, 1)
        assert not waiting.done()
        await cluster.resume("n1")
        assert await waiting == {"type": "echo_ok", "echo": 1}
        assert not (await cluster.observe())["n1"].paused
        await cluster.pause("n1")
        await cluster.kill("n1")
        assert (await cluster.observe())["n1"].exit_status == -9

    live(main, tmp_path / "run", bin=script(tmp_path, ECHO))


def test_a_stopped_node_never_blocks_the_harness(tmp_path: Path) -> None:
    """More than any pipe holds goes to a stopped node; the others answer, and so does it when it goes on."""

    async def main(cluster: LiveCluster) -> None:
        await cluster.pause("n1")
        big = "x" * 100_000
        lost = [
            asyncio.ensure_future(Client(cluster, f"c{i}").once("n1", 1, type="echo", echo=big))
            for i in range(2, 202)
        ]
        assert (await Client(cluster).patient("n0", type="echo", echo=1))["echo"] == 1
        await asyncio.gather(*lost)
        assert (await cluster.observe())["n1"].stalled == 200
        await cluster.resume("n1")
        assert (await Client(cluster, "c999").patient("n1", type="echo", echo=2))["echo"] == 2

    live(main, tmp_path / "run", bin=script(tmp_path, ECHO))


def test_the_clock_is_read_on_the_node_and_survives_a_restart(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        assert abs((await cluster.observe())["n0"].clock_offset_ns) < 10**9
        await cluster.set_clock("n0", 3_600 * 10**9, 50_000)
        await asyncio.sleep(0.05)
        for _ in range(2):
            state = (await cluster.observe())["n0"]
            assert state.clock_offset_ns > 3_599 * 10**9
            assert abs(state.clock_rate_ppm - 50_000) <= 50
            assert (await cluster.observe())["n1"].clock_rate_ppm in range(-50, 51)
            await cluster.kill("n0")
            await cluster.start("n0")
            await asyncio.sleep(0.05)
        await cluster.set_clock("n0", 0, 0)
        await asyncio.sleep(0.05)
        state = (await cluster.observe())["n0"]
        assert abs(state.clock_offset_ns) < 10**9
        assert state.clock_rate_ppm in range(-50, 51)

    live(main, tmp_path / "run", nodes=2)


def test_garbage_in_the_middle_is_counted_and_kept(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        assert (await client.patient("n0", type="shout"))["type"] == "shout_ok"
        assert (await client.patient("n0", type="echo", echo=1))["type"] == "echo_ok"

    cluster = live(main, tmp_path / "run", bin=script(tmp_path, ECHO))
    assert cluster.figures()["garbage"] == {"n0": 1}
    assert (cluster.folders["n0"] / "garbage.log").read_text() == "this is no message\n"


def test_a_node_that_dies_by_itself_is_in_the_trace_with_its_reason(tmp_path: Path) -> None:
    code = ECHO.replace(
        '    if kind == "shout":', '    if kind == "die": sys.exit("I cannot go on")\n    if kind == "shout":'
    )

    async def main(cluster: LiveCluster) -> None:
        assert await Client(cluster).once("n0", 0.3, type="die") is None
        await until(lambda: any(e.kind == "panic" for e in cluster.world))
        state = (await cluster.observe())["n0"]
        assert (state.up, state.exit_status) == (False, 1)
        await cluster.start("n0")
        assert (await Client(cluster).patient("n0", type="echo", echo=1))["echo"] == 1

    cluster = live(main, tmp_path / "run", bin=script(tmp_path, code))
    assert cluster.world[0].data == {"why": "exited with status 1: I cannot go on"}


def test_latency_is_added_to_links_between_nodes_only(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await client.patient("n0", type="pass", to="n1", times=1)
        assert (await client.patient("n1", type="what"))["heard"] == []
        await until(lambda: _seen(cluster) == 1)

    options = {"latency": {"dist": "constant", "mean_us": 700_000}}
    live(main, tmp_path / "run", bin=script(tmp_path, GOSSIP), options=options)
