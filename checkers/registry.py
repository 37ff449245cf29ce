"""Every checker by its name, ours and those of other packages.

Another package adds its own through the entry-point group ``splitbrain.checkers``: the entry point's name is
the checker's, its object is a factory without arguments that returns a ``Checker`` (checkers/record.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from checkers.online import Online
from checkers.record import Checker

GROUP = "splitbrain.checkers"

BUILT_IN: dict[str, str] = {
    "adya-g2": "checkers.adya_g2:AdyaG2",
    "agreement": "checkers.agreement:Agreement",
    "availability": "checkers.availability:Availability",
    "bank": "checkers.bank:Bank",
    "bite": "checkers.bite:Bite",
    "causal": "checkers.causal:Causal",
    "causal-register": "checkers.causal_register:CausalRegister",
    "causal-reverse": "checkers.causal_reverse:CausalReverse",
    "convergence": "checkers.convergence:Convergence",
    "counter": "checkers.counters:Counter",
    "crdt": "checkers.crdt:Crdt",
    "echo": "checkers.echo:Echo",
    "elections": "checkers.elections:Elections",
    "leases": "checkers.leases:Leases",
    "kafka": "checkers.kafka:Kafka",
    "linearizability": "checkers.linearizability:Linearizability",
    "list-append": "checkers.list_append:ListAppend",
    "lock": "checkers.locks:Lock",
    "long-fork": "checkers.long_fork:LongFork",
    "monotonic": "checkers.monotonic:Monotonic",
    "pn-counter": "checkers.counters:PnCounter",
    "progress": "checkers.progress:Progress",
    "queue": "checkers.queues:Queue",
    "rw-register": "checkers.rw_register:RwRegister",
    "raft-invariants": "checkers.raft_invariants:RaftInvariants",
    "sessions": "checkers.sessions:Sessions",
    "set": "checkers.set_final:FinalSet",
    "set-full": "checkers.sets:SetFull",
    "startup": "checkers.startup:Startup",
    "state-divergence": "checkers.state_divergence:StateDivergence",
    "stats": "checkers.stats:Stats",
    "total-queue": "checkers.queues:TotalQueue",
    "unique-ids": "checkers.echo:UniqueIds",
    "watch": "checkers.watch:Watch",
    "well-formed": "checkers.well_formed:WellFormed",
}
"""name -> ``module:factory``, imported when asked for"""

ONLINE: dict[str, str] = {
    "adya-g2": "checkers.adya_g2:AdyaG2",
    "agreement": "checkers.agreement:Agreement",
    "bank": "checkers.bank:Bank",
    "causal-register": "checkers.causal_register:CausalRegister",
    "causal-reverse": "checkers.causal_reverse:CausalReverse",
    "convergence": "checkers.convergence:Convergence",
    "counter": "checkers.counters:Counter",
    "crdt": "checkers.crdt:Crdt",
    "elections": "checkers.elections:Elections",
    "leases": "checkers.leases:Leases",
    "kafka": "checkers.kafka:Kafka",
    "linearizability": "checkers.linearizability_online:OnlineLinearizability",
    "lock": "checkers.locks:Lock",
    "long-fork": "checkers.long_fork:LongFork",
    "monotonic": "checkers.monotonic:Monotonic",
    "pn-counter": "checkers.counters:PnCounter",
    "progress": "checkers.progress:Progress",
    "queue": "checkers.queues:Queue",
    "raft-invariants": "checkers.raft_invariants:RaftInvariants",
    "sessions": "checkers.sessions:Sessions",
    "set": "checkers.set_final:FinalSet",
    "set-full": "checkers.sets:OnlineSetFull",
    "startup": "checkers.startup:Startup",
    "state-divergence": "checkers.state_divergence:StateDivergence",
    "total-queue": "checkers.queues:TotalQueue",
    "unique-ids": "checkers.echo:OnlineUniqueIds",
    "watch": "checkers.watch:Watch",
}
"""name -> ``module:factory`` of checkers that can also judge while a run goes on (checkers/online.py); the factory
takes the options of the record"""


class UnknownCheckerError(LookupError):
    """No checker has this name. The message is one line with the nearest name, or all of them."""


def names() -> list[str]:
    """All names, sorted. A built-in name cannot be taken by another package."""
    return sorted(BUILT_IN.keys() | {e.name for e in entry_points(group=GROUP)})


def create(name: str) -> Checker:
    """A fresh checker; raises UnknownCheckerError, and what the import of another package's module raises."""
    place = BUILT_IN.get(name)
    if place is not None:
        return _built(EntryPoint(name, place, GROUP))
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        if entry.name == name:
            return _built(entry)
    near = get_close_matches(name, names(), 1, 0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names())}"
    raise UnknownCheckerError(f"no checker is called {name!r}; {hint}")


def online(name: str, options: Mapping[str, Any]) -> Online | None:
    """A fresh online checker; None where the checker has none.

    A checker of another package judges online when its factory is a class with ``observe`` that takes the options
    (checkers/running.py, checkers/stepwise.py). Raises ValueError for options that it does not take.
    """
    place = ONLINE.get(name)
    if place is not None:
        factory = _factory(EntryPoint(name, place, GROUP))
    elif name in BUILT_IN:
        return None
    else:
        others = sorted((e for e in entry_points(group=GROUP) if e.name == name), key=lambda e: e.value)
        factory = _factory(others[0]) if others else None
        if not (isinstance(factory, type) and hasattr(factory, "observe")):
            return None
    made: Online = factory(options)
    return made


def _factory(entry: EntryPoint) -> Any:
    return getattr(import_module(entry.module), entry.attr)


def _built(entry: EntryPoint) -> Checker:
    checker: Checker = _factory(entry)()
    return checker
