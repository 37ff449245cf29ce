"""A history as linearizability's engines see it: the operations that may have happened, key by key, in columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checkers.columns import BOOL, FAIL, INT, LIST, NIL, OK, STR, Column, History, Int32, Int64, Values
from checkers.models import Model, ModelError, Role, freeze
from checkers.operations import Pairs, pair

CRASHED: Final = 1 << 62
"""``end`` of an operation of which nobody knows whether it happened"""
NONE: Final = -1
"""no code: nothing needed, nothing put, no answer known"""

_MISMATCH_CODES = frozenset({22})
"""Maelstrom's precondition-failed"""


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


class Arguments(NamedTuple):
    """What was asked and answered, as codes of whole values, numbered over all keys; NONE: not answered."""

    invoked: Int64
    completed: Int64
    size: int
    value: Callable[[int], Any]
    """frozen value of a code"""


class Tally(NamedTuple):
    """Operations, by outcome, of the clients; crashed ones that cannot have changed anything are not counted."""

    ok: int
    crashed: int
    failed: int
    keys: int


class Objects:
    """All operations that may have happened, grouped by key, each key's in order of invocation.

    - ``start``: int64[keys + 1]; key i has the operations ``start[i]`` to ``start[i + 1]``;
    - ``begin``, ``end``: int64[m], positions in the history, which are real-time order; ``end`` is CRASHED for what
      is unknown or was never completed;
    - ``done``: int64[m], the position of the completion even where that is ``info``, -1 where there is none;
    - ``f``: int32[m], code in ``fs``.

    Definite failures are not here, nor crashed operations of ``model.reads``: they could not have changed anything.
    A failure that the model has a name for (``model.refusals``) is here under that name, as completed.
    """

    def __init__(
        self,
        history: History,
        model: Model,
        start: Int64,
        begin: Int64,
        end: Int64,
        done: Int64,
        f: Int32,
        fs: list[str],
    ) -> None:
        self.history = history
        self.model = model
        self.start = start
        self.begin = begin
        self.end = end
        self.done = done
        self.f = f
        self.fs = fs

    @property
    def keys(self) -> int:
        return len(self.start) - 1

    def key(self, number: int) -> Any:
        """The key as it stands in the history."""
        at = self.begin[self.start[number]]
        return self.history.decode(int(self.history.key.kind[at]), int(self.history.key.word[at]))

    def only(self, number: int) -> Objects:
        """One key alone."""
        if self.keys == 1:
            return self
        low, high = int(self.start[number]), int(self.start[number + 1])
        return self.among(np.arange(low, high))

    def among(self, numbers: Int64) -> Objects:
        """Some operations of one key, as an object of its own; with fewer operations than this has."""
        return Objects(
            self.history,
            self.model,
            np.array([0, len(numbers)], np.int64),
            self.begin[numbers],
            self.end[numbers],
            self.done[numbers],
            self.f[numbers],
            self.fs,
        )

    def some(self, keys: Int64) -> Objects:
        """These keys alone, in this order."""
        if len(keys) == self.keys:
            return self
        sizes = self.start[keys + 1] - self.start[keys]
        start = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        numbers = np.arange(start[-1]) + np.repeat(self.start[keys] - start[:-1], sizes)
        part = self.among(numbers)
        part.start = start
        return part

    def until(self, position: int) -> Objects:
        """The only key as it was known at a position: what was open then has crashed, or, of reads, is left out."""
        known = self.end <= position
        reads = np.array([f in self.model.reads for f in self.fs] or [False])
        kept = np.flatnonzero(known | ((self.begin <= position) & ~reads[self.f]))
        cut = self.among(kept)
        cut.end = np.where(cut.end <= position, cut.end, CRASHED)
        return cut

    @cached_property
    def arguments(self) -> Arguments:
        answered = np.flatnonzero(self.end != CRASHED)
        history, m = self.history, len(self.begin)
        codes, firsts = history.codes(history.value, np.concatenate((self.begin, self.end[answered])))
        completed = np.full(m, NONE, np.int64)
        completed[answered] = codes[m:]
        kinds, words = history.value

        @cache
        def value(code: int) -> Any:
            at = firsts[code]
            return freeze(history.decode(kinds[at], words[at]))

        arguments = Arguments(codes[:m], completed, len(firsts), value)
        return self._with_owners(arguments) if self.model.owned else arguments

    def _with_owners(self, arguments: Arguments) -> Arguments:
        """What was asked, with the process that did: (process, value)."""
        process = self.history.process[self.begin]
        askers, asker = np.unique(process, return_inverse=True)
        both, invoked = np.unique(asker * arguments.size + arguments.invoked, return_inverse=True)
        names = self.history.names

        def value(code: int) -> Any:
            if code >= len(both):
                return arguments.value(code - len(both))
            who, asked = divmod(int(both[code]), arguments.size)
            number = int(askers[who])
            return number if number >= 0 else names[-1 - number], arguments.value(asked)

        completed = np.where(arguments.completed >= 0, arguments.completed + len(both), NONE)
        return Arguments(invoked, completed, len(both) + arguments.size, value)

    @cached_property
    def roles(self) -> NDArray[np.int8]:
        """int8[m]: each operation's part in the life of a register (models.Role).

        Raises ModelError for an operation that the model does not know.
        """
        known = self.model.roles or {}
        table = np.array([known.get(f, Role.OTHER) for f in self.fs] or [Role.OTHER], np.int8)
        return table[self.f]

    @cached_property
    def registers(self) -> Registers:
        """Of a model that is a register; ops with Role.OTHER need and put nothing here.

        Raises ModelError for a compare-and-set that is not of two values.
        """
        return _registers(self)


_DENSE_SLACK = 4
"""values are told apart by arithmetic while there are at most so many codes an operation"""


def _registers(objects: Objects) -> Registers:
    history, roles, m = objects.history, objects.roles, len(objects.begin)
    reads = np.flatnonzero((roles == Role.READ) & (objects.end != CRASHED))
    writes = np.flatnonzero(roles == Role.WRITE)
    changes = np.flatnonzero((roles == Role.CAS) | (roles == Role.MISMATCH))
    deletes = np.flatnonzero(roles == Role.DELETE)
    value = history.value
    pairs = value.word[objects.begin[changes]]
    if len(changes):
        _check_pairs(objects, changes)
    at_read, at_write = objects.end[reads], objects.begin[writes]
    kind = np.concatenate((value.kind[at_read], value.kind[at_write]))
    word = np.concatenate((value.word[at_read], value.word[at_write]))
    if len(changes):
        pool = history.pool
        kind = np.concatenate((kind, pool.kind[pairs + 1], pool.kind[pairs + 2]))
        word = np.concatenate((word, pool.word[pairs + 1], pool.word[pairs + 2]))
    codes, size, initial, decode = _numbered(history, Column(kind, word), objects.model.initial)
    need = np.full(m, NONE, np.int64)
    put = np.full(m, NONE, np.int64)
    r, w, c = len(reads), len(reads) + len(writes), len(reads) + len(writes) + len(changes)
    need[reads] = codes[:r]
    put[writes] = codes[r:w]
    need[changes] = codes[w:c]
    put[changes] = codes[c:]
    put[deletes] = initial
    unlike = None
    refused = changes[roles[changes] == Role.MISMATCH]
    if len(refused):
        unlike = np.full(m, NONE, np.int64)
        unlike[refused] = need[refused]
        need[refused] = put[refused] = NONE
    return Registers(need, put, size, initial, decode, unlike)


def _numbered(history: History, column: Column, initial: Any) -> tuple[Int64, int, int, Callable[[int], Any]]:
    """(codes, how many at most, code of the initial value, frozen value of a code).

    Nil, booleans, integers of a narrow range and strings are told apart by arithmetic, all else by a hash.
    """
    kind, word = column
    present = np.bincount(kind, minlength=LIST + 1)
    if present[NIL] + present[BOOL] + present[INT] + present[STR] == len(kind):
        integers = word[kind == INT] if present[INT] != len(kind) else word
        low, high = (int(integers.min()), int(integers.max())) if len(integers) else (0, -1)
        if type(initial) is int:
            low, high = min(low, initial), max(high, initial)
        texts = len(history.strings) if present[STR] or isinstance(initial, str) else 0
        span = 3 + (high - low + 1) + texts + 1
        if span <= _DENSE_SLACK * len(kind) + 1000:
            return _by_arithmetic(history, column, initial, low, high, texts, present)
    codes, firsts = history.codes(column)
    alike = np.flatnonzero(kind[firsts] == _kind_of(initial)).tolist()
    start = next(
        (c for c in alike if history.decode(kind[firsts[c]], word[firsts[c]]) == initial), len(firsts)
    )

    def decode(code: int) -> Any:
        if code >= len(firsts):
            return freeze(initial)
        at = firsts[code]
        return freeze(history.decode(kind[at], word[at]))

    return codes, len(firsts) + 1, start, decode


def _kind_of(initial: Any) -> int:
    """The kind of a model's initial value in a column."""
    return Values().put(initial)[0]


def _by_arithmetic(
    history: History, column: Column, initial: Any, low: int, high: int, texts: int, present: Int64
) -> tuple[Int64, int, int, Callable[[int], Any]]:
    """0: nil; 1, 2: false, true; from 3 the integers from ``low``; then strings; the last for an initial string."""
    kind, word = column
    first_text = 3 + high - low + 1
    if present[INT] == len(kind):
        codes = word + (3 - low)
    else:
        offset = np.zeros(STR + 1, np.int64)
        offset[[BOOL, INT, STR]] = 1, 3 - low, first_text
        codes = word + offset[kind]
    count = first_text + texts + 1

    def decode(code: int) -> Any:
        if code < 3:
            return freeze((None, False, True)[code])
        if code < first_text:
            return code - 3 + low
        return history.strings[code - first_text] if code < count - 1 else initial

    start = 0
    if isinstance(initial, bool):
        start = 1 + initial
    elif type(initial) is int:
        start = 3 + initial - low
    elif isinstance(initial, str):
        start = first_text + history.strings.index(initial) if initial in history.strings else count - 1
    elif initial is not None:
        start = count - 1
    return codes, count, start, decode


def _check_pairs(objects: Objects, changes: Int64) -> None:
    """Raises ModelError for a compare-and-set whose value is no pair."""
    history = objects.history
    at = objects.begin[changes]
    word = history.value.word[at]
    bad = history.value.kind[at] != LIST
    if not bad.any():
        bad = history.pool.word[word] != 2
    if bad.any():
        value = history[int(at[np.flatnonzero(bad)[0]])].value
        raise ModelError(f"the value of a cas is [from, to], not {value!r}")


def grouped(history: History, model: Model, pairs: Pairs | None = None) -> tuple[Objects, Tally]:
    """Pair the ops, unless they are paired already, and group them by key.

    Raises MalformedHistoryError when they do not pair, and ModelError for an operation that the model does not know.
    """
    pairs = pairs or pair(history)
    begin, outcome = pairs.begin, pairs.outcome
    f = history.f[begin]
    fs = history.fs
    reads = np.array([name in model.reads for name in fs] or [False])
    ok = outcome == OK
    failed = outcome == FAIL
    kept = ok | (~failed & ~reads[f])
    refused = _refusals(history, model, pairs.end, f, failed)
    counted = kept | failed
    codes, keys = key_codes(history, begin[counted])
    tally = Tally(int(ok.sum()), int((kept & ~ok).sum()), int(failed.sum()), keys)
    if refused is not None:
        kept, f, fs = refused[0] | kept, refused[1], refused[2]
        ok = ok | refused[0]
    every = bool(kept.all())
    numbers = np.flatnonzero(kept)
    if not every:
        begin, f = begin[numbers], f[numbers]
    done = pairs.end if every else pairs.end[numbers]
    end = np.where(ok if every else ok[numbers], done, CRASHED)
    if keys <= 1:
        start = np.array([0, len(begin)] if len(begin) else [0], np.int64)
    else:
        codes = codes[kept[counted]]
        # numpy sorts small integers by their digits
        order = np.argsort(codes.astype(np.uint16) if keys <= 1 << 16 else codes, kind="stable")
        sizes = np.bincount(codes, minlength=keys)
        sizes = sizes[sizes > 0]
        start = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        begin, end, done, f = begin[order], end[order], done[order], f[order]
    objects = Objects(history, model, start, begin, end, done, f.astype(np.int32, copy=False), fs)
    _check_functions(objects)
    return objects, tally


def key_codes(history: History, positions: Int64) -> tuple[Int64, int]:
    """(codes of the keys of ops, numbered by first occurrence; how many)."""
    kind, word = history.key.kind[positions], history.key.word[positions]
    if not len(kind) or (kind[0] == kind.max() == kind.min() and word.min() == word.max()):
        return np.zeros(len(kind), np.int64), min(len(kind), 1)
    codes, firsts = history.codes(history.key, positions)
    return codes, len(firsts)


def _refusals(
    history: History, model: Model, end: Int64, f: Int32, failed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Int32, list[str]] | None:
    """(failures that the model has a name for, functions with those names, all names); None where there are none."""
    if not model.refusals:
        return None
    fs = list(history.fs)
    refused = np.zeros(len(f), bool)
    named = f.copy()
    for name, refusal in model.refusals.items():
        code = history.code_of(name)
        if code < 0:
            continue
        fs.append(refusal)
        for number in np.flatnonzero(failed & (f == code)):
            at = end[number]
            if is_mismatch(history.decode(history.error.kind[at], history.error.word[at])):
                refused[number] = True
                named[number] = len(fs) - 1
    return refused, named, fs


def is_mismatch(error: Any) -> bool:
    """Whether an error says that a precondition did not hold: Maelstrom's code, or the word."""
    if isinstance(error, list) and error:
        error = error[0] if type(error[0]) is int else " ".join(map(str, error))
    if isinstance(error, dict):
        error = error.get("code", str(error))
    if type(error) is int:
        return error in _MISMATCH_CODES
    return isinstance(error, str) and "precondition" in error


def _check_functions(objects: Objects) -> None:
    """Raises ModelError for an operation that the model, a register, does not know."""
    model = objects.model
    if model.roles is None:
        return
    for code in np.flatnonzero(np.bincount(objects.f, minlength=len(objects.fs))).tolist():
        if objects.fs[code] not in model.roles:
            raise ModelError(
                f"the model {model.name} has no operation {objects.fs[code]!r}, only {', '.join(model.known())}"
            )
