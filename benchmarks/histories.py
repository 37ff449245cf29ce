"""Histories for benchmarks, made from a seed with integers only: the same file on any machine.

A made-up cluster serves ``processes`` clients; each operation takes effect at one moment between its beginning and
its end, so the history is linearizable until ``stale`` spoils one read. Sizes count operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checkers.columns import FAIL, INFO, INT, INVOKE, LEN, LIST, NIL, OK, Column, History

Ints = npt.NDArray[np.int64]
READ, WRITE, CAS = range(3)
NOTHING = -1
"""a value that is nil"""


def draws(seed: int, purpose: int, size: int, below: int) -> Ints:
    """``size`` integers from 0 to ``below`` - 1: SplitMix64 of a counter, keyed by seed and purpose."""
    z = np.arange(1, size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64((seed * 1_000_003 + purpose * 7_919 + 1) * 0xD1342543DE82EF95 % (1 << 64))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) % np.uint64(below)).astype(np.int64)


@dataclass
class Operations:
    """Arrays with one place an operation; ``second`` is what a cas writes. Times are any integers."""

    process: Ints
    key: Ints
    f: Ints
    value: Ints
    second: Ints
    begin: Ints
    end: Ints
    outcome: Ints
    got: Ints


def register(
    operations: int,
    processes: int = 10,
    *,
    seed: int = 1,
    keys: int = 0,
    values: int = 0,
    cas: bool = False,
    crashed_ppm: int = 0,
    stale: bool = False,
) -> History:
    """Reads and writes, half and half, of one register or of ``keys``; ``values`` 0: each is written once.

    ``cas``: a third of them is compare-and-set, which fails where it does not compare. ``crashed_ppm``: share of the
    writes whose outcome is unknown; half of these took effect. ``stale``: one read in the last third returns what
    had been replaced long before.
    """
    made = _timed(operations, processes, seed)
    if keys:
        made.key = draws(seed, 4, operations, keys)
    made.f = draws(seed, 5, operations, 3 if cas else 2)
    reading = made.f == READ
    numbers = np.arange(1, operations + 1, dtype=np.int64)
    made.value = draws(seed, 6, operations, values) if values else numbers
    made.second = draws(seed, 7, operations, values) if values else numbers
    crashed = ~reading & (draws(seed, 8, operations, 1_000_000) < crashed_ppm)
    effective = ~crashed | (draws(seed, 9, operations, 2) == 0)
    made.outcome[crashed] = INFO
    moment = made.begin + 1 + draws(seed, 10, operations, 1 << 40) % (made.end - made.begin - 1)
    order = np.lexsort((moment, made.key))
    (_replay if values or cas else _served)(made, order, effective)
    made.got[~reading] = NOTHING
    made.value[reading] = NOTHING
    _renamed(made, processes)
    if stale:
        _spoil(made, order)
    return history(made)


def _timed(operations: int, processes: int, seed: int) -> Operations:
    """Each process does one operation after the other, for 100 to 1,100 ticks each, with pauses of up to 100."""
    rounds = -(-operations // processes)
    took = draws(seed, 1, rounds * processes, 1_000).reshape(rounds, processes) + 100
    pause = draws(seed, 2, rounds * processes, 100).reshape(rounds, processes) + 1
    end = np.cumsum(took + pause, axis=0)
    begin = (end - took).ravel()[:operations]
    none = np.full(operations, NOTHING, np.int64)
    return Operations(
        process=np.arange(operations, dtype=np.int64) % processes,
        key=none.copy(),
        f=none.copy(),
        value=none.copy(),
        second=none.copy(),
        begin=begin,
        end=end.ravel()[:operations],
        outcome=np.full(operations, OK, np.int64),
        got=none.copy(),
    )


def _served(made: Operations, order: Ints, effective: npt.NDArray[np.bool_]) -> None:
    """What reads of unique values get: the last effective write before them, of their key."""
    size = len(order)
    writes = (made.f[order] == WRITE) & effective[order]
    last = np.maximum.accumulate(np.where(writes, np.arange(size), -1))
    first = np.zeros(size, np.int64)
    changes = np.flatnonzero(np.diff(made.key[order])) + 1
    first[changes] = changes
    fresh = last < np.maximum.accumulate(first)
    got = np.where(fresh, NOTHING, made.value[order][np.maximum(last, 0)])
    made.got[order] = got


def _replay(made: Operations, order: Ints, effective: npt.NDArray[np.bool_]) -> None:
    """The same one by one, for values that come again and for compare-and-set."""
    state: dict[int, int] = {}
    for at in order.tolist():
        key, f = int(made.key[at]), int(made.f[at])
        now = state.get(key, NOTHING)
        if f == READ:
            made.got[at] = now
        elif not effective[at]:
            continue
        elif f == WRITE:
            state[key] = int(made.value[at])
        elif now == made.value[at]:
            state[key] = int(made.second[at])
        elif made.outcome[at] == OK:
            made.outcome[at] = FAIL


def _renamed(made: Operations, processes: int) -> None:
    """A process that learned nothing never invokes again; another takes its place."""
    crashed = (made.outcome == INFO).astype(np.int64)
    rows = -(-len(crashed) // processes)
    table = np.zeros(rows * processes, np.int64)
    table[: len(crashed)] = crashed
    before = np.cumsum(table.reshape(rows, processes), axis=0) - table.reshape(rows, processes)
    made.process += before.ravel()[: len(crashed)] * processes


def _spoil(made: Operations, order: Ints) -> None:
    """A read late in the history returns the value that an early read of the same key returned."""
    reads = order[(made.f[order] == READ) & (made.got[order] != NOTHING)]
    late = reads[np.argsort(made.begin[reads], kind="stable")][len(reads) * 5 // 6]
    same = reads[made.key[reads] == made.key[late]]
    made.got[late] = made.got[same[np.argsort(made.begin[same], kind="stable")][len(same) // 10]]


def all_concurrent(operations: int, seed: int = 1) -> History:
    """Every operation overlaps every other: half of them write, half read what one of these writes."""
    made = _timed(operations, operations, seed)
    half = operations // 2
    made.f[:] = WRITE
    made.f[half:] = READ
    made.value[:half] = np.arange(1, half + 1)
    made.got[half:] = draws(seed, 11, operations - half, max(half, 1)) + 1
    made.begin = draws(seed, 12, operations, 1_000)
    made.end = 2_000 + draws(seed, 13, operations, 1_000)
    return history(made)


def half_crashed(operations: int, seed: int = 1) -> History:
    """Every second write has an unknown outcome."""
    return register(operations, seed=seed, crashed_ppm=500_000)


def cas_chain(operations: int, seed: int = 1) -> History:
    """One write, then a compare-and-set on each other's value without end, ten of them open at a time."""
    made = _timed(operations, operations, seed)
    made.f[:] = CAS
    made.f[0] = WRITE
    made.value[:] = np.arange(operations)
    made.second = made.value + 1
    made.value[0] = 1
    made.begin = np.arange(operations, dtype=np.int64) * 10 - draws(seed, 14, operations, 50)
    made.end = np.arange(operations, dtype=np.int64) * 10 + 1 + draws(seed, 15, operations, 50)
    return history(made)


def nested(operations: int, seed: int = 1) -> History:
    """Operations inside of operations: each begins later and ends earlier than the one before.

    Every second one reads what the one around it writes.
    """
    made = _timed(operations, operations, seed)
    numbers = np.arange(operations, dtype=np.int64)
    made.f = np.where(numbers % 2 == 0, WRITE, READ).astype(np.int64)
    made.value = np.where(numbers % 2 == 0, numbers + 1, NOTHING)
    made.got = np.where(numbers % 2 == 0, NOTHING, numbers)
    made.begin = numbers
    made.end = 3 * operations - numbers
    return history(made)


FAMILIES: dict[str, Callable[[int], History]] = {
    "all-concurrent": all_concurrent,
    "half-crashed": half_crashed,
    "cas-chain": cas_chain,
    "nested": nested,
}


def history(made: Operations) -> History:
    """Operations as the ops of a history, in order of time."""
    size = len(made.begin)
    number = np.arange(size, dtype=np.int64)
    time = np.concatenate([made.begin, made.end])
    who = np.concatenate([number, number])
    completes = np.repeat(np.array([0, 1], np.int64), size)
    order = np.lexsort((who, completes, time))
    who, completes = who[order], completes[order]
    kind = np.where(completes == 1, made.outcome[who], INVOKE).astype(np.uint8)
    f = made.f[who]
    cas = f == CAS
    pool_size = int((made.f == CAS).sum())
    place = np.cumsum(made.f == CAS) - 1
    pool_word = np.column_stack(
        [np.full(pool_size, 2, np.int64), made.value[made.f == CAS], made.second[made.f == CAS]]
    ).ravel()
    pool_kind = np.tile(np.array([LEN, INT, INT], np.uint8), pool_size)
    plain = np.where((completes == 1) & (f == READ), made.got[who], made.value[who])
    word = np.where(cas, place[who] * 3, np.maximum(plain, 0))
    value_kind = np.where(cas, LIST, np.where(plain == NOTHING, NIL, INT)).astype(np.uint8)
    key = made.key[who]
    nothing = np.zeros(2 * size, np.int64)
    return History(
        index=np.arange(2 * size, dtype=np.int64),
        time=time[order] * 1_000 + 1_000_000,
        process=made.process[who],
        type=kind,
        f=f.astype(np.int32),
        node=np.full(2 * size, -1, np.int32),
        key=Column(np.where(key == NOTHING, NIL, INT).astype(np.uint8), np.maximum(key, 0)),
        value=Column(value_kind, np.where(value_kind == NIL, 0, word)),
        error=Column(nothing.astype(np.uint8), nothing),
        pool=Column(pool_kind, pool_word),
        fs=["read", "write", "cas"],
        names=["nemesis"],
        strings=[],
        others=[],
    )
