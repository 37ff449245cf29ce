"""The harness judged by itself: a trace or monitors that miss something are noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from checkers.record import TraceEvent
from checkers.replicas.raft_invariants import RaftInvariants
from harness.errors import HarnessError
from harness.sim.world import World
from tests.harness.fake import install
from tests.harness.plants import Patch, run, whys


def feed(monkeypatch: Patch, sees: Callable[[int], bool]) -> None:
    honest = RaftInvariants.observe_trace

    def observe(self: RaftInvariants, event: TraceEvent) -> None:
        if sees(event.index):
            honest(self, event)

    monkeypatch.setattr(RaftInvariants, "observe_trace", observe)


def test_a_monitor_that_is_never_fed(tmp_path: Path, monkeypatch: Patch) -> None:
    assert run(tmp_path / "sound", system="raft", nemesis=[]).verdict == "valid"
    feed(monkeypatch, lambda _: False)
    outcome = run(tmp_path / "broken", system="raft", nemesis=[])
    assert outcome.verdict == "unknown"
    assert whys(outcome) == {"raft-invariants": "the trace has no event of a Raft core"}


def test_a_monitor_that_misses_an_event(tmp_path: Path, monkeypatch: Patch) -> None:
    feed(monkeypatch, lambda index: index != 60)
    with pytest.raises(HarnessError, match=r"^raft-invariants saw \d+ events of \d+"):
        run(tmp_path, system="raft", nemesis=[])


def test_a_trace_that_misses_a_line(tmp_path: Path, monkeypatch: Patch) -> None:
    def flush(self: World) -> None:
        del self._lines[-1:]
        honest(self)

    honest = World.flush
    install(monkeypatch)
    monkeypatch.setattr(World, "flush", flush)
    with pytest.raises(HarnessError, match=r"^trace.jsonl has \d+ events, and observers saw \d+"):
        run(tmp_path)
