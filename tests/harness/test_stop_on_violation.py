"""The first violation that is seen ends a run: the same in every replay, healed as ever, on real processes too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers import registry
from checkers.faults import faults
from checkers.history import Op, read
from checkers.online import BUFFERED_MAX
from harness.errors import HarnessError
from harness.run import Outcome, execute
from harness.spec import RunSpec
from tests.harness.fake import install

Patch = pytest.MonkeyPatch

SPEC = RunSpec(system="single", nodes=1, nemesis=["kill"], time_limit=20.0, seed=3, stop_on_violation=True)


def run(folder: Path, **fields: Any) -> tuple[Outcome, list[Op]]:
    outcome = execute(msgspec.structs.replace(SPEC, **fields), folder, report=False)
    return outcome, list(read(folder / "history.jsonl"))


def test_a_run_ends_at_the_first_violation_seen_and_is_healed(tmp_path: Path, monkeypatch: Patch) -> None:
    install(monkeypatch, "lies")
    whole, every = run(tmp_path / "whole", stop_on_violation=False)
    assert "stopped" not in whole.summary
    install(monkeypatch, "lies")
    outcome, ops = run(tmp_path / "short")
    stop = outcome.summary["stopped"]
    assert stop["checker"] == "linearizability"
    assert ops[: stop["op"] + 1] == every[: stop["op"] + 1]
    (result,) = [r for r in outcome.results if r.verdict == "invalid"]
    # what is open when it is seen may make it worse, but the first one was there
    first = min(a.data["first_impossible"] for a in result.anomalies)
    assert first <= stop["op"] <= first + 100 + BUFFERED_MAX
    assert len(ops) < len(every) / 2
    assert all(f.start is None or f.stop is not None for f in faults(ops))
    names = [op.value["name"] for op in ops if op.f == "phase"]
    assert names == ["main", "final"]


def test_it_ends_at_the_same_op_each_time(tmp_path: Path, monkeypatch: Patch) -> None:
    files = []
    for name in ("one", "other"):
        install(monkeypatch, "lies")
        run(tmp_path / name)
        files.append([(tmp_path / name / f).read_bytes() for f in ("history.jsonl", "trace.jsonl")])
    assert files[0] == files[1]


def test_a_run_without_violation_goes_on_to_its_end(tmp_path: Path, monkeypatch: Patch) -> None:
    install(monkeypatch)
    outcome, ops = run(tmp_path, time_limit=5.0)
    assert outcome.verdict == "valid"
    assert outcome.summary["stopped"] is None
    assert max(op.time for op in ops) > 5 * 10**9


class Hasty:
    """Sees what is not there."""

    name = "stats"

    def __init__(self, _: Any) -> None:
        self._seen = 0

    def observe(self, op: Op) -> None:
        del op
        self._seen += 1

    def violated(self) -> bool:
        return self._seen > 30


class Confused(Hasty):
    """Cannot judge this at all."""

    def observe(self, op: Op) -> None:
        raise ValueError(op.f)


class Broken(Hasty):
    def observe(self, op: Op) -> None:
        raise KeyError(op.f)


def only(monkeypatch: Patch, judge: type) -> None:
    install(monkeypatch)
    monkeypatch.setattr(registry, "online", lambda name, options: judge(options) if name == "stats" else None)


def test_a_violation_that_is_not_there_in_the_end_is_a_defect_of_the_judge(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    only(monkeypatch, Hasty)
    with pytest.raises(HarnessError, match=r"^stats saw a violation at op 30, and none in the whole history"):
        run(tmp_path)


def test_a_judge_that_breaks_is_no_verdict_and_one_that_cannot_judge_is_left_out(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    only(monkeypatch, Broken)
    with pytest.raises(HarnessError, match=r"checker stats: KeyError"):
        run(tmp_path / "broken")
    only(monkeypatch, Confused)
    outcome, _ = run(tmp_path / "confused", time_limit=5.0)
    assert (outcome.verdict, outcome.summary["stopped"]) == ("valid", None)


LIAR = """
import json, sys
known = set()
for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    kind = body["type"]
    answer = {"type": kind + "_ok", "in_reply_to": body["msg_id"]}
    if kind == "read" and body["key"] in known:
        answer["value"] = 10**9
    elif kind in ("read", "cas"):
        answer.update(type="error", code=20, text="no such key")
    elif kind == "write":
        known.add(body["key"])
    print(json.dumps({"src": message["dest"], "dest": message["src"], "body": answer}), flush=True)
"""


def test_a_live_run_ends_early_too(tmp_path: Path) -> None:
    script = tmp_path / "liar.py"
    script.write_text(LIAR, encoding="utf-8")
    outcome, ops = run(
        tmp_path / "run",
        env="process",
        bin=sys.executable,
        args=[str(script)],
        nemesis=["pause"],
        interval=0.3,
        quiet=0.1,
        time_limit=60.0,
    )
    assert outcome.verdict == "invalid"
    stop = outcome.summary["stopped"]
    assert stop["checker"] == "linearizability"
    assert max(op.time for op in ops) < 30 * 10**9
    assert all(f.start is None or f.stop is not None for f in faults(ops))
