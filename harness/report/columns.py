"""Ops as compact columns for the browser: varints, deflate, base64.

A payload is ``u32 length of the header (little-endian) | header (JSON) | columns``. The header holds the
dictionaries (processes, functions, keys, nodes, errors, texts), ``count``, and ``columns``: name and bytes of
each column in order. A column is one unsigned LEB128 varint an op:

| column | varint |
|---|---|
| index, time | zigzag of the difference from the op before (time in ns) |
| process, f, key, node, error | number in its dictionary |
| type | number in ``TYPES`` |
| value | 0 none, 1 the same as the process' invocation, 2 the next text not seen before, 3 + n text n |

Each op costs 5 to 7 bytes before its value. Values are cut to ``limit`` characters, saying so.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import msgspec

from checkers.history import NEMESIS, Op
from harness.report import words

TYPES = ("invoke", "ok", "fail", "info")
VALUE_CHARS_OF_WITNESSES = 2000


class _Names:
    """A dictionary: text to number, in order of appearance."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[Hashable, int] = {}

    def number(self, key: Hashable, say: Callable[[Any], str], v: Any) -> int:
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.names)
            self.names.append(say(v))
        return found

    def text(self, v: str | None) -> int:
        return self.number(v or "", str, v or "")


def _varint(out: bytearray, n: int) -> None:
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)


def _zigzag(n: int) -> int:
    return n * 2 if n >= 0 else -n * 2 - 1


def _hashable(v: Any) -> Hashable:
    """A key for a dictionary. 1, 1.0 and True are different values to a reader, though equal to Python."""
    return (type(v), v) if isinstance(v, str | int | float | bool | None) else words.compact(v)


def pack(
    ops: Iterable[Op], extra: dict[str, Any], limit: int, witnesses: frozenset[int] = frozenset()
) -> bytes:
    """Clients' ops as a compressed payload; ops whose index is in ``witnesses`` keep longer values.

    ``extra`` joins the header as it is. Ops of the nemesis are left out: ``extra`` carries the faults.
    """
    index, time, process, kind, f, key, value, node, error = (bytearray() for _ in range(9))
    processes, fs, keys, nodes, errors = (_Names() for _ in range(5))
    nodes.text(""), errors.text("")
    texts: list[str] = []
    seen: dict[str, int] = {}
    invoked: dict[int | str, str] = {}
    kinds = {name: n for n, name in enumerate(TYPES)}
    last_index = last_time = count = 0
    for op in ops:
        if op.process == NEMESIS:
            continue
        count += 1
        _varint(index, _zigzag(op.index - last_index))
        _varint(time, _zigzag(op.time - last_time))
        last_index, last_time = op.index, op.time
        _varint(process, processes.number(op.process, str, op.process))
        kind.append(kinds[op.type])
        _varint(f, fs.text(op.f))
        _varint(key, keys.number(_hashable(op.key), _key, op.key))
        _varint(node, nodes.text(op.node))
        _varint(error, errors.text(words.shorten(words.error(op.error), 200)))
        text = words.value_of(op)
        text = words.shorten(text, VALUE_CHARS_OF_WITNESSES if op.index in witnesses else limit)
        if op.type == "invoke":
            invoked[op.process] = text
        if not text:
            value.append(0)
        elif op.type != "invoke" and text == invoked.get(op.process):
            value.append(1)
        elif text in seen:
            _varint(value, 3 + seen[text])
        else:
            seen[text] = len(texts)
            texts.append(text)
            value.append(2)
    columns = {
        "index": index,
        "time": time,
        "process": process,
        "type": kind,
        "f": f,
        "key": key,
        "value": value,
        "node": node,
        "error": error,
    }
    header = msgspec.json.encode(
        {
            **extra,
            "count": count,
            "columns": [[name, len(column)] for name, column in columns.items()],
            "processes": processes.names,
            "fs": fs.names,
            "keys": keys.names,
            "nodes": nodes.names,
            "errors": errors.names,
            "texts": texts,
        }
    )
    return zlib.compress(len(header).to_bytes(4, "little") + header + b"".join(columns.values()), 9)


def _key(key: Any) -> str:
    if key is None:
        return ""
    return words.shorten(key if isinstance(key, str) else words.compact(key), 200)


def fit(
    ops: list[Op], extra: dict[str, Any], budget: int, witnesses: frozenset[int]
) -> tuple[str, list[str]]:
    """Base64 of a payload of at most ``budget`` characters, and notes on what had to give way.

    First long values are cut shorter; then, in runs of millions, only every n-th operation is kept, and each
    one that proves an anomaly.
    """
    notes: list[str] = []
    share = 1
    limits = (400, 120, 40, 12)
    attempt = 0
    while True:
        limit = limits[min(attempt, len(limits) - 1)]
        kept = ops if share == 1 else _thin(ops, share, witnesses)
        packed = base64.b64encode(pack(kept, extra | {"share": share}, limit, witnesses)).decode()
        if len(packed) <= budget:
            break
        # the next limit; when all are used up, thin by what this attempt was over
        attempt += 1
        if attempt >= len(limits):
            share = share * 2 * (len(packed) // budget)
    if attempt and share == 1:
        notes.append(
            f"Values are cut to {limit} characters to keep this file small; those of witnesses are longer."
        )
    if share > 1:
        notes.append(
            f"This run is too large to show whole: one in {share} operations is shown, and every one that"
            f" proves an anomaly. history.jsonl holds them all."
        )
    return packed, notes


def _thin(ops: list[Op], share: int, witnesses: frozenset[int]) -> list[Op]:
    """Every share-th operation, both its lines, and every witness with its other line."""
    kept: list[tuple[int, Op]] = []
    open_: dict[int | str, tuple[int, Op, bool]] = {}
    number = 0
    for position, op in enumerate(ops):
        if op.process == NEMESIS:
            continue
        if op.type == "invoke":
            if (stale := open_.get(op.process)) is not None and stale[2]:
                kept.append(stale[:2])
            open_[op.process] = (position, op, number % share == 0 or op.index in witnesses)
            number += 1
        elif (found := open_.pop(op.process, None)) is not None and (found[2] or op.index in witnesses):
            kept.append(found[:2])
            kept.append((position, op))
    kept.extend(entry[:2] for entry in open_.values() if entry[2])
    kept.sort(key=lambda pair: pair[0])
    return [op for _, op in kept]
