"""The trace of a node: a file of JSON lines, one for each state transition (docs/formats.md, "Trace")."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from nodes.clock import real_ns
from nodes.kernel import Trace

_encode = msgspec.json.Encoder().encode


class TraceLine(msgspec.Struct, gc=False):
    """``time``: CLOCK_MONOTONIC of the machine in ns; whoever merges traces subtracts the run's start."""

    time: int
    kind: str
    data: dict[str, Any]


class Tracer:
    """Collects lines, and writes them when told. ``touched`` is called when there is something to write.

    Whoever writes records or output that go with a trace flushes it first, so that no SIGKILL separates them.
    Without a path nothing is kept.
    """

    def __init__(self, path: Path | None, touched: Callable[[], None]) -> None:
        self._touched = touched
        self._lines: list[bytes] = []
        self._fd = -1
        if path is not None:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    @property
    def kept(self) -> bool:
        return self._fd >= 0

    def note(self, effect: Trace) -> None:
        if self._fd < 0:
            return
        if not self._lines:
            self._touched()
        self._lines.append(_encode(TraceLine(real_ns(), effect.kind, effect.data)) + b"\n")

    def flush(self) -> None:
        if self._lines:
            lines, self._lines = self._lines, []
            os.write(self._fd, b"".join(lines))
