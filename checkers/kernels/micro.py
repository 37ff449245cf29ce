"""Micro-operations of transactions, from nested lists in the pool into flat arrays."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

NIL = 0
STR = 4
LIST = 5

R = 0
APPEND = 1
W = 2

FINE = 0
NO_MICRO = 1
NO_FUNCTION = 2
NO_LIST = 3


def extract(
    words: Sequence[int],
    known: Sequence[int],
    pool_kind: Sequence[int],
    pool_word: Sequence[int],
    names: Sequence[int],
    lists: int,
    offsets: Sequence[int],
    txns: MutableSequence[int],
    fs: MutableSequence[int],
    key_kinds: MutableSequence[int],
    key_words: MutableSequence[int],
    value_kinds: MutableSequence[int],
    value_words: MutableSequence[int],
    problem: MutableSequence[int],
) -> int:
    """Fill the arrays of micro-operations; the kinds of elements that reads have, as a mask of bits.

    ``words``: of each transaction, where its list is in the pool; ``known``: whether what it read is known (it was
    ok). ``names``: the codes of "r", "append" and "w" in the history's strings, -1 where one does not occur or is
    not allowed. ``lists``: reads must have a list or nothing. ``offsets``: where each transaction's micro-operations
    begin. ``problem``: [what, transaction, micro-operation]; the first that is none stops.
    """
    mask = 0
    for txn in range(len(words)):
        out = offsets[txn]
        base = words[txn] + 1
        for at in range(base, base + pool_word[base - 1]):
            place = pool_word[at]
            if pool_kind[at] != LIST or pool_word[place] != 3:
                problem[0] = NO_MICRO
                problem[1] = txn
                problem[2] = at - base
                return mask
            name = pool_word[place + 1]
            if pool_kind[place + 1] != STR:
                name = -2
            if name == names[R]:
                f = R
            elif name == names[APPEND]:
                f = APPEND
            elif name == names[W]:
                f = W
            else:
                problem[0] = NO_FUNCTION
                problem[1] = txn
                problem[2] = at - base
                return mask
            kind = pool_kind[place + 3]
            word = pool_word[place + 3]
            if lists and f == R and known[txn]:
                if kind == LIST:
                    for entry in range(word + 1, word + 1 + pool_word[word]):
                        mask |= 1 << pool_kind[entry]
                elif kind != NIL:
                    problem[0] = NO_LIST
                    problem[1] = txn
                    problem[2] = at - base
                    return mask
            txns[out] = txn
            fs[out] = f
            key_kinds[out] = pool_kind[place + 2]
            key_words[out] = pool_word[place + 2]
            value_kinds[out] = kind
            value_words[out] = word
            out += 1
    return mask
