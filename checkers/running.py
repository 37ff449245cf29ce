"""Checkers that judge while a run goes on: ops come one by one, the verdict so far can be had at any time.

``Running`` pairs the ops; a checker says what an invocation (``began``) and a completion (``ended``) mean to it.
Its batch form (``check``) is the same code fed with a whole history, so both give the same verdict on every
prefix. An operation that is still open counts as one whose outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from checkers.history import NEMESIS, MalformedHistoryError, Op
from checkers.online import Columns
from checkers.record import Record
from checkers.result import Anomaly, Result, Verdict
from checkers.rows import rows

KEPT_MAX = 20
"""anomalies kept of each type; the rest are counted"""


class Findings:
    """Anomalies by type: all are counted, the first few of each type are kept with their words."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._kept: list[Anomaly] = []

    def room(self, kind: str) -> bool:
        """Count one more; whether it is worth explaining."""
        count = self.counts[kind] = self.counts.get(kind, 0) + 1
        return count <= KEPT_MAX

    def keep(self, kind: str, ops: Iterable[int], explanation: str, **data: Any) -> None:
        self._kept.append(Anomaly(kind, sorted(set(ops)), explanation=explanation, data=data))

    def copy(self) -> Findings:
        twin = Findings()
        twin.counts = dict(self.counts)
        twin._kept = list(self._kept)
        return twin

    def anomalies(self, order: tuple[str, ...]) -> list[Anomaly]:
        """Those kept, by type in the checker's own order, then as they were found."""
        return sorted(self._kept, key=lambda a: order.index(a.type))

    def words(self, order: tuple[str, ...]) -> str:
        """``found 2 lost, 1 stale``."""
        return "found " + ", ".join(f"{self.counts[k]} {k}" for k in order if k in self.counts)


def conclude(
    name: str, order: tuple[str, ...], found: Findings, coverage: dict[str, Any], unknown: str = ""
) -> Result:
    """Invalid with what was found; else unknown for the reason given; else valid."""
    coverage = {**coverage, "anomalies": sum(found.counts.values())}
    if found.counts:
        return Result("invalid", name, found.anomalies(order), found.words(order), coverage)
    return Result("unknown" if unknown else "valid", name, why=unknown, coverage=coverage)


class Running:
    """One checker at work on one history. ``options`` are the checker's (record.options).

    Raises MalformedHistoryError as ops come: an op that does not fit what came before it, or a value that is
    not of the documented form.
    """

    name: str = ""
    anomalies: tuple[str, ...] = ()
    """every type it can give, in the order of its results"""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options: Mapping[str, Any] = options or {}
        self.found = Findings()
        self.position = 0
        """ops observed so far"""
        self._open: dict[int | str, tuple[Op, int]] = {}

    def observe(self, op: Op) -> None:
        position = self.position
        self.position = position + 1
        process = op.process
        if process == NEMESIS:
            self.disturbed(op, position)
        elif op.type == "invoke":
            if process in self._open:
                first = self._open[process][0].index
                raise MalformedHistoryError(
                    f"op {op.index}: process {process} invokes {op.f} while its op {first} is not completed"
                )
            self._open[process] = op, position
            self.began(op, position)
        else:
            pair = self._open.pop(process, None)
            if pair is not None:
                self.ended(pair[0], pair[1], op, position)
            elif op.type != "info":  # an info of its own is a remark, as Jepsen allows
                raise MalformedHistoryError(
                    f"op {op.index}: {op.type} of process {process} completes no invocation"
                )

    def observe_all(self, ops: Sequence[Op]) -> None:
        observe = self.observe
        for op in rows(ops):
            observe(op)

    def violated(self) -> bool:
        """Whether a violation was found that nothing to come can undo."""
        return bool(self.found.counts)

    def verdict(self) -> Verdict:
        return self.result().verdict

    def check(self, record: Record) -> Result:
        """The batch: a fresh one of this kind observes everything."""
        fresh = type(self)(record.options)
        fresh.observe_all(record.history)
        return fresh.result()

    # --- for the checkers -----------------------------------------------------------------------------------

    def began(self, op: Op, position: int) -> None:
        """An operation was invoked."""

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:
        """It was completed: ``op.type`` is ok, fail or info."""

    def disturbed(self, op: Op, position: int) -> None:
        """The nemesis said something."""

    def result(self) -> Result:
        """The verdict on the ops so far. Changes nothing."""
        raise NotImplementedError

    def flag(self, option: str, default: bool) -> bool:
        """An option that is true or false; raises ValueError for what is neither."""
        value = self.options.get(option, default)
        if not isinstance(value, bool):
            raise ValueError(f"{self.name}: option {option} is {value!r}, expected true or false")  # noqa: TRY004
        return value


class ColumnsFirst(Columns, Running):
    """One whose batch has a way of its own for columns. ``told`` is what ``result`` is of others."""

    def observe(self, op: Op) -> None:
        if self.left is not None:
            self.take_up()
        Running.observe(self, op)

    def observe_all(self, ops: Sequence[Op]) -> None:
        if self.position or not self.leave(ops):
            Running.observe_all(self, ops)

    def result(self) -> Result:
        return self.told() if self.left is None else self.left.result

    def told(self) -> Result:
        raise NotImplementedError
