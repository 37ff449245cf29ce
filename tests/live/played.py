"""Runs of a schedule in a live environment, and what became of its faults."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.run import Outcome, execute
from harness.spec import RunSpec
from nemeses.fault import Fault
from nemeses.partition import FAMILY as PARTITION
from nemeses.schedule import Schedule

SHAPES = [s for s in PARTITION.shapes if s.bout.__name__ == "single" and s.name != "explicit"]

PLACES: dict[str, dict[str, Any]] = {
    "tcp": {"env": "process", "transport": "tcp"},
    "docker": {"env": "docker"},
}
"""``tcp`` is short for processes with links of their own"""

RULES: dict[str, dict[str, int]] = {
    "delay": {"delay_us": 20_000, "jitter_us": 30_000},
    "loss": {"loss_ppm": 300_000},
    "duplication": {"duplicate_ppm": 400_000},
    "reordering": {"reorder_ppm": 400_000, "reorder_us_max": 50_000},
    "corruption": {"corrupt_ppm": 300_000},
    "throttle": {"rate_bytes_s": 10_000},
}


def fault(start_ms: int, stop_ms: int, name: str, target: Any, **parameters: Any) -> Fault:
    family, _, shape = name.partition(":")
    return Fault(
        start_ms=start_ms, stop_ms=stop_ms, family=family, shape=shape, target=target, parameters=parameters
    )


def link_faults() -> list[Fault]:
    return [
        fault(300 + 700 * n, 900 + 700 * n, f"link:{shape}", "all", **parameters)
        for n, (shape, parameters) in enumerate(RULES.items())
    ]


def played(env: str, folder: Path, faults: Iterable[Fault], **fields: Any) -> Outcome:
    """On five nodes where nothing else is said."""
    where = PLACES.get(env, {"env": env})
    spec = {"nodes": 5, "time_limit": 5, "quiet": 1, "rate": 80, "seed": 11, **where, **fields}
    schedule = Schedule(faults=sorted(faults, key=lambda f: f.start_ms))
    return execute(RunSpec(**spec), folder, schedule=schedule, report=False)


def valid(env: str, folder: Path, faults: Iterable[Fault], **fields: Any) -> Outcome:
    """The same, and its verdict is valid."""
    outcome = played(env, folder, faults, **fields)
    assert outcome.verdict == "valid", [(r.checker, r.why, r.anomalies) for r in outcome.results]
    return outcome


def bites(outcome: Outcome) -> dict[str, tuple[int, int]]:
    """Of each family: how many faults bit, and how many there were."""
    return {name: (row["bit"], sum(row.values())) for name, row in outcome.summary["bite"].items()}
