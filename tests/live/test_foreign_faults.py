"""Faults of foreign systems that need somebody in between: links whose packets the harness carries, wall clocks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from harness.live import packets
from harness.live.cluster import LiveCluster
from harness.live.faults import faketime
from harness.live.machines import Machines
from harness.live.network import Latency
from harness.live.packets import Packets
from harness.streams import Streams
from nemeses.port import LinkRule
from tests.live.clusters import live
from tests.live.test_foreign import bit, needs, run

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS

ECHO = """
import socket, sys
server = socket.create_server((sys.argv[1], 7))
print(flush=True)
while True:
    try:
        made, _ = server.accept()
        made.sendall(made.recv(1000))
        made.close()
    except OSError:
        pass
"""
ASK = """
import socket, sys
made = socket.create_connection((sys.argv[1], 7), 3)
made.settimeout(3)
made.sendall(b"hello")
assert made.recv(1000) == b"hello"
"""


def needs_packets() -> None:
    needs()
    if not packets.able():
        pytest.skip("link faults of foreign systems take /dev/net/tun")


async def answers(made: Machines) -> bool:
    command = [*made.enter("n0"), sys.executable, "-c", ASK, made.addresses["n1"]]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    return await process.wait() == 0


def between(main: Callable[[Machines, Packets], Awaitable[None]], latency: Latency = Latency()) -> None:  # noqa: B008
    """Two machines, an echo on the second of them, and whoever carries packets between them."""

    async def whole(made: Machines) -> None:
        carried = Packets(made.addresses, made.path, Streams(1), latency)
        try:
            await carried.settle()
            await main(made, carried)
        finally:
            carried.close()

    with Machines(("n0", "n1"), apart=True) as made:
        command = [*made.enter("n1"), sys.executable, "-c", ECHO, made.addresses["n1"]]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            server.stdout.readline()
            asyncio.run(whole(made))
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        (LinkRule(loss_ppm=1_000_000), False),
        (LinkRule(corrupt_ppm=1_000_000), False),
        (LinkRule(delay_us=20_000, jitter_us=5_000), True),
        (LinkRule(duplicate_ppm=1_000_000), True),
        (LinkRule(reorder_ppm=500_000, reorder_us_max=20_000), True),
        (LinkRule(rate_bytes_s=20_000), True),
    ],
    ids=["loss", "corruption", "delay", "duplication", "reordering", "throttle"],
)
def test_rules_act_on_packets_of_their_link_until_they_are_released(rule: LinkRule, *, passes: bool) -> None:
    needs_packets()

    async def main(made: Machines, carried: Packets) -> None:
        assert await answers(made)
        assert not carried.counts()
        handle = carried.shape([("n0", "n1")], rule)
        await carried.settle()
        assert await answers(made) == passes
        count = carried.counts()["n0", "n1"]
        assert count.altered > 0 or rule.reorder_ppm
        carried.release(handle)
        await carried.settle()
        assert await answers(made)
        assert carried.counts()["n0", "n1"].altered == count.altered or not passes

    between(main)


def test_a_latency_of_the_network_leads_every_packet_past_the_harness() -> None:
    needs_packets()

    async def main(made: Machines, carried: Packets) -> None:
        assert await answers(made)
        counts = carried.counts()
        assert counts["n0", "n1"].delivered > 0
        assert counts["n1", "n0"].delivered > 0
        assert not any(count.altered for count in counts.values())

    between(main, Latency(mean_us=1000))


def test_etcd_is_sound_on_bad_links(tmp_path: Path) -> None:
    needs("etcd")
    needs_packets()
    outcome = run(tmp_path, system="etcd", nemesis=["link"], interval=3, time_limit=7, seed=2, quiet=3)
    assert outcome.verdict == "valid", outcome.results
    assert bit(outcome) == {"link"}


def test_the_clock_of_redis_is_set_and_set_right_as_redis_tells_it(tmp_path: Path) -> None:
    needs("redis-server")
    if faketime.library() is None:
        pytest.skip("libfaketime is not installed")

    async def main(cluster: LiveCluster) -> None:
        async def told(node: str) -> int:
            member: Any = cluster._seats[node].member
            for _ in range(50):
                reading = await member.talk.wall()
                if reading is not None:
                    return int(reading[2])
                await asyncio.sleep(0.2)
            raise AssertionError(f"{node} does not tell its clock")

        await cluster.set_clock("n0", HOUR_NS, 0)
        assert await told("n0") - await told("n1") > HOUR_NS / 2
        states = await cluster.observe()
        assert abs(states["n0"].clock_offset_ns - HOUR_NS) < MINUTE_NS
        assert abs(states["n1"].clock_offset_ns) < MINUTE_NS
        await cluster.set_clock("n0", 0, 0)
        assert abs(await told("n0") - await told("n1")) < HOUR_NS / 2
        assert abs((await cluster.observe())["n0"].clock_offset_ns) < MINUTE_NS

    patient = {"config": {"down_after_ms": 60_000}}
    live(main, tmp_path / "run", system="redis", nemesis=["clock"], options=patient)
