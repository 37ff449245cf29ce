"""Counters ("counter", "pn-counter"): what a read may show, from the additions around it.

``add`` (its value is what is added, which may be negative), ``increment`` and ``decrement`` (by one, or their
value); ``read`` returns a number. Additions that had been acknowledged before a read began count for certain;
those that overlap it, or whose outcome is unknown, may count or not; those that failed do not. An addition that
fails only after the read that counted it condemns the read then.

| checker | judges | by |
|---|---|---|
| counter | every read | bounds, as Jepsen's: all that count for certain, with all or none of the others |
| pn-counter | final reads (with ``linearizable`` all) | the exact set of sums: +5 alone is never 3 |
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import msgspec

from checkers.faults import FINAL, PHASE
from checkers.history import MalformedHistoryError, Op
from checkers.result import Result
from checkers.running import Findings, Running, conclude
from checkers.words import canonical, identity, plural, seconds, who

SIGNS = {"add": 1, "increment": 1, "inc": 1, "decrement": -1, "dec": -1}
SPAN_MAX = 1 << 22
"""the widest range of sums kept exactly, one bit each; beyond it bounds alone are judged, and it is said"""


class _Add(msgspec.Struct, eq=False):
    invoke: Op
    delta: int
    reads: list[_Read] = []
    """reads that are possible only if this addition happens"""


class _Read(msgspec.Struct, eq=False):
    """``certain``: the sum of what was acknowledged before; ``maybe``: the additions that may count as well."""

    invoke: Op
    certain: int
    crashed: Sums
    maybe: dict[_Add, None]
    done: Op | None = None
    wrong: bool = False


class Sums(msgspec.Struct, frozen=True):
    """All sums of some of the numbers added: bit i of ``bits`` stands for ``low + i``. ``bits`` is 0 where the
    range was too wide: every number of it is then held possible.
    """

    low: int = 0
    high: int = 0
    bits: int = 1

    def with_(self, delta: int) -> Sums:
        low, high = self.low + min(delta, 0), self.high + max(delta, 0)
        if not self.bits or high - low > SPAN_MAX:
            return Sums(low, high, 0)
        return Sums(
            low, high, self.bits | self.bits << delta if delta >= 0 else self.bits << -delta | self.bits
        )

    def has(self, number: int) -> bool:
        if not self.low <= number <= self.high:
            return False
        return not self.bits or bool(self.bits >> (number - self.low) & 1)

    def shown(self, offset: int, limit: int = 6) -> str:
        """The numbers, as runs: ``3 to 5, 8``."""
        if not self.bits:
            return f"{self.low + offset} to {self.high + offset}"
        text = bin(self.bits)[:1:-1]
        runs: list[str] = []
        at = text.find("1")
        while at >= 0 and len(runs) <= limit:
            end = text.find("0", at)
            end = len(text) if end < 0 else end
            first, last = at + self.low + offset, end - 1 + self.low + offset
            runs.append(str(first) if first == last else f"{first} to {last}")
            at = text.find("1", end)
        return ", ".join(runs[:limit]) + (", ..." if len(runs) > limit else "")


class _Key(msgspec.Struct):
    """One counter. ``tried``: (negative, positive) of all additions that did not fail."""

    certain: int = 0
    tried: list[int] = []
    crashed: Sums = Sums()
    adds: dict[int | str, _Add] = {}
    reads: dict[int | str, _Read] = {}
    final: dict[str, _Read] = {}
    """node -> its last read of the final phase"""
    late: dict[str, _Read] = {}
    """node or process -> its last read since the last addition began"""


class PnCounter(Running):
    """Options: ``linearizable`` (default false: the counter is eventual, so only the last read of each node in the
    final phase must show everything; other reads may show any of the additions begun before they ended);
    ``quiet`` (default false): a history without phases ends with reads that are final, those after the last addition.
    Without it such reads make a history valid, and never invalid.

    Memory is flat: the operations that are open, and the reads that depend on these.
    """

    name = "pn-counter"
    anomalies: tuple[str, ...] = ("impossible-value",)
    exact = True

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._every = self._judges_every()
        self._quiet = self.flag("quiet", default=False)
        self._keys: dict[Hashable, _Key] = {}
        self._final = False
        self._adds = 0
        self._reads = 0
        self._judged = 0
        self._coarse = 0

    def _judges_every(self) -> bool:
        return self.flag("linearizable", default=False)

    def disturbed(self, op: Op, position: int) -> None:  # noqa: ARG002
        if op.f == PHASE and isinstance(op.value, dict) and op.value.get("name") == FINAL:
            self._final = True

    def _key(self, op: Op) -> _Key:
        name = identity(op.key)
        found = self._keys.get(name)
        if found is None:
            found = self._keys[name] = _Key(tried=[0, 0], crashed=Sums(bits=int(self.exact)))
        return found

    # --- gathering ------------------------------------------------------------------------------------------

    def began(self, op: Op, position: int) -> None:  # noqa: ARG002
        if op.f in SIGNS:
            key = self._key(op)
            key.late.clear()
            add = key.adds[op.process] = _Add(op, _delta(op))
            key.tried[add.delta > 0] += add.delta
            for read in key.reads.values():
                read.maybe[add] = None
        elif op.f == "read":
            key = self._key(op)
            key.reads[op.process] = _Read(op, key.certain, key.crashed, dict.fromkeys(key.adds.values()))

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        if invoke.f in SIGNS:
            self._added(self._key(invoke), op)
        elif invoke.f == "read":
            key = self._key(invoke)
            read = key.reads.pop(op.process)
            if op.type == "ok":
                read.done = op
                self._read(key, read)

    def _added(self, key: _Key, op: Op) -> None:
        add = key.adds.pop(op.process)
        if op.type == "ok":
            self._adds += 1
            key.certain += add.delta
        elif op.type == "info":
            key.crashed = key.crashed.with_(add.delta)
        else:
            key.tried[add.delta > 0] -= add.delta
            for read in (*key.reads.values(), *key.final.values(), *key.late.values()):
                read.maybe.pop(add, None)
            for read in add.reads:
                read.maybe.pop(add, None)
                self._judge(read)

    def _read(self, key: _Key, read: _Read) -> None:
        self._reads += 1
        done = read.done
        assert done is not None
        if type(done.value) is not int:
            raise MalformedHistoryError(f"op {done.index}: a counter reads as an integer, not {done.value!r}")
        if not self._every:
            if self._final:
                key.final[str(done.node or read.invoke.node)] = read
            elif not key.tried[0] <= done.value <= key.tried[1] and self._condemn(read, self.found):
                bounds = f"{key.tried[0]} to {key.tried[1]}"
                self._tell(self.found, read, f"all additions begun so far allow only {bounds}")
            node = done.node or read.invoke.node
            key.late[f"process {done.process}" if node is None else node] = read
            return
        self._judged += 1
        if not self._judge(read):
            # those that are still open may yet fail
            still = [add for add in key.adds.values() if add in read.maybe]
            if still and not self._possible(read, without=still):
                for add in still:
                    add.reads.append(read)

    # --- judging --------------------------------------------------------------------------------------------

    def _sums(self, read: _Read, without: list[_Add]) -> Sums:
        sums = read.crashed
        for add in read.maybe:
            if add not in without:
                sums = sums.with_(add.delta)
        return sums

    def _possible(self, read: _Read, without: list[_Add]) -> bool:
        assert read.done is not None
        return self._fits(self._sums(read, without), read.done.value - read.certain)

    def _fits(self, sums: Sums, number: int) -> bool:
        self._coarse += not sums.bits
        return sums.has(number)

    def _judge(self, read: _Read) -> bool:
        """Whether the read is impossible; told once."""
        if not read.wrong and not self._possible(read, []):
            read.wrong = True
            if self._condemn(read, self.found):
                self._tell(self.found, read, self._allowed(read))
        return read.wrong

    def _allowed(self, read: _Read) -> str:
        sums = self._sums(read, [])
        count = sum(1 for _ in read.maybe)
        open_ = f" with {plural(count, 'addition')} under way" if count else ""
        past = (
            f", and some whose outcome is unknown ({read.crashed.shown(0)})"
            if read.crashed.low or read.crashed.high
            else ""
        )
        return f"{read.certain} was acknowledged before{open_}{past}, so only {sums.shown(read.certain)} is possible"

    def _condemn(self, read: _Read, found: Findings) -> bool:  # noqa: ARG002
        return found.room(self.anomalies[0])

    def _kind(self, read: _Read) -> str:  # noqa: ARG002
        return self.anomalies[0]

    def _tell(self, found: Findings, read: _Read, why: str) -> None:
        done = read.done
        assert done is not None
        key = "the counter" if done.key is None else f"counter {canonical(done.key).decode()}"
        adds = [add.invoke.index for add in read.maybe][:8]
        text = f"{who(done)} read {done.value} of {key} at {seconds(done.time)}, but {why}"
        found.keep(self._kind(read), (read.invoke.index, done.index, *adds), text)

    def _judge_final(self) -> tuple[Findings, int]:
        found, judged = self.found.copy(), 0
        last = [key.final if self._final else key.late for key in self._keys.values()]
        if (
            not self._final
            and not self._quiet
            and not all(self._possible(r, []) for some in last for r in some.values())
        ):
            return found, 0
        for some in last:
            for read in some.values():
                judged += 1
                if not self._possible(read, []) and found.room(self.anomalies[0]):
                    self._tell(found, read, self._allowed(read))
        return found, judged

    def result(self) -> Result:
        coarse = self._coarse
        found, judged = (self.found, self._judged) if self._every else self._judge_final()
        coverage = {
            "counters": len(self._keys),
            "adds": self._adds,
            "reads": self._reads,
            "reads_judged": judged,
        }
        if self.exact:
            coverage["judged_by_bounds_only"] = self._coarse
        self._coarse = coarse
        none = "no read was ok" if self._every else "no read of the final phase was ok"
        if not self._every and not self._final and any(key.late for key in self._keys.values()):
            none = (
                "the last reads do not show everything, and nothing says that they are final (option quiet)"
            )
        return conclude(self.name, self.anomalies, found, coverage, "" if judged else none)


class Counter(PnCounter):
    """No options: every read must lie within its bounds. Memory is flat, as pn-counter's."""

    name = "counter"
    anomalies = ("below-bounds", "above-bounds")
    exact = False

    def _judges_every(self) -> bool:
        return True

    def _fits(self, sums: Sums, number: int) -> bool:
        return sums.low <= number <= sums.high

    def _sums(self, read: _Read, without: list[_Add]) -> Sums:
        low, high = read.crashed.low, read.crashed.high
        for add in read.maybe:
            if add not in without:
                low, high = low + min(add.delta, 0), high + max(add.delta, 0)
        return Sums(low, high, 0)

    def _condemn(self, read: _Read, found: Findings) -> bool:
        return found.room(self._kind(read))

    def _kind(self, read: _Read) -> str:
        assert read.done is not None
        return self.anomalies[read.done.value > read.certain + self._sums(read, []).high]


def _delta(op: Op) -> int:
    value = op.value
    if value is None and op.f != "add":
        value = 1
    if type(value) is not int:
        raise MalformedHistoryError(f"op {op.index}: {op.f} of a counter takes an integer, not {value!r}")
    return SIGNS[op.f] * value
