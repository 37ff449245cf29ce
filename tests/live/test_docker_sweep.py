"""Nothing is left of a harness that was killed, wherever it was: containers, networks, processes, files."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main as command_line
from harness.live.engine import LABEL, SCRATCH
from tests.live.engines import held_engine

ROOT = Path(__file__).parents[2]

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
spec = RunSpec(env="docker", nodes=3, time_limit=1, quiet=0.1, rate=50, options={"base_image": sys.argv[2]})
execute(spec, Path(sys.argv[1]), schedule=Schedule(faults=faults))
"""

TRAP = """
import functools, importlib, os, signal, sys
module, _, name = sys.argv[3].partition(":")
count = int(sys.argv[4])
owner = importlib.import_module(module)
*way, name = name.split(".")
for step in way:
    owner = getattr(owner, step)
real = getattr(owner, name)

@functools.wraps(real)
def trapped(*arguments, **named):
    global count
    count -= 1
    if not count:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)

setattr(owner, name, trapped)
"""
"""kills the harness at the so-manieth call of a function: the same place each time, however slow the machine"""

BUILD = "harness.live.image:vendor"
MIDDLE = "harness.live.faults.firewall:Firewall.release"
POINTS = [
    (BUILD, 1),
    ("harness.live.docker:Containers.create", 2),
    ("harness.live.gate:GatedMember._start", 3),
    ("harness.live.gate:GatedMember._listening", 2),
    ("harness.live.faults.firewall:Firewall.cut", 1),
    ("harness.live.container:ContainerMember.pause", 2),
    (MIDDLE, 1),
    ("harness.live.container:ContainerMember._collect", 2),
    ("harness.live.docker:Containers.close", 1),
    ("harness.report:run_report", 1),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with held_engine(tmp_path_factory) as client:
        yield client


def things(engine: Any, pid: int) -> set[str]:
    """What a harness of that number has on this machine: containers, networks, processes, temporary folders."""
    found = [*engine.containers.list(all=True, ignore_removed=True), *engine.networks.list()]
    mine = {f"{type(t).__name__} {t.name}" for t in found if _labels(t).get(LABEL, "").startswith(f"{pid}:")}
    folders = Path(tempfile.gettempdir()).glob(f"{SCRATCH}{pid}-*")
    return mine | {str(folder) for folder in folders} | {f"process {p}" for p in processes(pid)}


def _labels(thing: Any) -> dict[str, str]:
    return getattr(thing, "labels", None) or thing.attrs.get("Labels") or {}


def processes(session: int) -> list[int]:
    """Of a session: those whom the harness started, nodes in containers excepted."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != session:
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize(("point", "count"), POINTS)
def test_a_killed_harness_leaves_nothing_once_swept(
    engine: Any, tmp_path: Path, point: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    base = "splitbrain-base"
    if point == BUILD:  # an image of the same content, for which no node's image was built
        base = f"splitbrain-test-sweep:{os.getpid()}"
        engine.images.build(
            fileobj=_dockerfile(f"FROM splitbrain-base\nLABEL x={os.getpid()}{time.time_ns()}\n"),
            tag=base,
            rm=True,
        )
    try:
        harness = subprocess.Popen(
            [sys.executable, "-c", TRAP + HARNESS, str(tmp_path / "run"), base, point, str(count)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        _, said = harness.communicate(timeout=120)
        assert harness.returncode == -signal.SIGKILL, said.decode()[-1000:]
        if point == MIDDLE:  # in the middle of faults there is something to sweep
            left = {thing.split()[0] for thing in things(engine, harness.pid)}
            assert left >= {"Container", "Network"}
        assert command_line(["cluster", "sweep"]) == 0
        assert capsys.readouterr().out.startswith("removed: ")
        for _ in range(800):  # a shell that waits for its input takes a moment to see the end of it
            if not things(engine, harness.pid):
                break
            time.sleep(0.05)
        assert things(engine, harness.pid) == set()
    finally:
        if base != "splitbrain-base":
            engine.images.remove(base, force=True)


def _dockerfile(text: str) -> Any:
    return io.BytesIO(text.encode())
