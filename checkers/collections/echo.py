"""Replies that must echo what was sent ("echo"), and ids that must differ ("unique-ids")."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from checkers.columns import OK, History, columnar
from checkers.history import Op
from checkers.operations import operations, pair
from checkers.record import Record
from checkers.result import Anomaly, Result
from checkers.running import KEPT_MAX, ColumnsFirst, Findings, conclude
from checkers.seen import Recent, Seen
from checkers.words import canonical, identity, seconds, who

REMEMBERED = 10_000
"""ids of which it is known who got them"""


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
            if online.whole():
                return online.result()
            history = columnar(history)
        pairs = pair(history)
        chosen = (history.f[pairs.begin] == history.code_of("generate")) & (pairs.outcome == OK)
        begin, end = pairs.begin[chosen], pairs.end[chosen]
        codes, firsts = history.codes(history.value, end)
        times = np.bincount(codes, minlength=len(firsts))
        repeated = np.flatnonzero(times > 1)
        if len(repeated):  # as they were seen to come again
            second = np.lexsort((end, codes))[(np.cumsum(times) - times)[repeated] + 1]
            repeated = repeated[np.argsort(end[second])]
        found = Findings()
        for code in repeated[:KEPT_MAX].tolist():
            found.room("duplicate-id")
            numbers = np.flatnonzero(codes == code)
            held = [(history[int(begin[n])].index, history[int(end[n])]) for n in numbers.tolist()]
            _tell(found, held)
        if len(repeated):
            found.counts["duplicate-id"] = len(repeated)
        return _concluded(found, len(codes), len(firsts))


class OnlineUniqueIds(ColumnsFirst):
    """No options. Memory: a set of the ids, as any may come again (checkers/seen.py), and who got the last ones:
    of an id that comes again much later, the first request is not told.
    """

    name = "unique-ids"
    anomalies = ("duplicate-id",)

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._seen = Seen()
        self._recent: Recent[tuple[int, Op]] = Recent(REMEMBERED)
        self._again: dict[Hashable, list[tuple[int, Op]]] = {}
        self._forgotten: set[Hashable] = set()
        """of those that came again, whose first request is not known"""
        self._count = self._distinct = 0

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        if op.type != "ok" or invoke.f != "generate":
            return
        self._count += 1
        name = identity(op.value)
        if name not in self._seen:
            self._distinct += 1
            self._seen.add(name)
            self._recent.put(name, (invoke.index, op))
            return
        held = self._again.get(name)
        if held is None:
            first = self._recent.get(name)
            held = self._again[name] = [] if first is None else [first]
            if first is None:
                self._forgotten.add(name)
        held.append((invoke.index, op))

    def violated(self) -> bool:
        return bool(self._again)

    def whole(self) -> bool:
        """Whether all that it tells is told in full."""
        return not self._forgotten

    def judged(self, history: History) -> Result:
        return UniqueIds().check(Record(history))

    def told(self) -> Result:
        found = Findings()
        for name, held in self._again.items():
            if found.room("duplicate-id"):
                _tell(found, held, forgotten=name in self._forgotten)
        return _concluded(found, self._count, self._distinct)


def _concluded(found: Findings, count: int, distinct: int) -> Result:
    coverage = {"operations": count, "ids": distinct}
    name, order = UniqueIds.name, UniqueIds.anomalies
    return conclude(name, order, found, coverage, "" if count else "no id was generated")


def _tell(found: Findings, held: list[tuple[int, Op]], *, forgotten: bool = False) -> None:
    """``held``: (index of the invocation, completion) of all that got one id, as they began; of one more, before
    them, that is all that is known if it was ``forgotten``.
    """
    held = sorted(held, key=lambda pair: pair[0])
    given = ", ".join(f"{who(op)} at {seconds(op.time)}" for _, op in held[:4])
    first = "one long before, " * forgotten
    text = f"id {canonical(held[0][1].value).decode()} was given to {len(held) + forgotten} requests: {first}{given}"
    found.keep("duplicate-id", [i for begin, op in held for i in (begin, op.index)], text)
