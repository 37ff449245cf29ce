"""A harness that is killed in the middle of a run: what it recorded can be read and judged."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from harness.live.trace import merged

ROOT = Path(__file__).parents[2]
SPLITBRAIN = (sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())")


def test_after_sigkill_the_history_is_judged_and_the_nodes_traces_are_there(tmp_path: Path) -> None:
    command = [
        *SPLITBRAIN,
        "test",
        "--env",
        "process",
        "--nodes",
        "3",
        "--time-limit",
        "120",
        "--rate",
        "100",
    ]
    log = (tmp_path / "log").open("wb")
    harness = subprocess.Popen(
        [*command, "--nemesis", "kill", "--store", str(tmp_path / "store")],
        cwd=ROOT, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        history = wait_for_ops(tmp_path / "store", harness)
    finally:
        harness.kill()
        harness.wait()
        log.close()
    told = history.read_bytes()
    whole = [json.loads(line) for line in told.splitlines() if line.endswith(b"}")]
    assert sum(op["type"] == "ok" for op in whole) >= 50
    checked = subprocess.run(
        [*SPLITBRAIN, "check", str(history), "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    verdict = json.loads(checked.stdout)
    assert verdict["valid"] is True
    assert verdict["operations"] >= 50
    folders = {f"n{i}": history.parent / "nodes" / f"n{i}" for i in range(3)}
    events = [event for _, event in merged(folders, [], 0)]
    assert {e.node for e in events if e.kind == "started"} == set(folders)
    assert any(e.kind == "apply" for e in events)
    assert msgspec.yaml.decode((history.parent / "run.yaml").read_bytes())["nodes"] == 3


def wait_for_ops(store: Path, harness: subprocess.Popen[bytes]) -> Path:
    """The run's history, once a good number of operations are in it."""
    for _ in range(1200):
        assert harness.poll() is None, (store.parent / "log").read_text()
        for path in store.glob("*/*/history.jsonl"):
            if not path.parent.is_symlink() and path.read_bytes().count(b'"ok"') >= 100:
                return path
        time.sleep(0.05)
    raise AssertionError("no operation succeeded")
