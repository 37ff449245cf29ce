"""Nothing is left on hosts of a harness that was killed, wherever it was: packet filters, processes, files.

Three points are tried; with SPLITBRAIN_ALL_POINTS=1 all ten.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import main as command_line
from harness.live.engine import SCRATCH
from tests.live.engines import held_engine
from tests.live.sshd_containers import Boxes
from tests.live.test_docker_sweep import ROOT, TRAP, processes

HARNESS = """
from pathlib import Path
from harness.run import execute
from harness.spec import RunSpec
from nemeses.fault import Fault
from nemeses.schedule import Schedule

faults = [
    Fault(start_ms=200, stop_ms=800, family="partition", shape="isolated-leader", target="leader", parameters={}),
    Fault(start_ms=200, stop_ms=800, family="link", shape="loss", target="all", parameters={"loss_ppm": 100_000}),
    Fault(start_ms=400, stop_ms=700, family="pause", shape="all", target="all", parameters={}),
    Fault(start_ms=900, stop_ms=1000, family="kill", shape="one", target="one", parameters={}),
]
spec = RunSpec(env="ssh", nodes=3, time_limit=1, quiet=0.1, rate=50, hosts=sys.argv[2])
execute(spec, Path(sys.argv[1]), schedule=Schedule(faults=faults))
"""

INSTALL = "harness.live.host:Machine.install"
MIDDLE = "harness.live.faults.firewall:Firewall.release"
POINTS = [
    ("harness.live.ssh:_pack", 1),
    ("harness.live.host:Machine.hold", 2),
    (INSTALL, 3),
    ("harness.live.relays:Relays.open", 1),
    ("harness.live.host:Machine.start", 2),
    ("harness.live.news:News._told", 5),
    ("harness.live.host:Machine.signal", 2),
    (MIDDLE, 1),
    ("harness.live.host:Machine.collect", 2),
    ("harness.report:run_report", 1),
]
TRIED = POINTS if os.environ.get("SPLITBRAIN_ALL_POINTS") == "1" else [POINTS[2], POINTS[7], POINTS[8]]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    with held_engine(tmp_path_factory) as engine:
        made = Boxes(engine, tmp_path_factory.mktemp("boxes"), 3)
        yield made
        made.end()


def things(pid: int) -> set[str]:
    """What a harness of that number has on this machine: processes, temporary folders."""
    folders = Path(tempfile.gettempdir()).glob(f"{SCRATCH}{pid}-*")
    return {str(folder) for folder in folders} | {f"process {p}" for p in processes(pid)}


@pytest.mark.parametrize(("point", "count"), TRIED)
def test_a_killed_harness_leaves_nothing_on_hosts_once_swept(
    boxes: Boxes, tmp_path: Path, point: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = boxes.everything()
    if point == INSTALL:
        for i in range(boxes.count):
            boxes.inside(i, "sh", "-c", "rm -rf /tmp/splitbrain/nodes-*")
    harness = subprocess.Popen(
        [sys.executable, "-c", TRAP + HARNESS, str(tmp_path / "run"), str(boxes.file), point, str(count)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _, said = harness.communicate(timeout=240)
    assert harness.returncode == -signal.SIGKILL, said.decode()[-1000:]
    if point == MIDDLE:  # in the middle of faults there is something to sweep, of each kind
        rules, running, files = boxes.everything()[0]
        assert any("SPLITBRAIN" in rule for rule in rules)
        assert any("-m nodes" in line for line in running)
        assert any("/run/" in path for path in files)
    assert command_line(["cluster", "sweep", "--hosts", str(boxes.file)]) == 0
    assert capsys.readouterr().out.startswith("removed: ")
    boxes.settle(before)
    for _ in range(800):
        if not things(harness.pid):
            break
        time.sleep(0.05)
    assert things(harness.pid) == set()
