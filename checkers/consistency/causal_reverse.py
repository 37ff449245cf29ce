"""Causal reverse ("causal-reverse"): a write is seen, and one that had ended before it began is not.

Strict serializability forbids it; serializability alone does not (Jepsen's test of that name; CockroachDB's
documents call it so). Writes are of distinct values per key (``write``, ``insert``, ``add``), a read returns
the list of all values it saw.

For a write w let R(w) be the number of writes acknowledged before w began. A read that saw w must have the
first R(w) acknowledged writes: it suffices to count those it has, for the largest R it saw.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from checkers.history import MalformedHistoryError, Op
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.words import canonical, identity, listing, plural, seconds, who

WRITES = frozenset({"write", "insert", "add"})
SHOWN = 8


class _Key:
    __slots__ = ("order", "rank", "writes")

    def __init__(self) -> None:
        self.writes: dict[Hashable, tuple[int, Op]] = {}  # value -> R of its first write, invocation
        self.rank: dict[Hashable, int] = {}  # value -> its place among the acknowledged
        self.order: list[tuple[Hashable, Op]] = []  # acknowledged, as they ended


class CausalReverse(Running):
    """No options. Memory grows with the values: a read returns all of them."""

    name = "causal-reverse"
    anomalies = ("causal-reverse",)

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._keys: dict[Hashable, _Key] = {}
        self._reads = 0
        self._told = 0

    def _key(self, op: Op) -> _Key:
        name = identity(op.key)
        found = self._keys.get(name)
        if found is None:
            found = self._keys[name] = _Key()
        return found

    def began(self, op: Op, position: int) -> None:  # noqa: ARG002
        if op.f in WRITES:
            key = self._key(op)
            key.writes.setdefault(identity(op.value), (len(key.order), op))

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        if op.type != "ok":
            return
        if invoke.f in WRITES:
            key, value = self._key(invoke), identity(invoke.value)
            if value not in key.rank:
                key.rank[value] = len(key.order)
                key.order.append((value, op))
        elif invoke.f == "read":
            self._read(invoke, op)

    def _read(self, invoke: Op, op: Op) -> None:
        if not isinstance(op.value, list | tuple):
            raise MalformedHistoryError(f"op {op.index}: a read must have a list of values, not {op.value!r}")
        key = self._key(invoke)
        self._reads += 1
        seen = {identity(v) for v in op.value}
        known = [(key.writes[v][0], v) for v in map(identity, op.value) if v in key.writes]
        if not known:
            return
        due, last = max(known, key=lambda pair: pair[0])
        self._told += due > 0
        ranks = key.rank
        if sum(1 for v in seen if ranks.get(v, due) < due) == due:
            return
        if not self.found.room("causal-reverse"):
            return
        missing = [(v, done) for v, done in key.order[:due] if v not in seen]
        write = key.writes[last][1]
        shown = listing([canonical(done.value).decode() for _, done in missing], SHOWN)
        text = (
            f"{who(op)} read at {seconds(op.time)} the value {canonical(write.value).decode()}, whose write began "
            f"at {seconds(write.time)}, but not {plural(len(missing), 'value')} acknowledged before that: {shown}"
        )
        ops = [invoke.index, op.index, write.index, *(done.index for _, done in missing[:SHOWN])]
        self.found.keep("causal-reverse", ops, text)

    def result(self) -> Result:
        coverage = {
            "keys": len(self._keys),
            "writes": sum(len(key.order) for key in self._keys.values()),
            "reads": self._reads,
            "reads_with_a_past": self._told,
        }
        unknown = "" if self._told else "no read saw a write that followed another"
        return conclude(self.name, self.anomalies, self.found, coverage, unknown)
