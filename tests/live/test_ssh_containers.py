"""Five containers with sshd, as hosts whose user is not root: every fault valid, and each bites; bugs are caught."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from harness.cli import main as command_line
from harness.live import run
from harness.live.cluster import LiveCluster
from harness.live.hostmember import HostMember
from harness.run import Outcome, execute
from harness.spec import RunSpec
from harness.streams import Streams
from nemeses.fault import Fault, Trigger
from nemeses.port import LinkRule
from nemeses.schedule import Schedule
from tests.live.clusters import Client
from tests.live.engines import held_engine
from tests.live.played import RULES, SHAPES, bites, fault, link_faults
from tests.live.sshd_containers import GUEST, HERE, USER, Boxes
from tests.live.test_planted_bugs import invalid

NODES = ("n0", "n1", "n2", "n3", "n4")


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    with held_engine(tmp_path_factory) as engine:
        made = Boxes(engine, tmp_path_factory.mktemp("boxes"), 5)
        yield made
        made.end()


def played(boxes: Boxes, folder: Path, faults: Iterable[Fault], **fields: Any) -> Outcome:
    given = {
        "nodes": 5,
        "time_limit": 5,
        "quiet": 1,
        "rate": 80,
        "seed": 11,
        "hosts": str(boxes.file),
        **fields,
    }
    schedule = Schedule(faults=sorted(faults, key=lambda f: f.start_ms))
    outcome = execute(RunSpec(env="ssh", **given), folder, schedule=schedule, report=False)
    assert outcome.verdict == "valid", [(r.checker, r.why, r.anomalies) for r in outcome.results]
    return outcome


def test_every_shape_of_partition_is_valid_and_bites(boxes: Boxes, tmp_path: Path) -> None:
    """By packet filters, set through sudo; what they dropped is counted in the boxes."""
    before = boxes.everything()
    asked = [(s.name, s.targets[-1][0], {}) for s in SHAPES if s.name != "one-way"]
    asked += [("one-way", "leader", {"direction": direction}) for direction in ("in", "out")]
    faults = [
        fault(300 + 1_000 * n, 950 + 1_000 * n, f"partition:{shape}", target, **parameters)
        for n, (shape, target, parameters) in enumerate(asked)
    ]
    outcome = played(boxes, tmp_path / "run", faults, time_limit=10.5, rate=60)
    assert bites(outcome) == {"partition": (len(faults), len(faults))}
    assert outcome.summary["world"]["refused"] > 0
    boxes.settle(before)


def test_link_faults_beside_a_partition_are_valid_and_bite(boxes: Boxes, tmp_path: Path) -> None:
    """Relays on the boxes change frames, while packet filters drop what their links carry."""
    faults = [*link_faults(), fault(1700, 2300, "partition:isolated-leader", "leader")]
    before = boxes.everything()
    outcome = played(boxes, tmp_path / "run", faults)
    assert bites(outcome) == {"link": (len(RULES), len(RULES)), "partition": (1, 1)}
    boxes.settle(before)


def test_kill_pause_clock_and_power_loss_are_valid_and_bite(boxes: Boxes, tmp_path: Path) -> None:
    faults = [
        fault(400, 1200, "kill:leader", "leader"),
        fault(2600, 3300, "pause:leader", "leader"),
        fault(2700, 3700, "clock:drift", ("n0", "n1"), rate_ppm=400_000),
        fault(4100, 4900, "clock:jump", ("n2", "n3"), offset_ms=60_000),
        fault(5200, 6000, "power-loss:all", "all"),
    ]
    outcome = played(boxes, tmp_path / "run", faults, time_limit=8)
    assert bites(outcome) == {"kill": (1, 1), "pause": (1, 1), "clock": (2, 2), "power-loss": (1, 1)}
    for name in NODES:
        folder = tmp_path / "run" / "nodes" / name
        assert (folder / "data" / "wal").exists()
        assert '"event":"listening"' in (folder / "stderr.log").read_text()


def test_bad_disks_and_scarce_resources_are_valid_and_bite(boxes: Boxes, tmp_path: Path) -> None:
    faults = [
        fault(500, 1800, "disk:slow", ("n0", "n1"), delay_us=50_000),
        fault(2000, 2900, "disk:full", ("n2",)),
        fault(3200, 4100, "disk:bit-flip", ("n3",), position_ppm=400_000),
        fault(4600, 5600, "resource:slow-cpu", ("n4",), percent=20),
    ]
    outcome = played(boxes, tmp_path / "run", faults, time_limit=7.5)
    assert bites(outcome) == {"disk": (3, 3), "resource": (1, 1)}


# --- planted bugs -------------------------------------------------------------------------------------------------

SEEDS = 3
"""one has been enough; a machine that stands still for a moment may miss the moments that count"""
LOADED: dict[str, Any] = {"quiet": 1, "rate": 400, "concurrency": "20n", "op_timeout": 1.0}
ELECTED = Trigger(kind="role", where={"role": "leader"})
OPTIONS = {
    # few of the writes of a key overlap, so what is stale shows
    "workload": {"keys": 20, "ops_per_key": 0, "cas_percent": 0},
    # between an election and what the new leader does with it there is time to act, on a busy machine as well
    "latency": {"dist": "constant", "mean_us": 100_000},
    "config": {"election_ms_min": 600, "election_ms_max": 1200, "heartbeat_ms": 100},
}


def on_election(act: Fault, hold_ms: int) -> Fault:
    return msgspec.structs.replace(act, trigger=msgspec.structs.replace(ELECTED, hold_ms=hold_ms))


def forgetful() -> list[Fault]:
    """All are killed when a leader was elected and nobody else has an entry of its term yet: there is nothing but
    their votes by which they could know that term.
    """
    faults = []
    for start in (500, 6500):
        faults.append(fault(start, start + 300, "kill:leader", "leader"))
        faults.append(on_election(fault(start + 100, start + 4500, "kill:all", "all"), 200))
    return faults


def deposed() -> list[Fault]:
    """A leader that hears and is not heard commits, and tells its clients, what its successor has and does not know
    to be committed; on disks that are slow from its election on, the successor's own first entry takes its time.
    """
    faults = []
    for start in (800, 4000):
        faults.append(fault(start, start + 1500, "partition:one-way", "leader", direction="out"))
        slow = fault(start + 100, start + 3100, "disk:slow", "all", delay_us=800_000)
        faults.append(on_election(slow, 1000))
    return faults


@pytest.mark.parametrize(
    ("bug", "faults", "fields", "checker", "signs"),
    [
        (
            "vote-not-persisted",
            forgetful(),
            {"nodes": 5, "time_limit": 13},
            "raft-invariants",
            {"SingleVote", "ElectionSafety"},
        ),
        (
            "reads-before-own-commit",
            deposed(),
            {"nodes": 3, "time_limit": 8},
            "linearizability",
            {"nonlinearizable"},
        ),
    ],
)
def test_a_planted_bug_is_caught(
    boxes: Boxes,
    tmp_path: Path,
    bug: str,
    faults: list[Fault],
    fields: dict[str, Any],
    checker: str,
    signs: set[str],
) -> None:
    given = {"hosts": str(boxes.file), "options": OPTIONS, "stop_on_violation": True, **LOADED, **fields}
    for seed in range(1, SEEDS + 1):
        spec = RunSpec(env="ssh", bug=bug, seed=seed, **given)
        outcome = execute(spec, tmp_path / str(seed), schedule=Schedule(faults=faults), report=False)
        if invalid(outcome, checker) & signs:
            print(f"{bug} is caught with seed {seed}")  # noqa: T201
            return
    raise AssertionError(f"{bug} was not caught with {SEEDS} seeds")


def test_the_sound_build_is_valid_under_the_same_faults(boxes: Boxes, tmp_path: Path) -> None:
    """Whether every trigger came in time is another matter."""
    later = [
        msgspec.structs.replace(f, start_ms=f.start_ms + 5500, stop_ms=f.stop_ms + 5500)
        for f in deposed()[:2]
    ]
    given = {"nodes": 5, "time_limit": 10, "hosts": str(boxes.file), "options": OPTIONS, "seed": 1, **LOADED}
    schedule = Schedule(faults=[*forgetful()[:2], *later])
    outcome = execute(RunSpec(env="ssh", **given), tmp_path / "run", schedule=schedule, report=False)
    judged = {result.checker: result.verdict for result in outcome.results}
    assert "invalid" not in judged.values(), judged
    assert (judged["linearizability"], judged["raft-invariants"]) == ("valid", "valid")
    assert outcome.summary["bite"]["kill"]["bit"] > 0
    assert outcome.summary["bite"]["partition"]["bit"] > 0


# --- who logs in, and how nodes are spoken to ----------------------------------------------------------------------


def test_nodes_are_spoken_to_without_a_tunnel(boxes: Boxes, tmp_path: Path) -> None:
    """Where sshd forwards nothing, and the account has no rights: links are cut by relays."""
    path = boxes.write(
        tmp_path / "hosts.yaml", user=GUEST, sudo=False, direct=True, folder="/home/guest/splitbrain"
    )
    faults = [
        fault(500, 1400, "partition:isolated-leader", "leader"),
        fault(2200, 3000, "kill:leader", "leader"),
    ]
    outcome = played(boxes, tmp_path / "run", faults, hosts=str(path), nodes=3, time_limit=4)
    assert bites(outcome) == {"partition": (1, 1), "kill": (1, 1)}
    assert not [line for line in boxes.inside(0, "iptables-save").splitlines() if "SPLITBRAIN" in line]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"user": GUEST, "sudo": False},
            r"box\d: 127.0.0.1 forwards no connections; expected AllowTcpForwarding",
        ),
        ({"user": GUEST}, r"box0: sudo: true, but sudo -n does not work there: .*password is required"),
        ({"key": "stranger"}, r"box0: .*tester@127.0.0.1:\d+: the key \S+stranger was not accepted"),
        ({"host": "NOBODY"}, r"box0: tester@\S+\.200:\d+.*: \S+"),
        ({"known_hosts": "hosts.yaml"}, r"box0: .*its key is not in \S+hosts.yaml|known_hosts"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    boxes: Boxes, tmp_path: Path, change: dict[str, Any], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    given = {k: str(boxes.folder / v) if k in ("key", "known_hosts") else v for k, v in change.items()}
    if "host" in given:  # on the network of the boxes, where nobody has it
        given["host"] = f"{boxes.prefix}.200"
    path = boxes.write(tmp_path / "hosts.yaml", folder=f"/tmp/{given.get('user', 'x')}", **given)
    flags = [
        "--env",
        "ssh",
        "--hosts",
        str(path),
        "--nodes",
        "3",
        "--store",
        str(tmp_path),
        "--nemesis",
        "kill",
    ]
    assert command_line(["test", *flags]) == 254
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1, said
    assert re.search(line, said[0]), said


def test_through_a_jump_host(boxes: Boxes, tmp_path: Path) -> None:
    """Box 4 leads to the others, by their own addresses."""
    path = boxes.write(tmp_path / "hosts.yaml", range(3))
    given = yaml.safe_load(path.read_text())
    access = {"user": USER, "key": str(boxes.key), "known_hosts": str(boxes.known_hosts)}
    kind = boxes.known_hosts.read_text().split(maxsplit=1)[1].splitlines()[0]
    near = tmp_path / "known_hosts"
    near.write_text("".join(f"{boxes.address(i)} {kind}\n" for i in range(3)))
    for i, host in enumerate(given["hosts"]):
        host |= {"host": boxes.address(i), "port": 22, "known_hosts": str(near)}
    given["jump"] = {"host": HERE, "port": boxes.ports[4], **access}
    path.write_text(yaml.safe_dump(given))
    faults = [
        fault(500, 1200, "partition:isolated-leader", "leader"),
        fault(1900, 2600, "pause:one", ("n1",)),
    ]
    outcome = played(boxes, tmp_path / "run", faults, hosts=str(path), nodes=3, time_limit=4)
    assert bites(outcome) == {"partition": (1, 1), "pause": (1, 1)}


def test_relays_end_with_their_connection_and_come_back_with_what_was_wanted(
    boxes: Boxes, tmp_path: Path
) -> None:
    async def main(cluster: LiveCluster) -> None:
        await cluster.start_all()
        client = Client(cluster)
        handle = await cluster.shape([("n0", "n1"), ("n1", "n0")], LinkRule(delay_us=5_000))
        await client.patient("n0", type="write", key=1, value=1)
        member = cluster._seats["n0"].member
        assert isinstance(member, HostMember)
        for connection in member.machine.ssh._clients:
            connection.close()
        await client.patient("n0", type="write", key=1, value=2)
        await cluster.refresh()
        before = cluster.links()["n0", "n1"].altered
        for _ in range(300):
            await asyncio.sleep(0.1)
            await cluster.refresh()
            if cluster.links()["n0", "n1"].altered > before:
                break
        else:
            raise AssertionError("no frame is late any more")
        await cluster.release(handle)
        assert (await client.patient("n1", type="read", key=1))["value"] == 2

    run(main, RunSpec(env="ssh", hosts=str(boxes.file), nodes=2), tmp_path, Streams(1))
