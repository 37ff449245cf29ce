"""Histories of data types for benchmarks: adversarial families of which every history is linearizable.

Sizes count operations; half of them put, half take. Each element is put once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from checkers.columns import INT, LEN, LIST, NIL, Column, History

Ops = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""f (0: puts, 1: takes), value, and begin, end as any numbers; whether crashed"""


def built(fs: list[str], ops: Ops) -> History:
    """Columns: what is put, or removed, is asked for; what is taken is answered."""
    f, value, begin, end, crashed = ops
    n = len(f)
    kept = ~crashed
    at = np.concatenate((begin, end[kept]))
    order = np.argsort(at, kind="stable")
    which = np.concatenate((np.arange(n), np.arange(n)[kept]))[order]
    ends = np.concatenate((np.zeros(n, bool), np.ones(kept.sum(), bool)))[order]
    told = (f[which] == 0) | ends | (fs[1] == "remove")
    size = len(order)
    nothing = Column(np.zeros(size, np.uint8), np.zeros(size, np.int64))
    return History(
        index=np.arange(size),
        time=np.arange(size),
        process=which,
        type=ends.astype(np.uint8),
        f=f[which].astype(np.int32),
        node=np.full(size, -1, np.int32),
        key=nothing,
        value=Column(np.where(told, INT, NIL).astype(np.uint8), np.where(told, value[which], 0)),
        error=nothing,
        pool=Column(np.zeros(0, np.uint8), np.zeros(0, np.int64)),
        fs=fs,
        names=["nemesis"],
        strings=[],
        others=[],
    )


def spread(point: np.ndarray, width: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Intervals around these moments."""
    random = np.random.default_rng(seed)
    return point - random.random(len(point)) * width, point + random.random(len(point)) * width


def pairs(n: int, puts: np.ndarray, takes: np.ndarray, width: float, crashed: float = 0.0) -> Ops:
    """So many operations: elements put and taken at these moments, intervals of a width, some puts without an end."""
    half = n // 2
    begin, end = spread(np.concatenate((puts, takes)), width, n)
    lost = np.zeros(2 * half, bool)
    lost[:half] = np.random.default_rng(n + 1).random(half) < crashed
    return (
        np.repeat([0, 1], half),
        np.tile(np.arange(half), 2),
        begin,
        end,
        lost,
    )


def in_turn(n: int, width: float, crashed: float = 0.0) -> Ops:
    """A queue some way behind: each element is taken long after it was put."""
    at = np.arange(n // 2) * 2.0
    return pairs(n, at, at + 100.5, width, crashed)


def nested(n: int, width: float, crashed: float = 0.0) -> Ops:
    """All are put, then all are taken, the last first."""
    half = n // 2
    at = np.arange(half) * 2.0
    return pairs(n, at, 4.0 * half - at, width, crashed)


def towers(n: int, width: float, crashed: float = 0.0) -> Ops:
    """Towers of towers: nested by twos."""
    half = n // 2
    # element i spans all of its subtree: the numbers nearer to it than to one with more zeros at its end
    numbers = np.arange(1, half + 1)
    size = (numbers & -numbers).astype(float)
    reach = 4.0 * size - 2.0 - 1.0 / size
    return pairs(n, numbers * 4.0 - reach, numbers * 4.0 + reach, width, crashed)


def sorted_out(n: int, width: float, crashed: float = 0.0) -> Ops:
    """All are put, in any order, then taken, the smallest first."""
    half = n // 2
    at = np.random.default_rng(7).permutation(half) * 2.0
    return pairs(n, at, 2.0 * half + 10 + np.arange(half) * 2.0, width, crashed)


def all_at_once(n: int, crashed: float = 0.0) -> Ops:
    """Every operation overlaps every other."""
    moments = np.zeros(n // 2)
    return pairs(n, moments, moments, 1.0, crashed)


def inside(n: int) -> Ops:
    """Operations inside of operations: each begins later and ends earlier than the one before."""
    numbers = np.arange(n // 2 * 2)
    return numbers % 2, numbers // 2, numbers * 1.0, 3.0 * n - numbers, np.zeros(len(numbers), bool)


def ones(ops: Ops) -> Ops:
    """What is put is 1; takes tell from 1 on."""
    f, value, *rest = ops
    return f, np.where(f == 0, 1, value + 1), *rest


def steps(n: int, width: float, crashed: float = 0.0) -> Ops:
    """Increments, and as many reads between."""
    at = np.arange(n // 2) * 2.0
    return ones(pairs(n, at, at + 1.0, width, crashed))


ANY: dict[str, Callable[[int], Ops]] = {
    "all at once": all_at_once,
    "all at once, half crashed": lambda n: all_at_once(n, 0.5),
    "one inside the other": inside,
}
"""what is linearizable whatever the order of what is taken"""
COUNTED: dict[str, Callable[[int], Ops]] = {
    name: lambda n, make=make: ones(make(n)) for name, make in ANY.items()
}

TYPES: dict[str, tuple[str, list[str], dict[str, Callable[[int], Ops]]]] = {
    "queue": (
        "fifo-queue",
        ["enqueue", "dequeue"],
        {
            **ANY,
            "ten at once": lambda n: in_turn(n, 10),
            "a thousand at once": lambda n: in_turn(n, 1000),
            "half crashed": lambda n: in_turn(n, 10, 0.5),
        },
    ),
    "unordered-queue": (
        "unordered-queue",
        ["enqueue", "dequeue"],
        {**ANY, "ten at once": lambda n: nested(n, 10), "half crashed": lambda n: nested(n, 10, 0.5)},
    ),
    "stack": (
        "stack",
        ["push", "pop"],
        {
            **ANY,
            "nested": lambda n: nested(n, 0.4),
            "nested, a thousand at once": lambda n: nested(n, 1000),
            "towers": lambda n: towers(n, 0.2),
            "towers, ten at once": lambda n: towers(n, 20),
            "half crashed": lambda n: nested(n, 10, 0.5),
        },
    ),
    "priority-queue": (
        "priority-queue",
        ["enqueue", "dequeue"],
        {**ANY, "sorted": lambda n: sorted_out(n, 0.4), "ten at once": lambda n: sorted_out(n, 10)},
    ),
    "counter": (
        "counter",
        ["add", "read"],
        {
            **COUNTED,
            "ten at once": lambda n: steps(n, 10),
            "a thousand at once": lambda n: steps(n, 1000),
            "half crashed": lambda n: steps(n, 10, 0.5),
        },
    ),
    "mutex": (
        "mutex",
        ["acquire", "release"],
        {
            **ANY,
            "ten at once": lambda n: steps(n, 10),
            "a thousand at once": lambda n: steps(n, 1000),
            "half crashed": lambda n: steps(n, 10, 0.5),
        },
    ),
    "set": (
        "set",
        ["add", "remove"],
        {**ANY, "added and removed": lambda n: nested(n, 10), "half crashed": lambda n: nested(n, 10, 0.5)},
    ),
}


def lists(n: int, *, at_once: bool = False, crashed: float = 0.0) -> History:
    """So many appends, ten or all of them at once, and a read of everything after every tenth of them."""
    at = np.arange(n) * 2.0
    begin, end = spread(at, 2.0 * n if at_once else 10.0, n)
    if at_once:
        begin, end = begin - at, end - at + 2.0 * n
    readings = 10
    size = [(i + 1) * n // readings for i in range(readings)]
    moment = np.array([2.0 * s - 1.0 for s in size])
    kinds, words, place = [], [], []
    for s in size:
        place.append(sum(map(len, words)))
        kinds += [np.array([LEN], np.uint8), np.full(s, INT, np.uint8)]
        words += [np.array([s]), np.arange(s)]
    f = np.concatenate((np.zeros(n, np.int64), np.ones(readings, np.int64)))
    lost = np.zeros(len(f), bool)
    lost[:n] = np.random.default_rng(n + 1).random(n) < crashed
    made = built(
        ["append", "read"],
        (
            f,
            np.concatenate((np.arange(n), place)),
            np.concatenate((begin, moment - 0.4)),
            np.concatenate((end, moment + 0.4)),
            lost,
        ),
    )
    kind = np.where((made.f == 1) & (made.type == 1), LIST, made.value.kind).astype(np.uint8)
    made.value = Column(kind, made.value.word)
    made.pool = Column(np.concatenate(kinds), np.concatenate(words))
    return made


LISTS: dict[str, Callable[[int], History]] = {
    "all at once, read ten times": lambda n: lists(n, at_once=True),
    "ten at once, read ten times": lists,
    "half crashed, read ten times": lambda n: lists(n, crashed=0.5),
}


def families() -> list[tuple[str, str, str, Callable[[int], History]]]:
    """(engine, model, name, what makes so many operations)."""
    found: list[tuple[str, str, str, Callable[[int], History]]] = [
        (engine, model, name, lambda n, fs=fs, make=make: built(fs, make(n)))
        for engine, (model, fs, makers) in TYPES.items()
        for name, make in makers.items()
    ]
    return found + [("append", "append-list", name, make) for name, make in LISTS.items()]
