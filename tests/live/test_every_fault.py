"""Five nodes of Raft under every fault, processes with links of their own and containers: valid, and each bites."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.live.engine import LABEL, owner
from harness.run import execute
from harness.spec import RunSpec
from harness.tracefile import load_trace
from tests.live.engines import held_engine
from tests.live.played import PLACES, RULES, SHAPES, bites, fault, link_faults, played, valid

OWN = f"{LABEL}={owner()}"


@pytest.fixture(scope="module", params=["tcp", "docker"])
def env(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "tcp":
        yield "tcp"
        return
    with held_engine(tmp_path_factory) as engine:
        yield "docker"
        left: list[Any] = engine.containers.list(all=True, filters={"label": OWN})
        assert not left
        assert not engine.networks.list(filters={"label": OWN})


def test_every_shape_of_partition(env: str, tmp_path: Path) -> None:
    """One after the other, and one way both ways, with time for an election between: a cut away from any leader's
    links would find nothing to refuse.
    """
    assert len(SHAPES) >= 9
    asked = [(s.name, s.targets[-1][0], {}) for s in SHAPES if s.name != "one-way"]
    asked += [("one-way", "leader", {"direction": direction}) for direction in ("in", "out")]
    faults = [
        fault(300 + 1_000 * n, 900 + 1_000 * n, f"partition:{shape}", target, **parameters)
        for n, (shape, target, parameters) in enumerate(asked)
    ]
    outcome = valid(env, tmp_path / "run", faults, time_limit=10.5, rate=60)
    assert bites(outcome) == {"partition": (len(faults), len(faults))}
    assert outcome.summary["world"]["refused"] > 0


def test_link_faults_beside_a_partition(env: str, tmp_path: Path) -> None:
    faults = [*link_faults(), fault(1700, 2300, "partition:isolated-leader", "leader")]
    outcome = valid(env, tmp_path / "run", faults)
    assert bites(outcome) == {"link": (len(RULES), len(RULES)), "partition": (1, 1)}


def test_kill_pause_clock_and_power_loss(env: str, tmp_path: Path) -> None:
    faults = [
        fault(400, 1200, "kill:leader", "leader"),
        fault(2600, 3300, "pause:leader", "leader"),
        fault(2700, 3700, "clock:drift", ("n0", "n1"), rate_ppm=400_000),
        fault(4100, 4900, "clock:jump", ("n2", "n3"), offset_ms=60_000),
        fault(5200, 6000, "power-loss:all", "all"),
    ]
    outcome = valid(env, tmp_path / "run", faults, time_limit=7.5)
    assert bites(outcome) == {"kill": (1, 1), "pause": (1, 1), "clock": (2, 2), "power-loss": (1, 1)}
    for name in ("n0", "n1", "n2", "n3", "n4"):
        folder = tmp_path / "run" / "nodes" / name
        assert (folder / "data" / "wal").exists()
        assert '"event":"listening"' in (folder / "stderr.log").read_text()
        assert not (folder / "gate").exists()


def test_disks_that_are_slow_and_that_refuse(env: str, tmp_path: Path) -> None:
    faults = [
        fault(500, 1800, "disk:slow", ("n0", "n1"), delay_us=50_000),
        fault(2200, 3400, "disk:full", ("n2",)),
        fault(4600, 5600, "disk:failed-sync", ("n3",)),
        fault(6800, 7800, "disk:read-only", ("n4",)),
    ]
    outcome = valid(env, tmp_path / "run", faults, time_limit=9)
    assert bites(outcome) == {"disk": (4, 4)}


def test_a_node_that_hears_too_late_that_its_disk_is_well(env: str, tmp_path: Path) -> None:
    """It stood still meanwhile, and died of the first write when it went on: it is started again all the same."""
    faults = [fault(400, 1200, "disk:full", ("n0",)), fault(420, 2300, "pause:one", ("n0",))]
    outcome = played(env, tmp_path / "run", faults, nodes=3, time_limit=3.5, rate=2)
    trace = load_trace(tmp_path / "run" / "trace.jsonl")
    lives = [e.kind for e in trace if e.node == "n0" and e.kind in ("started", "panic")]
    assert lives[-1] == "started"
    assert lives.count("started") == outcome.summary["world"]["incarnations"]["n0"]


def test_disks_that_change_what_was_written(env: str, tmp_path: Path) -> None:
    """Of one node at a time, which refuses what it finds, and is back when that is undone."""
    faults = [
        fault(800 + 2_000 * n, 1900 + 2_000 * n, f"disk:{shape}", (f"n{n}",), position_ppm=300_000)
        for n, shape in enumerate(("bit-flip", "lost-sector", "truncated"))
    ]
    outcome = valid(env, tmp_path / "run", faults, time_limit=7.5, quiet=2)
    assert bites(outcome) == {"disk": (3, 3)}


def test_too_little_processor(env: str, tmp_path: Path) -> None:
    """For want of memory nodes die elsewhere: here they need no more than they have."""
    faults = [fault(500, 2000, "resource:slow-cpu", "all", percent=20)]
    outcome = valid(env, tmp_path / "run", faults, time_limit=3.5)
    assert bites(outcome) == {"resource": (1, 1)}


MIXED = ["partition", "link", "kill", "pause", "clock", "disk:full", "disk:slow"]


def test_all_of_them_mixed_as_a_seed_plans_it(env: str, tmp_path: Path) -> None:
    """Of each family some bite, though others hide many of them."""
    spec = RunSpec(nemesis=MIXED, time_limit=15, interval=2, quiet=2, rate=80, seed=1, **PLACES[env])
    outcome = execute(spec, tmp_path / "run", report=False)
    assert outcome.verdict == "valid", [(r.checker, r.why, r.anomalies) for r in outcome.results]
    assert set(bites(outcome)) == {name.partition(":")[0] for name in MIXED}
    assert all(bit > 0 for bit, _ in bites(outcome).values())
