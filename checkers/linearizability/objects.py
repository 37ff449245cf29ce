"""A history as linearizability's engines see it: the operations that may have happened, key by key, in columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checkers.columns import FAIL, History, Int8, Int32, Int64
from checkers.kernels import grouping, view
from checkers.linearizability.registers import Registers, registers_of
from checkers.models import Model, ModelError, Role, freeze
from checkers.operations import Pairs, pair

CRASHED: Final = 1 << 62
"""``end`` of an operation of which nobody knows whether it happened"""
NONE: Final = -1
"""no code: nothing needed, nothing put, no answer known"""

_MISMATCH_CODES = frozenset({22})
"""Maelstrom's precondition-failed"""


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

    @property
    def longest(self) -> int:
        """Operations of the key that has most."""
        return len(self.begin) if self.keys == 1 else int(np.diff(self.start).max(initial=0))

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
    def role_of(self) -> NDArray[np.int8]:
        """By code in ``fs``: the part in the life of a register (models.Role)."""
        known = self.model.roles or {}
        return np.array([known.get(f, Role.OTHER) for f in self.fs] or [Role.OTHER], np.int8)

    def with_role(self, role: Role) -> list[int]:
        """The keys that have operations of it."""
        if role not in self.role_of.tolist():
            return []
        at = np.flatnonzero(self.role_of[self.f] == role)
        keys: list[int] = np.unique(np.searchsorted(self.start, at, "right") - 1).tolist()
        return keys

    @cached_property
    def registers(self) -> Registers:
        """Of a model that is a register; ops with Role.OTHER need and put nothing here.

        Raises ModelError for a compare-and-set that is not of two values.
        """
        return registers_of(self)


def grouped(history: History, model: Model, pairs: Pairs | None = None) -> tuple[Objects, Tally]:
    """Pair the ops, unless they are paired already, and group them by key.

    Raises MalformedHistoryError when they do not pair, and ModelError for an operation that the model does not know.
    """
    pairs = pairs or pair(history)
    m = len(pairs.begin)
    fs = history.fs
    renamed = _NO_NAMES
    if model.refusals:
        renamed, fs = _refusals(history, model, pairs)
    reads = np.array([name in model.reads for name in fs] or [False], np.uint8)
    present = np.zeros(len(reads), np.uint8)
    counted, kept = np.empty(m, np.int64), np.empty(m, np.uint8)
    begin, end, done = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m, np.int64)
    f = np.empty(m, np.int32)
    tally = np.empty(6, np.int64)
    grouping.sift(
        view(pairs.begin),
        view(pairs.end),
        view(pairs.outcome),
        view(history.f),
        view(reads),
        view(renamed),
        view(history.key.kind),
        view(history.key.word),
        view(counted),
        view(kept),
        view(begin),
        view(end),
        view(done),
        view(f),
        view(present),
        view(tally),
    )
    oks, crashes, failures, total, count, mixed = tally.tolist()
    start = np.array([0, count] if count else [0], np.int64)
    keys = min(total, 1)
    objects = Objects(history, model, start, begin[:count], end[:count], done[:count], f[:count], fs)
    if mixed:
        codes, firsts = history.codes(history.key, counted[:total])
        keys = len(firsts)
        objects = _by_key(objects, codes, keys, kept)
    _check_functions(objects, present)
    return objects, Tally(oks, crashes, failures, keys)


_NO_NAMES = np.zeros(0, np.int32)


def _by_key(mixed: Objects, codes: Int64, keys: int, kept: Int8) -> Objects:
    """``codes``: of the keys of all that was counted, of which ``mixed`` has what is ``kept``."""
    m = len(mixed.begin)
    start = np.empty(keys + 1, np.int64)
    begin, end, done = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m, np.int64)
    f = np.empty(m, np.int32)
    held = grouping.deal(
        view(codes),
        view(kept),
        view(mixed.begin),
        view(mixed.end),
        view(mixed.done),
        view(mixed.f),
        view(np.zeros(keys, np.int64)),
        view(start),
        view(begin),
        view(end),
        view(done),
        view(f),
    )
    return Objects(mixed.history, mixed.model, start[: held + 1], begin, end, done, f, mixed.fs)


def key_codes(history: History, positions: Int64) -> tuple[Int64, int]:
    """(codes of the keys of ops, numbered by first occurrence; how many)."""
    kind, word = history.key.kind[positions], history.key.word[positions]
    if not len(kind) or (kind[0] == kind.max() == kind.min() and word.min() == word.max()):
        return np.zeros(len(kind), np.int64), min(len(kind), 1)
    codes, firsts = history.codes(history.key, positions)
    return codes, len(firsts)


def _refusals(history: History, model: Model, pairs: Pairs) -> tuple[Int32, list[str]]:
    """(by operation, the function of a failure that the model has a name for, else -1; all functions)."""
    fs = list(history.fs)
    f = history.f[pairs.begin]
    renamed = np.full(len(f), NONE, np.int32)
    for name, refusal in (model.refusals or {}).items():
        code = history.code_of(name)
        if code < 0:
            continue
        fs.append(refusal)
        for number in np.flatnonzero((pairs.outcome == FAIL) & (f == code)):
            at = pairs.end[number]
            if is_mismatch(history.decode(history.error.kind[at], history.error.word[at])):
                renamed[number] = len(fs) - 1
    return renamed, fs


def is_mismatch(error: Any) -> bool:
    """Whether an error says that a precondition did not hold: Maelstrom's code, or the word."""
    if isinstance(error, list) and error:
        error = error[0] if type(error[0]) is int else " ".join(map(str, error))
    if isinstance(error, dict):
        error = error.get("code", str(error))
    if type(error) is int:
        return error in _MISMATCH_CODES
    return isinstance(error, str) and "precondition" in error


def _check_functions(objects: Objects, present: Int8) -> None:
    """Raises ModelError for an operation that the model, a register, does not know."""
    model = objects.model
    if model.roles is None:
        return
    for name, there in zip(objects.fs, present.tolist(), strict=False):
        if there and name not in model.roles:
            raise ModelError(
                f"the model {model.name} has no operation {name!r}, only {', '.join(model.known())}"
            )
