"""One result type for every checker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

Verdict = Literal["valid", "invalid", "unknown"]

# merging: an invalid part makes the whole invalid, else an unknown part makes it unknown
SEVERITY: dict[Verdict, int] = {"valid": 0, "unknown": 1, "invalid": 2}


class Anomaly(msgspec.Struct, omit_defaults=True):
    """A named violation with its witnesses.

    ``op_indexes`` are ``Op.index`` values of the history, ``trace_indexes`` are ``TraceEvent.index`` values.
    ``explanation`` is for a person who was not there: key, operations, time, and why no order explains it.
    """

    type: str
    op_indexes: list[int] = []
    trace_indexes: list[int] = []
    explanation: str = ""
    data: dict[str, Any] = {}


class Cost(msgspec.Struct, omit_defaults=True):
    elapsed_s: float = 0.0
    peak_mb: float = 0.0


class Result(msgspec.Struct, omit_defaults=True):
    """``coverage``: what was looked at, in numbers (operations, keys, ...): a run of which nothing was looked at
    is never valid.

    ``why``: one sentence; required for unknown. ``proved_prefix``: number of leading ops of the history known
    to be valid when the budget ran out.
    """

    verdict: Verdict
    checker: str
    anomalies: list[Anomaly] = []
    why: str = ""
    coverage: dict[str, Any] = {}
    proved_prefix: int | None = None
    cost: Cost | None = None


def merge(results: Sequence[Result]) -> Verdict:
    """The verdict of a run: the worst of its parts; nothing checked is unknown."""
    return max((r.verdict for r in results), key=SEVERITY.__getitem__, default="unknown")
