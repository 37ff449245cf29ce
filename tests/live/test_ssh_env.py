"""Hosts over SSH: the port of faults, what goes wrong, that nothing stays behind (faults: test_ssh_containers)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from harness.cli import main as command_line
from harness.errors import UsageError
from harness.live import run
from harness.live.cluster import LiveCluster
from harness.live.host import Lease
from harness.live.hostmember import HostMember
from harness.live.ssh import capabilities, hosts_of, no_filters, sweep_hosts
from harness.run import Outcome, check_spec, execute
from harness.spec import RunSpec
from harness.streams import Streams
from nemeses.fault import Fault
from nemeses.registry import FAMILIES
from nemeses.schedule import Schedule
from tests.live.clusters import Client, until
from tests.live.played import bites, fault
from tests.live.rented import Hosts
from tests.live.sshd import SSHD, Sshd


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    made = Hosts(tmp_path_factory.mktemp("hosts"), 5)
    yield made
    made.end()


def spec_on(hosts: Path, **fields: Any) -> RunSpec:
    given = {"nodes": 5, "time_limit": 5, "quiet": 1, "rate": 80, "seed": 11, **fields}
    return RunSpec(env="ssh", hosts=str(hosts), **given)


def played(hosts: Path, folder: Path, faults: Iterable[Fault], **fields: Any) -> Outcome:
    schedule = Schedule(faults=sorted(faults, key=lambda f: f.start_ms))
    outcome = execute(spec_on(hosts, **fields), folder, schedule=schedule, report=False)
    assert outcome.verdict == "valid", [(r.checker, r.why, r.anomalies) for r in outcome.results]
    return outcome


def left(hosts: Hosts) -> list[str]:
    """What of runs is on the hosts: files, processes besides sshd, packet filters."""
    found = [str(path) for i in range(hosts.count) for path in hosts.place(i).glob("run*")]
    for i in range(hosts.count):
        for pid in hosts.processes(i):
            with contextlib.suppress(OSError):
                found.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
        found += [line for line in hosts.filters(i).splitlines() if "SPLITBRAIN" in line]
    return [line for line in found if line and "sshd" not in line]


def nothing_left(hosts: Hosts) -> bool:
    """Soon: a session's shell ends a moment after its connection."""
    for _ in range(800):
        if not left(hosts):
            return True
        time.sleep(0.05)
    raise AssertionError(left(hosts))


def live_on(hosts: Hosts, main: Any, folder: Path, nodes: int = 3) -> LiveCluster:
    async def whole(cluster: LiveCluster) -> None:
        await cluster.start_all()
        await main(cluster)

    return run(whole, spec_on(hosts.file, nodes=nodes), folder, Streams(1))


# --- faults -----------------------------------------------------------------------------------------------------


def test_the_port_acts_on_hosts_and_sees_what_it_did(hosts: Hosts, tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await client.patient("n0", type="write", key=1, value=5)
        await until(lambda: cluster.leader() is not None)
        await cluster.pause("n1")
        state = (await cluster.observe())["n1"]
        assert (state.paused, state.up) == (True, True)
        waiting = asyncio.ensure_future(client.once("n1", 20, type="read", key=1))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await cluster.resume("n1")
        assert await waiting is not None
        assert not (await cluster.observe())["n1"].paused
        await cluster.kill("n1")
        await cluster.kill("n1")
        state = (await cluster.observe())["n1"]
        assert (state.up, state.exit_status, state.incarnation) == (False, -9, 1)
        await cluster.start("n1")
        assert (await client.patient("n1", type="read", key=1))["value"] == 5
        await cluster.set_clock("n2", 3_600 * 10**9, 0)
        assert (await cluster.observe())["n2"].clock_offset_ns > 3_599 * 10**9
        await client.patient("n0", type="write", key=1, value=6)
        await until(lambda: cluster.leader() is not None)
        leader = cluster.leader()
        assert leader is not None
        other = next(node for node in cluster.nodes if node != leader)
        handle = await cluster.cut([(leader, other)])
        await until_refused(cluster, (leader, other))
        assert not cluster.links()[other, leader].refused
        await cluster.release(handle)

    live_on(hosts, main, tmp_path / "run")
    assert nothing_left(hosts)


async def until_refused(cluster: LiveCluster, link: tuple[str, str]) -> None:
    for _ in range(800):
        await cluster.refresh()
        if link in cluster.links() and cluster.links()[link].refused:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nothing was refused")


def test_a_connection_that_is_lost_is_made_again_and_its_calls_have_no_answer(
    hosts: Hosts, tmp_path: Path
) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await client.patient("n0", type="write", key=1, value=5)
        member = cluster._seats["n0"].member
        assert isinstance(member, HostMember)
        await cluster.pause("n0")
        waiting = asyncio.ensure_future(client.once("n0", 2, type="read", key=1))
        await asyncio.sleep(0.2)
        for client_of in member.machine.ssh._clients:
            client_of.close()
        await cluster.resume("n0")
        assert await waiting is None
        assert (await client.patient("n0", type="read", key=1))["value"] == 5
        assert (await cluster.observe())["n0"].incarnation == 1
        await cluster.kill("n0")
        assert (await cluster.observe())["n0"].exit_status == -9

    cluster = live_on(hosts, main, tmp_path / "run")
    assert [e.kind for e in cluster.world if e.node == "n0"][:3] == ["paused", "resumed", "killed"]
    assert nothing_left(hosts)


# --- what goes wrong ----------------------------------------------------------------------------------------------


def test_a_host_that_dies_counts_as_down_and_the_run_goes_on(
    hosts: Hosts, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await client.patient("n0", type="write", key=1, value=5)
        handle = await cluster.cut([("n0", "n2"), ("n2", "n0")])
        await asyncio.to_thread(hosts.die, 2)
        await client.patient("n0", type="write", key=1, value=6)
        await until(lambda: not cluster._seats["n2"].member.up)
        assert (await cluster.observe())["n2"].exit_status is None
        await cluster.release(handle)
        await cluster.kill("n2")
        await cluster.start("n2")  # in vain, and said
        assert (await client.patient("n1", type="read", key=1))["value"] == 6
        await asyncio.to_thread(hosts.boot, 2)
        await cluster.start("n2")
        assert (await client.patient("n2", type="read", key=1))["value"] == 6

    try:
        cluster = live_on(hosts, main, tmp_path / "run")
    finally:
        if 2 not in hosts.daemons:
            hosts.boot(2)
    said = [line for line in capfd.readouterr().err.splitlines() if "host2" in line]
    assert len(said) == 2
    assert re.search(r"node n2 counts as down, the run goes on: host2: .*Unable to connect", said[0])
    assert said[1].endswith("host2: is back")
    notes = [(e.kind, e.data) for e in cluster.world if e.node == "n2"]
    assert notes[0] == ("killed", {"exit_status": None})
    # the start in vain is nothing that the node did
    assert "panic" not in [kind for kind, _ in notes]
    assert nothing_left(hosts)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"key": "stranger"}, r"host0: .*root@100\.\S+:22: the key \S+stranger was not accepted"),
        ({"known_hosts": "config0"}, r"host0: .*its key is not in \S+config0"),
        ({"known_hosts": "authorized_keys"}, r"host0: .*known_hosts \S+authorized_keys: "),
        ({"port": 1}, r"host0: root@100\.\S+:1: .*"),
    ],
)
def test_a_host_that_cannot_be_used_is_one_line(
    hosts: Hosts, tmp_path: Path, change: dict[str, Any], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {k: str(hosts.folder / v) if isinstance(v, str) else v for k, v in change.items()}
    path = hosts.write(range(3), tmp_path / "hosts.yaml", **given)
    code = command_line(
        ["test", "--env", "ssh", "--hosts", str(path), "--nodes", "3", "--store", str(tmp_path)]
    )
    assert code == 254
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert re.search(line, said[0]), said


def test_a_full_disk_is_one_line(hosts: Hosts, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    inside = ["nsenter", "-t", str(hosts.daemons[0].pid), "-m"]  # sshd's mounts are its own
    subprocess.run([*inside, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
    try:
        path = hosts.write(range(1), tmp_path / "hosts.yaml")
        given = yaml.safe_load(path.read_text())
        given["hosts"][0]["folder"] = str(small / "splitbrain")
        path.write_text(yaml.safe_dump(given))
        with pytest.raises(UsageError, match=r"^host0: \S+splitbrain has 1 MB free; expected at least 50$"):
            check_spec(spec_on(path, nodes=1))
    finally:
        subprocess.run([*inside, "umount", small], check=True)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"nodes": 6}, "5 hosts for 6 nodes"),
        ({"bin": "/bin/cat"}, "a binary is not brought to hosts"),
    ],
)
def test_what_hosts_cannot_do_is_refused_before_the_run(
    hosts: Hosts, fields: dict[str, Any], line: str
) -> None:
    with pytest.raises(UsageError, match=line):
        check_spec(spec_on(hosts.file, **fields))


def test_without_a_hosts_file_there_is_no_run() -> None:
    with pytest.raises(UsageError, match="expected --hosts FILE"):
        check_spec(RunSpec(env="ssh"))


# --- nothing left behind --------------------------------------------------------------------------------------------


def test_what_a_killed_harness_left_is_swept_and_a_living_one_is_left_alone(
    hosts: Hosts, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "harness.cli", "test", "--env", "ssh", "--hosts", str(hosts.file)]
    more = ["--nodes", "3", "--nemesis", "partition", "--time-limit", "60", "--store", str(tmp_path)]
    harness = subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while "-j DROP" not in "".join(hosts.filters(i) for i in range(3)):
            assert harness.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sweep_hosts(hosts.file) == (0, [])
        with pytest.raises(UsageError, match=rf"host0: in use by the run \S+ \(process {harness.pid} on"):
            execute(spec_on(hosts.file, nodes=3), tmp_path / "second", report=False)
        assert any("-m nodes" in line for line in left(hosts))
    finally:
        os.kill(harness.pid, signal.SIGKILL)
        harness.wait()
    assert any("-m nodes" in line for line in left(hosts))
    assert command_line(["cluster", "sweep", "--hosts", str(hosts.file)]) == 0
    assert nothing_left(hosts)
    assert sweep_hosts(hosts.file) == (0, [])


def test_what_is_left_of_another_machine_s_harness_is_removed_when_asked(hosts: Hosts) -> None:
    hosts.place(0).mkdir(exist_ok=True)
    (hosts.place(0) / "run").mkdir()
    lease = Lease("another", 1, "1", "/somewhere")
    (hosts.place(0) / "run" / "lease").write_bytes(msgspec.json.encode(lease))
    assert sweep_hosts(hosts.file) == (0, [])
    assert command_line(["cluster", "sweep", "--hosts", str(hosts.file), "--force"]) == 0
    assert nothing_left(hosts)


# --- one machine, no root -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A hosts file of three "hosts" that are this machine."""
    if not Path(SSHD).exists():
        pytest.skip("no sshd on this machine (openssh-server)")
    folder = tmp_path_factory.mktemp("loopback")
    daemon = Sshd(folder)
    daemon.start()
    access = {"user": daemon.user, "key": str(daemon.key), "known_hosts": str(daemon.known_hosts)}
    listed = [
        {"name": f"me{i}", "host": "127.0.0.1", "folder": str(folder / f"host{i}"), "peer_port": 17100 + i}
        for i in range(3)
    ]
    path = folder / "hosts.yaml"
    path.write_text(yaml.safe_dump({"hosts": listed, "defaults": {"port": daemon.port, **access}}))
    yield path
    daemon.stop()


def test_hosts_that_are_one_machine_can_do_everything_without_root(loopback: Path, tmp_path: Path) -> None:
    """Relays cut links where packets do not show who sent them."""
    spec = spec_on(loopback, nodes=3)
    assert (
        no_filters(hosts_of(spec))
        == "me0's address 127.0.0.1 is a loopback: packets do not show who sent them"
    )
    assert capabilities(spec) == {family.name for family in FAMILIES.values()}
    faults = [
        fault(400, 1000, "kill:one", ("n0",)),
        fault(2200, 2900, "pause:one", ("n1",)),
        fault(3200, 4000, "partition:isolated-leader", "leader"),
        fault(4300, 5000, "link:loss", "all", loss_ppm=300_000),
        fault(5300, 6000, "power-loss:one", ("n2",)),
    ]
    outcome = played(loopback, tmp_path / "run", faults, nodes=3, time_limit=7.5)
    assert bites(outcome) == dict.fromkeys(("kill", "pause", "partition", "link", "power-loss"), (1, 1))
    assert not list(loopback.parent.glob("host*/run*"))
