"""Containers: five up, ready and down; a partition applied and healed, beside the same rules by ``docker exec``.

Everything in one run on one machine, and medians: the ratio is what counts. ``docker exec`` is run as a person would:
one command a container, all at once, in containers that have iptables of their own; ours enters the containers'
networks and rewrites a chain in one transaction. Needs root, docker, and the base image (compose/base-image.sh).

    python benchmarks/containers.py [--repeat N]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import docker
import docker.errors

sys.path.insert(0, str(Path(__file__).parents[1]))  # a script's folder is its path, and has a checkers.py

from harness.live import engine
from harness.live.cluster import LiveCluster
from harness.live.docker import opened
from harness.live.drive import capabilities, run
from harness.spec import SECOND, RunSpec
from harness.streams import Streams

NODES = 5
EXEC_BASE = "splitbrain-bench-iptables"
CALLS = 300


def ms(values: list[float]) -> str:
    return f"{statistics.median(values) * 1e3:8.1f} ms   ({min(values) * 1e3:.1f} to {max(values) * 1e3:.1f})"


async def life(folder: Path) -> tuple[float, float]:
    """Seconds from nothing to five nodes that answered init, and from there to nothing left."""
    spec = RunSpec(env="docker", nodes=NODES)
    streams = Streams(1)
    began = time.perf_counter()
    async with opened(spec, folder, streams, between=False) as place:
        cluster = LiveCluster(
            spec,
            folder,
            streams,
            capabilities(spec),
            place.member,
            lambda *_: None,
            place.proxies,
            place.firewall,
        )
        await cluster.start_all()
        ready = time.perf_counter()
        await cluster.close()
    return ready - began, time.perf_counter() - ready


def halves(names: tuple[str, ...]) -> list[tuple[str, str]]:
    a, b = names[:2], names[2:]
    return [link for x in a for y in b for link in ((x, y), (y, x))]


class Figures:
    def __init__(self) -> None:
        self.ours: list[float] = []
        self.healed: list[float] = []
        self.plain: list[float] = []
        self.plain_healed: list[float] = []
        self.through_harness: list[float] = []
        self.to_the_node: list[float] = []


async def partitions(cluster: LiveCluster, figures: Figures, repeat: int) -> None:
    await cluster.start_all()
    links = halves(cluster.nodes)
    # ours have no capabilities, with which docker exec could not do it: it gets containers of its own, as many
    client = docker.from_env()
    containers = {
        name: client.containers.run(
            EXEC_BASE, ["sleep", "600"], detach=True, labels=engine.labels(), cap_add=["NET_ADMIN"], init=True
        )
        for name in cluster.nodes
    }
    for container in containers.values():
        container.reload()
    addresses = {name: address_of(container) for name, container in containers.items()}
    for _ in range(repeat):
        began = time.perf_counter()
        handle = await cluster.cut(links)
        figures.ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        await cluster.release(handle)
        figures.healed.append(time.perf_counter() - began)
        for action, into in (("-A", figures.plain), ("-D", figures.plain_healed)):
            began = time.perf_counter()
            await by_exec(containers, addresses, links, action)
            into.append(time.perf_counter() - began)


async def by_exec(
    containers: dict[str, Any], addresses: dict[str, str], links: list[tuple[str, str]], action: str
) -> None:
    """The same rules by ``docker exec``: for each container one command with all its rules."""

    def act(name: str) -> None:
        rules = [
            f"iptables -w {action} INPUT -s {addresses[src]} -j DROP" for src, dst in links if dst == name
        ]
        done = containers[name].exec_run(["sh", "-c", " && ".join(rules)])
        if done.exit_code:
            raise SystemExit(f"docker exec: {done.output.decode().strip()}")

    await asyncio.gather(*(asyncio.to_thread(act, name) for name in containers))


def address_of(container: Any) -> str:
    return str(next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"])


async def calls(cluster: LiveCluster, figures: Figures) -> None:
    """A request of the leader's: through the harness's client, and over a socket of its own, one after the other."""
    while (leader := cluster.leader()) is None:  # noqa: ASYNC110  a trace sends no events
        await asyncio.sleep(0.05)
    host, port = "127.0.0.1", cluster._seats[leader].member.ports[7200]  # type: ignore[attr-defined]  # noqa: SLF001
    reader, writer = await asyncio.open_connection(host, port)
    for number in range(1, CALLS + 1):
        began = time.perf_counter()
        await cluster.call("c1", leader, {"type": "splitbrain_clock"}, number, 5 * SECOND)
        figures.through_harness.append(time.perf_counter() - began)
        began = time.perf_counter()
        writer.write(b'{"type": "splitbrain_clock", "msg_id": %d}\n' % number)
        await reader.readline()
        figures.to_the_node.append(time.perf_counter() - began)
    writer.close()


def needs_iptables() -> None:
    """``docker exec`` runs what is in the image: a base with iptables, made once."""
    client = docker.from_env()
    try:
        client.images.get(EXEC_BASE)
    except docker.errors.ImageNotFound:
        recipe = Path(__file__).parents[1] / "compose" / "base-image.sh"
        subprocess.run([recipe, EXEC_BASE], check=True, env={**os.environ, "EXTRA": "iptables"})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    needs_iptables()
    figures = Figures()

    async def both(cluster: LiveCluster) -> None:
        await partitions(cluster, figures, given.repeat)
        await calls(cluster, figures)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lives = [asyncio.run(life(folder / f"life-{i}")) for i in range(given.repeat)]
        run(both, RunSpec(env="docker", nodes=NODES), folder / "run", Streams(1))
    print(f"five containers up and ready      {ms([up for up, _ in lives])}")
    print(f"torn down                         {ms([down for _, down in lives])}")
    print(f"a 2|3 partition in force          {ms(figures.ours)}")
    print(f"  the same rules by docker exec   {ms(figures.plain)}")
    print(f"healed                            {ms(figures.healed)}")
    print(f"  by docker exec                  {ms(figures.plain_healed)}")
    print(f"an op through the harness         {ms(figures.through_harness)}")
    print(f"  over a socket of its own        {ms(figures.to_the_node)}")
    print(f"ratio of partitions: {ratio(figures.plain, figures.ours)} times as fast as docker exec")
    print(f"ratio of an op: {ratio(figures.through_harness, figures.to_the_node)}")
    return 0


def ratio(a: list[float], b: list[float]) -> str:
    return f"{statistics.median(a) / statistics.median(b):.2f}"


if __name__ == "__main__":
    sys.exit(main())
