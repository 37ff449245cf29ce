"""The trace of a run: a reader that can be iterated again, and what it says about leaders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from checkers.history import NEMESIS, Op
from checkers.record import TraceEvent
from harness.errors import UsageError, refused_file

_decode = msgspec.json.Decoder(TraceEvent).decode


class TraceFile:
    """``trace.jsonl``, decoded line by line each time it is iterated; a cut-off last line ends it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[TraceEvent]:
        with self._path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield _decode(line)


def load_trace(path: Path) -> list[TraceEvent]:
    """A trace as a whole, from wherever it is; raises UsageError with file and line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as e:
        raise refused_file(path, e, "a trace, JSON lines") from e
    found: list[TraceEvent] = []
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                found.append(_decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as e:
            raise UsageError(f"{path}:{number}: not an event of a trace: {e}") from e
    return found


class Elections:
    """Who led when. A leader is deposed by a fault when another term's leader comes while it is in force."""

    def __init__(self) -> None:
        self._leaders: list[tuple[int, str, int]] = []

    def observe(self, index: int, time: int, node: str, kind: str, data: dict[str, Any]) -> None:
        del index
        if kind == "role" and data["role"] == "leader":
            self._leaders.append((time, node, data["term"]))

    def changes(self) -> int:
        """Leaders after the first."""
        return max(0, len(self._leaders) - 1)

    def deposed_by(self, ops: Sequence[Op]) -> dict[str, int]:
        """Leader changes by the families of faults in force, a second after their stop included."""
        spans = _spans(ops)
        deposed: dict[str, int] = {}
        for time, _, _ in self._leaders[1:]:
            for family in sorted({f for f, start, stop in spans if start <= time <= stop + 1_000_000_000}):
                deposed[family] = deposed.get(family, 0) + 1
        return deposed


def _spans(ops: Sequence[Op]) -> list[tuple[str, int, int]]:
    started: dict[int, tuple[str, int]] = {}
    spans = []
    for op in ops:
        if op.process != NEMESIS or not isinstance(op.value, dict):
            continue
        phase, fault = op.value.get("phase"), op.value.get("fault")
        if phase == "start" and fault is not None:
            started[fault] = (op.f, op.time)
        elif phase == "stop" and fault in started:
            family, start = started.pop(fault)
            spans.append((family, start, op.time))
    return spans
