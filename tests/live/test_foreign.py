"""Other people's systems under faults: etcd, Redis with Sentinel, PySyncObj, and one that somebody brings."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.live import machines
from harness.live.cluster import LiveCluster
from harness.live.foreign import give_back
from harness.live.machines import Machines
from harness.run import Outcome, check_spec, execute
from harness.spec import RunSpec
from harness.systems.pysyncobj import VARIABLE
from harness.tracefile import load_trace
from tests.live.clusters import Client, live
from tests.live.test_orphans import all_gone

ROOT = Path(__file__).parents[2]


def needs(*programs: str, root: bool = True) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if root and not machines.able():
        pytest.skip("networks for nodes take root, ip, nsenter and iptables")


def run(folder: Path, **spec: Any) -> Outcome:
    defaults: dict[str, Any] = {"env": "process", "nodes": 3, "rate": 60, "seed": 1}
    return execute(RunSpec(**{**defaults, **spec}), folder, report=False)


def result(outcome: Outcome, checker: str) -> Any:
    return next(r for r in outcome.results if r.checker == checker)


def bit(outcome: Outcome) -> set[str]:
    return {family for family, counts in outcome.summary["bite"].items() if counts["bit"]}


@pytest.mark.parametrize("workload", ["register", "txn-list-append"])
def test_etcd_is_sound_under_every_fault_it_can_have(tmp_path: Path, workload: str) -> None:
    needs("etcd")
    faults = ["partition", "kill", "pause"]
    outcome = run(
        tmp_path, system="etcd", workload=workload, nemesis=faults, interval=3, time_limit=9, seed=2, quiet=4
    )
    assert outcome.verdict == "valid", outcome.results
    assert bit(outcome) == set(faults)
    assert outcome.summary["ok"] > 25


@pytest.mark.parametrize(
    ("workload", "seldom_writes"),
    [("register", {"read_percent": 90}), ("txn-list-append", {"max_txn_length": 2})],
)
def test_serializable_reads_of_etcd_are_caught(
    tmp_path: Path, workload: str, seldom_writes: dict[str, int]
) -> None:
    needs("etcd")
    outcome = run(
        tmp_path,
        system="etcd",
        workload=workload,
        nemesis=["partition:isolated-node"],
        interval=4,
        time_limit=8,
        # many clients: those of a member that is cut off must not all be at a write when somebody else writes
        concurrency="6n",
        rate=120,
        options={"config": {"serializable": True}, "workload": seldom_writes},
    )
    assert outcome.verdict == "invalid"
    assert bit(outcome) == {"partition"}


def test_redis_is_valid_without_faults(tmp_path: Path) -> None:
    needs("redis-server")
    # servers that a busy machine stalls for a second are not dead
    patient = {"config": {"down_after_ms": 10_000}}
    outcome = run(tmp_path, system="redis", workload="g-set", time_limit=4, quiet=0.5, options=patient)
    assert outcome.verdict == "valid", outcome.results


def test_redis_loses_acknowledged_writes_and_the_report_tells_of_the_failover(tmp_path: Path) -> None:
    needs("redis-server")
    outcome = run(
        tmp_path,
        system="redis",
        workload="g-set",
        nemesis=["partition:isolated-leader"],
        interval=8,
        time_limit=16,
        quiet=14,
    )
    assert outcome.verdict == "invalid"
    lost = [a for a in result(outcome, "set-full").anomalies if a.type == "lost"]
    assert lost
    told = [a for a in lost if "the lead went to" in a.explanation]
    assert told, lost
    first = told[0]
    before, after = first.data["leaders"][0], first.data["leaders"][-1]
    assert before != after
    assert f"took {before} for the master" in first.explanation
    assert f"while {before} still led" in first.explanation
    trace = {event.index: event for event in load_trace(tmp_path / "trace.jsonl")}
    roles = [trace[index] for index in first.trace_indexes if trace[index].kind == "role"]
    assert {event.node for event in roles if event.data["role"] == "leader"} >= {before, after}


@pytest.mark.parametrize("workload", ["register", "txn-list-append"])
def test_pysyncobj_comes_back_from_kills_and_pauses(tmp_path: Path, workload: str) -> None:
    """What it answers is its own business: the run must have been one, whatever the verdict."""
    needs(root=False)
    if not os.environ.get(VARIABLE):
        pytest.skip(f"{VARIABLE} names no interpreter that has pysyncobj")
    outcome = run(
        tmp_path,
        system="pysyncobj",
        workload=workload,
        nemesis=["kill", "pause"],
        interval=3,
        time_limit=9,
        quiet=4,
    )
    assert bit(outcome) == {"kill", "pause"}
    assert outcome.summary["ok"] > 25
    assert result(outcome, "bite").verdict == "valid"


def test_members_say_who_leads_and_the_next_leader_is_known_after_a_kill(tmp_path: Path) -> None:
    needs("etcd")

    async def main(cluster: LiveCluster) -> None:
        first = cluster.leader()
        assert first in cluster.nodes
        await cluster.kill(first)
        deadline = asyncio.get_running_loop().time() + 30
        while cluster.leader() in (None, first):
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        refused = await Client(cluster).once(first, type="read", key=1)
        assert refused is not None
        assert (refused["type"], refused["code"]) == ("error", 11)

    live(main, tmp_path / "run", system="etcd")


LISTEN = """
import socket, sys
server = socket.create_server((sys.argv[1], 7))
print(flush=True)
while True:
    server.accept()
"""
DIAL = "import socket,sys; socket.create_connection((sys.argv[1], 7), 1)"


def test_a_cut_refuses_packets_in_its_direction_until_it_is_released() -> None:
    needs()

    async def reaches(made: Machines, src: str, dst: str) -> bool:
        command = [*made.enter(src), sys.executable, "-c", DIAL, made.addresses[dst]]
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        return await process.wait() == 0

    async def main(made: Machines) -> None:
        assert made.firewall is not None
        await made.firewall.open()
        assert await reaches(made, "n0", "n1")
        handle = await made.firewall.cut([("n0", "n1")])
        assert not await reaches(made, "n0", "n1")
        assert (await made.firewall.refused())["n0", "n1"] > 0
        await made.firewall.release(handle)
        assert await reaches(made, "n0", "n1")

    before = links()
    with Machines(("n0", "n1"), apart=True) as made:
        command = [*made.enter("n1"), sys.executable, "-c", LISTEN, made.addresses["n1"]]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            server.stdout.readline()
            asyncio.run(main(made))
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
    gone_to(before)


def links() -> set[str]:
    """Network devices of this machine that could be ours."""
    shown = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r": (sb\d+)@", shown))


def gone_to(before: set[str]) -> None:
    """Other runs on this machine come and go; of ours nothing may be new."""
    deadline = time.monotonic() + 60
    while links() - before:
        assert time.monotonic() < deadline, links() - before
        time.sleep(0.05)


HARNESS = """
import asyncio, sys
from pathlib import Path
from harness.live import run
from harness.spec import RunSpec
from harness.streams import Streams

async def main(cluster):
    await cluster.start_all()
    await cluster.cut([("n0", "n1"), ("n1", "n0")])
    await cluster.pause("n2")
    print(*(seat.member._process.pid for seat in cluster._seats.values()), flush=True)
    await asyncio.sleep(600)

run(main, RunSpec(env="process", system="etcd", nodes=3), Path(sys.argv[1]), Streams(1))
"""


def test_a_killed_harness_leaves_no_process_and_no_network(tmp_path: Path) -> None:
    needs("etcd")
    before = links()
    command = [sys.executable, "-c", HARNESS, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as harness:
        assert harness.stdout is not None
        pids = [int(pid) for pid in harness.stdout.readline().split()]
        assert len(pids) == 3
        harness.send_signal(signal.SIGKILL)
        harness.wait()
    assert all_gone(pids)
    gone_to(before)


def test_what_a_dead_node_only_reserved_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "data" / "log"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.write(b"written")
        os.posix_fallocate(file.fileno(), 0, 8 << 20)
    before = path.stat().st_blocks
    give_back(tmp_path)
    assert path.stat().st_blocks < before
    assert path.read_bytes() == b"written".ljust(8 << 20, b"\0")


# --- somebody's own ---------------------------------------------------------------------------------------


def heredocs(page: str) -> dict[str, str]:
    """The files that a page has its reader write."""
    text = textwrap.dedent((ROOT / "docs" / page).read_text())
    found = re.findall(r"^    cat > (\S+) <<'END'\n(.*?)^    END$", text, re.MULTILINE | re.DOTALL)
    return {name: textwrap.dedent(content) for name, content in found}


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The worked example of docs/systems.md, written as its reader would; the adapter's file."""
    files = heredocs("systems.md")
    assert set(files) == {"kvd.py", "Dockerfile", "mine.py", "kvd_adapter.py"}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    return "./kvd_adapter.py"


def test_the_worked_example_is_sound_alone(tmp_path: Path, brought: str) -> None:
    outcome = run(tmp_path / "run", system=brought, nodes=1, time_limit=3, quiet=0.2, nemesis=["pause"])
    assert outcome.verdict == "valid", outcome.results
    assert outcome.summary["ok"] > 50


def test_two_of_the_worked_example_know_nothing_of_each_other_and_are_caught(
    tmp_path: Path, brought: str
) -> None:
    outcome = run(tmp_path / "run", system=brought, nodes=2, time_limit=3, quiet=0.2)
    assert result(outcome, "linearizability").verdict == "invalid"


def test_an_adapter_that_errs_ends_the_run_with_one_line(tmp_path: Path, brought: str) -> None:
    path = tmp_path / brought
    path.write_text(path.read_text().replace('"GET"', "1 / 0"))
    with pytest.raises(UsageError, match=r"^adapter kvd: its client raised ZeroDivisionError on read: .*$"):
        run(tmp_path / "run", system=brought, nodes=1, time_limit=3)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"system": "nothing.py"}, "system: nothing.py: no such file"),
        ({"system": "etcdd"}, "did you mean 'etcd'?"),
        ({"system": "etcd", "env": "sim"}, "system: etcd cannot run in simulation; expected env: process"),
        ({"system": "etcd", "transport": "tcp"}, "transport: tcp is not for it"),
        ({"system": "etcd", "nemesis": ["clock"]}, "etcd is written in Go: it asks the kernel for the time"),
        ({"system": "etcd", "env": "ssh", "hosts": "none.yaml"}, "env: ssh is not for it"),
        ({"system": "etcd", "workload": "bank"}, "which system 'etcd' does not answer"),
        ({"system": "etcd", "options": {"config": {"fast": True}}}, "etcd has no setting 'fast'"),
        ({"system": "etcd", "options": {"config": {"serializable": 1}}}, "expected true or false, got 1"),
        ({"system": "redis", "options": {"config": {"failover_ms": 0}}}, "milliseconds, got 0"),
        ({"system": "pysyncobj", "options": {"config": {"python": "/none"}}}, "/none: not an interpreter"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_said_before_anything_starts(spec: dict[str, Any], words: str) -> None:
    if shutil.which(spec["system"]) is None and spec["system"] == "etcd":
        pytest.skip("etcd is not installed")
    with pytest.raises(UsageError) as raised:
        check_spec(RunSpec(**{"env": "process", **spec}))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_program_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match=r"^system: etcd needs etcd, which is not on the PATH$"):
        check_spec(RunSpec(env="process", system="etcd"))
