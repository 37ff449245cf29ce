"""The recorder: ops in the order in which they happened, in memory and in ``history.jsonl``."""

from __future__ import annotations

from pathlib import Path

from checkers.history import Op, encode


class Recorder:
    """Gives each op its index and appends it. Every line reaches the operating system at once if ``unbuffered``.

    Live runs ask for that: a harness killed in the middle leaves a readable prefix.
    """

    def __init__(self, path: Path, *, unbuffered: bool) -> None:
        self.path = path
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

    def close(self) -> None:
        self._file.close()
