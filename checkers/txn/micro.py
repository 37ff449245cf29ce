"""Transactions and their micro-operations, as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from checkers.columns import INT, LIST, OK, Column, History, Int8, Int32, Int64
from checkers.history import MalformedHistoryError, Op
from checkers.kernels import micro as kernel
from checkers.kernels import view
from checkers.operations import Operation, pair

Bools = npt.NDArray[np.bool_]

R, APPEND, W = range(3)
"""as in checkers/kernels/micro.py"""
NAMES = ("r", "append", "w")


class Micro(NamedTuple):
    """The clients' transactions (``f`` is ``txn``), n of them in order of invocation, and all m micro-operations.

    ``begin``, ``end`` int64[n]: positions in the history, ``end`` -1 where nothing completed it; ``outcome``
    uint8[n]; ``process`` int64[n]: as in the history; ``offsets`` int64[n + 1]: where each one's micro-operations
    begin.
    ``txn`` int32[m], ``f`` uint8[m] (R, APPEND, W), ``key`` int32[m]: a number from 0 for each key, below ``keys``;
    ``value``: what was read, written or appended. What a transaction that was not ok read is not known.
    ``kinds``: of the elements of lists that were read, as bits.
    """

    history: History
    begin: Int64
    end: Int64
    outcome: Int8
    process: Int64
    offsets: Int64
    txn: Int32
    f: Int8
    key: Int32
    keys: int
    key_value: Column
    value: Column
    kinds: int

    def __len__(self) -> int:
        """Of transactions."""
        return len(self.begin)

    @property
    def known(self) -> Bools:
        """By transaction: ok."""
        return np.equal(self.outcome, OK)

    def key_of(self, m: int) -> Any:
        """The key of a micro-operation, as in the history."""
        return self.history.decode(self.key_value.kind[m], self.key_value.word[m])

    def value_of(self, m: int) -> Any:
        """What a micro-operation read or wrote."""
        return self.history.decode(self.value.kind[m], self.value.word[m])

    def of(self, txn: int) -> range:
        """The micro-operations of a transaction."""
        return range(int(self.offsets[txn]), int(self.offsets[txn + 1]))

    def operation(self, txn: int) -> Operation:
        begin, end = int(self.begin[txn]), int(self.end[txn])
        if end < 0:
            return Operation(self.history[begin], begin)
        return Operation(self.history[begin], begin, self.history[end], end)


def extract(history: History, writes: str) -> Micro:
    """All transactions that read (``r``) and write (``append`` or ``w``).

    Raises MalformedHistoryError, one line, at the first that is none.
    """
    pairs = pair(history)
    code = history.code_of("txn")
    own = history.f[pairs.begin] == code
    begin, end, outcome = pairs.begin[own], pairs.end[own], pairs.outcome[own]
    source = np.where(outcome == OK, end, begin)
    kind, word = history.value.kind[source], history.value.word[source]
    if (kind != LIST).any():
        at = int(source[np.argmax(kind != LIST)])
        _malformed(history[at], f"a txn must have a list of micro-ops, not {history[at].value!r}")
    pool = history.pool
    sizes = pool.word[word] if len(word) else word
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    m = int(offsets[-1])
    txn, f = np.empty(m, np.int32), np.empty(m, np.uint8)
    key, value = _column(m), _column(m)
    problem = np.zeros(3, np.int64)
    strings = {text: place for place, text in enumerate(history.strings) if text in NAMES}
    names = np.array([strings.get(n, -1) if n in ("r", writes) else -1 for n in NAMES], np.int64)
    kinds = kernel.extract(
        view(word),
        view((outcome == OK).astype(np.uint8)),
        view(pool.kind),
        view(pool.word),
        view(names),
        int(writes == "append"),
        view(offsets),
        view(txn),
        view(f),
        view(key.kind),
        view(key.word),
        view(value.kind),
        view(value.word),
        view(problem),
    )
    if problem[0] != kernel.FINE:
        op = history[int(source[problem[1]])]
        _misfit(op, int(problem[0]), op.value[int(problem[2])], writes)
    codes, keys = number(history, key)
    return Micro(
        history, begin, end, outcome, history.process[begin], offsets, txn, f, codes, keys, key, value, kinds
    )


def number(history: History, values: Column) -> tuple[Int32, int]:
    """A number from 0 for each value, equal ones having the same, and the bound of the numbers."""
    kind, word = values
    if not len(word):
        return np.zeros(0, np.int32), 0
    if (kind == INT).all():
        low, high = int(word.min()), int(word.max())
        if high - low <= 2 * len(word) + 1024:
            return (word - low).astype(np.int32), high - low + 1
    codes, firsts = history.codes(values)
    return codes.astype(np.int32), len(firsts)


def _column(size: int) -> Column:
    return Column(np.empty(size, np.uint8), np.empty(size, np.int64))


def _misfit(op: Op, problem: int, micro: Any, writes: str) -> NoReturn:
    if problem == kernel.NO_MICRO:
        _malformed(op, f"{micro!r} is no micro-op [f, key, value]")
    if problem == kernel.NO_FUNCTION:
        _malformed(op, f"a micro-op is {writes} or r, not {micro[0]!r}")
    _malformed(op, f"a read of key {micro[1]!r} must have a list, not {micro[2]!r}")


def _malformed(op: Op, what: str) -> NoReturn:
    raise MalformedHistoryError(f"op {op.index}: {what}")


def scratch(size: int, fill: int = -1) -> Int32:
    """int32[size], all ``fill``."""
    return np.full(size, fill, np.int32)


def table(entries: int) -> Int32:
    """An empty hash table for so many entries."""
    return scratch(1 << max(2 * entries, 2).bit_length())


def indexes(found: Micro, txns: Sequence[int]) -> list[int]:
    """``Op.index`` of all ops of these transactions."""
    return sorted({i for n in txns for i in found.operation(n).indexes()})
