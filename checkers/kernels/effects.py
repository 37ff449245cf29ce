"""What the operations of a register need and put, as values and as small numbers (objects.Registers)."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

CRASHED = 1 << 62
NONE = -1

READ, WRITE, CAS, DELETE, MISMATCH = 1, 2, 3, 4, 5
"""roles (checkers/models/model.py)"""

NIL, BOOL, INT, STR, LIST = 0, 1, 2, 4, 5
INITIAL = 254
"""as a kind: the initial value, whatever it is"""
NOTHING = 255

LOW, HIGH, KINDS, COUNT, UNPAIRED, UNLIKE = 0, 1, 2, 3, 4, 5
"""places in ``found``: the range of the integers; a bit a kind that occurs; values in all; the first compare-and-set
whose value is no pair, or NONE; whether there are mismatches"""


def collect(
    roles: Sequence[int],
    f: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    value_kind: Sequence[int],
    value_word: Sequence[int],
    pool_kind: Sequence[int],
    pool_word: Sequence[int],
    kinds: MutableSequence[int],
    words: MutableSequence[int],
    found: MutableSequence[int],
) -> None:
    """``kinds`` and ``words``: of operation i what it needs at 2i, and what it puts at 2i + 1. A mismatch puts
    nothing; what it did not find stands where others say what they need. ``roles``: by function.
    """
    low = 0
    high = -1
    met = 0
    count = 0
    bad = NONE
    unlike = 0
    for i in range(len(f)):
        role = roles[f[i]]
        kinds[2 * i] = NOTHING
        kinds[2 * i + 1] = NOTHING
        if role == READ:
            at = end[i]
            if at == CRASHED:
                continue
            kinds[2 * i] = value_kind[at]
            words[2 * i] = value_word[at]
        elif role == WRITE:
            at = begin[i]
            kinds[2 * i + 1] = value_kind[at]
            words[2 * i + 1] = value_word[at]
        elif role == DELETE:
            kinds[2 * i + 1] = INITIAL
            continue
        elif role in (CAS, MISMATCH):
            at = begin[i]
            word = value_word[at]
            if value_kind[at] != LIST or pool_word[word] != 2:
                if bad == NONE:
                    bad = i
                continue
            kinds[2 * i] = pool_kind[word + 1]
            words[2 * i] = pool_word[word + 1]
            if role == MISMATCH:
                unlike = 1
            else:
                kinds[2 * i + 1] = pool_kind[word + 2]
                words[2 * i + 1] = pool_word[word + 2]
        else:
            continue
        for place in range(2 * i, 2 * i + 2):
            kind = kinds[place]
            if kind == NOTHING:
                continue
            count += 1
            met |= 1 << kind
            if kind == INT:
                word = words[place]
                if low > high:
                    low = word
                    high = word
                elif word < low:
                    low = word
                elif word > high:
                    high = word
    found[LOW] = low
    found[HIGH] = high
    found[KINDS] = met
    found[COUNT] = count
    found[UNPAIRED] = bad
    found[UNLIKE] = unlike


def number(
    kinds: Sequence[int],
    words: Sequence[int],
    integers: int,
    texts: int,
    initial: int,
    codes: Sequence[int],
    need: MutableSequence[int],
    put: MutableSequence[int],
) -> None:
    """Codes of the values: ``codes``, one after the other, or where there are none by arithmetic: nil 0, false and
    true 1 and 2, integers from ``integers`` on, strings from ``texts``; ``initial`` for that.
    """
    given = len(codes) > 0
    met = 0
    for place in range(len(kinds)):
        kind = kinds[place]
        code = NONE
        if kind == INITIAL:
            code = initial
        elif kind == NOTHING:
            pass
        elif given:
            code = codes[met]
            met += 1
        elif kind == INT:
            code = words[place] + integers
        elif kind == STR:
            code = words[place] + texts
        elif kind == BOOL:
            code = words[place] + 1
        else:
            code = 0
        if place % 2 == 0:
            need[place // 2] = code
        else:
            put[place // 2] = code


def set_apart(
    roles: Sequence[int], f: Sequence[int], need: MutableSequence[int], unlike: MutableSequence[int]
) -> None:
    """What mismatches did not find goes from ``need`` to ``unlike``."""
    for i in range(len(f)):
        unlike[i] = NONE
        if roles[f[i]] == MISMATCH:
            unlike[i] = need[i]
            need[i] = NONE
