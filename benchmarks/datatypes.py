"""How the engines of data types grow with the history: adversarial families at doubling sizes, loaded already.

    python benchmarks/datatypes.py [--most 640000] [--engine stack]

Prints processor seconds and what they grow by with each doubling; near 2 is linear. Every verdict is checked to be
the engine's own and "valid" where the history was made so.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path[0] = str(Path(__file__).resolve().parents[1])  # a file beside this one is called as the package is

from checkers.columns import INT, LIST, NIL, Column, History  # noqa: E402
from checkers.linearizability.budget import Budget  # noqa: E402
from checkers.linearizability.engines import VALID, engine_named  # noqa: E402
from checkers.linearizability.objects import grouped  # noqa: E402
from checkers.models import MODELS  # noqa: E402

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


def steps(n: int, width: float, crashed: float = 0.0) -> Ops:
    """Increments, and as many reads between."""
    half = n // 2
    at = np.arange(half) * 2.0
    f, _, begin, end, _ = pairs(n, at, at + 1.0, width)
    lost = np.zeros(2 * half, bool)
    lost[:half] = np.random.default_rng(n).random(half) < crashed
    return f, np.concatenate((np.ones(half, np.int64), np.arange(half) + 1)), begin, end, lost


FAMILIES: dict[str, tuple[str, list[str], dict[str, Callable[[int], Ops]]]] = {
    "queue": (
        "fifo-queue",
        ["enqueue", "dequeue"],
        {
            "ten at once": lambda n: in_turn(n, 10),
            "a thousand at once": lambda n: in_turn(n, 1000),
            "half crashed": lambda n: in_turn(n, 10, 0.5),
        },
    ),
    "unordered-queue": (
        "unordered-queue",
        ["enqueue", "dequeue"],
        {"ten at once": lambda n: nested(n, 10), "half crashed": lambda n: nested(n, 10, 0.5)},
    ),
    "stack": (
        "stack",
        ["push", "pop"],
        {
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
        {"sorted": lambda n: sorted_out(n, 0.4), "ten at once": lambda n: sorted_out(n, 10)},
    ),
    "counter": (
        "counter",
        ["add", "read"],
        {
            "ten at once": lambda n: steps(n, 10),
            "a thousand at once": lambda n: steps(n, 1000),
            "half crashed": lambda n: steps(n, 10, 0.5),
        },
    ),
    "mutex": (
        "mutex",
        ["acquire", "release"],
        {
            "ten at once": lambda n: steps(n, 10),
            "a thousand at once": lambda n: steps(n, 1000),
            "half crashed": lambda n: steps(n, 10, 0.5),
        },
    ),
    "set": (
        "set",
        ["add", "remove"],
        {"added and removed": lambda n: nested(n, 10), "half crashed": lambda n: nested(n, 10, 0.5)},
    ),
}


def lists(n: int) -> History:
    """So many appends, ten at once, and a read of everything after every tenth of them."""
    at = np.arange(n) * 2.0
    begin, end = spread(at, 10, n)
    readings = 10
    size = [(i + 1) * n // readings for i in range(readings)]
    moment = np.array([2.0 * s - 1.0 for s in size])
    kinds, words, place = [], [], []
    for s in size:
        place.append(sum(map(len, words)))
        kinds += [np.array([8], np.uint8), np.full(s, INT, np.uint8)]
        words += [np.array([s]), np.arange(s)]
    f = np.concatenate((np.zeros(n, np.int64), np.ones(readings, np.int64)))
    made = built(
        ["append", "read"],
        (
            f,
            np.concatenate((np.arange(n), place)),
            np.concatenate((begin, moment - 0.4)),
            np.concatenate((end, moment + 0.4)),
            np.zeros(len(f), bool),
        ),
    )
    kind = np.where((made.f == 1) & (made.type == 1), LIST, made.value.kind).astype(np.uint8)
    made.value = Column(kind, made.value.word)
    made.pool = Column(np.concatenate(kinds), np.concatenate(words))
    return made


def seconds(history: History, model: str, engine: str) -> float:
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        objects, _ = grouped(history, MODELS[model])
        decisions = engine_named(engine).decide(objects, MODELS[model], Budget(600, 4000))
        best = min(best, time.process_time() - begun)
        assert (decisions.status == VALID).all(), (engine, decisions)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description="How the engines of data types grow with the history.")
    parser.add_argument("--least", type=int, default=10_000)
    parser.add_argument("--most", type=int, default=640_000)
    parser.add_argument("--engine", default="")
    options = parser.parse_args()
    families = [
        (engine, model, name, lambda n, fs=fs, make=make: built(fs, make(n)))
        for engine, (model, fs, makers) in FAMILIES.items()
        for name, make in makers.items()
    ]
    families += [("append", "append-list", "ten at once, read ten times", lists)]
    for engine, model, name, make in families:
        if options.engine not in ("", engine):
            continue
        before, shown, n = 0.0, [], options.least
        while n <= options.most:
            took = seconds(make(n), model, engine)
            shown.append(f"{n // 1000}k {took:.3f} s" + (f" (x{took / before:.1f})" if before else ""))
            before = took
            n *= 2
        print(f"{engine}, {name}: " + ", ".join(shown), flush=True)


if __name__ == "__main__":
    main()
