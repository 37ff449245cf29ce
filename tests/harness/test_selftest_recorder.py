"""The harness judged by itself: a broken recorder is noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers.history import Op
from harness.errors import HarnessError
from harness.ledger import Ledger
from harness.recorder import Recorder
from tests.harness.fake import install
from tests.harness.plants import Nth, Patch, run


def drops(monkeypatch: Patch) -> None:
    honest, chosen = Recorder.record, Nth(50, lambda op: op.type == "ok")
    monkeypatch.setattr(Recorder, "record", lambda self, op: op if chosen(op) else honest(self, op))


def drops_the_last(monkeypatch: Patch) -> None:
    def close(self: Recorder) -> None:
        self._file.seek(0)
        lines = self.path.read_bytes().splitlines(keepends=True)
        honest(self)
        self.path.write_bytes(b"".join(lines[:-1]))
        self.ops.pop()

    honest = Recorder.close
    monkeypatch.setattr(Recorder, "close", close)


def swaps(monkeypatch: Patch) -> None:
    honest, chosen, held = Recorder.record, Nth(50, lambda op: op.type == "ok"), []

    def record(self: Recorder, op: Op) -> Op:
        if chosen(op):
            held.append(op)
            return op
        honest(self, op)
        if held:
            honest(self, held.pop())
        return op

    monkeypatch.setattr(Recorder, "record", record)


def alters(**fields: Any) -> Callable[[Patch], None]:
    def plant(monkeypatch: Patch) -> None:
        honest, chosen = Recorder.record, Nth(50, lambda op: (op.type, op.f) == ("ok", "read"))

        def record(self: Recorder, op: Op) -> Op:
            honest(self, msgspec.structs.replace(op, **fields) if chosen(op) else op)
            return op

        monkeypatch.setattr(Recorder, "record", record)

    return plant


def too_early(monkeypatch: Patch) -> None:
    honest, chosen = Recorder.record, Nth(50, lambda op: op.type == "ok")

    def record(self: Recorder, op: Op) -> Op:
        if chosen(op):
            op.time -= 5_000_000
        return honest(self, op)

    monkeypatch.setattr(Recorder, "record", record)


def in_memory_only(monkeypatch: Patch) -> None:
    """The file is right; what checkers get is not."""
    honest, chosen = Recorder.record, Nth(50, lambda op: (op.type, op.f) == ("ok", "read"))

    def record(self: Recorder, op: Op) -> Op:
        honest(self, op)
        if chosen(op):
            self.ops[-1] = msgspec.structs.replace(op, value=10**9)
        return op

    monkeypatch.setattr(Recorder, "record", record)


RECORDERS: dict[str, tuple[Callable[[Patch], None], str]] = {
    "drops a completion": (drops, "history.jsonl, line "),
    "drops the last line": (drops_the_last, "history.jsonl, line "),
    "swaps two lines": (swaps, "history.jsonl, line "),
    "records a wrong value": (alters(value=10**9), "history.jsonl, line "),
    "records a wrong outcome": (alters(type="info"), "history.jsonl, line "),
    "records a completion too early": (too_early, "history.jsonl, line "),
    "gives checkers another value": (in_memory_only, "the ops in memory, number "),
}


@pytest.mark.parametrize("name", RECORDERS)
def test_a_recorder_that(tmp_path: Path, monkeypatch: Patch, name: str) -> None:
    install(monkeypatch)
    plant, words = RECORDERS[name]
    plant(monkeypatch)
    with pytest.raises(HarnessError, match=f"^{words}") as caught:
        run(tmp_path)
    assert "not what the recorder was given" in str(caught.value)
    assert not (tmp_path / "run" / "results.json").exists()


UNLEDGERED = {
    "drops a completion": "is invoked while op",
    "swaps two lines": "after an op of",
    "records a wrong outcome": "is invoked after op",
    "records a completion too early": "after an op of",
}


@pytest.mark.parametrize("name", UNLEDGERED)
def test_even_without_the_ledger_the_rules_of_histories_notice_that_it(
    tmp_path: Path, monkeypatch: Patch, name: str
) -> None:
    install(monkeypatch)
    RECORDERS[name][0](monkeypatch)
    monkeypatch.setattr(Ledger, "discrepancy", lambda *_: "")
    with pytest.raises(HarnessError, match=f"^not a well-formed history: op .*{UNLEDGERED[name]}"):
        run(tmp_path)


def test_an_op_changed_after_it_was_recorded(tmp_path: Path, monkeypatch: Patch) -> None:
    install(monkeypatch)
    honest, chosen = Ledger.record, Nth(50, lambda op: (op.type, op.f) == ("ok", "read"))

    def record(self: Ledger, op: Op) -> Op:
        honest(self, op)
        if chosen(op):
            op.value = 10**9
        return op

    monkeypatch.setattr(Ledger, "record", record)
    with pytest.raises(HarnessError, match=r"^the ops in memory, number "):
        run(tmp_path)
