"""Histories that others recorded, with the verdicts others gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checkers import formats
from checkers.linearizability.checker import check

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
FORMATS = ("edn", "jepsen-log")


def recorded():
    listed = CORPORA / "verdicts.json"
    if not listed.exists():
        return []
    verdicts = json.loads(listed.read_text(encoding="utf-8"))
    return [
        pytest.param(CORPORA / name, entry, id=name)
        for name, entry in sorted(verdicts.items())
        if entry.get("model") == "cas-register" and entry["format"] in FORMATS
    ]


@pytest.mark.external
@pytest.mark.skipif(
    not CORPORA.exists(), reason="the corpora of others' histories are not beside the repository"
)
@pytest.mark.parametrize(("path", "entry"), recorded())
def test_agrees_with_the_verdict_on_a_recorded_history(path, entry):
    ops = formats.read(path, entry["format"])
    result = check(ops)
    assert result.verdict == ("valid" if entry["valid"] else "invalid")
    for anomaly in result.anomalies:
        named = set(anomaly.op_indexes)
        assert check([op for op in ops if op.index in named]).verdict == "invalid"
