"""elle-cli's JSON: one array of ops, or ops one after the other. https://github.com/ligurio/elle-cli

Unlike our own, ops may lack index, time, process and f, and may be spread over lines.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

import msgspec

from checkers.columns import History
from checkers.formats._begun import begun
from checkers.formats._errors import check_finite
from checkers.formats._forms import NotAnOpError, op_of, read_forms
from checkers.formats._input import Input
from checkers.formats._keyed import keyed
from checkers.formats._rows import Rows
from checkers.formats.edn import uniform_keys
from checkers.history import MalformedHistoryError
from checkers.kernels.json_ops import JsonParser

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_BYTE = re.compile(r" \(byte (\d+)\)")
_OBJECT = re.compile(rb'\s*\{\s*"')
_LIST = re.compile(rb'\s*\[\s*(\{\s*("|\})|\]|$)')


def read(path: Path) -> History:
    """The history of a file. Raises MalformedHistoryError and OSError."""
    return keyed(begun(read_forms(path, JsonParser(), _take)))


def _take(source: Input, begin: int, end: int, rows: Rows) -> None:
    raw = bytes(source.data[begin:end])
    try:
        form = _decoder.decode(raw)
    except RecursionError:
        source.fail(begin, "an op is nested too deeply")
    except UnicodeDecodeError as e:
        source.fail(begin + e.start, "not UTF-8 text")
    except msgspec.MsgspecError as e:
        place = _BYTE.search(str(e))
        source.fail(begin + (int(place[1]) if place else 0), _BYTE.sub("", str(e)))
    try:
        rows.add(op_of(form, len(rows)))
    except (NotAnOpError, MalformedHistoryError) as e:
        source.fail(begin, str(e))


def sniff(head: bytes) -> bool:
    """Whether a file that begins so may be one: an array of objects, or an op without index, time or f."""
    if _LIST.match(head):
        return True
    line = head.lstrip().split(b"\n", 1)[0]
    return (
        _OBJECT.match(line) is not None
        and b'"type"' in line
        and b'"value"' in line
        and not all(name in line for name in (b'"index"', b'"time"', b'"f"', b'"process"'))
    )


def write(history: History, out: BinaryIO) -> None:
    """One array, an op a line. A key goes into the value, ``[key, value]``."""
    has_keys = uniform_keys(history)
    out.write(b"[")
    for number, op in enumerate(history):
        keyed_ = has_keys and op.process != "nemesis"
        data = {
            "index": op.index,
            "time": op.time,
            "process": op.process,
            "type": op.type,
            "f": op.f,
            "value": [op.key, op.value] if keyed_ else op.value,
        }
        if op.node is not None:
            data["node"] = op.node
        if op.error is not None:
            data["error"] = op.error
        check_finite(data, op.index)
        out.write((b",\n" if number else b"") + _encoder.encode(data))
    out.write(b"]\n")
