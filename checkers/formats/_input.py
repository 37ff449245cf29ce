"""A file in pieces, each ending where the last whole op ends, and places in it for people."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, NoReturn

from checkers.history import MalformedHistoryError

PIECE_BYTES = 1 << 20
OP_BYTES_MAX = 1 << 26
"""of one op; a file in which nothing ends is not read to its end"""

MARK = b"\xef\xbb\xbf"
"""what some editors put before UTF-8 text"""


def unmarked(head: bytes) -> bytes:
    """The beginning of a file without the mark of its encoding."""
    return head.removeprefix(MARK)


class Input:
    """``data[at:size]`` is what is read and not yet taken; ``data[size] == 0``."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.data = bytearray(PIECE_BYTES + 1)
        self.size = 0
        self.ended = False
        self._file = file
        self._lines = 0
        self._column = 0
        self._started = False

    def more(self, at: int) -> bool:
        """Forget what is before ``at`` and read on; False where nothing is left. The last line is given its end."""
        if self.ended:
            return False
        lines = self.data.count(b"\n", 0, at)
        if lines:
            self._lines += lines
            self._column = at - 1 - self.data.rfind(b"\n", 0, at)
        else:
            self._column += at
        kept = self.size - at
        if kept > OP_BYTES_MAX:
            self.fail(at, f"an op of more than {OP_BYTES_MAX >> 20} MB")
        grown = len(self.data) if kept < PIECE_BYTES // 2 else 2 * kept + PIECE_BYTES
        if grown > len(self.data):
            data = bytearray(grown)
            data[:kept] = self.data[at : self.size]
            self.data = data
        else:
            self.data[:kept] = self.data[at : self.size]
        with memoryview(self.data) as view:
            count = self._file.readinto(view[kept : len(self.data) - 2])  # type: ignore[attr-defined]
        if not self._started and self.data.startswith(MARK):
            self.data[: len(MARK)] = b" " * len(MARK)
        self._started = True
        self.size = kept + count
        if count == 0:
            self.ended = True
            if kept and self.data[kept - 1] != 10:
                self.data[kept] = 10
                self.size += 1
        self.data[self.size] = 0
        return self.size > 0

    def place(self, at: int) -> tuple[int, int]:
        """Line and column, from 1, of a place in ``data``; the column in characters."""
        before = bytes(self.data[:at])
        lines = before.count(b"\n")
        if lines:
            before = before[before.rfind(b"\n") + 1 :]
        column = len(before.decode("utf-8", "replace")) + (0 if lines else self._column)
        return self._lines + lines + 1, column + 1

    def fail(self, at: int, what: str) -> NoReturn:
        """MalformedHistoryError about a place in ``data``."""
        line, column = self.place(at)
        raise MalformedHistoryError(f"{self.path}:{line}:{column}: {' '.join(what.split())}")
