"""Histories: the ordered ops of one run, as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

OpType = Literal["invoke", "ok", "fail", "info"]


class MalformedHistoryError(ValueError):
    """The file is not a history. The message is one line: file, line, column, what was expected."""


class Op(msgspec.Struct, omit_defaults=True, gc=False):
    """One event line of a history.

    ``time`` is in integer ns since the start of the run. ``process`` is an int for clients and ``"nemesis"``
    for the nemesis. ``fail``: certainly did not happen; ``info``: unknown, may happen at any later time.
    """

    index: int
    time: int
    process: int | str
    type: OpType
    f: str
    key: Any = None
    value: Any = None
    node: str | None = None
    error: Any = None


NEMESIS = "nemesis"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Op)


def encode(op: Op) -> bytes:
    """One line of history.jsonl, newline included."""
    return _encoder.encode(op) + b"\n"


def decode(line: bytes) -> Op:
    return _decoder.decode(line)


def read(path: Path) -> Iterator[Op]:
    """Stream the ops of a ``history.jsonl``; raises MalformedHistoryError with file and line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield _decoder.decode(line)
            except msgspec.MsgspecError as e:
                raise MalformedHistoryError(f"{path}:{number}: not an op of a history: {e}") from e


def write(path: Path, ops: Iterable[Op]) -> None:
    with path.open("wb") as file:
        file.writelines(encode(op) for op in ops)
