"""Columns that grow while a history is read: by the parser of the kernel, or op by op."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from checkers.columns import (
    BOOL,
    DEPTH_MAX,
    FLOAT,
    INT,
    INT_MAX,
    INT_MIN,
    LEN,
    LIST,
    MAP,
    NEMESIS,
    NIL,
    OTHER,
    STR,
    TYPE_CODES,
    Column,
    History,
)
from checkers.history import NEMESIS as NEMESIS_NAME
from checkers.history import MalformedHistoryError, Op
from checkers.kernels import text, view

OP_BYTES_MIN = 10
"""no op is shorter in any format"""

_FIXED = {
    "index": np.int64,
    "time": np.int64,
    "process": np.int64,
    "type": np.uint8,
    "f": np.int32,
    "node": np.int32,
}


class Rows:
    """``parser`` writes into arrays of one piece; full ones are cut to size and kept."""

    def __init__(self, parser: text.Parser | None = None) -> None:
        self.parser = text.Parser() if parser is None else parser
        self._room = 0
        self._pool_room = 0
        self._fixed: dict[str, npt.NDArray[Any]] = {}
        self._pieces: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in (*_FIXED, "kinds", "words")}
        self._pool: tuple[npt.NDArray[Any], npt.NDArray[Any]] = (np.zeros(0, np.uint8), np.zeros(0, np.int64))
        self._pool_pieces: tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]] = ([], [])
        self._names: dict[int | str, int] = {NEMESIS_NAME: NEMESIS}
        self._others: list[int] = []
        self._strings = 0
        self._arena = np.zeros(0, np.uint8)
        self._starts = np.zeros(1, np.int64)
        self._hashes = np.zeros(0, np.uint32)
        self.widen()

    def __len__(self) -> int:
        return self.parser.row_base + self.parser.rows

    def widen(self, size: int = 0) -> None:
        """Twice the room for strings, and for one of ``size`` bytes."""
        room = max(2 * len(self._hashes), 1 << 12)
        self._hashes = _longer(self._hashes, room)
        self._starts = _longer(self._starts, room + 1)
        self._arena = _longer(self._arena, max(2 * len(self._arena), 1 << 16) + size)
        self.parser.strings(
            view(np.zeros(2 * room, np.int32)), view(self._hashes), view(self._starts), view(self._arena)
        )

    def piece(self, size: int) -> None:
        """Begin arrays for as many ops as ``size`` bytes of text can hold."""
        self.flush()
        room, pool_room = size // OP_BYTES_MIN + 16, size + 64
        if room <= self._room and pool_room <= self._pool_room:
            return
        self._room, self._pool_room = max(room, self._room), max(pool_room, self._pool_room)
        self._fixed = {name: np.empty(self._room, kind) for name, kind in _FIXED.items()}
        self._fixed["kinds"] = np.empty(3 * self._room, np.uint8)
        self._fixed["words"] = np.empty(3 * self._room, np.int64)
        self._pool = (np.empty(self._pool_room, np.uint8), np.empty(self._pool_room, np.int64))
        fixed = self._fixed
        self.parser.arrays(
            view(fixed["index"]),
            view(fixed["time"]),
            view(fixed["process"]),
            view(fixed["type"]),
            view(fixed["f"]),
            view(fixed["node"]),
            view(fixed["kinds"]),
            view(fixed["words"]),
            view(self._pool[0]),
            view(self._pool[1]),
            view(np.empty(self._pool_room, np.uint8)),
            view(np.empty(self._pool_room, np.int64)),
            view(np.empty(2 * DEPTH_MAX + 2, np.int64)),
        )

    def flush(self) -> None:
        """Keep what the arrays hold, and begin them anew."""
        parser = self.parser
        for name, array in self._fixed.items():
            width = 3 if name in ("kinds", "words") else 1
            self._pieces[name].append(array[: width * parser.rows].copy())
        if parser.pool_used:
            for pieces, array in zip(self._pool_pieces, self._pool, strict=True):
                pieces.append(array[: parser.pool_used].copy())
        parser.row_base += parser.rows
        parser.pool_base += parser.pool_used
        parser.rows = parser.pool_used = 0

    # op by op

    def string(self, value: str) -> int:
        """The code of a string. Raises MalformedHistoryError for one that is no Unicode text."""
        try:
            raw = value.encode()
        except UnicodeEncodeError as e:
            raise MalformedHistoryError(f"a text with half a character: {value!r:.40}") from e
        parser = self.parser
        while parser.count >= len(self._hashes) or parser.arena_used + len(raw) > len(self._arena):
            self.widen(len(raw))
        if raw:
            self._arena[parser.arena_used : parser.arena_used + len(raw)] = np.frombuffer(raw, np.uint8)
        return int(parser.intern(len(raw)))

    def add(self, op: Op) -> None:
        """Take one op. Raises MalformedHistoryError for what no history can hold."""
        parser = self.parser
        if parser.rows + 1 >= self._room:
            self.piece(1 << 16)
        process = op.process
        if type(process) is not int or process < 0:
            process = self._names.setdefault(process, -1 - len(self._names))
        for name, number in (("index", op.index), ("time", op.time), ("process", process)):
            if not INT_MIN <= number <= INT_MAX:
                raise MalformedHistoryError(f"{name} {number} is beyond 64 bits")
        f = self.string(op.f)
        node = -1 if op.node is None else self.string(op.node)
        found = [self.put(item) for item in (op.key, op.value, op.error)]
        base = 3 * parser.rows
        for i, (kind, word) in enumerate(found):
            self._fixed["kinds"][base + i] = kind
            self._fixed["words"][base + i] = word
        parser.write(op.index, op.time, process, TYPE_CODES[op.type], f, node)

    def put(self, value: Any) -> tuple[int, int]:
        """(kind, word) of a JSON value. Raises MalformedHistoryError."""
        if not isinstance(value, (list, dict)):
            return self._scalar(value)
        kinds: list[int] = []
        words: list[int] = []
        found = self._put(value, kinds, words, self.parser.pool_base + self.parser.pool_used, 0)
        if self.parser.pool_used + len(kinds) > self._pool_room:
            rows = self.parser.rows
            self._grow_pool(len(kinds))
            assert self.parser.rows == rows
        span = slice(self.parser.pool_used, self.parser.pool_used + len(kinds))
        self._pool[0][span] = kinds
        self._pool[1][span] = words
        self.parser.pool_used += len(kinds)
        return found

    def _grow_pool(self, size: int) -> None:
        """Only the pool is kept and begun anew: a row may be half written."""
        for pieces, array in zip(self._pool_pieces, self._pool, strict=True):
            pieces.append(array[: self.parser.pool_used].copy())
        self.parser.pool_base += self.parser.pool_used
        self.parser.pool_used = 0
        if size <= self._pool_room:
            return
        rows, room = self.parser.rows, self._room
        kept = {name: array.copy() for name, array in self._fixed.items()}
        self.parser.rows = 0
        self._fixed = {}
        self.piece(max(size, room * OP_BYTES_MIN))
        for name, array in kept.items():
            self._fixed[name][: len(array)] = array
        self.parser.rows = rows

    def _scalar(self, value: Any) -> tuple[int, int]:
        if value is None:
            return NIL, 0
        kind = type(value)
        if kind is int:
            if INT_MIN <= value <= INT_MAX:
                return INT, value
            self._others.append(value)
            return OTHER, len(self._others) - 1
        if kind is str:
            return STR, self.string(value)
        if kind is bool:
            return BOOL, int(value)
        if kind is float:
            return FLOAT, int(np.float64(value).view(np.int64))
        raise MalformedHistoryError(f"{value!r:.40} is no value of a history: expected what JSON can say")

    def _put(self, value: Any, kinds: list[int], words: list[int], base: int, depth: int) -> tuple[int, int]:
        """As ``put``; the contents go to the lists' ends, and ``base`` is the place of their beginning."""
        if not isinstance(value, (list, dict)):
            return self._scalar(value)
        if depth >= DEPTH_MAX:
            raise MalformedHistoryError(f"a value is nested deeper than {DEPTH_MAX}")
        items: list[Any] = value if isinstance(value, list) else _by_key(value)
        entries = [self._put(item, kinds, words, base, depth + 1) for item in items]
        place = base + len(kinds)
        kinds.append(LEN)
        words.append(len(value))
        kinds += [kind for kind, _ in entries]
        words += [word for _, word in entries]
        return (LIST if isinstance(value, list) else MAP), place

    # the end

    def history(self) -> History:
        """All that was read. Nothing can be added after."""
        self.flush()
        parser = self.parser
        self._fixed = {}
        arena = self._arena[: parser.arena_used].tobytes()
        starts = self._starts[: parser.count + 1].tolist()
        strings = [arena[i:j].decode() for i, j in pairwise(starts)]
        columns: dict[str, Any] = {name: self._joined(name, kind) for name, kind in _FIXED.items()}
        columns["f"], places = _renumbered(columns["f"])
        kinds = self._joined("kinds", np.uint8).reshape(-1, 3)
        words = self._joined("words", np.int64).reshape(-1, 3)
        key, value, error = (
            Column(np.ascontiguousarray(kinds[:, i]), np.ascontiguousarray(words[:, i])) for i in range(3)
        )
        pool_kind, pool_word = self._pool_pieces
        return History(
            **columns,
            key=key,
            value=value,
            error=error,
            pool=Column(_concatenated(pool_kind, np.uint8), _concatenated(pool_word, np.int64)),
            fs=[strings[place] for place in places],
            names=list(self._names),
            strings=strings,
            others=self._others,
        )

    def _joined(self, name: str, kind: Any) -> npt.NDArray[Any]:
        return _concatenated(self._pieces.pop(name), kind)


def _concatenated(pieces: list[npt.NDArray[Any]], kind: Any) -> npt.NDArray[Any]:
    return np.concatenate(pieces) if pieces else np.zeros(0, kind)


def _by_key(value: dict[str, Any]) -> list[Any]:
    return [part for key in sorted(value) for part in (key, value[key])]


def _longer(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    longer = np.zeros(size, array.dtype)
    longer[: len(array)] = array
    return longer


def _renumbered(f: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], list[int]]:
    """Codes of strings as numbers of their own, as they are first met; and which string each of them is."""
    if not len(f):
        return f, []
    present = np.flatnonzero(np.bincount(f))
    if len(present) > 64:
        present, firsts = np.unique(f, return_index=True)
    else:
        firsts = np.array([int(np.argmax(f == code)) for code in present])
    places = present[np.argsort(firsts)]
    numbers = np.zeros(int(places.max()) + 1, np.int32)
    numbers[places] = np.arange(len(places), dtype=np.int32)
    return numbers[f], [int(place) for place in places]
