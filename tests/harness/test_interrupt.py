"""Ctrl-C and SIGKILL in the middle: the record is a readable prefix, no node stays behind, a campaign goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from checkers.history import read
from checkers.operations import operations
from harness.conduct import read_journal, read_state

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
# whoever runs the tests in the background has told its children to ignore SIGINT
HEEDS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
COMMAND = [sys.executable, "-c", f"{HEEDS}; import sys; from harness.cli import main; sys.exit(main())"]
PATIENCE_S = 120


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def holding(folder: Path) -> list[int]:
    """Living processes whose command line or environment names the folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            named = str(folder).encode()
            if named in (place / "cmdline").read_bytes() or named in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def start(folder: Path, *argv: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *argv],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def command(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *argv], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def lines(pattern: str, folder: Path) -> int:
    return max((path.read_bytes().count(b"\n") for path in folder.glob(pattern)), default=0)


def end(running: subprocess.Popen[str], number: signal.Signals) -> None:
    running.send_signal(number)
    _, err = running.communicate(timeout=PATIENCE_S)
    if number == signal.SIGINT:
        assert running.returncode == 255
        assert err.count("\n") == 1, err
        assert "interrupted" in err
    else:
        assert running.returncode == -number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_on_real_processes(tmp_path: Path, number: signal.Signals) -> None:
    flags = ["--env", "process", "--nodes", "3", "--time-limit", "600", "--nemesis", "pause", "--name", "x"]
    running = start(tmp_path, "test", *flags, "--seed", "1")
    until(lambda: lines("store/x/latest/history.jsonl", tmp_path) > 300, "nothing is recorded")
    assert len(holding(tmp_path)) >= 3
    end(running, number)
    until(lambda: not holding(tmp_path), "nodes stay behind")
    folder = (tmp_path / "store" / "x" / "latest").resolve()
    found = operations(read(folder / "history.jsonl"))
    assert sum(o.type == "ok" for o in found) > 50
    for what in (folder, folder / "history.jsonl"):
        done = command(tmp_path, "check", str(what), "--json")
        assert done.returncode == 0, done
        assert json.loads(done.stdout)["valid"] is True
        assert json.loads(done.stdout)["operations"] == len(found)


CAMPAIGN = """
name: c
baseline: false
defaults: {env: process, nodes: 3, time_limit: 1.5, quiet: 0.5}
seeds: {start: 1, count: 3}
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_campaign_on_real_processes(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "c.yaml").write_text(CAMPAIGN)
    running = start(tmp_path, "run", "c.yaml", "--jobs", "1")
    # one run is done, and the second is under way
    until(lambda: lines("store/c/latest/runs/00002-*/history.jsonl", tmp_path) > 20, "no second run")
    end(running, number)
    until(lambda: not holding(tmp_path), "nodes stay behind")
    folder = (tmp_path / "store" / "c" / "latest").resolve()
    _, entries = read_journal(folder)
    assert [e.number for e in entries] == [0]
    (second,) = folder.glob("runs/00002-*/history.jsonl")
    assert command(tmp_path, "check", str(second)).returncode == 0
    before = (folder / entries[0].folder / "history.jsonl").read_bytes()
    done = command(tmp_path, "run", "c.yaml", "--jobs", "1", "--resume")
    assert done.returncode == 0, done
    assert "1 runs are done" in done.stdout
    state = read_state((tmp_path / "store" / "c" / "latest").resolve())
    assert state is not None
    assert (state.state, [e.verdict for e in state.runs]) == ("finished", ["valid"] * 3)
    # what was done is not made again
    assert (folder / entries[0].folder / "history.jsonl").read_bytes() == before
    assert not holding(tmp_path)
