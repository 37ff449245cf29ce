"""The ledger: a second account of what was handed to the recorder, to hold the record against.

It stands between those who make ops (interpreter, nemesis driver) and the recorder, and keeps a checksum of
each op's line as it has to be. A recorder that loses, swaps, doubles or alters ops is found out at the end, and
so is whoever changes an op after it was recorded.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from checkers.history import NEMESIS, Op, encode


class Sink(Protocol):
    """Where ops go, in the order in which they happen."""

    def record(self, op: Op) -> Op:
        """The op, numbered."""
        ...


class Ledger:
    """Passes ops on to ``sink``."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._sums = array("L")
        self.faults: list[Op] = []
        """the nemesis' ops"""

    def __len__(self) -> int:
        return len(self._sums)

    def record(self, op: Op) -> Op:
        op.index = len(self._sums)
        self._sums.append(crc32(encode(op)))
        self._sink.record(op)
        return op

    def nemesis(self, time: int, f: str, value: dict[str, Any]) -> Op:
        """An op of the nemesis: it is information, never an operation of a client."""
        op = self.record(Op(-1, time, NEMESIS, "info", f, value=value))
        self.faults.append(op)
        return op

    def discrepancy(self, ops: Sequence[Op], path: Path) -> str:
        """Where the ops to be judged, or the file, are not what was handed over: one line, or nothing."""
        with path.open("rb") as file:
            in_file = _differs(self._sums, array("L", map(crc32, file)), f"{path.name}, line {{}}")
        return in_file or _differs(
            self._sums, array("L", (crc32(encode(op)) for op in ops)), "the ops in memory, number {}"
        )


def _differs(handed: array[int], found: array[int], place: str) -> str:
    if handed == found:
        return ""
    pairs = enumerate(zip_longest(handed, found), 1)
    number = next(n for n, (one, other) in pairs if one != other)
    return f"{place.format(number)}: not what the recorder was given ({len(found)} ops of {len(handed)})"
