"""Which operations may have happened, and of which key each is (checkers/linearizability/objects.py)."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

OK = 1
FAIL = 2
CRASHED = 1 << 62

OKS, CRASHES, FAILURES, COUNTED, KEPT, MIXED = 0, 1, 2, 3, 4, 5
"""places in ``tally``: operations by outcome; those and all that are kept; whether keys are not all written alike"""


def sift(
    begin: Sequence[int],
    end: Sequence[int],
    outcome: Sequence[int],
    f: Sequence[int],
    reads: Sequence[int],
    renamed: Sequence[int],
    key_kind: Sequence[int],
    key_word: Sequence[int],
    counted: MutableSequence[int],
    kept: MutableSequence[int],
    begins: MutableSequence[int],
    ends: MutableSequence[int],
    dones: MutableSequence[int],
    functions: MutableSequence[int],
    present: MutableSequence[int],
    tally: MutableSequence[int],
) -> None:
    """Operations (``begin``, ``end``, ``outcome``) without definite failures and crashed reads.

    ``f``: by position of the history; ``reads``: by function; ``renamed``: nothing, or per operation a function for
    a failure that is kept as completed, -1 for others. ``counted``: begins of all that ``tally`` counts, and whether
    each is ``kept``. Of what is kept: ``begins``, ``ends`` (CRASHED), ``dones`` (the position of the completion,
    whatever it is), ``functions``; and, by function, whether it is ``present``.
    """
    total = 0
    count = 0
    oks = 0
    crashes = 0
    failures = 0
    mixed = 0
    kind = 0
    word = 0
    named = len(renamed) > 0
    for i in range(len(begin)):
        at = begin[i]
        what = outcome[i]
        name = f[at]
        stays = True
        stop = end[i]
        if what == OK:
            oks += 1
        elif what == FAIL:
            failures += 1
            stays = False
            if named and renamed[i] >= 0:
                stays = True
                name = renamed[i]
        elif reads[name]:
            continue
        else:
            crashes += 1
            stop = CRASHED
        if total == 0:
            kind = key_kind[at]
            word = key_word[at]
        elif key_kind[at] != kind or key_word[at] != word:
            mixed = 1
        counted[total] = at
        kept[total] = stays
        total += 1
        if stays:
            begins[count] = at
            ends[count] = stop
            dones[count] = end[i]
            functions[count] = name
            present[name] = 1
            count += 1
    tally[OKS] = oks
    tally[CRASHES] = crashes
    tally[FAILURES] = failures
    tally[COUNTED] = total
    tally[KEPT] = count
    tally[MIXED] = mixed


def deal(
    codes: Sequence[int],
    kept: Sequence[int],
    begins: Sequence[int],
    ends: Sequence[int],
    dones: Sequence[int],
    functions: Sequence[int],
    place: MutableSequence[int],
    start: MutableSequence[int],
    by_key: MutableSequence[int],
    ends_by_key: MutableSequence[int],
    dones_by_key: MutableSequence[int],
    functions_by_key: MutableSequence[int],
) -> int:
    """Bring what is kept in the order of its keys (``codes``, of what was counted), and leave it in order within
    each. How many keys have any; ``start`` is where each of these starts, and the end. ``place``: one a key, all 0.
    """
    for i in range(len(codes)):
        if kept[i]:
            place[codes[i]] += 1
    keys = 0
    total = 0
    for key in range(len(place)):
        size = place[key]
        place[key] = total
        if size > 0:
            start[keys] = total
            keys += 1
            total += size
    start[keys] = total
    j = 0
    for i in range(len(codes)):
        if kept[i]:
            to = place[codes[i]]
            place[codes[i]] = to + 1
            by_key[to] = begins[j]
            ends_by_key[to] = ends[j]
            dones_by_key[to] = dones[j]
            functions_by_key[to] = functions[j]
            j += 1
    return keys
