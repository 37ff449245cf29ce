"""Faults and phases of a run, as the nemesis' ops in its history tell them (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from checkers.history import NEMESIS, Op

PHASE = "phase"
MAIN, FINAL = "main", "final"


class Fault(msgspec.Struct):
    """One fault of the schedule. ``start`` without ``stop``: it was never healed in this history."""

    number: int
    family: str
    start: Op | None = None
    stop: Op | None = None
    unfired: Op | None = None

    @property
    def detail(self) -> dict[str, Any]:
        """The parameters asked for; ``{}`` where none were recorded."""
        return _mapping(self.start, "detail")

    @property
    def evidence(self) -> dict[str, Any]:
        """What was observed on the affected side; ``{}`` where nothing was."""
        return _mapping(self.stop, "evidence")

    @property
    def targets(self) -> list[str]:
        value = self.start.value if self.start is not None else None
        targets = value.get("targets") if isinstance(value, dict) else None
        return [str(t) for t in targets] if isinstance(targets, list | tuple) else []

    @property
    def since(self) -> int:
        """When the act of applying it began, in ns; its start is noted when that is over."""
        assert self.start is not None
        value = self.start.value.get("since") if isinstance(self.start.value, dict) else None
        return min(value, self.start.time) if type(value) is int else self.start.time

    def describe(self) -> str:
        """``fault 3 (partition:halves on n0, n1)``."""
        shape = self.detail.get("shape")
        family = f"{self.family}:{shape}" if isinstance(shape, str) else self.family
        return f"fault {self.number} ({family}{' on ' if self.targets else ''}{', '.join(self.targets)})"


def faults(history: Iterable[Op]) -> list[Fault]:
    """By number. Ops of a nemesis that do not have the documented form are not looked at."""
    found: dict[int, Fault] = {}
    for op in history:
        value = op.value
        if op.process != NEMESIS or op.f == PHASE or not isinstance(value, dict):
            continue
        number, phase = value.get("fault"), value.get("phase")
        if type(number) is not int or phase not in ("start", "stop", "unfired"):
            continue
        fault = found.setdefault(number, Fault(number, op.f))
        if phase == "start":
            fault.start = op
        elif phase == "stop":
            fault.stop = op
        else:
            fault.unfired = op
    return [found[number] for number in sorted(found)]


def phase_position(history: Sequence[Op], name: str) -> int | None:
    """Where in the history the phase ``name`` begins, if it does."""
    for position, op in enumerate(history):
        if (
            op.process == NEMESIS
            and op.f == PHASE
            and isinstance(op.value, dict)
            and op.value.get("name") == name
        ):
            return position
    return None


def _mapping(op: Op | None, field: str) -> dict[str, Any]:
    value = op.value.get(field) if op is not None and isinstance(op.value, dict) else None
    return value if isinstance(value, dict) else {}
