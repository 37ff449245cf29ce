"""Equal values get equal small numbers, in the order of their first appearance. Lists and maps: by content.

A value is a pair (kind, word); what a list or map holds lies in the pool (checkers/columns.py).
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

BOOL = 1
INT = 2
STR = 4
LIST = 5
MAP = 6

MASK = 0xFFFF_FFFF_FFFF_FFFF
MIX = 0x9E37_79B9_7F4A_7C15
MIX2 = 0xBF58_476D_1CE4_E5B9


def mixed(state: int, word: int) -> int:
    """One step of a hash of 64 bits (the finalizer of splitmix64 between words)."""
    state = ((state ^ (word & MASK)) * MIX) & MASK
    state ^= state >> 29
    state = (state * MIX2) & MASK
    return state ^ (state >> 32)


def hashed(kind: int, word: int, pool_kind: Sequence[int], pool_word: Sequence[int]) -> int:
    """Of a value, by content."""
    if kind not in (LIST, MAP):
        return mixed(kind, word)
    size = pool_word[word] * (1 if kind == LIST else 2)
    state = mixed(kind, size)
    for at in range(word + 1, word + 1 + size):
        state = mixed(state, hashed(pool_kind[at], pool_word[at], pool_kind, pool_word))
    return state


def same(kind: int, left: int, right: int, pool_kind: Sequence[int], pool_word: Sequence[int]) -> bool:
    """Whether two values of one kind are equal, by content."""
    if left == right:
        return True
    if kind not in (LIST, MAP):
        return False
    size = pool_word[left]
    if size != pool_word[right]:
        return False
    if kind == MAP:
        size *= 2
    for at in range(1, size + 1):
        if pool_kind[left + at] != pool_kind[right + at]:
            return False
        if not same(pool_kind[left + at], pool_word[left + at], pool_word[right + at], pool_kind, pool_word):
            return False
    return True


def number(
    kinds: Sequence[int],
    words: Sequence[int],
    pool_kind: Sequence[int],
    pool_word: Sequence[int],
    table: MutableSequence[int],
    firsts: MutableSequence[int],
    codes: MutableSequence[int],
) -> int:
    """How many different values there are.

    ``codes`` is filled with each value's number, ``firsts`` with the position of the first value of each number.
    ``table``: all -1, its length a power of two and twice that of ``words`` or more.
    """
    count = 0
    mask = len(table) - 1
    for at in range(len(words)):
        kind = kinds[at]
        word = words[at]
        place = hashed(kind, word, pool_kind, pool_word) & mask
        while True:
            code = table[place]
            if code < 0:
                table[place] = count
                firsts[count] = at
                codes[at] = count
                count += 1
                break
            first = firsts[code]
            if kinds[first] == kind and same(kind, words[first], word, pool_kind, pool_word):
                codes[at] = code
                break
            place = (place + 1) & mask
    return count


def survey(kinds: Sequence[int], words: Sequence[int], found: MutableSequence[int]) -> None:
    """``found``: the least and the greatest of the integers (the least greater than that where there are none), and a
    bit for each kind that occurs.
    """
    low = 0
    high = -1
    met = 0
    for at in range(len(kinds)):
        kind = kinds[at]
        met |= 1 << kind
        if kind == INT:
            word = words[at]
            if low > high:
                low = word
                high = word
            elif word < low:
                low = word
            elif word > high:
                high = word
    found[0] = low
    found[1] = high
    found[2] = met


def number_plain(
    kinds: Sequence[int],
    words: Sequence[int],
    integers: int,
    texts: int,
    table: MutableSequence[int],
    firsts: MutableSequence[int],
    codes: MutableSequence[int],
) -> int:
    """As ``number``, of nil, booleans, integers and strings, each with a place of its own in ``table``, which is all
    -1: what lies together there is mostly met together. Integers: ``integers`` beyond their word, strings ``texts``.
    """
    count = 0
    for at in range(len(words)):
        kind = kinds[at]
        place = 0
        if kind == INT:
            place = words[at] + integers
        elif kind == STR:
            place = words[at] + texts
        elif kind == BOOL:
            place = words[at] + 1
        code = table[place]
        if code < 0:
            code = count
            table[place] = code
            firsts[count] = at
            count += 1
        codes[at] = code
    return count
