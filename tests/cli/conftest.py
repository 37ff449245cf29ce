"""The command line called in this process: fast enough for hundreds of calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main


@dataclass(frozen=True)
class Called:
    code: int
    out: str
    err: str


Call = Callable[..., Called]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """``call("test", "--nodes", "0")`` in an empty folder with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPLITBRAIN_STORE", "store")

    def run(*argv: str) -> Called:
        capfd.readouterr()
        code = main([*argv])
        out, err = capfd.readouterr()
        return Called(code, out, err)

    return run


def refused(called: Called, *words: str) -> None:
    """254, nothing on standard output, and one clear line on standard error that says these words."""
    assert called.code == 254, called
    assert called.err.count("\n") == 1, called.err
    assert called.err.startswith("splitbrain: "), called.err
    assert "Traceback" not in called.err
    for word in words:
        assert word in called.err, called.err
