"""The recorder: ops in the order in which they happened, in memory and in ``history.jsonl``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from checkers.history import NEMESIS, Op, encode


class Recorder:
    """Gives each op its index and appends it. Every line reaches the operating system at once if ``unbuffered``.

    Live runs ask for that: a harness killed in the middle leaves a readable prefix.
    """

    def __init__(self, path: Path, *, unbuffered: bool) -> None:
        self.ops: list[Op] = []
        self._unbuffered = unbuffered
        self._file = path.open("wb")

    def record(self, op: Op) -> Op:
        op.index = len(self.ops)
        self.ops.append(op)
        self._file.write(encode(op))
        if self._unbuffered:
            self._file.flush()
        return op

    def nemesis(self, time: int, f: str, value: dict[str, Any]) -> Op:
        """An op of the nemesis: it is information, never an operation of a client."""
        return self.record(Op(-1, time, NEMESIS, "info", f, value=value))

    def close(self) -> None:
        self._file.close()
