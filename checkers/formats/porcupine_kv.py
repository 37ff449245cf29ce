"""The text of Porcupine's key-value tests: ``{:process 0, :type :invoke, :f :get, :key "0", :value nil}`` a line.

Functions are put, append and get of texts, and an object that nothing was written to is the empty text. Porcupine's
own reader takes whatever stands between the outer quotes as it is; so does this one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, BinaryIO

from checkers.columns import INT, STR, History
from checkers.formats._errors import CannotWriteError
from checkers.formats._forms import read_forms
from checkers.formats._input import Input
from checkers.formats._rows import Rows
from checkers.history import MalformedHistoryError, Op
from checkers.kernels.edn_ops import EdnParser

FUNCTIONS = ("get", "put", "append")
_LINE = re.compile(
    r'\{:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "(.*)", :value (?:nil|"(.*)")\}'
)
EXPECTED = '{:process 0, :type :invoke, :f :get, :key "0", :value nil}'
_HEAD = re.compile(rb"\s*\{:process \d+, :type :(invoke|ok), :f :(get|put|append), :key ")


def read(path: Path) -> History:
    """The history of a file. Raises MalformedHistoryError and OSError."""
    history = read_forms(path, EdnParser(), _take, _line_end)
    odd = [f for f in history.fs if f not in FUNCTIONS]
    if odd:
        op = int((history.f == history.fs.index(odd[0])).argmax())
        raise MalformedHistoryError(
            f"{path}:{op + 1}:1: expected get, put or append as :f, got {odd[0]!r:.40}"
        )
    for name, column in (("key", history.key), ("value", history.value)):
        wrong = column.kind != STR if name == "key" else ~((column.kind == STR) | (column.kind == 0))
        if bool(wrong.any()):
            op = int(wrong.argmax())
            raise MalformedHistoryError(f"{path}:{op + 1}:1: expected a text as :{name} (op {op})")
    return history


def _line_end(source: Input, begin: int) -> int:
    return source.data.find(b"\n", begin, source.size)


def _take(source: Input, begin: int, end: int, rows: Rows) -> None:
    """A line with something odd between its quotes."""
    raw = bytes(source.data[begin:end])
    try:
        found = _LINE.fullmatch(raw.decode().rstrip("\r"))
    except UnicodeDecodeError as e:
        source.fail(begin + e.start, "not UTF-8 text")
    if found is None:
        source.fail(begin, f"expected {EXPECTED}")
    process, kind, f, key, value = found.groups()
    try:
        rows.add(Op(len(rows), 0, int(process[:19]), kind, f, key, value))  # type: ignore[arg-type]
    except MalformedHistoryError as e:
        source.fail(begin, str(e))


def sniff(head: bytes) -> bool:
    """Whether a file that begins so may be one."""
    return _HEAD.match(head) is not None


_SAME = {"read": "get", "write": "put", "get": "get", "put": "put", "append": "append"}


def write(history: History, out: BinaryIO) -> None:
    """For Porcupine's reader, which knows no failures and no unknown outcomes.

    What certainly failed is left out, what may have happened is never completed, and reads that were never answered
    are left out. Numbers become texts, and a read of nothing one of the empty text. Raises CannotWriteError where
    that would confuse two values, and for other functions and values.
    """
    for f in {history.fs[code] for code in history.f[history.process >= 0].tolist()}:
        if f not in _SAME:
            raise CannotWriteError(
                f"function {f!r:.40}: Porcupine's key-value test has get, put and append only"
            )
    client = history.process >= 0
    for name, column in (("key", history.key), ("value", history.value)):
        kinds = set(column.kind[client].tolist()) - {0}
        if not kinds <= {INT, STR} or len(kinds) > 1:
            raise CannotWriteError(f"a {name} that is neither all texts nor all integers")
    outcome: dict[int, str] = {}
    opened: dict[int | str, int] = {}
    for place, op in enumerate(history):
        if op.process == "nemesis" or not isinstance(op.process, int):
            continue
        if op.type == "invoke":
            opened[op.process] = place
        elif op.process in opened:
            outcome[opened.pop(op.process)] = op.type
    kept: dict[int | str, bool] = {}
    for place, op in enumerate(history):
        if not isinstance(op.process, int):
            continue
        f = _SAME[op.f]
        if op.type == "invoke":
            how = outcome.get(place, "info")
            kept[op.process] = how == "ok" or (how == "info" and f != "get")
            if kept[op.process]:
                out.write(_line(op, f, None if f == "get" else _text(op.value, op)))
        elif op.type == "ok" and kept.get(op.process, False):
            value = op.value
            out.write(
                _line(op, f, ("" if value is None else _text(value, op)) if f == "get" else _text(value, op))
            )


def _line(op: Op, f: str, value: str | None) -> bytes:
    said = "nil" if value is None else f'"{value}"'
    key = "" if op.key is None else _text(op.key, op)
    return f'{{:process {op.process}, :type :{op.type}, :f :{f}, :key "{key}", :value {said}}}\n'.encode()


def _text(value: Any, op: Op) -> str:
    if value is None:
        raise CannotWriteError(f"op {op.index} writes nothing at all: expected a text or a number")
    text = str(value)
    if '"' in text or "\n" in text or "\r" in text or "\\" in text:
        raise CannotWriteError(f"op {op.index}: {text!r:.40} cannot stand in Porcupine's text")
    return text
