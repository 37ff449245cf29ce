"""Replies that must echo what was sent ("echo"), and ids that must differ ("unique-ids")."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from checkers.columns import OK, History
from checkers.history import Op
from checkers.operations import operations, pair
from checkers.record import Record
from checkers.result import Anomaly, Result
from checkers.running import KEPT_MAX, Findings, Running, conclude
from checkers.words import canonical, identity, seconds, who


class Echo:
    """Every ``echo`` that is ok must carry exactly the value of its invocation."""

    name = "echo"
    anomalies = ("wrong-echo",)

    def check(self, record: Record) -> Result:
        wrong: list[Anomaly] = []
        checked = violations = 0
        for operation in operations(record.history):
            done = operation.completion
            if operation.invoke.f != "echo" or done is None or done.type != "ok":
                continue
            checked += 1
            sent, got = canonical(operation.invoke.value), canonical(done.value)
            if sent != got:
                violations += 1
                if len(wrong) < KEPT_MAX:
                    text = f"{who(done)} sent {sent.decode()} and got {got.decode()} at {seconds(done.time)}"
                    wrong.append(Anomaly("wrong-echo", operation.indexes(), explanation=text))
        coverage = {"operations": checked, "anomalies": violations}
        if wrong:
            why = f"{violations} of {checked} replies differ from what was sent"
            return Result("invalid", self.name, wrong, why, coverage)
        if not checked:
            return Result("unknown", self.name, why="no echo was ok", coverage=coverage)
        return Result("valid", self.name, coverage=coverage)


class UniqueIds:
    """No two ``generate`` that are ok may return the same id. A columnar history is judged in columns."""

    name = "unique-ids"
    anomalies = ("duplicate-id",)

    def check(self, record: Record) -> Result:
        history = record.history
        if not isinstance(history, History):
            online = OnlineUniqueIds()
            online.observe_all(history)
            return online.result()
        pairs = pair(history)
        chosen = (history.f[pairs.begin] == history.code_of("generate")) & (pairs.outcome == OK)
        begin, end = pairs.begin[chosen], pairs.end[chosen]
        codes, firsts = history.codes(history.value, end)
        times = np.bincount(codes, minlength=len(firsts))
        repeated = np.flatnonzero(times > 1)
        found = Findings()
        for code in repeated[:KEPT_MAX].tolist():
            found.room("duplicate-id")
            numbers = np.flatnonzero(codes == code)
            held = [(history[int(begin[n])].index, history[int(end[n])]) for n in numbers.tolist()]
            _tell(found, held)
        if len(repeated):
            found.counts["duplicate-id"] = len(repeated)
        return _concluded(found, len(codes), len(firsts))


class OnlineUniqueIds(Running):
    """No options. Memory grows with the ids: any may come again."""

    name = "unique-ids"
    anomalies = ("duplicate-id",)

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._given: dict[Hashable, tuple[int, Op]] = {}
        self._again: dict[Hashable, list[tuple[int, Op]]] = {}
        self._count = 0

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        if op.type != "ok" or invoke.f != "generate":
            return
        self._count += 1
        name = identity(op.value)
        if name not in self._given:
            self._given[name] = invoke.index, op
        else:
            self._again.setdefault(name, [self._given[name]]).append((invoke.index, op))

    def violated(self) -> bool:
        return bool(self._again)

    def result(self) -> Result:
        found = Findings()
        for held in self._again.values():
            if found.room("duplicate-id"):
                _tell(found, held)
        return _concluded(found, self._count, len(self._given))


def _concluded(found: Findings, count: int, distinct: int) -> Result:
    coverage = {"operations": count, "ids": distinct}
    name, order = UniqueIds.name, UniqueIds.anomalies
    return conclude(name, order, found, coverage, "" if count else "no id was generated")


def _tell(found: Findings, held: list[tuple[int, Op]]) -> None:
    """``held``: (index of the invocation, completion) of all that got one id, as they began."""
    held = sorted(held, key=lambda pair: pair[0])
    given = ", ".join(f"{who(op)} at {seconds(op.time)}" for _, op in held[:4])
    text = f"id {canonical(held[0][1].value).decode()} was given to {len(held)} requests: {given}"
    found.keep("duplicate-id", [i for begin, op in held for i in (begin, op.index)], text)
