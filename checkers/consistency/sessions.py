"""Session guarantees ("sessions"), after Terry et al., Session Guarantees for Weakly Consistent Replicated Data
(PDIS 1994). A session is a process; each key is judged alone.

| anomaly | the guarantee that is broken: of one session, for one key |
|---|---|
| monotonic-writes | a write is ordered after the session's writes before it |
| writes-follow-reads | a write is ordered after the versions that the session had read before it |
| read-your-writes | a read returns no version older than the session's writes before it |
| monotonic-reads | a read returns no version older than those the session had read before |

**The version order.** "Older" needs an order of a key's versions; the history shows some of it: the initial value
(nil, the empty list) is oldest; a list that was read shows the order of its elements, and that what it lacks is
newer than what it has; a cas shows what it replaced. The rest is open, and the checker asks whether *any* total
order of the key's versions agrees with what is shown and with all guarantees demanded. If there is none, a cycle
of demands says why, and the anomaly is named by the last of its guarantees in the order of the table: writers
decide the order, readers are judged by it. With the option ``version_order: value`` the values themselves are
the order (revisions, numbers that grow), and every demand is judged by it.

Demands are made between neighbours: a read against the session's last read and its writes since, a write against
its last write and last read. All four together reach everything else through these.

The order is kept while ops come (version_order.py): about constant time an op where versions are read about
as they were made; a reader that contradicts the order met before costs a rearrangement.

Values written must be distinct per key, and none nil: where two writes of one value may both have happened, or a
key was deleted, it is left out from there on. A transaction counts as its reads and writes, in order.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import msgspec

from checkers.consistency.version_order import VersionOrder
from checkers.history import Op
from checkers.micro_ops import R, micro_ops, outcome
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.words import canonical, identity, seconds

SHOWN, MONOTONIC_WRITES, FOLLOW_READS, READ_WRITES, MONOTONIC_READS = range(5)
GUARANTEES = ("monotonic-writes", "writes-follow-reads", "read-your-writes", "monotonic-reads")
INITIAL = b"initial"
"""the initial version's name; canonical values are JSON, so no value is called so"""
NOWHERE = 1 << 62
DELETES = frozenset({"delete", "remove"})


class Access(NamedTuple):
    """A version, by its value's name, that an op read or wrote."""

    version: Hashable
    op: Op
    wrote: bool


class Demand(NamedTuple):
    """``first`` is not newer than ``then``, because of guarantee number ``rank``."""

    rank: int
    first: Access
    then: Access


class _Session(msgspec.Struct):
    """What one process did to one key: ``writes``: since its last read, and the last one before."""

    read: Access | None = None
    writes: list[Access] = []


class _Key(msgspec.Struct):
    """``writers``: value -> its write, None when that failed. ``numbers``: of versions, given when something is
    first demanded of them: so they agree with the order of versions, mostly.
    """

    key: Any
    order: VersionOrder[Demand]
    numbers: dict[Hashable, int]
    values: dict[Hashable, Any] = {}
    writers: dict[Hashable, Op | None] = {}
    sessions: dict[int | str, _Session] = {}
    places: dict[Hashable, int] = {}
    """version -> its place in the longest list read"""
    log: list[Hashable] = []
    left_out: str = ""


class Sessions(Running):
    """Options: ``guarantees`` (a list of the anomalies' names; default all), ``version_order`` (``unknown``, the
    default, or ``value``).

    Memory grows with the versions: any of them may still be read. A session that ended is forgotten.
    """

    name = "sessions"
    anomalies = GUARANTEES

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        demanded = self.options.get("guarantees", GUARANTEES)
        strange = [g for g in demanded if g not in GUARANTEES]
        order = self.options.get("version_order", "unknown")
        if strange:
            raise ValueError(
                f"sessions: no guarantee is called {strange[0]!r}; there are {', '.join(GUARANTEES)}"
            )
        if order not in ("unknown", "value"):
            raise ValueError(f"sessions: version_order is {order!r}, expected unknown or value")
        self._demanded = frozenset([SHOWN, *(GUARANTEES.index(g) + 1 for g in demanded)])
        self._by_value = order == "value"
        self._keys: dict[Hashable, _Key] = {}
        self._counts = dict.fromkeys(("reads", "writes", "demands", "unexplained_reads"), 0)

    # --- versions -------------------------------------------------------------------------------------------

    def _key(self, raw: Any) -> _Key:
        name = identity(raw)
        found = self._keys.get(name)
        if found is None:
            order: VersionOrder[Demand] = VersionOrder()
            found = self._keys[name] = _Key(raw, order, {INITIAL: order.add()})
        return found

    def began(self, op: Op, position: int) -> None:  # noqa: ARG002
        if op.f in DELETES:
            self._leave_out(self._key(op.key), "it was deleted")
        for kind, raw, value in micro_ops(op):
            if kind == R:
                continue
            key, name = self._key(raw), identity(value)
            if value is None:
                self._leave_out(key, "nil was written")
            if key.writers.get(name) is None:
                key.writers[name] = op
                key.values[name] = value
            else:
                self._leave_out(key, f"value {canonical(value).decode()} was written twice")

    @staticmethod
    def _number(key: _Key, name: Hashable) -> int:
        number = key.numbers.get(name)
        if number is None:
            number = key.numbers[name] = key.order.add()
        return number

    @staticmethod
    def _leave_out(key: _Key, why: str) -> None:
        key.left_out = key.left_out or why

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        process = op.process
        if op.type == "fail":
            for kind, raw, value in micro_ops(invoke):
                key = self._key(raw)
                if kind != R and key.writers.get(identity(value)) is invoke:
                    key.writers[identity(value)] = None
            return
        if op.type == "ok" and invoke.f == "cas":
            self._replaced(invoke, op)
        for kind, raw, value in outcome(invoke, op) if op.type == "ok" else micro_ops(invoke):
            key = self._key(raw)
            if key.left_out:
                continue
            if kind != R:
                if key.writers.get(identity(value)) is not None:
                    self._write(key, identity(value), op)
            elif op.type == "ok":
                self._read(key, value, op)
        if op.type == "info":
            for _, raw, _ in micro_ops(invoke):
                self._key(raw).sessions.pop(process, None)

    def _version_read(self, key: _Key, value: Any) -> Hashable | None:
        """The version a read returned; None if nobody wrote it, or its list contradicts another."""
        if value is None:
            return INITIAL
        if isinstance(value, list | tuple):
            return self._list_read(key, value) if value else INITIAL
        name = identity(value)
        return name if key.writers.get(name) is not None else None

    def _list_read(self, key: _Key, value: Sequence[Any]) -> Hashable | None:
        whole = identity(value)
        if whole in key.writers:
            return whole  # a register whose values are lists
        names = [identity(v) for v in value]
        shared = min(len(names), len(key.log))
        if names[:shared] != key.log[:shared]:
            key.left_out = "two reads of the list have different orders"
            return None
        for name in names[shared:]:
            if name not in key.writers or name in key.places:
                key.left_out = "the list has an element twice, or one that nobody appended"
                return None
            key.places[name] = len(key.log)
            key.log.append(name)
        return names[-1]

    # --- demands --------------------------------------------------------------------------------------------

    def _write(self, key: _Key, version: Hashable, op: Op) -> None:
        self._counts["writes"] += 1
        session = key.sessions.setdefault(op.process, _Session())
        it = Access(version, op, wrote=True)
        if session.writes:
            self._demand(key, Demand(MONOTONIC_WRITES, session.writes[-1], it))
        if session.read is not None:
            self._demand(key, Demand(FOLLOW_READS, session.read, it))
        session.writes.append(it)

    def _read(self, key: _Key, value: Any, op: Op) -> None:
        self._counts["reads"] += 1
        before = len(key.log)
        version = self._version_read(key, value)
        if version is None:
            self._counts["unexplained_reads"] += 1
            return
        it = Access(version, op, wrote=False)
        self._show_list(key, before, it)
        session = key.sessions.setdefault(op.process, _Session())
        length = len(value) if isinstance(value, list | tuple) and version in key.places else NOWHERE
        for write in session.writes:
            if key.places.get(write.version, NOWHERE - 1) >= length:
                self._demand(key, Demand(SHOWN, it, write))
            self._demand(key, Demand(READ_WRITES, write, it))
        if session.read is not None:
            self._demand(key, Demand(MONOTONIC_READS, session.read, it))
        session.read, session.writes = it, session.writes[-1:]

    def _show_list(self, key: _Key, before: int, it: Access) -> None:
        """A list longer than all before shows the order of its new elements."""
        for place in range(max(before, 1), len(key.log)):
            first, then = key.log[place - 1], key.log[place]
            self._demand(
                key, Demand(SHOWN, Access(first, it.op, wrote=False), Access(then, it.op, wrote=False))
            )

    def _replaced(self, invoke: Op, op: Op) -> None:
        key = self._key(invoke.key)
        old, new = invoke.value
        version = self._version_read(key, old)
        if version is not None and not key.left_out:
            it = Access(version, op, wrote=False)
            self._demand(key, Demand(SHOWN, it, Access(identity(new), op, wrote=True)))

    def _demand(self, key: _Key, demand: Demand) -> None:
        first, then = demand.first.version, demand.then.version
        if demand.rank not in self._demanded or key.left_out:
            return
        self._counts["demands"] += demand.rank != SHOWN
        if first == then:
            return
        if self._by_value:
            if not self._in_order(key, first, then) and demand.rank != SHOWN:
                self._tell(key, [demand])
            return
        if first == INITIAL:
            return
        one, two = self._number(key, first), self._number(key, then)
        against = [] if then == INITIAL else key.order.put(one, two, demand)
        if against is not None:
            self._tell(key, [demand, *against])

    @staticmethod
    def _in_order(key: _Key, first: Hashable, then: Hashable) -> bool:
        if INITIAL in (first, then):
            return first == INITIAL
        one, two = key.values[first], key.values[then]
        return bool(one <= two) if type(one) is type(two) else canonical(one) <= canonical(two)

    # --- telling --------------------------------------------------------------------------------------------

    def _tell(self, key: _Key, cycle: list[Demand]) -> None:
        rank = max(demand.rank for demand in cycle)
        if rank == SHOWN:
            key.left_out = "what its lists and compare-and-sets show has no order"
            return
        kind = GUARANTEES[rank - 1]
        if not self.found.room(kind):
            return
        cycle.sort(key=lambda d: -d.rank)
        name = "" if key.key is None else f"key {canonical(key.key).decode()}: "
        said = [self._words(key, demand) for demand in cycle[:4]]
        if len(cycle) > 1:
            rest = f", and {len(cycle) - 4} more such" if len(cycle) > 4 else ""
            text = f"{said[0]}, but {'; '.join(said[1:])}{rest}. No order of the versions has it so"
        else:
            older = "the initial value" if cycle[0].then.version == INITIAL else "an older version"
            text = f"{said[0]}, which is {older}"
        ops = [access.op.index for d in cycle for access in (d.first, d.then)]
        writes = [
            w.index for d in cycle for a in (d.first, d.then) if (w := key.writers.get(a.version)) is not None
        ]
        self.found.keep(kind, [*ops, *writes], f"{name}{text}")

    @staticmethod
    def _words(key: _Key, demand: Demand) -> str:
        def shown(access: Access) -> str:
            return "nil" if access.version == INITIAL else canonical(key.values[access.version]).decode()

        first, then = demand.first, demand.then
        if demand.rank == SHOWN:
            return f"op {then.op.index} shows {shown(first)} before {shown(then)}"
        verb = "wrote" if first.wrote else "read"
        later = "wrote" if then.wrote else "read"
        return (
            f"process {then.op.process} {verb} {shown(first)} (by {seconds(first.op.time)}) and then {later} "
            f"{shown(then)} (by {seconds(then.op.time)})"
        )

    def result(self) -> Result:
        left_out = [key for key in self._keys.values() if key.left_out]
        coverage = {"keys": len(self._keys), "keys_left_out": len(left_out), **self._counts}
        unknown = ""
        if left_out:
            first = left_out[0]
            unknown = f"key {canonical(first.key).decode()} was left out: {first.left_out}"
        elif not self._counts["demands"]:
            unknown = "no session read or wrote a key twice"
        return conclude(self.name, self.anomalies, self.found, coverage, unknown)
