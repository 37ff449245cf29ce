"""Jepsen's text log: ``INFO  jepsen.util - 3 :invoke :write 4``, in its older and newer layout.

Other lines are passed over. What is written where the value of an unknown outcome would be (``:timed-out``) is the
op's error. Times are not taken: they are of the wall clock, and lines stand in real-time order.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from checkers.columns import TYPE_CODES, History
from checkers.formats._edn_text import EdnError, parse
from checkers.formats._errors import CannotWriteError
from checkers.formats._input import OP_BYTES_MAX
from checkers.formats._keyed import keyed
from checkers.formats._rows import Rows
from checkers.history import NEMESIS, MalformedHistoryError, Op

_LINE = re.compile(
    r".*?\bjepsen\.util(?:\s+-|:)\s+(:?[\w.-]+)\s+:([\w-]+)\s+:([\w./*+!?<>=-]+)\s*(.*)", re.DOTALL
)
EXPECTED = "INFO  jepsen.util - 0 :invoke :read nil"
MEMO_MAX = 1 << 16


def read(path: Path) -> History:
    """The history of a log. Raises MalformedHistoryError and OSError."""
    rows = Rows()
    opened: dict[int | str, Any] = {}
    parsed: dict[str, list[Any]] = {}
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(OP_BYTES_MAX):
            number += 1
            if len(raw) == OP_BYTES_MAX:
                _fail(path, number, 1, f"a line of more than {OP_BYTES_MAX >> 20} MB")
            if b"jepsen.util" not in raw:
                continue
            try:
                line = raw.decode().rstrip("\r\n")
            except UnicodeDecodeError as e:
                _fail(path, number, len(raw[: e.start].decode()) + 1, "not UTF-8 text")
            found = _LINE.fullmatch(line)
            if found is None:
                continue
            name, kind, f, text = found.groups()
            if kind not in TYPE_CODES:
                if name.isdecimal():
                    _fail(
                        path, number, found.start(2) + 1, f"expected invoke, ok, fail or info, got {kind!r}"
                    )
                continue
            values = parsed.get(text)
            if values is None:
                if len(parsed) > MEMO_MAX:
                    parsed.clear()
                try:
                    values = parsed[text] = list(parse(text))
                except EdnError as e:
                    _fail(path, number, found.start(4) + e.offset + 1, str(e))
            process: int | str = int(name) if name.isdecimal() and len(name) < 19 else name.removeprefix(":")
            value, error = (*values[:2], None, None)[:2]
            if process != NEMESIS and kind in ("info", "fail") and isinstance(value, str):
                value, error = opened.get(process), value
            opened[process] = value
            try:
                rows.add(Op(len(rows), 0, process, kind, f, None, value, None, error))  # type: ignore[arg-type]
            except MalformedHistoryError as e:
                _fail(path, number, found.start(4) + 1, str(e))
    if not len(rows):
        raise MalformedHistoryError(f"{path}:1:1: no line of a Jepsen log in all of it; expected {EXPECTED}")
    return keyed(rows.history())


def _fail(path: Path, line: int, column: int, what: str) -> NoReturn:
    raise MalformedHistoryError(f"{path}:{line}:{column}: {what}")


def sniff(head: bytes) -> bool:
    """Whether a file that begins so may be one."""
    return b"jepsen.util" in head or head.startswith(b"INFO")


def write(history: History, out: BinaryIO) -> None:
    """Nobody needs logs written: what reads them reads EDN too."""
    del history, out
    raise CannotWriteError("a jepsen-log is only read; write edn")
