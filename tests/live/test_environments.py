"""One schedule file in simulation, on processes, in containers and on hosts: the same acts, the same verdict."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import pytest

from checkers.history import read
from harness.run import execute
from harness.spec import RunSpec
from nemeses.schedule import Schedule
from tests.live.engines import held_engine
from tests.live.played import bites, fault
from tests.live.sshd_containers import Boxes

ENVIRONMENTS = ("sim", "process", "docker", "ssh")
FAULTS = [
    # whose names are in the file, and who is drawn by the seed: the same everywhere; who leads, each finds out
    fault(400, 1100, "partition:explicit", ("n0",)),
    fault(1500, 2100, "kill:explicit", ("n1",)),
    fault(3600, 4200, "pause:one", "one"),
    fault(4600, 5300, "link:loss", "all", loss_ppm=300_000),
    fault(5700, 6300, "clock:jump", ("n2", "n0"), offset_ms=60_000),
    fault(6700, 7400, "disk:slow", ("n1", "n2"), delay_us=50_000),
    fault(7800, 8400, "power-loss:minority", "minority"),
    fault(10200, 10900, "kill:leader", "leader"),
]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    with held_engine(tmp_path_factory) as engine:
        made = Boxes(engine, tmp_path_factory.mktemp("boxes"), 3)
        yield made
        made.end()


def acts(history: Path) -> list[tuple[str, int, str, tuple[str, ...] | str]]:
    """What the nemesis did: family, number of the fault, phase, and to whom; fault by fault, each in order.

    Faults are played beside each other: where healing one takes long the next may have begun.
    """
    done = []
    for op in read(history):
        if op.process == "nemesis" and op.f != "phase":
            who = op.value.get("targets", ())
            led = FAULTS[op.value["fault"]].target == "leader"
            done.append(
                (
                    op.f,
                    op.value["fault"],
                    op.value["phase"],
                    "leader" if led and len(who) == 1 else tuple(who),
                )
            )
    return sorted(done, key=itemgetter(1))


def test_one_schedule_file_is_the_same_acts_and_the_same_verdict_everywhere(
    boxes: Boxes, tmp_path: Path
) -> None:
    Schedule(faults=FAULTS).dump(tmp_path / "schedule.yaml")
    found = {}
    for env in ENVIRONMENTS:
        spec = RunSpec(
            env=env,
            nodes=3,
            time_limit=12,
            quiet=1,
            rate=60,
            seed=5,
            hosts=str(boxes.file) if env == "ssh" else None,
        )
        outcome = execute(
            spec, tmp_path / env, schedule=Schedule.load(tmp_path / "schedule.yaml"), report=False
        )
        assert (tmp_path / env / "schedule.yaml").read_bytes() == (tmp_path / "schedule.yaml").read_bytes()
        assert outcome.verdict == "valid", [(env, r.checker, r.why) for r in outcome.results]
        found[env] = (acts(tmp_path / env / "history.jsonl"), bites(outcome))
    acted, bit = found["sim"]
    assert [number for _, number, phase, _ in acted if phase == "start"] == list(range(len(FAULTS)))
    assert {phase for _, _, phase, _ in acted} == {"start", "stop"}
    assert all(bit_of == (n, n) for bit_of in bit.values() for n in [bit_of[1]])
    for env in ENVIRONMENTS[1:]:
        assert found[env] == found["sim"], env
