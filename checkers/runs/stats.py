"""Counts and latencies ("stats"): what was invoked, what came of it, and how long it took. Never invalid."""

from __future__ import annotations

from typing import Any

from checkers.operations import Operation, operations
from checkers.record import Record
from checkers.result import Result
from checkers.words import quantiles_ms

MIN_OK_FRACTION = 0.1

ANSWERS = frozenset({20, 21, 22})
"""codes of definite failures in which the system answered: no such key, key exists, precondition failed"""

PPM = 1_000_000


def answered(operation: Operation) -> bool:
    """The system did its work: ``ok``, or a refusal that is the right answer (a cas that does not match)."""
    done = operation.completion
    if done is None:
        return False
    return done.type == "ok" or (done.type == "fail" and error_code(done.error) in ANSWERS)


def error_code(error: Any) -> int | None:
    """The code in an op's ``error``: a number, ``[code, text]`` or ``{"code": ...}``."""
    if isinstance(error, list | tuple) and error:
        error = error[0]
    elif isinstance(error, dict):
        error = error.get("code")
    return error if type(error) is int else None


class Stats:
    """Options: ``min_ok_fraction``: below it too little was done to tell anything (default 0.1)."""

    name = "stats"
    anomalies: tuple[str, ...] = ()

    def check(self, record: Record) -> Result:
        found = operations(record.history)
        by_f: dict[str, list[Operation]] = {}
        for operation in found:
            by_f.setdefault(operation.invoke.f, []).append(operation)
        rows = {f: _row(by_f[f]) for f in sorted(by_f)}
        done = sum(1 for operation in found if answered(operation))
        coverage: dict[str, Any] = {
            "operations": len(found),
            "ok": sum(row["ok"] for row in rows.values()),
            "ok_ppm": done * PPM // len(found) if found else 0,
            "latency_ms": quantiles_ms([ns for row in by_f.values() for ns in _latencies(row)]),
            "by_f": rows,
        }
        least = record.options.get("min_ok_fraction", MIN_OK_FRACTION)
        why = self._complaint(rows, done, len(found), int(least * PPM))
        return Result("unknown" if why else "valid", self.name, why=why, coverage=coverage)

    @staticmethod
    def _complaint(rows: dict[str, dict[str, Any]], done: int, total: int, least_ppm: int) -> str:
        if not total:
            return "nothing was invoked"
        silent = [f for f, row in rows.items() if not row["ok"]]
        if silent:
            return f"no {' and no '.join(silent)} was ok"
        if done * PPM < least_ppm * total:
            share, least = done * 1000 // total, least_ppm // 1000
            return (
                f"only {done} of {total} operations were answered ({share / 10} %; at least {least / 10} %)"
            )
        return ""


def _latencies(found: list[Operation]) -> list[int]:
    return [
        operation.completion.time - operation.invoke.time
        for operation in found
        if operation.completion is not None and operation.completion.type == "ok"
    ]


def _row(found: list[Operation]) -> dict[str, Any]:
    count = {"ok": 0, "fail": 0, "info": 0}
    for operation in found:
        count[operation.type] += 1
    return {
        "invoke": len(found),
        **count,
        "answered": sum(1 for operation in found if answered(operation)),
        "latency_ms": quantiles_ms(_latencies(found)),
    }
