"""One run as a campaign knows it, and the figures of many.

An `Entry` is a line of `runs.jsonl` and an element of `runs` in `campaign.json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from checkers.result import Result, Verdict

WHY_MAX = 600


class Bite(msgspec.Struct):
    """Faults of one family: applied ones that bit or did not, and those whose trigger never came."""

    bit: int = 0
    did_not_bite: int = 0
    unfired: int = 0


class Entry(msgspec.Struct, kw_only=True):
    """``folder`` is relative to the campaign's. ``failed``: the harness itself spoiled the run.
    ``anomalies``: each type that was found, as ``checker:type``. ``wanted``: those of them that must be seen where
    a bug was planted, ``caught_by`` those that were. ``caught``: invalid, by one of the wanted if there are any.

    ``operations`` counts invocations of clients with their completions, ``ok`` those that succeeded.
    ``history_sha256`` and ``trace_sha256`` are what a replay must reproduce (simulation).
    """

    number: int
    cell: int
    group: str
    expect: Literal["valid", "invalid"]
    folder: str
    seed: int
    system: str
    bug: str | None
    workload: str
    nemesis: list[str]
    env: str
    verdict: Verdict
    why: str = ""
    anomalies: list[str] = []
    wanted: list[str] = []
    caught: bool = False
    caught_by: list[str] = []
    operations: int = 0
    ok: int = 0
    bite: dict[str, Bite] = {}
    max_recovery_s: float | None = None
    elapsed_s: float = 0.0
    replay: str = ""
    kept: bool = True
    failed: bool = False
    history_sha256: str = ""
    trace_sha256: str = ""


class Figures(msgspec.Struct, kw_only=True):
    """Sums over runs; one line of a campaign's ``trend.jsonl`` (with when it started)."""

    started: str = ""
    runs: int = 0
    valid: int = 0
    invalid: int = 0
    unknown: int = 0
    operations: int = 0
    ok: int = 0
    ok_fraction: float = 0.0
    max_recovery_s: float | None = None
    bite: dict[str, Bite] = {}
    elapsed_s: float = 0.0

    def bite_rate(self, family: str) -> float | None:
        """Share of the applied faults of a family that bit; None when none was applied."""
        counts = self.bite.get(family, Bite())
        applied = counts.bit + counts.did_not_bite
        return counts.bit / applied if applied else None


def figures(entries: Iterable[Entry], started: str = "") -> Figures:
    """The sums of some runs."""
    total = Figures(started=started)
    bite: dict[str, Bite] = {}
    for entry in entries:
        total.runs += 1
        setattr(total, entry.verdict, getattr(total, entry.verdict) + 1)
        total.operations += entry.operations
        total.ok += entry.ok
        total.elapsed_s += entry.elapsed_s
        if entry.max_recovery_s is not None:
            total.max_recovery_s = max(total.max_recovery_s or 0.0, entry.max_recovery_s)
        for family, counts in entry.bite.items():
            into = bite.setdefault(family, Bite())
            into.bit += counts.bit
            into.did_not_bite += counts.did_not_bite
            into.unfired += counts.unfired
    total.bite = {family: bite[family] for family in sorted(bite)}
    total.ok_fraction = round(total.ok / total.operations, 6) if total.operations else 0.0
    total.elapsed_s = round(total.elapsed_s, 3)
    return total


def why(results: Sequence[Result], verdict: Verdict) -> str:
    """One sentence for a verdict: the first reason of a checker that came to it."""
    for result in results:
        if result.verdict == verdict:
            told = next((a.explanation for a in result.anomalies if a.explanation), "")
            text = told or result.why if verdict == "invalid" else result.why
            if text:
                return f"{result.checker}: {text[:WHY_MAX]}"
    return ""


def recovery_s(results: Sequence[Result]) -> float | None:
    """The longest time from a heal to the first success after it, in seconds.

    Heals that left another fault in force, or were followed by one before the first success, do not count.
    """
    found = next((r for r in results if r.checker == "availability"), None)
    rows: list[dict[str, Any]] = found.coverage.get("faults", []) if found else []
    worst: float | None = None
    for row in rows:
        if row.get("first_ok_ms") is None:
            continue
        heal = row["stop_ns"]
        first = heal + row["first_ok_ms"] * 1_000_000
        if not any(other["start_ns"] <= first and other["stop_ns"] > heal for other in rows):
            worst = max(worst or 0.0, row["first_ok_ms"] / 1000)
    return worst
