"""Jepsen's ``history.edn``, and Knossos' and Elle's: maps one after the other, or one vector or list of maps.

The kernel takes the plain ones; what has tags, sets, characters, escapes, floats and the like is parsed by
``_edn_text``, which says what becomes of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from checkers.columns import NIL, History
from checkers.formats._begun import begun
from checkers.formats._edn_text import NOTHING, EdnError, first
from checkers.formats._errors import CannotWriteError
from checkers.formats._forms import NotAnOpError, op_of, read_forms
from checkers.formats._input import Input
from checkers.formats._keyed import keyed
from checkers.formats._rows import Rows
from checkers.history import MalformedHistoryError, Op
from checkers.kernels.edn_ops import EdnParser


def read(path: Path) -> History:
    """The history of a file of EDN. Raises MalformedHistoryError and OSError."""
    return keyed(begun(read_forms(path, EdnParser(), take)))


def take(source: Input, begin: int, end: int, rows: Rows) -> None:
    raw = bytes(source.data[begin:end])
    try:
        text = raw.decode()
    except UnicodeDecodeError as e:
        source.fail(begin + e.start, "not UTF-8 text")
    try:
        form = first(text)
        if form is not NOTHING:
            rows.add(op_of(form, len(rows)))
    except EdnError as e:
        source.fail(begin + len(text[: e.offset].encode()), str(e))
    except (NotAnOpError, MalformedHistoryError) as e:
        source.fail(begin, str(e))


def sniff(head: bytes) -> bool:
    """Whether a file that begins so may be one."""
    head = head.lstrip()
    return head[:1] in (b"{", b"[", b"(", b";", b"#")


_NAME = re.compile(r"[A-Za-z*!_?<>=][\w.*+!?<>=-]*(/[A-Za-z*!_?<>=][\w.*+!?<>=-]*)?")
_UNSAFE = re.compile(r'[\\"\n\r\t]')
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def write(history: History, out: BinaryIO) -> None:
    """One map a line. A key goes into the value, ``[key value]``, as Jepsen's ``independent`` has it."""
    has_keys = uniform_keys(history)
    out.writelines(_line(op, has_keys=has_keys and op.process != "nemesis").encode() for op in history)


def uniform_keys(history: History) -> bool:
    """Whether the clients' ops have keys. Raises CannotWriteError where some have and some have not."""
    kinds = history.key.kind[history.process >= 0]
    without = int((kinds == NIL).sum())
    if 0 < without < len(kinds):
        raise CannotWriteError("some ops have a key and some have none: the format cannot tell them apart")
    return len(kinds) > 0 and without == 0


def _line(op: Op, *, has_keys: bool) -> str:
    process = op.process if isinstance(op.process, int) else _named(op.process, "process")
    value = _value(op.value, mops=op.f == "txn")
    if has_keys:
        value = f"[{_value(op.key)} {value}]"
    rest = ""
    if op.node is not None:
        rest += f", :node {_value(op.node)}"
    if op.error is not None:
        rest += f", :error {_value(op.error)}"
    return (
        f"{{:index {op.index}, :time {op.time}, :process {process}, :type :{op.type}, :f {_named(op.f, 'f')}, "
        f":value {value}{rest}}}\n"
    )


def _named(name: str, what: str) -> str:
    if not _NAME.fullmatch(name):
        raise CannotWriteError(f"{what} {name!r:.60} cannot be a keyword")
    return f":{name}"


def _value(value: Any, *, mops: bool = False) -> str:
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -(1 << 63) <= value < 1 << 63 else f"{value}N"
    if isinstance(value, float):
        return (
            repr(value)
            if math.isfinite(value)
            else {math.inf: "##Inf", -math.inf: "##-Inf"}.get(value, "##NaN")
        )
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} {_value(v)}" for k, v in value.items()) + "}"
    if mops:
        return "[" + " ".join(_mop(item) for item in value) + "]"
    return "[" + " ".join(_value(item) for item in value) + "]"


def _mop(item: Any) -> str:
    """``["append", 1, 2]`` as ``[:append 1 2]``: Elle looks for the keyword."""
    if not isinstance(item, list) or not item or not isinstance(item[0], str) or not _NAME.fullmatch(item[0]):
        return _value(item)
    return "[" + " ".join((f":{item[0]}", *(_value(part) for part in item[1:]))) + "]"


def _key(name: str) -> str:
    return f":{name}" if _NAME.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    return '"' + _UNSAFE.sub(lambda found: _ESCAPES[found[0]], text) + '"'


def lines(ops: Iterable[Op], *, has_keys: bool) -> Iterable[str]:
    """Ops as ``write`` writes them."""
    return (_line(op, has_keys=has_keys) for op in ops)
