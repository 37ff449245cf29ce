"""Three nodes over TCP on loopback with fsync: operations a second and latency at 1, 16 and 64 outstanding.

    python benchmarks/tcp_cluster.py [--seconds 5] [--outstanding 1 16 64] [--peer pysyncobj] [--peer etcd]
        [--python PATH] [--etcd PATH] [--shares]

Writes of 100-byte values over 64 keys, by clients on one connection to the leader. Every acknowledged write of ours
is fsynced on a majority. Peers run in the same way in the same run, and are shown as ratios:

- ``pysyncobj``: a replicated dictionary with its journal (which it never fsyncs), batching on and off, and in memory,
  asked by calls inside its leader's process; the package in this Python or in the one that ``--python`` names
- ``etcd``: three members with fsync, asked through the JSON gateway, one connection for each outstanding request

CPU is user and system time of all members together, and of the client. ``--shares`` samples our leader in a run of
its own: where its processor time goes. The thread that syncs is the disk's.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))  # a script's folder is its path, not the project's

from benchmarks.peers import etcd, pysyncobj
from benchmarks.peers.load import Load, Measured, percentile

KEYS = 64
VALUE = "v" * 100
NODES = 3
PARTS = {
    **dict.fromkeys(("raft/core.py", "raft/log.py", "raft/messages.py", "kv.py", "kernel.py"), "protocol"),
    **dict.fromkeys(("host.py", "clock.py"), "protocol"),
    **dict.fromkeys(("tcp/seal.py", "tcp/frames.py"), "codec"),
    **dict.fromkeys(("tcp/clients.py:_line", "tcp/clients.py:answer"), "codec"),
    **dict.fromkeys(("tcp/node.py:_send", "tcp/node.py:received", "tcp/incoming.py:_frame"), "codec"),
    **dict.fromkeys(("wal.py", "files.py"), "disk"),
}
"""file, or file and function, of the package nodes -> whose share it is; the rest is the loop's"""


def cpu_of(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Row(NamedTuple):
    system: str
    outstanding: int
    measured: Measured
    nodes_us: float
    client_us: float


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    import socket  # noqa: PLC0415

    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@contextmanager
def ours(folder: Path, profile: Path | None = None) -> Iterator[tuple[int, int, list[int]]]:
    """Three nodes and a leader: (its number, its clients' port, all process ids)."""
    ports = free_ports(3 * NODES)
    book = ",".join(f"n{i}=127.0.0.1:{ports[i]}" for i in range(NODES))
    processes = []
    for i in range(NODES):
        place = ["--data", str(folder / f"n{i}"), "--client-port", str(ports[NODES + i])]
        place += ["--metrics-port", str(ports[2 * NODES + i])]
        extra = ["--profile", f"{profile}-{i}"] if profile is not None else []
        command = [sys.executable, "-m", "nodes", "raft", "--tcp", "--node", f"n{i}", "--peers", book]
        environment = {**os.environ, "SPLITBRAIN_KEY": "benchmark"}
        with (folder / f"n{i}.log").open("wb") as log:
            processes.append(subprocess.Popen([*command, *place, *extra], stderr=log, env=environment))
    try:
        number = leader(ports[2 * NODES :])
        yield number, ports[NODES + number], [p.pid for p in processes]
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(20)


class Client(asyncio.Protocol):
    """One connection with many clients on it."""

    def __init__(self) -> None:
        self.load: Load | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        again = []
        for line in lines:
            reply = msgspec.json.decode(line)
            assert self.load is not None
            if reply["body"]["type"] == "write_ok":
                slot = int(reply["dest"][1:])
                if self.load.done(slot):
                    again.append(self.request(slot))
            else:
                raise RuntimeError(f"refused: {reply}")
        self.transport.write(b"".join(again))

    def request(self, slot: int) -> bytes:
        assert self.load is not None
        number = self.load.begin(slot)
        body = {"type": "write", "msg_id": number, "key": number % KEYS, "value": VALUE}
        return msgspec.json.encode({"src": f"c{slot}", "dest": "n0", "body": body}) + b"\n"


async def drive_ours(port: int, outstanding: int, seconds: float, first: int) -> Measured:
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    client.load = load = Load(seconds, first)
    client.transport.write(b"".join([client.request(1000 + slot) for slot in range(outstanding)]))
    await load.finished
    client.transport.close()
    return load.measured()


def leader(status_ports: list[int]) -> int:
    """Which node leads, by what /healthz says."""
    for _ in range(200):
        for number, port in enumerate(status_ports):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as page:
                if json.load(page)["role"] == "leader":
                    return number
        time.sleep(0.1)
    raise RuntimeError("nobody leads")


def measure(
    system: str,
    pids: list[int],
    wanted: list[int],
    drive: Callable[[int, int], Measured],
) -> list[Row]:
    rows = []
    for number, outstanding in enumerate(wanted):
        theirs, mine = cpu_of(pids), own_cpu()
        measured = drive(outstanding, number)
        theirs, mine = cpu_of(pids) - theirs, own_cpu() - mine
        per_op = 1e6 / max(1, measured.count)
        rows.append(Row(system, outstanding, measured, theirs * per_op, mine * per_op))
        show(rows[-1])
    return rows


def show(row: Row) -> None:
    m = row.measured
    print(
        f"{row.system:24} {row.outstanding:4d} {m.rate:8.0f} {percentile(m.latencies, 50) * 1e3:8.2f}"
        f" {percentile(m.latencies, 99) * 1e3:8.2f} {row.nodes_us:8.0f} {row.client_us:8.0f}",
        flush=True,
    )


def run_ours(seconds: float, wanted: list[int]) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=".") as name, ours(Path(name)) as (_, port, pids):

        def drive(outstanding: int, number: int) -> Measured:
            return asyncio.run(drive_ours(port, outstanding, seconds, 10_000_000 * (number + 1)))

        return measure("splitbrain (fsync)", pids, wanted, drive)


def shares(seconds: float, outstanding: int) -> None:
    """Sample, and print the leader's shares of its processor time."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        with ours(folder, folder / "profile") as (number, port, pids):
            before = threads_cpu(pids[number])
            measured = asyncio.run(drive_ours(port, outstanding, seconds, 1))
            spent = {t: cpu - before.get(t, 0) for t, cpu in threads_cpu(pids[number]).items()}
        samples = json.loads((folder / f"profile-{number}").read_bytes())
    total, disk = sum(spent.values()), sum(cpu for thread, cpu in spent.items() if thread != pids[number])
    sums = {"protocol": 0.0, "codec": 0.0, "disk": disk, "loop": 0.0}
    per_sample = (total - disk) / sum(count for _, _, count in samples)
    for place, name, count in samples:
        part = place.partition("/nodes/")[2]
        sums[PARTS.get(f"{part}:{name}") or PARTS.get(part, "loop")] += count * per_sample
    print(f"\nthe leader's time at {outstanding} outstanding, while {measured.rate:.0f} ops/s:")
    for group, took in sums.items():
        print(f"  {group:10} {took / total:5.0%}  {took / measured.count * 1e6:6.1f} us/op")


def threads_cpu(pid: int) -> dict[int, float]:
    """Seconds of processor time by thread; the main one has the process' number."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        stat = (task / "stat").read_text().rpartition(")")[2].split()
        found[int(task.name)] = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    return found


def run_pysyncobj(given: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    for batching, journal in ((True, True), (False, True), (False, False)):
        title = f"pysyncobj{'' if batching else ' unbatched'}{' journal' if journal else ' memory'}"
        with (
            tempfile.TemporaryDirectory(dir=".") as name,
            pysyncobj.cluster(
                given.python, Path(name), free_ports(NODES), batching=batching, journal=journal
            ) as (pids, drive),
        ):
            rows += measure(title, pids, given.outstanding, lambda n, _, drive=drive: drive(n, given.seconds))
    return rows


def run_etcd(given: argparse.Namespace) -> list[Row]:
    if given.etcd is None:
        print("etcd: no such program")
        return []
    ports = free_ports(2 * NODES)
    with (
        tempfile.TemporaryDirectory(dir=".") as name,
        etcd.cluster(given.etcd, Path(name), ports) as (pids, drive),
    ):
        return measure("etcd (fsync)", pids, given.outstanding, lambda n, _: drive(n, given.seconds))


PEERS = {"pysyncobj": run_pysyncobj, "etcd": run_etcd}


def ratios(rows: list[Row]) -> None:
    base = {row.outstanding: row for row in rows if row.system.startswith("splitbrain")}
    for row in rows:
        if row.system != "splitbrain (fsync)" and row.outstanding in base:
            ratio = base[row.outstanding].measured.rate / row.measured.rate
            print(f"ratio at {row.outstanding:3d}: splitbrain / {row.system}: {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--outstanding", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--peer", action="append", default=[], choices=sorted(PEERS))
    parser.add_argument("--python", default=sys.executable, help="a Python that has pysyncobj")
    parser.add_argument("--etcd", default=shutil.which("etcd"), help="the program")
    parser.add_argument("--shares", action="store_true")
    given = parser.parse_args()
    loop = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"
    print(f"three nodes on loopback, values of {len(VALUE)} bytes, {given.seconds:g} s each, loop: {loop}")
    print("system           outstanding    ops/s   p50 ms   p99 ms   CPU us/op: nodes  client")
    rows = run_ours(given.seconds, given.outstanding)
    for name in given.peer:
        rows += PEERS[name](given)
    ratios(rows)
    if given.shares:
        shares(given.seconds, given.outstanding[-1])


if __name__ == "__main__":
    main()
