"""Replays: identical, or the first difference: where, what, when, and up to which step the worlds agreed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.replay import first_difference
from harness.store import write_sums
from tests.cli.conftest import Call, refused

RUN = ("test", "--time-limit", "1", "--quiet", "1", "--seed", "5", "--nemesis", "kill")


@pytest.fixture
def folder(call: Call) -> Path:
    called = call(*RUN)
    assert called.code in {0, 2}, called  # too short a run to demand that faults bit
    assert called.out.startswith("seed 5; again: splitbrain replay store/")
    return Path(called.out.split()[5])


def test_identical(call: Call, folder: Path) -> None:
    verdict = json.loads((folder / "results.json").read_bytes())["verdict"]
    for name in (str(folder), "latest", f"{folder.parent.name}/{folder.name}", str(folder / "run.yaml")):
        called = call("replay", name)
        assert called.code == {"valid": 0, "unknown": 2}[verdict], called
        assert called.out.count("identical: ") == 3
        assert "NOT" not in called.out


@pytest.mark.parametrize("name", ["history.jsonl", "trace.jsonl"])
def test_one_changed_byte(call: Call, folder: Path, name: str) -> None:
    path = folder / name
    lines = path.read_bytes().splitlines(keepends=True)
    at = len(lines) // 2
    time = json.loads(lines[at])["time"]
    lines[at] = re.sub(
        rb'"node":"n(\d)"', lambda m: b'"node":"n%d"' % ((int(m[1]) + 1) % 5), lines[at], count=1
    )
    path.write_bytes(b"".join(lines))
    called = call("replay", str(folder))
    assert called.code == 255
    assert f"NOT identical: {name}" in called.out
    assert f"first difference: {name}, line {at + 1}, at {time / 1e9:.9f} s" in called.out
    assert f"recorded: {lines[at].decode().strip()}" in called.out
    assert "the traces agree up to step" in called.out
    assert "a defect of splitbrain itself" in called.out
    assert not called.err


def test_faults_that_were_given_are_played_again(call: Call, folder: Path) -> None:
    given = ("--schedule", str(folder / "schedule.yaml"))
    called = call("test", "--time-limit", "1", "--quiet", "1", "--seed", "5", *given)
    assert "identical: trace.jsonl" in call("replay", called.out.split()[5]).out


def test_a_schedule_is_played_in_another_environment(call: Call, folder: Path) -> None:
    called = call("replay", str(folder), "--env", "process")
    assert called.code in {0, 2}, called
    assert "the schedule was played again in real time (process): " in called.out
    live = Path(called.out.split()[-1])
    assert (live / "schedule.yaml").read_bytes() == (folder / "schedule.yaml").read_bytes()
    assert "env: process" in (live / "run.yaml").read_text()
    refused(call("replay", str(folder), "--env", "moon"), "replay: --env", "moon")


def test_another_plan(call: Call, folder: Path) -> None:
    path = folder / "schedule.yaml"
    path.write_text(
        re.sub(r"stop_ms: (\d+)", lambda m: f"stop_ms: {int(m[1]) + 1}", path.read_text(), count=1)
    )
    called = call("replay", str(folder))
    assert called.code == 255
    assert "NOT identical: schedule.yaml" in called.out
    assert "first difference: schedule.yaml, line" in called.out


def test_a_record_that_ends_early(call: Call, folder: Path) -> None:
    path = folder / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    called = call("replay", str(folder))
    assert called.code == 255
    assert f"line {len(lines)}" in called.out
    assert "recorded: (ends here)" in called.out


def test_another_build_says_nothing_about_determinism(call: Call, folder: Path) -> None:
    path = folder / "run.yaml"
    path.write_text(re.sub(r"sources: \w+", "sources: 0123", path.read_text()))
    assert "identical" in call("replay", str(folder)).out
    history = folder / "history.jsonl"
    history.write_bytes(history.read_bytes() + b'{"index":99999}\n')
    called = call("replay", str(folder))
    assert called.code in {0, 2}
    assert "another build of the sources" in called.out


def test_a_dropped_record_is_written_again(call: Call, folder: Path) -> None:
    write_sums(folder)
    kept = {name: (folder / name).read_bytes() for name in ("history.jsonl", "trace.jsonl")}
    for name in kept:
        (folder / name).unlink()
    refused(call("report", str(folder)), "splitbrain replay")
    called = call("replay", str(folder))
    assert called.code in {0, 2}, called
    assert "written again: history.jsonl, trace.jsonl" in called.out
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    (folder / "history.jsonl").unlink()
    sums = (folder / "SHA256SUMS").read_text()
    (folder / "SHA256SUMS").write_text(sums.replace(sums[:8], "00000000"))
    assert call("replay", str(folder)).code == 255


def test_nothing_to_compare_with(call: Call, folder: Path) -> None:
    (folder / "history.jsonl").unlink()
    refused(call("replay", str(folder)), "history.jsonl", "missing")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nodes: 0\n", ["nodes"]),
        ("nodez: 5\n", ["nodez", "nodes"]),
        ("[]\n", ["mapping"]),
        ("{", ["not YAML"]),
        ("env: simm\n", ["simm", "'sim'"]),
        ("system: rafft\n", ["rafft", "'raft'"]),
    ],
)
def test_a_run_file_that_is_none(call: Call, folder: Path, text: str, words: list[str]) -> None:
    (folder / "run.yaml").write_text(text)
    refused(call("replay", str(folder)), *words)


def test_the_first_difference_of_equal_files_is_none(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "history.jsonl").write_text('{"index":0,"time":1}\n')
    assert first_difference(tmp_path / "a", tmp_path / "b", "history.jsonl") is None
    (tmp_path / "b" / "history.jsonl").write_text('{"index":0,"time":1}\n{"index":1,"time":2}\n')
    found = first_difference(tmp_path / "a", tmp_path / "b", "history.jsonl")
    assert found is not None
    assert (found.line, found.recorded, found.time_ns) == (2, "", 2)


PLANTED = """
import sys
from nodes.raft.core import Raft

whole = Raft.__init__

def planted(self, *args, **kwargs):
    whole(self, *args, **kwargs)
    self.peers = tuple(frozenset(self.peers))  # the order of a set of texts follows PYTHONHASHSEED

if sys.argv.pop(1) == "planted":
    Raft.__init__ = planted
from harness.cli import main
sys.exit(main())
"""


def python(code: str, hash_seed: int, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *argv],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("what", ["sound", "planted"])
def test_an_iteration_over_a_set_is_located(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made = python(PLANTED, 1, what, *RUN)
    assert made.returncode in {0, 2}, made
    folder = made.stdout.split()[5]
    codes = set()
    for hash_seed in (2, 3, 4):
        replayed = python(PLANTED, hash_seed, what, "replay", folder)
        codes.add(replayed.returncode)
        if what == "sound":
            assert replayed.stdout.count("identical: ") == 3
        elif replayed.returncode == 255:
            assert "first difference: " in replayed.stdout
            assert "the traces agree up to step" in replayed.stdout
    assert (255 in codes) is (what == "planted")
