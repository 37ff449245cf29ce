"""Predicate anti-dependency cycles ("adya-g2"): of two inserts that each must find nothing, one must lose.

Each ``insert`` of a key is a transaction that first queries by a predicate whether the key has a row, and
fails if there is one. Two that both succeed read the state before each other's write: an anti-dependency cycle
over a predicate, Adya's G2 (thesis, section 4.2.2). The value is ``[key, [a_id, b_id]]`` as Jepsen's
``independent`` tuples have it, or ``[a_id, b_id]`` with the key in the op.
"""

from __future__ import annotations

from typing import Any

from checkers.history import Op
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.words import canonical, seconds, who


class AdyaG2(Running):
    """No options. Memory grows with the keys that were inserted: any may be inserted again."""

    name = "adya-g2"
    anomalies = ("G2-predicate",)

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._first: dict[bytes, tuple[Op, Op]] = {}
        self._attempts = 0
        self._inserts = 0

    def began(self, op: Op, position: int) -> None:  # noqa: ARG002
        self._attempts += op.f == "insert"

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        if invoke.f != "insert" or op.type != "ok":
            return
        self._inserts += 1
        key = _key(invoke)
        first = self._first.setdefault(key, (invoke, op))
        if first[1] is op:
            return
        if self.found.room("G2-predicate"):
            text = (
                f"key {key.decode()} was inserted twice although each transaction must have found it absent: by "
                f"{who(first[1])} at {seconds(first[1].time)} and by {who(op)} at {seconds(op.time)}; "
                "each missed the other's insert"
            )
            ops = (first[0].index, first[1].index, invoke.index, op.index)
            self.found.keep("G2-predicate", ops, text)

    def result(self) -> Result:
        coverage = {"attempts": self._attempts, "inserts": self._inserts, "keys": len(self._first)}
        return conclude(
            self.name, self.anomalies, self.found, coverage, "" if self._inserts else "no insert was ok"
        )


def _key(op: Op) -> bytes:
    value = op.value
    if op.key is None and isinstance(value, list | tuple) and len(value) == 2:
        if isinstance(value[1], list | tuple):
            return canonical(value[0])
        return b"null"
    return canonical(op.key)
