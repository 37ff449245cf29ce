"""Versions of lists that only grow, in bulk.

A list that only grows shows its own history: every read is a prefix of the final list, so the longest read of a key
gives the order of its appends. Elements must be unique per key; where two transactions appended the same element, the
key says nothing (``ambiguous``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from checkers.columns import FAIL, INFO, INT, LIST, OTHER, STR, Column, Int8, Int32, Int64
from checkers.kernels import lists as kernel
from checkers.kernels import view
from checkers.txn.micro import APPEND, Micro, R, scratch, table

FURTHER, CONTRADICTS, NOTHING = -1, -2, -3
GARBAGE, TWICE = -1, -2
"""as in checkers/kernels/lists.py, whose own are no longer Python's once compiled"""

_PLAIN = (1 << INT, 1 << STR, 0)
"""one kind of elements alone, whose words tell them apart"""


class Lists(NamedTuple):
    """Arrays per micro-operation m, per key k, per position p, and per place: between positions, k more than those.

    Per m: ``base``, ``later``, ``updates``, ``updated``, ``previous``, see checkers/kernels/lists.py; ``strange``: a
    read that is no prefix of its key's longest one; ``position``: of an append, -1 where the longest read has it not;
    ``places``: where a read's list is in the pool, -1 for nothing; ``words``: of an append its element.
    ``span``: the length of the list at a read that makes edges, -1 for others: ``base``, and where asked for all of a
    read that contradicts its own transaction.
    Per k: ``top``, the longest read, -1; ``ambiguous``: an append of an element that was appended before, -1;
    ``offsets`` int64[k + 1] of its positions. Per p: ``writers``, the append, GARBAGE or TWICE.
    Per place: ``before``, ``after``: the nearest committed append; ``committed`` per transaction: ok, or of unknown
    outcome and seen by a read.
    ``table``: of appends by key and element. ``elements``: beside the pool.
    """

    micro: Micro
    base: Int32
    span: Int32
    later: Int8
    updates: Int32
    updated: Int8
    previous: Int32
    strange: Int8
    position: Int64
    places: Int64
    words: Int64
    top: Int32
    ambiguous: Int32
    closed: Int8
    offsets: Int64
    writers: Int32
    before: Int32
    after: Int32
    committed: Int8
    table: Int32
    elements: Int64
    oddities: Int8
    """per strange read, in their order: 1 an element is there twice, 2 one that nobody appended, 4 one whose append
    had failed and that the longest read has not"""
    met: Int32
    """per append, a strange read that has it, -1"""

    def find(self, key: int, word: int) -> int:
        """The append of an element, -1: none."""
        m = self.micro
        found: int = kernel.find(key, word, view(m.key), view(self.words), view(self.table))
        return found


def versions(micro: Micro, *, contradictions: bool = False) -> Lists:
    """Of all keys. ``contradictions``: a read that contradicts its own transaction makes edges like any other."""
    m, keys = len(micro.f), micro.keys
    history = micro.history
    pool_word = history.pool.word
    appends = micro.f == APPEND
    elements, words = _elements(micro)
    places = np.where((micro.f == R) & (micro.value.kind == LIST), micro.value.word, -1)
    base, updates, previous = np.empty(m, np.int32), np.empty(m, np.int32), np.empty(m, np.int32)
    later, updated, strange = np.zeros(m, np.uint8), np.zeros(m, np.uint8), np.zeros(m, np.uint8)
    top = scratch(keys)
    known, aborted = micro.known.astype(np.uint8), (micro.outcome == FAIL).astype(np.uint8)
    kernel.observe(
        view(micro.txn),
        view(micro.f),
        view(micro.key),
        view(places),
        view(words),
        view(known),
        view(pool_word),
        view(elements),
        view(scratch(keys)),
        view(scratch(keys)),
        view(scratch(keys)),
        view(scratch(keys)),
        view(scratch(keys)),
        view(base),
        view(later),
        view(updates),
        view(updated),
        view(previous),
        view(top),
    )
    span = np.maximum(base, -1)
    if contradictions:
        odd = np.flatnonzero(base == CONTRADICTS)
        span[odd] = np.where(places[odd] >= 0, pool_word[places[odd]] if len(pool_word) else 0, 0)
    kernel.prefixes(
        view(micro.key), view(places), view(base), view(pool_word), view(elements), view(top), view(strange)
    )
    hashed, ambiguous = table(int(np.count_nonzero(appends))), scratch(keys)
    kernel.index(
        view(micro.txn),
        view(micro.f),
        view(micro.key),
        view(words),
        view(aborted),
        view(hashed),
        view(ambiguous),
    )
    longest = np.where((top >= 0) & (ambiguous < 0), places[top] if m else -1, -1)
    sizes = np.where(longest >= 0, pool_word[longest] if len(pool_word) else 0, 0)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    writers, position = np.empty(int(offsets[-1]), np.int32), np.full(m, -1, np.int64)
    kernel.order(
        view(micro.key),
        view(words),
        view(places),
        view(elements),
        view(hashed),
        view(top),
        view(offsets),
        view(writers),
        view(position),
    )
    odd = np.flatnonzero(strange).astype(np.int32)
    odd = odd[ambiguous[micro.key[odd]] < 0]
    oddities, met, times = np.zeros(len(odd), np.uint8), scratch(m), scratch(m, 0)
    kernel.inspect(
        view(odd),
        view(micro.key),
        view(words),
        view(places),
        view(pool_word),
        view(elements),
        view(hashed),
        view((appends & (position < 0) & (micro.outcome[micro.txn] == FAIL)).astype(np.uint8)),
        view(met),
        view(oddities),
        view(times),
    )
    committed = micro.known.astype(np.uint8)
    read = (position >= 0) | (met >= 0)
    unknown = micro.txn[read & (micro.outcome[micro.txn] == INFO)]
    committed[unknown] = 1
    closed = (ambiguous >= 0).astype(np.uint8)
    closed[micro.key[odd]] = 1
    before, after = np.empty(len(writers) + keys, np.int32), np.empty(len(writers) + keys, np.int32)
    kernel.around(view(offsets), view(writers), view(micro.txn), view(committed), view(before), view(after))
    return Lists(
        micro,
        base,
        span,
        later,
        updates,
        updated,
        previous,
        strange,
        position,
        places,
        words,
        top,
        ambiguous,
        closed,
        offsets,
        writers,
        before,
        after,
        committed,
        hashed,
        elements,
        oddities,
        met,
    )


def _elements(micro: Micro) -> tuple[Int64, Int64]:
    """Beside the pool the word of each element, and of each append its own: equal words, equal elements."""
    pool = micro.history.pool
    appended = micro.value.kind[micro.f == APPEND]
    kinds = micro.kinds
    for kind in (INT, STR, LIST, OTHER):
        kinds |= (1 << kind) if (appended == kind).any() else 0
    if kinds in _PLAIN and np.isin(appended, (INT, STR)).all():
        return pool.word, micro.value.word
    codes, _ = micro.history.codes(
        Column(np.concatenate([pool.kind, micro.value.kind]), np.concatenate([pool.word, micro.value.word]))
    )
    return codes[: len(pool.word)], codes[len(pool.word) :]


def edges(found: Lists) -> tuple[Int32, Int32, npt.NDArray[np.int8], int]:
    """(src, dst, class, nodes): ww, wr and rw, and what leads through nodes that are no transactions (FAN)."""
    micro = found.micro
    n, m, keys = len(micro), len(micro.f), micro.keys
    sizes = np.zeros(2, np.int64)
    none = np.zeros(0, np.int32)
    src, dst, cls = none, none, np.zeros(0, np.int8)
    for _ in range(2):
        kernel.connect(
            view(micro.txn),
            view(micro.f),
            view(micro.key),
            view(found.base),
            view(found.span),
            view(found.strange),
            view(found.later),
            view(found.updates),
            view(found.updated),
            view(found.position),
            view(found.closed),
            view(found.committed),
            view(found.offsets),
            view(found.before),
            view(found.after),
            view(scratch(keys)),
            view(scratch(keys)),
            view(np.empty(m, np.int32)),
            n,
            view(sizes),
            view(src),
            view(dst),
            view(cls),
        )
        count = int(sizes[0])
        if len(src) == count:
            break
        src, dst, cls = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int8)
    return src, dst, cls, int(sizes[1])
