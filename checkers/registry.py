"""Every checker by its name, ours and those of other packages.

Another package adds its own through the entry-point group ``splitbrain.checkers``: the entry point's name is
the checker's, its object is a factory without arguments that returns a ``Checker`` (checkers/record.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from checkers.online import Online
from checkers.record import Checker

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "splitbrain.checkers"

BUILT_IN: dict[str, str] = {
    "adya-g2": "checkers.consistency.adya_g2:AdyaG2",
    "agreement": "checkers.replicas.agreement:Agreement",
    "availability": "checkers.liveness.availability:Availability",
    "bank": "checkers.consistency.bank:Bank",
    "bite": "checkers.runs.bite:Bite",
    "causal": "checkers.consistency.causal:Causal",
    "causal-register": "checkers.consistency.causal_register:CausalRegister",
    "causal-reverse": "checkers.consistency.causal_reverse:CausalReverse",
    "convergence": "checkers.replicas.convergence:Convergence",
    "counter": "checkers.collections.counters:Counter",
    "crdt": "checkers.replicas.crdt:Crdt",
    "echo": "checkers.collections.echo:Echo",
    "elections": "checkers.liveness.elections:Elections",
    "leases": "checkers.coordination.leases:Leases",
    "kafka": "checkers.collections.kafka:Kafka",
    "linearizability": "checkers.linearizability.checker:Linearizability",
    "list-append": "checkers.txn.list_append:ListAppend",
    "lock": "checkers.coordination.locks:Lock",
    "long-fork": "checkers.consistency.long_fork:LongFork",
    "monotonic": "checkers.consistency.monotonic:Monotonic",
    "pn-counter": "checkers.collections.counters:PnCounter",
    "progress": "checkers.liveness.progress:Progress",
    "queue": "checkers.collections.queues:Queue",
    "rw-register": "checkers.txn.rw_register:RwRegister",
    "raft-invariants": "checkers.replicas.raft_invariants:RaftInvariants",
    "sessions": "checkers.consistency.sessions:Sessions",
    "set": "checkers.collections.set_final:FinalSet",
    "set-full": "checkers.collections.sets:SetFull",
    "startup": "checkers.liveness.startup:Startup",
    "state-divergence": "checkers.replicas.state_divergence:StateDivergence",
    "stats": "checkers.runs.stats:Stats",
    "total-queue": "checkers.collections.queues:TotalQueue",
    "unique-ids": "checkers.collections.echo:UniqueIds",
    "watch": "checkers.coordination.watch:Watch",
    "well-formed": "checkers.runs.well_formed:WellFormed",
}
"""name -> ``module:factory``, imported when asked for"""

ONLINE: dict[str, str] = {
    "adya-g2": "checkers.consistency.adya_g2:AdyaG2",
    "agreement": "checkers.replicas.agreement:Agreement",
    "bank": "checkers.consistency.bank:Bank",
    "causal": "checkers.consistency.causal_online:OnlineCausal",
    "causal-register": "checkers.consistency.causal_register:CausalRegister",
    "causal-reverse": "checkers.consistency.causal_reverse:CausalReverse",
    "convergence": "checkers.replicas.convergence:Convergence",
    "counter": "checkers.collections.counters:Counter",
    "crdt": "checkers.replicas.crdt:Crdt",
    "elections": "checkers.liveness.elections:Elections",
    "leases": "checkers.coordination.leases:Leases",
    "kafka": "checkers.collections.kafka:Kafka",
    "linearizability": "checkers.linearizability.online:OnlineLinearizability",
    "list-append": "checkers.txn.online:OnlineListAppend",
    "lock": "checkers.coordination.locks:Lock",
    "long-fork": "checkers.consistency.long_fork:LongFork",
    "monotonic": "checkers.consistency.monotonic:Monotonic",
    "pn-counter": "checkers.collections.counters:PnCounter",
    "progress": "checkers.liveness.progress:Progress",
    "queue": "checkers.collections.queues:Queue",
    "raft-invariants": "checkers.replicas.raft_invariants:RaftInvariants",
    "rw-register": "checkers.txn.online:OnlineRwRegister",
    "sessions": "checkers.consistency.sessions:Sessions",
    "set": "checkers.collections.set_final:FinalSet",
    "set-full": "checkers.collections.sets:OnlineSetFull",
    "startup": "checkers.liveness.startup:Startup",
    "state-divergence": "checkers.replicas.state_divergence:StateDivergence",
    "total-queue": "checkers.collections.queues:TotalQueue",
    "unique-ids": "checkers.collections.echo:OnlineUniqueIds",
    "watch": "checkers.coordination.watch:Watch",
}
"""name -> ``module:factory`` of checkers that can also judge while a run goes on (checkers/online.py); the factory
takes the options of the record"""


class UnknownCheckerError(LookupError):
    """No checker has this name. The message is one line with the nearest name, or all of them."""


def entry_points(*, group: str) -> Iterable[EntryPoint]:
    """Those of other packages."""
    from importlib import metadata  # noqa: PLC0415 (its import costs more than a small history's verdict)

    return metadata.entry_points(group=group)


def names() -> list[str]:
    """All names, sorted. A built-in name cannot be taken by another package."""
    return sorted(BUILT_IN.keys() | {e.name for e in entry_points(group=GROUP)})


def create(name: str) -> Checker:
    """A fresh checker; raises UnknownCheckerError, and what the import of another package's module raises."""
    place = BUILT_IN.get(name)
    if place is not None:
        return _built(*place.split(":"))
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        if entry.name == name:
            return _built(entry.module, entry.attr)
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
        factory = _factory(*place.split(":"))
    elif name in BUILT_IN:
        return None
    else:
        others = sorted((e for e in entry_points(group=GROUP) if e.name == name), key=lambda e: e.value)
        factory = _factory(others[0].module, others[0].attr) if others else None
        if not (isinstance(factory, type) and hasattr(factory, "observe")):
            return None
    made: Online = factory(options)
    return made


def _factory(module: str, attribute: str) -> Any:
    return getattr(import_module(module), attribute)


def _built(module: str, attribute: str) -> Checker:
    checker: Checker = _factory(module, attribute)()
    return checker
