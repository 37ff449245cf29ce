"""Long forks ("long-fork"): two readers see two independent writes in opposite orders. After Jepsen's.

Snapshot isolation forbids it, parallel snapshot isolation (Sovran et al., SOSP'11) allows it. Each key is
written at most once; a read transaction reads a group of keys. A read is then the set of keys it found
written, and under snapshot isolation the reads of one group form a chain by inclusion. Reads are compared
with others of the same group of keys.

| anomaly | meaning |
|---|---|
| long-fork | of two reads of a group, each saw a write that the other did not |
| unwritten-value | a read saw a value that nobody wrote to the key, or whose write failed or had not begun |

An operation's value is a list of ["r", key, value] and ["w", key, value]; a plain ``read`` or ``write`` of one
key counts as one of these.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from typing import Any, NamedTuple

from checkers.history import Op
from checkers.micro_ops import R, micro_ops, outcome
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.words import canonical, identity, listing, seconds, who


class _Read(NamedTuple):
    seen: frozenset[Hashable]
    invoke: Op
    done: Op


class LongFork(Running):
    """No options. Memory grows with the groups: any may be read again; per group it is one read for each number
    of keys found, whatever the number of reads.
    """

    name = "long-fork"
    anomalies = ("long-fork", "unwritten-value")

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._writes: dict[Hashable, tuple[Hashable, Op, bool]] = {}  # key -> value, invocation, failed
        self._unsettled: dict[
            Hashable, list[tuple[Op, Op, Any, Any]]
        ] = {}  # key -> reads that saw its write still open
        self._twice: dict[Hashable, Any] = {}  # keys written more than once
        self._chains: dict[frozenset[Hashable], list[_Read]] = {}  # group -> reads by number of keys found
        self._reads = 0
        self._early = 0
        self._late = 0

    def began(self, op: Op, position: int) -> None:  # noqa: ARG002
        for kind, key, value in micro_ops(op):
            if kind != R:
                name = identity(key)
                if name in self._writes and not self._writes[name][2]:
                    self._twice.setdefault(name, key)
                self._writes[name] = identity(value), op, False
                self._unsettled[name] = []

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        for kind, key, _ in micro_ops(invoke):
            name = identity(key)
            written = self._writes.get(name) if kind != R else None
            if written is None or written[1] is not invoke:
                continue
            readers = self._unsettled.pop(name, [])
            if op.type == "fail":
                self._writes[name] = written[0], invoke, True
                for reader in readers:
                    self._judge_value(*reader)
        if op.type == "ok":
            done = outcome(invoke, op)
            found = {identity(key): (key, value) for kind, key, value in done if kind == R}
            if len(found) > 1 and not any(kind != R for kind, _, _ in done):
                self._read(invoke, op, found)

    def _read(self, invoke: Op, op: Op, found: dict[Hashable, tuple[Any, Any]]) -> None:
        self._reads += 1
        for name, (key, value) in found.items():
            if value is not None and name not in self._twice:
                self._judge_value(invoke, op, key, value)
        seen = frozenset(name for name, (_, value) in found.items() if value is not None)
        self._early += not seen
        self._late += len(seen) == len(found)
        if self._twice.keys() & found.keys():
            return
        read = _Read(seen, invoke, op)
        chain = self._chains.setdefault(frozenset(found), [])
        at = bisect_left(chain, len(seen), key=lambda r: len(r.seen))
        if at < len(chain) and chain[at].seen == seen:
            return
        for other in chain[max(0, at - 1) : at + 1]:
            if not (other.seen <= seen or seen <= other.seen):
                self._fork(other, read, found)
                return
        chain.insert(at, read)

    def _judge_value(self, invoke: Op, op: Op, key: Any, value: Any) -> None:
        written = self._writes.get(identity(key))
        if written is not None and written[0] == identity(value) and not written[2]:
            if identity(key) in self._unsettled:
                self._unsettled[identity(key)].append((invoke, op, key, value))
            return
        if self.found.room("unwritten-value"):
            why = "whose write failed" if written is not None and written[2] else "which nobody had written"
            text = (
                f"{who(op)} read at {seconds(op.time)} of key {canonical(key).decode()} the value "
                f"{canonical(value).decode()}, {why}"
            )
            ops = [invoke.index, op.index] + ([written[1].index] if written is not None else [])
            self.found.keep("unwritten-value", ops, text)

    def _fork(self, one: _Read, two: _Read, found: dict[Hashable, tuple[Any, Any]]) -> None:
        if not self.found.room("long-fork"):
            return

        def keys(names: frozenset[Hashable]) -> str:
            return listing([canonical(found[n][0]).decode() for n in found if n in names])

        def saw(read: _Read, other: _Read) -> str:
            return (
                f"{who(read.done)} at {seconds(read.done.time)} saw the write of {keys(read.seen - other.seen)} but "
                f"not of {keys(other.seen - read.seen)}"
            )

        only = (one.seen | two.seen) - (one.seen & two.seen)
        writes = [self._writes[n][1].index for n in found if n in only and n in self._writes]
        text = f"{saw(one, two)}; {saw(two, one)}: no order of these writes explains both reads"
        ops = (one.invoke.index, one.done.index, two.invoke.index, two.done.index, *writes)
        self.found.keep("long-fork", ops, text)

    def result(self) -> Result:
        coverage = {
            "reads": self._reads,
            "early_reads": self._early,
            "late_reads": self._late,
            "groups": len(self._chains),
            "keys_written_twice": len(self._twice),
        }
        unknown = ""
        if self._twice:
            first = canonical(next(iter(self._twice.values()))).decode()
            unknown = f"key {first} was written more than once, so reads of it cannot be ordered"
        elif not self._reads:
            unknown = "no read of more than one key was ok"
        elif self._early + self._late == self._reads:
            unknown = "every read came too early or too late: it found no key of its group, or all of them"
        return conclude(self.name, self.anomalies, self.found, coverage, unknown)
