"""Histories as columns: one array a field, so that millions of ops are loaded and judged without an object for each.

A value is a pair (kind, word) of two arrays:

| kind | word |
|---|---|
| NIL | 0 |
| BOOL | 0 or 1 |
| INT | the integer |
| FLOAT | the 64 bits of the double |
| STR | its place in ``strings`` |
| LIST, MAP | its place p in ``pool``: there stands (LEN, n), then n entries (of a map 2n: key, value, ..., by key) |
| OTHER | its place in ``others``: integers beyond 64 bits |

A list that is held by another one lies before it in the pool, so nothing can hold itself.

A ``History`` is a sequence of ``Op`` all the same; they are made when asked for. Its file: checkers/npz.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from checkers.history import NEMESIS as NEMESIS_NAME
from checkers.history import MalformedHistoryError, Op, OpType
from checkers.kernels import dense, view

INVOKE, OK, FAIL, INFO = range(4)
TYPES: tuple[OpType, ...] = ("invoke", "ok", "fail", "info")
TYPE_CODES: dict[str, int] = {name: code for code, name in enumerate(TYPES)}

NIL, BOOL, INT, FLOAT, STR, LIST, MAP, OTHER, LEN = range(9)

NEMESIS = -1
"""the nemesis in the column ``process``: the first of the names"""

PLAIN = 1 << NIL | 1 << BOOL | 1 << INT | 1 << STR
"""kinds whose values can be told apart by arithmetic, a bit each"""
DENSE_SLACK = 4
"""so they are while there are at most so many places a value"""
FAR = 1 << 62
"""beyond, the arithmetic would need more than 64 bits"""

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
DEPTH_MAX = 200
"""lists and maps within one another, as deep as msgspec's JSON goes with ease; what is deeper is no history"""

Int8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class Column(NamedTuple):
    """Values: ``kind`` uint8[n], ``word`` int64[n]."""

    kind: Int8
    word: Int64


class Values:
    """What values refer to: strings, others, and the contents of lists and maps. Grows while a history is read."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self.others: list[int] = []
        self.pool_kind = bytearray()
        self.pool_word: list[int] = []
        self._codes: dict[str, int] = {}
        self._places: dict[int, int] = {}

    def string(self, text: str) -> int:
        """The place of a string, the same each time."""
        code = self._codes.get(text)
        if code is None:
            code = self._codes[text] = len(self.strings)
            self.strings.append(text)
        return code

    def put(self, value: Any, depth: int = 0) -> tuple[int, int]:
        """(kind, word) of a JSON value. Raises MalformedHistoryError for what is none, or nested too deeply."""
        if value is None:
            return NIL, 0
        kind = type(value)
        if kind is int:
            if INT_MIN <= value <= INT_MAX:
                return INT, value
            if value not in self._places:
                self._places[value] = len(self.others)
                self.others.append(value)
            return OTHER, self._places[value]
        if kind is str:
            return STR, self.string(value)
        if kind is bool:
            return BOOL, int(value)
        if kind is float:
            return FLOAT, int(np.float64(value).view(np.int64))
        if depth >= DEPTH_MAX:
            raise MalformedHistoryError(f"a value is nested deeper than {DEPTH_MAX}")
        if isinstance(value, (list, tuple)):
            return LIST, self._contents(len(value), [self.put(item, depth + 1) for item in value])
        if isinstance(value, dict):
            entries = [
                self.put(part, depth + 1)
                for key, item in sorted(((str(key), item) for key, item in value.items()), key=_first)
                for part in (key, item)
            ]
            return MAP, self._contents(len(value), entries)
        if isinstance(value, int):  # a subclass, or numpy's
            return self.put(int(value))
        raise MalformedHistoryError(f"{value!r} is no value of a history: expected what JSON can say")

    def _contents(self, size: int, entries: list[tuple[int, int]]) -> int:
        place = len(self.pool_word)
        self.pool_kind.append(LEN)
        self.pool_word.append(size)
        self.pool_kind.extend(kind for kind, _ in entries)
        self.pool_word.extend(word for _, word in entries)
        return place

    def pool(self) -> Column:
        return Column(np.frombuffer(bytes(self.pool_kind), np.uint8), np.array(self.pool_word, np.int64))


def _first(pair: tuple[str, Any]) -> str:
    return pair[0]


class History(Sequence[Op]):
    """The ops of one run. ``process``: an integer, or below 0 a name, ``names[-1 - process]`` (-1: the nemesis).

    ``f`` is a place in ``fs``; ``node`` one in ``strings``, -1 for none; ``time`` in ns. All arrays are int64 but
    ``type`` (uint8), ``f`` and ``node`` (int32).
    """

    def __init__(
        self,
        *,
        index: Int64,
        time: Int64,
        process: Int64,
        type: Int8,  # noqa: A002 (the field's name)
        f: Int32,
        node: Int32,
        key: Column,
        value: Column,
        error: Column,
        pool: Column,
        fs: list[str],
        names: list[int | str],
        strings: list[str],
        others: list[int],
    ) -> None:
        self.index: Int64 = index  # type: ignore[assignment]  # hides a sequence's search
        self.time = time
        self.process = process
        self.type = type
        self.f = f
        self.node = node
        self.key = key
        self.value = value
        self.error = error
        self.pool = pool
        self.fs = fs
        self.names = names
        self.strings = strings
        self.others = others

    @classmethod
    def from_ops(cls, ops: Iterable[Op]) -> History:
        """Of ops one by one. Raises MalformedHistoryError for a value that JSON cannot say."""
        values = Values()
        fs: dict[str, int] = {}
        names: dict[int | str, int] = {NEMESIS_NAME: NEMESIS}
        fixed: list[tuple[int, int, int, int, int, int]] = []
        kinds = bytearray()
        words: list[int] = []
        put, string = values.put, values.string
        for op in ops:
            process = op.process
            if type(process) is not int or process < 0:
                process = names.setdefault(process, -1 - len(names))
            node = -1 if op.node is None else string(op.node)
            fixed.append(
                (op.index, op.time, process, TYPE_CODES[op.type], fs.setdefault(op.f, len(fs)), node)
            )
            try:
                for item in (op.key, op.value, op.error):
                    kind, word = put(item)
                    kinds.append(kind)
                    words.append(word)
            except MalformedHistoryError as e:
                raise MalformedHistoryError(f"op {op.index}: {e}") from e
        try:
            table = np.array(fixed, np.int64).reshape(-1, 6).T
        except OverflowError as e:
            raise MalformedHistoryError("an index, time or process is beyond 64 bits") from e
        kind_table = np.frombuffer(bytes(kinds), np.uint8).reshape(-1, 3).T
        word_table = np.array(words, np.int64).reshape(-1, 3).T
        key, value, error = (
            Column(np.ascontiguousarray(k), np.ascontiguousarray(w))
            for k, w in zip(kind_table, word_table, strict=True)
        )
        return cls(
            index=np.ascontiguousarray(table[0]),
            time=np.ascontiguousarray(table[1]),
            process=np.ascontiguousarray(table[2]),
            type=table[3].astype(np.uint8),
            f=table[4].astype(np.int32),
            node=table[5].astype(np.int32),
            key=key,
            value=value,
            error=error,
            pool=values.pool(),
            fs=list(fs),
            names=list(names),
            strings=values.strings,
            others=values.others,
        )

    def __len__(self) -> int:
        return len(self.index)

    @overload
    def __getitem__(self, at: int) -> Op: ...
    @overload
    def __getitem__(self, at: slice) -> list[Op]: ...
    def __getitem__(self, at: int | slice) -> Op | list[Op]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        process, node = self.process.item(at), self.node.item(at)
        key, value, error = self.key, self.value, self.error
        return Op(
            self.index.item(at),
            self.time.item(at),
            process if process >= 0 else self.names[-1 - process],
            TYPES[self.type.item(at)],
            self.fs[self.f.item(at)],
            self.decode(key.kind.item(at), key.word.item(at)),
            self.decode(value.kind.item(at), value.word.item(at)),
            None if node < 0 else self.strings[node],
            self.decode(error.kind.item(at), error.word.item(at)),
        )

    def decode(self, kind: int | np.integer[Any], word: int | np.integer[Any]) -> Any:
        """The JSON value of (kind, word)."""
        if kind == NIL:
            return None
        if kind == INT:
            return int(word)
        if kind == STR:
            return self.strings[word]
        if kind in (LIST, MAP):
            size = int(self.pool.word[word]) * (1 if kind == LIST else 2)
            span = slice(word + 1, word + 1 + size)
            items = [
                self.decode(k, w)
                for k, w in zip(self.pool.kind[span].tolist(), self.pool.word[span].tolist(), strict=True)
            ]
            return items if kind == LIST else dict(zip(items[::2], items[1::2], strict=True))
        if kind == BOOL:
            return bool(word)
        if kind == FLOAT:
            return float(np.int64(word).view(np.float64))
        return self.others[word]

    def code_of(self, f: str) -> int:
        """The place of a function in ``fs``; -1 for one that does not occur."""
        return self.fs.index(f) if f in self.fs else -1

    def codes(self, column: Column, positions: Int64 | None = None) -> tuple[Int64, Int64]:
        """(codes int64[n], firsts int64[count]): equal values have equal codes, numbered as they are first met.

        Of the ops at ``positions``, or of all. ``firsts``: the op position of the first value of each code. Lists
        and maps are compared by content; 1, 1.0, true and "1" are four values.
        """
        kind, word = column
        if positions is not None:
            kind, word = kind[positions], word[positions]
        codes, firsts = np.empty(len(kind), np.int64), np.empty(len(kind), np.int64)
        count = self._number_plain(kind, word, firsts, codes)
        if count is None:
            table = np.full(1 << max(2 * len(kind), 2).bit_length(), -1, np.int64)
            pool_kind, pool_word = view(self.pool.kind), view(self.pool.word)
            count = dense.number(
                view(kind), view(word), pool_kind, pool_word, view(table), view(firsts), view(codes)
            )
        found = firsts[:count]
        return codes, found if positions is None else positions[found]

    def _number_plain(self, kind: Int8, word: Int64, firsts: Int64, codes: Int64) -> int | None:
        """How many values there are; None where they are not plain, or integers are far apart."""
        found = np.empty(3, np.int64)
        dense.survey(view(kind), view(word), view(found))
        low, high, met = found.tolist()
        texts = 3 + high - low + 1
        size = texts + (len(self.strings) if met & 1 << STR else 0)
        if met & ~PLAIN or size > DENSE_SLACK * len(kind) + 1000 or low < -FAR:
            return None
        table = np.full(size, -1, np.int32)
        return dense.number_plain(
            view(kind), view(word), 3 - low, texts, view(table), view(firsts), view(codes)
        )


def columnar(history: Sequence[Op]) -> History:
    """The history itself if it is columnar already."""
    return history if isinstance(history, History) else History.from_ops(history)
