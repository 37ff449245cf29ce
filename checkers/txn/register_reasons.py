"""Why one transaction of writes and reads precedes another."""

from __future__ import annotations

from typing import Any

import numpy as np

from checkers.columns import OK
from checkers.txn.evidence import LINEARIZABLE, SEQUENTIAL, WFR, Pairs, Source, Touches, touches, used_pairs
from checkers.txn.graph import RWS, WR
from checkers.txn.kinds import Edge
from checkers.txn.micro import R
from checkers.txn.registers import CONTRADICTS, EXTERNAL, Registers
from checkers.txn.tell import text
from checkers.txn.weighing import Step
from checkers.words import who


class RegisterReasons:
    """Finds the reason of each edge again, and the evidence for the order of the versions in it."""

    def __init__(self, found: Registers, pairs: Pairs, used: list[Source]) -> None:
        self._found = found
        self._micro = found.micro
        self._used = used
        self._codes, self._places = used_pairs(pairs, found.versions)
        self._met: Touches | None = None
        self.steps: dict[Edge, Step] = {}
        """edges that no order of versions shows, and what they follow from"""

    def because(self, edge: Edge, first: str, second: str) -> tuple[str, Any]:
        a, b, cls = edge
        if edge in self.steps:
            return self._step(self.steps[edge], a, first, second)
        if cls == WR:
            return self._wr(a, b, first, second)
        return self._over(a, b, first, second, reading=bool(RWS >> cls & 1))

    def _reads(self, txn: int) -> list[int]:
        return [m for m in self._micro.of(txn) if self._found.role[m] in (EXTERNAL, CONTRADICTS)]

    def _writes(self, txn: int) -> list[int]:
        return [m for m in self._micro.of(txn) if self._micro.f[m] != R and not self._found.later[m]]

    def _wr(self, a: int, b: int, first: str, second: str) -> tuple[str, Any]:
        for m in self._reads(b):
            writer = int(self._found.writer[self._found.version[m]])
            if writer >= 0 and self._micro.txn[writer] == a:
                key, value = self._micro.key_of(m), text(self._micro.value_of(m))
                return f"{first} wrote {value} to key {text(key)} and {second} read it", key
        raise AssertionError("a wr edge has a reason")

    def _over(self, a: int, b: int, first: str, second: str, *, reading: bool) -> tuple[str, Any]:
        """One version was read or written, and another one written that comes later."""
        micro, found = self._micro, self._found
        for m in self._reads(a) if reading else self._writes(a):
            for other in self._writes(b):
                if micro.key[m] != micro.key[other]:
                    continue
                one, two = int(found.version[m]), int(found.version[other])
                initial = one < micro.keys
                if one == two or not (initial or self._ordered(one, two)):
                    continue
                key, seen, new = micro.key_of(m), text(micro.value_of(m)), text(micro.value_of(other))
                if initial:
                    return f"{first} read key {text(key)} as {seen}, before {second} or anyone wrote it", key
                did = (
                    f"{first} read key {text(key)} as {seen}"
                    if reading
                    else f"{first} wrote {seen} to key {text(key)}"
                )
                return (
                    f"{did} and {second} wrote {new}, which comes later ({self._evidence(one, two, b, second)})",
                    key,
                )
        raise AssertionError("an edge between versions has a reason")

    def _step(self, step: Step, a: int, first: str, second: str) -> tuple[str, Any]:
        """One read what another wrote, and a third wrote the key: before the writer, or after the reader."""
        read, micro = step.read, self._micro
        m = next(m for m in self._reads(read.reader) if micro.key[m] == read.key)
        key, value = micro.key_of(m), text(micro.value_of(m))
        ops = [f"op {self._op(txn)}" for txn in (step.path[0][0], *(edge[1] for edge in step.path))]
        path = " < ".join(ops)
        for edge, one, two in zip(step.path, ops, ops[1:], strict=False):
            if edge in self.steps:
                path += f"; {self._step(self.steps[edge], edge[0], one, two)[0]}, so {one} < {two}"
        said = f"key {text(key)} as {value}"
        if a == read.reader:
            wrote = f"which {self._who(read.writer)} wrote, and {second} wrote the key, but not before that ({path})"
            return f"{first} read {said}, {wrote}", key
        seen = f"not after {self._who(read.reader)} had read {said} ({path}), which {second} wrote"
        return f"{first} wrote key {text(key)}, but {seen}", key

    def _ordered(self, one: int, two: int) -> bool:
        code = one * self._found.versions + two
        at = int(np.searchsorted(self._codes, code))
        return at < len(self._codes) and int(self._codes[at]) == code

    def _evidence(self, one: int, two: int, writer: int, second: str) -> str:
        """Why version ``one`` comes before ``two``."""
        micro, found = self._micro, self._found
        if any(s.name == WFR for s in self._used):
            for m in self._writes(writer):
                read = int(found.updates[m])
                if found.version[m] == two and read >= 0 and found.version[read] == one:
                    return f"{second} had read the other before it wrote"
        if self._met is None:
            self._met = touches(found)
        met = self._met
        before, after = np.flatnonzero(met.last == one), np.flatnonzero(met.first == two)
        names = {s.name for s in self._used}
        for b in after.tolist():
            for a in before.tolist():
                x, y = int(met.txn[a]), int(met.txn[b])
                timed = micro.outcome[x] == OK and micro.end[x] < micro.begin[y]
                if LINEARIZABLE in names and timed:
                    return f"{self._who(x)} had it and was ok before {self._who(y)} began with the other"
                if SEQUENTIAL in names and x < y and micro.process[x] == micro.process[y]:
                    return f"{self._who(x)} had it before the other (op {self._op(y)})"
        raise AssertionError("a pair of versions has evidence")

    def _op(self, txn: int) -> int:
        return self._micro.operation(txn).indexes()[-1]

    def _who(self, txn: int) -> str:
        return f"{who(self._micro.operation(txn).invoke)} (op {self._op(txn)})"
