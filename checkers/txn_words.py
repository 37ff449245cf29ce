"""Anomalies of transactions, told to a person who was not there."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from checkers.result import Anomaly
from checkers.txn_cycles import Cycle, Edge
from checkers.txn_graph import CLASS_NAMES, PROCESS, RT, RW, WR, WW
from checkers.txn_history import Transactions, Txn, Versions
from checkers.words import seconds, who

SHOWN_MAX = 6
"""elements of a list that are shown, from its end"""


def shown(elements: Sequence[Any]) -> str:
    """``[.. 4 5]``: the end of a list tells what it is."""
    tail = " ".join(_value(e) for e in elements[-SHOWN_MAX:])
    return f"[.. {tail}]" if len(elements) > SHOWN_MAX else f"[{tail}]"


def _value(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def describe(txn: Txn) -> str:
    """``process 3 at n1, 1.000000 s to 1.100000 s (ops 4, 9): append x 1, r y [2]``."""
    operation = txn.operation
    done = operation.completion
    until = f" to {seconds(done.time)}" if done is not None and txn.end >= 0 else ", outcome unknown"
    op = done if done is not None and txn.end >= 0 else operation.invoke
    micro = [
        f"{f} {_value(k)} {shown(v) if isinstance(v, list | tuple) else 'nothing' if v is None else _value(v)}"
        for f, k, v in op.value[:8]
    ]
    more = ", ..." if len(op.value) > 8 else ""
    ops = ", ".join(str(i) for i in operation.indexes())
    where = who(done if done is not None and done.node is not None else operation.invoke)
    return f"{where}, {seconds(operation.invoke.time)}{until} (ops {ops}): {', '.join(micro)}{more}"


class Teller:
    """Finds the reason of each edge again, so that none has to be kept with the graph."""

    def __init__(self, found: Transactions, orders: Sequence[Versions]) -> None:
        self._txns = found.txns
        self._writers = found.writers
        self._orders = {made.key: made for made in orders}

    def cycle(self, cycle: Cycle) -> Anomaly:
        numbers = [edge[0] for edge in cycle.edges]
        names = {number: f"T{i + 1}" for i, number in enumerate(numbers)}
        lines = [f"{names[n]}: {describe(self._txns[n])}" for n in numbers]
        reasons = [self._reason(edge, names) for edge in cycle.edges]
        circle = " < ".join(names[n] for n in [*numbers, numbers[0]])
        text = "\n".join([*lines, *(r + "." for r in reasons), f"So {circle}: no order of them is possible."])
        data = {
            "txns": [self._txns[n].operation.indexes() for n in numbers],
            "edges": [CLASS_NAMES[c] for _, _, c in cycle.edges],
        }
        return Anomaly(cycle.name, self.ops(numbers), explanation=text, data=data)

    def ops(self, numbers: Sequence[int]) -> list[int]:
        """``Op.index`` of all ops of these transactions."""
        return sorted({i for n in numbers for i in self._txns[n].operation.indexes()})

    def _reason(self, edge: Edge, names: dict[int, str]) -> str:
        a, b, cls = edge
        first, second = names[a], names[b]
        because = {
            WW: self._ww,
            WR: self._wr,
            RW: self._rw,
            PROCESS: self._process,
            RT: self._realtime,
        }[cls](a, b, first, second)
        return f"{because}, so {first} < {second} ({CLASS_NAMES[cls]})"

    def _ww(self, a: int, b: int, first: str, second: str) -> str:
        for key in self._txns[a].appends:
            made = self._orders.get(key)
            if made is None or key not in self._txns[b].appends:
                continue
            for at in range(1, len(made.order)):
                if made.before[at] == a and made.before[at + 1] == b:
                    x, y = self._element(made, at - 1, a), made.order[at]
                    done = f"{first} appended {_value(x)} to key {_value(key)}"
                    return f"{done} and {second} appended {_value(y)} after it"
            if made.before[-1] == a and b in made.unread:
                x, y = self._element(made, len(made.order) - 1, a), self._unread(made, b)
                return (
                    f"{first} appended {_value(x)} to key {_value(key)}, the last that any read has of it, and "
                    f"{second} appended {_value(y)}, which comes later"
                )
        raise AssertionError("a ww edge has a reason")

    def _wr(self, a: int, b: int, first: str, second: str) -> str:
        for key, elements, base in self._txns[b].reads:
            made = self._orders.get(key)
            if made is None or base < 0:
                continue
            at = self._place(made, b)
            if at is not None and made.before[at] == a:
                x = self._element(made, at - 1, a)
                return (
                    f"{first} appended {_value(x)} to key {_value(key)} and {second} read it as "
                    f"{shown(elements[:base])}"
                )
        raise AssertionError("a wr edge has a reason")

    def _rw(self, a: int, b: int, first: str, second: str) -> str:
        for key, elements, base in self._txns[a].reads:
            made = self._orders.get(key)
            if made is None or base < 0:
                continue
            at = self._place(made, a)
            if at is None:
                continue
            read = f"{first} read key {_value(key)} as {shown(elements[:base])}"
            if made.after[at] == b:
                y = next(e for e in made.order[at:] if self._writers[key].get(e) == b)
                return f"{read} and {second} appended {_value(y)} after that"
            if made.after[at] < 0 and b in made.unread:
                y = self._unread(made, b)
                return f"{read} and did not see {_value(y)}, which {second} appended"
        raise AssertionError("an rw edge has a reason")

    def _process(self, a: int, b: int, first: str, second: str) -> str:
        del b
        return f"process {self._txns[a].operation.invoke.process} did {first} before {second}"

    def _realtime(self, a: int, b: int, first: str, second: str) -> str:
        done = self._txns[a].operation.completion
        assert done is not None
        began = self._txns[b].operation.invoke.time
        return f"{first} was ok at {seconds(done.time)}, before {second} was invoked at {seconds(began)}"

    def _element(self, made: Versions, at: int, writer: int) -> Hashable:
        """The last element of ``writer`` at or before position ``at``."""
        writers = self._writers[made.key]
        return next(e for e in reversed(made.order[: at + 1]) if writers.get(e) == writer)

    def _unread(self, made: Versions, writer: int) -> Hashable:
        return next(e for e in self._txns[writer].appends[made.key] if e not in made.position)

    @staticmethod
    def _place(made: Versions, reader: int) -> int | None:
        return next((made.place(r) for r in made.reads if r.txn == reader and r.base >= 0), None)
