"""The engine ``search``: registers whose values may be written more than once (checkers/kernels/search.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from checkers.columns import Int64
from checkers.kernels import search, view
from checkers.linearizability.budget import Budget
from checkers.linearizability.engines import DECLINED, NONE, UNKNOWN, Decisions, Engine, Objects
from checkers.linearizability.purse import IDLE_MAX, Purse, each_within
from checkers.models import Model, Role

STRANGE = "some of its operations are no reads, writes or compare-and-sets of one register"


def decide(objects: Objects, model: Model, budget: Budget) -> Decisions:
    """Declines keys with operations that have no role of a register."""
    del model
    status, position = np.full(objects.keys, UNKNOWN, np.uint8), np.full(objects.keys, NONE, np.int64)
    why = dict.fromkeys(_strangers(objects), STRANGE)
    for key in why:
        status[key] = DECLINED
    with _loaded(objects, budget) as found:
        registers = objects.registers
        arguments = _flat(objects.start), _flat(registers.need), _flat(registers.put), registers.initial
        results = view(status), view(position)
        each_within(found, objects.keys, lambda key: found.decide(key, *arguments, *results), position, why)
    return Decisions(status, position, why)


_idle: list[search.Search] = []
"""a search that has ended, to be used again: making one takes longer than judging a small history"""


@contextmanager
def _loaded(objects: Objects, budget: Budget) -> Iterator[search.Search]:
    purse = Purse(budget, objects.keys)
    if _idle:
        found = _idle.pop()
        found.again(purse.look)
    else:
        found = search.Search(purse.look)
    purse.search = found
    longest = max(objects.longest, 1)
    found.load(_flat(objects.begin), _flat(objects.end), objects.registers.size, longest)
    yield found
    if longest < IDLE_MAX and not _idle:
        found.again(_unasked)
        _idle.append(found)


def _unasked(explored: int, held: int) -> int:
    """Of an idle search."""
    del explored, held
    return 1


def _flat(array: Int64) -> Any:
    return view(np.ascontiguousarray(array))


def _strangers(objects: Objects) -> list[int]:
    """The keys with operations of no role."""
    return [*objects.with_role(Role.OTHER), *objects.with_role(Role.MISMATCH)]


ENGINE = Engine("search", decide)
