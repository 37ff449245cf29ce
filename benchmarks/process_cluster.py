"""The process environment: operations a second and latency of five nodes with fsync, and the harness's share.

    python benchmarks/process_cluster.py [SECONDS] [CLIENTS...]

Writes of small values over as many keys as clients, each client with one request outstanding. CPU is that of the
harness and of all nodes together; the share is the harness's part of both.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from harness.live import run
from harness.live.cluster import LiveCluster
from harness.spec import SECOND, RunSpec
from harness.streams import Streams


def node_cpu(cluster: LiveCluster) -> float:
    """CPU seconds that the nodes have used, from /proc."""
    ticks = 0
    for seat in cluster._seats.values():  # noqa: SLF001  a benchmark may look inside
        stat = Path(f"/proc/{seat.member.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def harness_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def client(cluster: LiveCluster, number: int, until: float, latencies: list[float]) -> None:
    count = 0
    while time.perf_counter() < until:
        count += 1
        begun = time.perf_counter()
        body = {"type": "write", "key": number, "value": count}
        node = cluster.leader() or cluster.nodes[number % len(cluster.nodes)]
        reply = await cluster.call(f"c{number}", node, body, count, 5 * SECOND)
        if reply["type"] == "write_ok":
            latencies.append(time.perf_counter() - begun)


async def measure(cluster: LiveCluster, seconds: float, clients: list[int]) -> None:
    await cluster.start_all()
    while cluster.leader() is None:  # noqa: ASYNC110  a poll is what there is
        await asyncio.sleep(0.05)
    print("clients  ops/s   p50 ms   p99 ms   us CPU/op: harness  nodes   harness's share")
    for number in clients:
        latencies: list[float] = []
        ours, theirs = harness_cpu(), node_cpu(cluster)
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(cluster, 1000 * number + i, until, latencies) for i in range(number)))
        ours, theirs = harness_cpu() - ours, node_cpu(cluster) - theirs
        latencies.sort()
        n = len(latencies)
        print(
            f"{number:7d} {n / seconds:6.0f} {latencies[n // 2] * 1e3:8.2f} {latencies[n * 99 // 100] * 1e3:8.2f}"
            f" {ours / n * 1e6:19.0f} {theirs / n * 1e6:6.0f} {ours / (ours + theirs):17.0%}"
        )


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    clients = [int(a) for a in sys.argv[2:]] or [1, 16, 64]
    with tempfile.TemporaryDirectory() as folder:
        run(
            lambda cluster: measure(cluster, seconds, clients),
            RunSpec(env="process", nodes=5),
            Path(folder),
            Streams(1),
        )


if __name__ == "__main__":
    main()
