"""A register's operations as small numbers: the value that each needs, and the one that it puts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from checkers.columns import DENSE_SLACK, FAR, LEN, PLAIN, STR, Column, History, Int8, Int64, Values
from checkers.kernels import effects, view
from checkers.models import ModelError, freeze

if TYPE_CHECKING:
    from checkers.linearizability.objects import Objects

_NO_CODES = np.zeros(0, np.int64)


class Registers(NamedTuple):
    """What a register's operations need and put, as codes of values (NONE: any state will do; the state stays).

    Codes are >= 0 and < ``size``, equal exactly when the values are, over all keys. ``initial`` is the code of the
    initial value, whether or not any operation has to do with it. ``value(code)`` is its frozen value.
    """

    need: Int64
    put: Int64
    size: int
    initial: int
    value: Callable[[int], Any]
    unlike: Int64 | None = None
    """values that the state was said not to be (Role.MISMATCH); None where there are no such operations"""


def registers_of(objects: Objects) -> Registers:
    """Raises ModelError for a compare-and-set whose value is no pair."""
    history, m = objects.history, len(objects.begin)
    value, pool = history.value, history.pool
    roles = view(objects.role_of)
    f = view(objects.f)
    kinds, words = np.empty(2 * m, np.uint8), np.empty(2 * m, np.int64)
    found = np.empty(6, np.int64)
    effects.collect(
        roles,
        f,
        view(objects.begin),
        view(objects.end),
        view(value.kind),
        view(value.word),
        view(pool.kind),
        view(pool.word),
        view(kinds),
        view(words),
        view(found),
    )
    low, high, met, count, unpaired, unlike = found.tolist()
    if unpaired >= 0:
        raise ModelError(
            f"the value of a cas is [from, to], not {history[int(objects.begin[unpaired])].value!r}"
        )
    coded = _by_arithmetic(history, objects.model.initial, low, high, met, count)
    codes = _NO_CODES
    if coded is None:
        codes, coded = _by_hash(history, kinds, words, objects.model.initial)
    need, put = np.empty(m, np.int64), np.empty(m, np.int64)
    effects.number(
        view(kinds),
        view(words),
        coded.integers,
        coded.texts,
        coded.initial,
        view(codes),
        view(need),
        view(put),
    )
    others = None
    if unlike:
        others = np.empty(m, np.int64)
        effects.set_apart(roles, f, view(need), view(others))
    return Registers(need, put, coded.size, coded.initial, coded.value, others)


class _Coded(NamedTuple):
    """``integers`` and ``texts``: what to add to an integer, or to a string's place, for its code."""

    size: int
    initial: int
    value: Callable[[int], Any]
    integers: int = 0
    texts: int = 0


def _by_arithmetic(
    history: History, initial: Any, low: int, high: int, met: int, count: int
) -> _Coded | None:
    """0: nil; 1, 2: false, true; from 3 the integers from ``low``; then strings; the last for an initial string. None
    where there are other values, or these are far apart.
    """
    if met & ~PLAIN:
        return None
    if type(initial) is int:
        low, high = (min(low, initial), max(high, initial)) if low <= high else (initial, initial)
    texts = len(history.strings) if met & 1 << STR or isinstance(initial, str) else 0
    first_text = 3 + high - low + 1
    size = first_text + texts + 1
    if size > DENSE_SLACK * count + 1000 or low < -FAR:
        return None

    def decode(code: int) -> Any:
        if code < 3:
            return freeze((None, False, True)[code])
        if code < first_text:
            return code - 3 + low
        return history.strings[code - first_text] if code < size - 1 else initial

    start = 0
    if isinstance(initial, bool):
        start = 1 + initial
    elif type(initial) is int:
        start = 3 + initial - low
    elif isinstance(initial, str):
        start = first_text + history.strings.index(initial) if initial in history.strings else size - 1
    elif initial is not None:
        start = size - 1
    return _Coded(size, start, decode, 3 - low, first_text)


def _by_hash(history: History, kinds: Int8, words: Int64, initial: Any) -> tuple[Int64, _Coded]:
    """Of the values, one after the other: codes as they are first met."""
    some = np.flatnonzero(kinds < LEN)
    kind, word = kinds[some], words[some]
    codes, firsts = history.codes(Column(kind, word))
    alike = np.flatnonzero(kind[firsts] == _kind_of(initial)).tolist()
    start = next(
        (c for c in alike if history.decode(kind[firsts[c]], word[firsts[c]]) == initial), len(firsts)
    )

    def decode(code: int) -> Any:
        if code >= len(firsts):
            return freeze(initial)
        at = firsts[code]
        return freeze(history.decode(kind[at], word[at]))

    return codes, _Coded(len(firsts) + 1, start, decode)


def _kind_of(initial: Any) -> int:
    """The kind of a model's initial value in a column."""
    return Values().put(initial)[0]
