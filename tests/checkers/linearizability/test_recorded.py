"""Histories of data types that others recorded, with the verdicts that others gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checkers import check
from checkers.formats import read

CORPORA = Path(__file__).resolve().parents[4] / "shared" / "corpora"


def recorded():
    listed = CORPORA / "verdicts.json"
    verdicts = json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else {}
    return [
        pytest.param(CORPORA / name, entry, id=name)
        for name, entry in sorted(verdicts.items())
        if entry.get("model", "cas-register") != "cas-register"
    ]


@pytest.mark.external
@pytest.mark.skipif(
    not CORPORA.exists(), reason="the corpora of others' histories are not beside the repository"
)
@pytest.mark.parametrize(("path", "entry"), recorded())
def test_agrees_with_the_verdict_on_a_recorded_history(path, entry):
    result = check(read(path, entry["format"]), model=entry["model"])
    assert result.verdict == ("valid" if entry["valid"] else "invalid")
    assert result.coverage["keys_decided"] == result.coverage["keys"]
