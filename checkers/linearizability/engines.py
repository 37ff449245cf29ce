"""The contract between linearizability and its engines, and the table of them.

An engine decides all keys of a history in one call, so that a hundred thousand small keys cost no Python each. A
model names its engines in order (``Model.engines``); what one declines the next one gets. ``search`` and ``table``
decide anything that their models know; the others are quicker where their conditions hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Final, NamedTuple

import numpy as np

from checkers.columns import Int8, Int64
from checkers.linearizability.budget import Budget
from checkers.linearizability.objects import CRASHED, NONE, Objects
from checkers.models import Model, ModelError

__all__ = [
    "CRASHED",
    "DECLINED",
    "ENGINES",
    "INVALID",
    "NONE",
    "UNKNOWN",
    "VALID",
    "Decisions",
    "Engine",
    "Objects",
    "engine_named",
    "undecided",
]

VALID: Final = 0
INVALID: Final = 1
UNKNOWN: Final = 2
"""the budget ran out"""
DECLINED: Final = 3
"""the engine's conditions do not hold for this key"""


class Decisions(NamedTuple):
    """By key. ``position``, of an invalid key: a completion at which the key's operations are impossible (the first
    one, where the engine can say it cheaply); of an unknown one: an order exists for all ops before it.

    ``why`` of what is unknown or declined, one clause: "the time budget of 60 s ran out".
    """

    status: Int8
    position: Int64
    why: dict[int, str]


@dataclass(frozen=True, slots=True)
class Engine:
    """``decide(objects, model, budget)`` decides every key of ``objects``; the budget is for all of them.

    ``core(objects, model, position)``, where an engine has one, gives numbers of operations of the only key of
    ``objects``, which is known to be impossible at ``position``: a sub-history that no further operation can make
    possible, so that words are only about what matters. It need not be minimal.

    ``first(objects, model, position)``: the first completion at which the only key is impossible, known to be so at
    ``position``. ``states(objects, model, position)``: codes of values (``Registers``) that the only key may have
    held before the completion at ``position``, the first impossible one. Where an engine lacks them, ``decide`` is
    asked about prefixes, and slow but general ways are taken.
    """

    name: str
    decide: Callable[[Objects, Model, Budget], Decisions]
    core: Callable[[Objects, Model, int], Sequence[int]] | None = None
    first: Callable[[Objects, Model, int], int] | None = None
    states: Callable[[Objects, Model, int], Sequence[int]] | None = None


ENGINES: dict[str, str] = {
    "zones": "checkers.linearizability.zones:ENGINE",
    "search": "checkers.linearizability.search:ENGINE",
    "queue": "checkers.linearizability.datatypes.containers:QUEUE",
    "unordered-queue": "checkers.linearizability.datatypes.containers:UNORDERED_QUEUE",
    "priority-queue": "checkers.linearizability.datatypes.containers:PRIORITY_QUEUE",
    "stack": "checkers.linearizability.datatypes.containers:STACK",
    "counter": "checkers.linearizability.datatypes.counter:ENGINE",
    "mutex": "checkers.linearizability.datatypes.mutex:ENGINE",
    "append": "checkers.linearizability.datatypes.appends:ENGINE",
    "set": "checkers.linearizability.datatypes.sets:ENGINE",
    "table": "checkers.linearizability.table:ENGINE",
}
"""name -> ``module:attribute``, imported when first needed"""


def engine_named(name: str) -> Engine:
    """Raises ModelError, one line, with the nearest name."""
    place = ENGINES.get(name)
    if place is None:
        near = get_close_matches(name, sorted(ENGINES), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ModelError(f"no engine is called {name!r}, only {', '.join(ENGINES)}{hint}")
    module, attribute = place.split(":")
    engine: Engine = getattr(import_module(module), attribute)
    return engine


def undecided(keys: int) -> Decisions:
    """For an engine to fill: every key declined."""
    return Decisions(np.full(keys, DECLINED, np.uint8), np.full(keys, -1, np.int64), {})
