"""Our own: one op a line, as runs write it to ``history.jsonl``. File order is real-time order.

What is an op is what msgspec makes of a line as ``Op``. The kernel takes the lines that are sure to be one; msgspec
takes the others one by one, and all of them where the kernels are not compiled (which takes over ten times as long).
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import BinaryIO

import msgspec

from checkers.columns import History
from checkers.formats._errors import check_finite
from checkers.formats._input import Input
from checkers.formats._rows import Rows
from checkers.history import Op, encode
from checkers.kernels import COMPILED, text, view
from checkers.kernels.json_ops import JsonParser

_decoder = msgspec.json.Decoder(Op)

PARSED = COMPILED
"""whether the kernel is asked: msgspec is the faster of the two where it is not compiled"""


def read(path: Path) -> History:
    """The history of a file of ops as JSON lines. Raises MalformedHistoryError and OSError."""
    parser = JsonParser()
    rows = Rows(parser)
    with path.open("rb", buffering=0) as file:
        source = Input(path, file)
        at = 0
        while source.more(at):
            at = _piece(source, rows, parser)
    return rows.history()


def _piece(source: Input, rows: Rows, parser: JsonParser) -> int:
    """Take all whole lines; the place behind them."""
    size = source.data.rfind(b"\n", 0, source.size) + 1
    if not size:
        return 0
    rows.piece(size)
    # the byte behind the lines is put back after
    behind, source.data[size] = source.data[size], 0
    parser.buffer(view(source.data), size)
    while parser.at < size:
        status = parser.lines() if PARSED else None
        if status == text.FULL:
            rows.widen(size)
        elif status != 0:
            end = source.data.index(b"\n", parser.at)
            line = bytes(source.data[parser.at : end])
            try:
                rows.add(_decoder.decode(line))
            except (ValueError, RecursionError) as e:
                what, offset = _explained(line, e)
                source.fail(parser.at + offset, what)
            parser.at = end + 1
    source.data[size] = behind
    return size


_BYTE = re.compile(r"\(byte (\d+)\)")
_PATH = re.compile(r" - at `\$\.(\w+)")


def _explained(line: bytes, error: Exception) -> tuple[str, int]:
    """What is wrong with a line in the words of who found it, and at which byte."""
    if isinstance(error, RecursionError):
        return "not an op of a history: nested too deeply", 0
    if isinstance(error, UnicodeDecodeError):
        found = _not_utf8(line)
        return "not an op of a history: not UTF-8 text", found
    text_ = str(error)
    place = _BYTE.search(text_)
    field = _PATH.search(text_)
    if place is not None:
        # msgspec counts what is left over from behind its first byte
        offset = int(place[1]) - ("trailing" in text_)
    elif field is not None:
        offset = _field(line, field[1])
    elif "truncated" in text_:
        offset = len(line)
    else:
        offset = 0
    return f"not an op of a history: {text_}", min(offset, len(line))


def _not_utf8(line: bytes) -> int:
    try:
        line.decode()
    except UnicodeDecodeError as e:
        return e.start
    return 0


def _field(line: bytes, name: str) -> int:
    """Where the last value of a field of a JSON object begins; 0 where that cannot be told."""
    text_ = line.decode("utf-8", "replace")
    decoder, found = JSONDecoder(parse_int=len, parse_float=len), 0
    at = text_.find("{") + 1
    try:
        while True:
            at = _blank(text_, at)
            key, at = decoder.raw_decode(text_, at)
            at = _blank(text_, _blank(text_, at) + 1)
            if key == name:
                found = at
            _, at = decoder.raw_decode(text_, at)
            at = _blank(text_, at)
            if text_[at : at + 1] != ",":
                break
            at += 1
    except (JSONDecodeError, RecursionError):
        pass
    return len(text_[:found].encode("utf-8", "replace"))


def _blank(text_: str, at: int) -> int:
    while text_[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


def write(history: History, out: BinaryIO) -> None:
    """Write ops, one a line. Raises CannotWriteError for numbers that JSON cannot say, and OSError."""
    for op in history:
        check_finite((op.key, op.value, op.error), op.index)
        out.write(encode(op))


def sniff(head: bytes) -> bool:
    """Whether a file that begins so may be one: an object whose first member is a name."""
    head = head.lstrip()
    return head[:1] == b"{" and head[1:].lstrip()[:1] in (b'"', b"}", b"")
