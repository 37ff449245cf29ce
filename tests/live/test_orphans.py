"""No node outlives its harness, however the harness ends: SIGKILL and Ctrl-C, stopped nodes and grandchildren."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.live.keeper import state
from tests.live.clusters import ECHO, script

ROOT = Path(__file__).parent.parent.parent

HARNESS = """
import asyncio, sys
from pathlib import Path
from harness.live import run
from harness.spec import RunSpec
from harness.streams import Streams

async def main(cluster):
    await cluster.start_all()
    await cluster.pause("n1")
    print(*(seat.member._process.pid for seat in cluster._seats.values()), flush=True)
    await asyncio.sleep(600)

spec = RunSpec(env="process", nodes=3, bin=sys.argv[2] if len(sys.argv) > 2 else None)
run(main, spec, Path(sys.argv[1]), Streams(1))
"""

# the node proper is a grandchild that ignores the end of its input; its group is all that ties it to us
WRAPPER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", NODE + "\\nimport time\\ntime.sleep(600)"])
print(child.pid, file=sys.stderr, flush=True)
child.wait()
"""


def gone(pid: int) -> bool:
    return state(pid) in ("", "Z")


def all_gone(pids: list[int]) -> bool:
    for _ in range(1000):
        if all(gone(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("foreign", [False, True])
def test_nothing_is_left(tmp_path: Path, number: signal.Signals, foreign: bool) -> None:
    # whoever runs the tests in the background has told its children to ignore SIGINT
    heeds = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    arguments = [sys.executable, "-c", heeds + HARNESS, str(tmp_path / "run")]
    if foreign:
        arguments.append(script(tmp_path, f"NODE = {ECHO!r}\n{WRAPPER}"))
    harness = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert harness.stdout is not None
    pids = [int(pid) for pid in harness.stdout.readline().split()]
    assert len(pids) == 3
    if foreign:
        logs = (tmp_path / "run").glob("nodes/*/stderr.log")
        pids += [int(log.read_text().split()[0]) for log in logs]
        assert len(pids) == 6
    assert not any(gone(pid) for pid in pids)
    assert state(pids[1]) == "T"
    os.kill(harness.pid, number)
    harness.communicate(timeout=60)
    assert all_gone(pids)
