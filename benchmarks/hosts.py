"""What SSH costs: set-up, an operation, a partition of all hosts; against plain paramiko and a connection of its own.

    python benchmarks/hosts.py [HOSTS.yaml] [--nodes 5] [--repeat 20]

Needs hosts that can do partitions (docs/ssh.md); without a hosts file it makes containers with sshd for the purpose.
Prints medians in ms.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shlex import quote

import docker
import paramiko

sys.path.insert(0, str(Path(__file__).parents[1]))  # a script's folder is its path, and has a checkers.py

from harness.live import open_cluster
from harness.live.cluster import LiveCluster
from harness.live.doorway import Doorway
from harness.live.hostmember import HostMember
from harness.live.remote.hosts import Hosts
from harness.live.remote.ssh import connected
from harness.live.runtime import LiveRuntime
from harness.live.ssh import hosts_of
from harness.spec import SECOND, RunSpec
from harness.streams import Streams

RULE = "iptables -A INPUT -s 203.0.113.9 -j DROP"  # RFC 5737: nobody
UNDO = "iptables -D INPUT -s 203.0.113.9 -j DROP"


def milliseconds(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return (
        f"{1000 * statistics.median(ordered):7.2f}  ({1000 * ordered[0]:.2f} to {1000 * ordered[-1]:.2f}, "
        f"{len(ordered)} times)"
    )


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began


async def partitions(cluster: LiveCluster, repeat: int) -> tuple[list[float], list[float]]:
    """Seconds until the last rule of a cut in halves is in force, and until it is gone."""
    half = len(cluster.nodes) // 2
    one, other = cluster.nodes[:half], cluster.nodes[half:]
    links = [link for a in one for b in other for link in ((a, b), (b, a))]
    applied, healed = [], []
    for _ in range(repeat):
        began = time.perf_counter()
        handle = await cluster.cut(links)
        applied.append(time.perf_counter() - began)
        healed.append(await timed(lambda handle=handle: cluster.release(handle)))  # type: ignore[misc]
    return applied, healed


def plainly(found: Hosts, repeat: int) -> tuple[list[float], list[float]]:
    """Seconds for as many rules by paramiko alone, one ``exec_command`` a host, all at once; and for ``true``.

    Each runs the account's login shell, which on some machines takes longest.
    """
    clients = [connected(host, None) for host in found.hosts]
    rules = len(clients) // 2 + 1
    sudo = {client for client, host in zip(clients, found.hosts, strict=True) if host.sudo}

    def command(client: paramiko.SSHClient, script: str) -> None:
        _, output, _ = client.exec_command(f"sudo -n sh -c {quote(script)}" if client in sudo else script)
        assert output.channel.recv_exit_status() == 0, script

    ruled, nothing = [], []
    with ThreadPoolExecutor(len(clients)) as pool:
        for _ in range(repeat):
            for times, script in ((ruled, "; ".join([RULE] * rules)), (nothing, "true")):
                began = time.perf_counter()
                list(pool.map(lambda client, script=script: command(client, script), clients))
                times.append(time.perf_counter() - began)
            for client in clients:
                command(client, "; ".join([UNDO] * rules))
    for client in clients:
        client.close()
    return ruled, nothing


async def operations(cluster: LiveCluster, repeat: int) -> tuple[list[float], list[float]]:
    """Seconds of an echo-like request (a reading of the clock): through SSH, and over a connection of its own."""
    member = cluster._seats["n0"].member  # noqa: SLF001
    assert isinstance(member, HostMember)
    through, direct = [], []
    for i in range(repeat * 50):
        body = {"type": "splitbrain_clock"}
        through.append(await timed(lambda i=i, body=body: cluster.call("c1", "n0", body, i + 1, SECOND)))  # type: ignore[misc]
    runtime = LiveRuntime(lambda _client, _node, data: door.write(data))
    door = Doorway(lambda line: runtime.replied("c2", json.loads(line)["body"]), lambda: True)
    door.open((member.machine.host.at, member.ports["client"]))
    for i in range(repeat * 50):
        body = {"type": "splitbrain_clock"}
        direct.append(await timed(lambda i=i, body=body: runtime.call("c2", "n0", body, i + 1, SECOND)))  # type: ignore[misc]
    door.close()
    return through, direct


async def measure(spec: RunSpec, repeat: int) -> None:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        async with open_cluster(spec, Path(folder), Streams(1)) as cluster:
            opened = time.perf_counter()
            await cluster.start_all()
            started = time.perf_counter()
            applied, healed = await partitions(cluster, repeat)
            through, direct = await operations(cluster, repeat)
            closing = time.perf_counter()
        closed = time.perf_counter()
    print(f"hosts asked, held and furnished      {1000 * (opened - began):7.0f}")
    print(f"{spec.nodes} nodes started, all answer init       {1000 * (started - opened):7.0f}")
    print(f"collected, and nothing left          {1000 * (closed - closing):7.0f}")
    print(f"partition in halves in force         {milliseconds(applied)}")
    print(f"partition healed                     {milliseconds(healed)}")
    ruled, nothing = await asyncio.to_thread(plainly, hosts_of(spec), max(repeat // 2, 3))
    print(f"as many rules, plain paramiko        {milliseconds(ruled)}")
    print(f"true, plain paramiko                 {milliseconds(nothing)}")
    print(
        f"ratio, rules                         {statistics.median(ruled) / statistics.median(applied):7.1f}"
    )
    print(f"request through SSH                  {milliseconds(through)}")
    print(f"request over its own connection      {milliseconds(direct)}")


@contextlib.contextmanager
def containers(count: int) -> Iterator[Path]:
    """A hosts file of so many."""
    from tests.live.sshd_containers import Boxes  # noqa: PLC0415  for this alone

    with tempfile.TemporaryDirectory() as folder:
        client = docker.from_env()
        boxes = Boxes(client, Path(folder), count)
        try:
            yield boxes.file
        finally:
            boxes.end()
            client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", type=Path, nargs="?")
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=20)
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        hosts = given.hosts or stack.enter_context(containers(given.nodes))
        asyncio.run(measure(RunSpec(env="ssh", hosts=str(hosts), nodes=given.nodes), given.repeat))


if __name__ == "__main__":
    main()
