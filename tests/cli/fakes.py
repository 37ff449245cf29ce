"""A run that costs nothing, in the place of ``harness.run.execute``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import harness.run
from checkers.result import Anomaly, Result, Verdict
from harness.run import Outcome
from harness.spec import RunSpec

Judge = Callable[[RunSpec], Verdict]


def _no_order(_: RunSpec) -> tuple[str, str]:
    return "linearizability", "nonlinearizable"


def install(
    monkeypatch: pytest.MonkeyPatch, judge: Judge, sign: Callable[[RunSpec], tuple[str, str]] = _no_order
) -> list[RunSpec]:
    """Runs are judged by ``judge``, which may raise; returns the specs that were executed, in order.

    ``sign``: the checker and the anomaly of an invalid run.
    """
    made: list[RunSpec] = []

    def execute(spec: RunSpec, folder: Path, **_: Any) -> Outcome:
        verdict = judge(spec)
        made.append(spec)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.yaml").write_bytes(msgspec.yaml.encode(spec))
        (folder / "history.jsonl").write_text(f'{{"index":0,"time":{spec.seed}}}\n')
        (folder / "trace.jsonl").write_text("")
        checker, anomaly = sign(spec) if verdict == "invalid" else ("linearizability", "")
        results = [Result(verdict, checker, [Anomaly(anomaly)] if anomaly else [], "because")]
        (folder / "results.json").write_bytes(
            msgspec.json.encode({"verdict": verdict, "seed": spec.seed, "results": results, "summary": {}})
        )
        summary = {"operations": 10, "ok": 9, "bite": {}, "elapsed_s": 0.1}
        return Outcome(verdict, results, summary, folder)

    monkeypatch.setattr(harness.run, "execute", execute)
    return made
