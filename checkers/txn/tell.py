"""Anomalies of transactions, told to a person who was not there; and as data from which a picture can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from checkers.operations import Operation
from checkers.result import Anomaly
from checkers.txn.cycles import Cycle
from checkers.txn.graph import CLASS_NAMES, PROCESS, RT
from checkers.txn.kinds import Edge
from checkers.txn.micro import Micro, indexes
from checkers.words import seconds, who

SHOWN_MAX = 6
"""elements of a list that are shown, from its end"""
PLACES_MAX = 3
"""places of elements before those"""
MICRO_MAX = 8
"""micro-operations of a transaction that are shown"""


def shown(elements: Sequence[Any], *about: Any) -> str:
    """``[… 4 5]``: the end of a list tells what it is; ``[7 1 7 … 4 5]``: and where those elements stand."""
    first = max(0, len(elements) - SHOWN_MAX)
    places = [at for at, e in enumerate(elements[:first]) if e in about][:PLACES_MAX]
    kept = sorted({i for at in places for i in (at - 1, at, at + 1) if 0 <= i < first})
    words, last = [], -1
    for at in (*kept, *range(first, len(elements))):
        words += ["…"] * (at > last + 1) + [text(elements[at])]
        last = at
    return f"[{' '.join(words)}]"


def text(value: Any) -> str:
    """A key, an element or a register's value."""
    if value is None:
        return "nothing"
    return shown(value) if isinstance(value, list) else str(value)


def micro_ops(operation: Operation) -> str:
    """``append x 1, r y [2]``: what it read is known if it was ok."""
    done = operation.completion
    op = done if done is not None and done.type == "ok" else operation.invoke
    told = [f"{f} {text(k)} {text(v)}" for f, k, v in op.value[:MICRO_MAX]]
    return ", ".join(told) + (", ..." if len(op.value) > MICRO_MAX else "")


def span(operation: Operation) -> str:
    """``1.000000 s to 1.100000 s``."""
    done = operation.completion
    known = done is not None and done.type == "ok"
    until = f" to {seconds(done.time)}" if done is not None and known else ", outcome unknown"
    if done is not None and done.type == "fail":
        until = f", failed at {seconds(done.time)}"
    return f"{seconds(operation.invoke.time)}{until}"


def describe(operation: Operation) -> str:
    """``process 3 at n1, 1.000000 s to 1.100000 s (ops 4, 9): append x 1, r y [2]``."""
    done = operation.completion
    ops = ", ".join(str(i) for i in operation.indexes())
    where = who(done if done is not None and done.node is not None else operation.invoke)
    return f"{where}, {span(operation)} (ops {ops}): {micro_ops(operation)}"


class Reasons(Protocol):
    """Why one transaction precedes another, by what they read and wrote; found again when it is told."""

    def because(self, edge: Edge, first: str, second: str) -> tuple[str, Any]:
        """(a sentence without its full stop, the key it is about)."""
        ...


class Teller:
    """Makes anomalies of cycles and of what else was found."""

    def __init__(self, micro: Micro, reasons: Reasons) -> None:
        self._micro = micro
        self._reasons = reasons

    def cycle(self, cycle: Cycle) -> Anomaly:
        """``data``: ``txns``, ``edges`` and, for a picture, ``cycle``: each transaction and its edge to the next."""
        numbers = [edge[0] for edge in cycle.edges]
        names = {number: f"T{i + 1}" for i, number in enumerate(numbers)}
        operations = [self._micro.operation(n) for n in numbers]
        lines = [f"{names[n]}: {describe(o)}" for n, o in zip(numbers, operations, strict=True)]
        told: list[str] = []
        drawn: list[dict[str, Any]] = []
        keys: list[Any] = []
        for edge, operation in zip(cycle.edges, operations, strict=True):
            first, second, name = names[edge[0]], names[edge[1]], CLASS_NAMES[edge[2]]
            why, key = self._because(edge, first, second)
            told.append(f"{why}, so {first} < {second} ({name}).")
            keys += [] if key is None else [key]
            drawn.append(
                {
                    "txn": first,
                    "who": who(operation.invoke),
                    "when": span(operation),
                    "ops": operation.indexes(),
                    "micro": micro_ops(operation),
                    "edge": name,
                    "key": "" if key is None else text(key),
                    "why": why,
                }
            )
        circle = " < ".join(names[n] for n in [*numbers, numbers[0]])
        data: dict[str, Any] = {
            "txns": [o.indexes() for o in operations],
            "edges": [CLASS_NAMES[c] for _, _, c in cycle.edges],
            "cycle": drawn,
        }
        if keys and all(key == keys[0] for key in keys):
            data["key"] = keys[0]
        words = "\n".join([*lines, *told, f"So {circle}: no order of them is possible."])
        return Anomaly(cycle.name, indexes(self._micro, numbers), explanation=words, data=data)

    def other(self, kind: str, txns: Sequence[int], sentence: str, key: Any) -> Anomaly:
        """An anomaly that is no cycle; ``sentence`` calls the transactions T1, T2, ..."""
        lines = [f"T{i + 1}: {describe(self._micro.operation(n))}" for i, n in enumerate(txns)]
        words = "\n".join([*lines, sentence])
        return Anomaly(kind, indexes(self._micro, txns), explanation=words, data={"key": key})

    def _because(self, edge: Edge, first: str, second: str) -> tuple[str, Any]:
        a, b, cls = edge
        if cls == PROCESS:
            process = self._micro.operation(a).invoke.process
            return f"process {process} did {first} before {second}", None
        if cls == RT:
            done = self._micro.operation(a).completion
            assert done is not None
            began = self._micro.operation(b).invoke.time
            return (
                f"{first} was ok at {seconds(done.time)}, before {second} was invoked at {seconds(began)}",
                None,
            )
        return self._reasons.because(edge, first, second)
