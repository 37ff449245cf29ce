"""What the formats of one map an op share: the loop over a file's pieces, and an op from a map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from checkers.columns import TYPE_CODES, History
from checkers.formats._edn_text import Tuple
from checkers.formats._input import Input
from checkers.formats._rows import Rows
from checkers.history import Op
from checkers.kernels import text, view
from checkers.kernels.edn_ops import EdnParser
from checkers.kernels.json_ops import JsonParser

Slow = Callable[[Input, int, int, Rows], None]
"""take what is in ``data[begin:end]`` of an input as an op, or raise"""


class NotAnOpError(ValueError):
    """A map that is no op: what was expected."""


def read_forms(
    path: Path,
    parser: JsonParser | EdnParser,
    slow: Slow,
    extent: Callable[[Input, int], int] | None = None,
) -> History:
    """The ops of a file. ``slow`` takes those that ``parser`` leaves; they end where ``extent``
    says (-1: not in what was read yet), or the parser where that is None.

    Ops without a function are transactions, as in Elle's examples. Raises MalformedHistoryError and OSError.
    """
    rows = Rows(parser)
    parser.default_f = rows.string("txn")
    with path.open("rb", buffering=0) as file:
        source = Input(path, file)
        at = 0
        while source.more(at):
            rows.piece(source.size)
            parser.buffer(view(source.data), source.size)
            while (status := parser.many()) != 0:
                if status == text.FULL:
                    rows.widen(source.size)
                elif status == text.ROOM:
                    rows.flush()
                elif status == text.BAD:
                    _bad(source, parser.at)
                else:
                    begin = parser.at
                    end = int(parser.extent(begin)) if extent is None else extent(source, begin)
                    if end < 0:
                        if source.ended:
                            source.fail(begin, "the file ends inside of this op")
                        break
                    slow(source, begin, end, rows)
                    parser.at = end
                    parser.comma = 1
            at = parser.at
        if parser.close:
            source.fail(
                max(source.size - 1, 0), f"the file ends before the {chr(parser.close)!r} of its list of ops"
            )
    return rows.history()


def _bad(source: Input, at: int) -> None:
    what = bytes(source.data[at : at + 20]).decode("utf-8", "replace").split("\n")[0]
    source.fail(at, f"expected an op, got {what!r}")


def op_of(form: Any, number: int) -> Op:
    """The op that a map says, which stands at place ``number``. Raises NotAnOpError.

    Without ``index`` it is numbered by its place, without ``time`` it is at 0; without ``process`` or ``f`` it is a
    transaction of process 0. A value that is a ``Tuple`` is a key and a value.
    """
    if not isinstance(form, dict):
        raise NotAnOpError(f"expected an op, a map with its type, got {form!r:.40}")
    kind = form.get("type")
    if not isinstance(kind, str) or kind not in TYPE_CODES:
        raise NotAnOpError(f"expected the type invoke, ok, fail or info, got {kind!r:.40}")
    process, f = form.get("process", 0), form.get("f", "txn")
    if isinstance(process, bool) or not isinstance(process, (int, str)):
        raise NotAnOpError(f"expected a number or a name as process, got {process!r:.40}")
    if not isinstance(f, str):
        raise NotAnOpError(f"expected a name as f, got {f!r:.40}")
    index, time = form.get("index"), form.get("time")
    index, time = number if index is None else index, 0 if time is None else time
    for name, value in (("index", index), ("time", time)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise NotAnOpError(f"expected an integer as {name}, got {value!r:.40}")
    key, value, node = form.get("key"), form.get("value"), form.get("node")
    if isinstance(value, Tuple) and key is None:
        key, value = value
    if node is not None and not isinstance(node, str):
        node = str(node)
    return Op(index, time, process, kind, f, key, value, node, form.get("error"))  # type: ignore[arg-type]
