"""Jepsen's text log: ``INFO  jepsen.util - 3 :invoke :write 4``, in its older and newer layout; and its ops alone,
one a line: ``3 :invoke :write 4`` of its ``history.txt``, ``[3 :invoke :write 4]`` of Knossos' first files.

Other lines are passed over in a log; among ops alone they are errors. What is written where the value of an unknown
outcome would be (``:timed-out``) is the op's error. Times are not taken: they are of the wall clock, and lines stand
in real-time order.
"""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from checkers.columns import TYPE_CODES, History
from checkers.formats._edn_text import EdnError, parse
from checkers.formats._errors import CannotWriteError
from checkers.formats._input import OP_BYTES_MAX, unmarked
from checkers.formats._keyed import keyed
from checkers.formats._rows import Rows
from checkers.history import NEMESIS, MalformedHistoryError, Op

_OP = r"(:?[\w.-]+)\s+:([\w-]+)\s+:([\w./*+!?<>=-]+)\s*(.*)"
_LINE = re.compile(r".*?\bjepsen\.util(?:\s+-|:)\s+(?:\[\s*\d+\s*\]\s+)?" + _OP, re.DOTALL)
_BARE = re.compile(r"\s*(?:\[\s*)?" + _OP, re.DOTALL)
_BARE_HEAD = re.compile(rb"\s*(?:\[\s*)?:?[\w.-]+\s+:(?:invoke|ok|fail|info)\s+:")
_LOG_HEAD = re.compile(rb"\s*(?:INFO\b|\d{4}-\d\d-\d\d[^\n]*\b(?:DEBUG|INFO|WARN|ERROR)\b)")
EXPECTED = "INFO  jepsen.util - 0 :invoke :read nil"
BARE_EXPECTED = "0 :invoke :read nil"
MEMO_MAX = 1 << 16
MEMO_TEXT_MAX = 64
"""characters of a value that may come again"""


def read(path: Path) -> History:
    """The history of a log. Raises MalformedHistoryError and OSError."""
    rows = Rows()
    opened: dict[int | str, Any] = {}
    parsed: dict[str, list[Any]] = {}
    with path.open("rb") as file:
        number = 0
        bare = _BARE_HEAD.match(unmarked(file.peek())) is not None
        while raw := file.readline(OP_BYTES_MAX):
            number += 1
            if len(raw) == OP_BYTES_MAX:
                _fail(path, number, 1, f"a line of more than {OP_BYTES_MAX >> 20} MB")
            if not raw.strip() if bare else b"jepsen.util" not in raw:
                continue
            if number == 1:
                raw = unmarked(raw)
            try:
                line = raw.decode().rstrip("\r\n")
            except UnicodeDecodeError as e:
                _fail(path, number, len(raw[: e.start].decode()) + 1, "not UTF-8 text")
            found = (_BARE if bare else _LINE).fullmatch(line)
            if found is None:
                if bare:
                    _fail(path, number, 1, f"expected an op, {BARE_EXPECTED}, got {line!r:.40}")
                continue
            name, kind, f, text = found.groups()
            if bare and line.lstrip()[0] == "[":
                text = text.rstrip().removesuffix("]")
            if kind not in TYPE_CODES:
                if bare or name.isdecimal():
                    _fail(
                        path, number, found.start(2) + 1, f"expected invoke, ok, fail or info, got {kind!r}"
                    )
                continue
            values = parsed.get(text)
            if values is None:
                try:
                    values = list(islice(parse(text), 2))
                except EdnError as e:
                    _fail(path, number, found.start(4) + e.offset + 1, str(e))
                if len(text) <= MEMO_TEXT_MAX:
                    if len(parsed) > MEMO_MAX:
                        parsed.clear()
                    parsed[text] = values
            process: int | str = int(name) if name.isdecimal() and len(name) < 19 else name.removeprefix(":")
            value, error = (*values, None, None)[:2]
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
    return b"jepsen.util" in head or any(pattern.match(head) for pattern in (_LOG_HEAD, _BARE_HEAD))


def write(history: History, out: BinaryIO) -> None:
    """Nobody needs logs written: what reads them reads EDN too."""
    del history, out
    raise CannotWriteError("a jepsen-log is only read; write edn")
