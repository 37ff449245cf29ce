"""Words and figures that checkers share: times for people, canonical JSON values, exact quantiles."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import msgspec

from checkers.history import Op

_canonical = msgspec.json.Encoder(order="deterministic")

QUANTILES = (("p50", 500), ("p95", 950), ("p99", 990), ("max", 1000))
"""name -> share in thousandths, by nearest rank"""


def seconds(time_ns: int) -> str:
    """``1234567890`` -> ``1.234567 s``: whole microseconds, cut and not rounded, so that order is kept."""
    sign = "-" if time_ns < 0 else ""
    micros = abs(time_ns) // 1000
    return f"{sign}{micros // 1_000_000}.{micros % 1_000_000:06d} s"


def who(op: Op) -> str:
    """``process 3 at n1``."""
    process = f"process {op.process}"
    return f"{process} at {op.node}" if op.node is not None else process


def canonical(value: Any) -> bytes:
    """One byte string per JSON value; ``1``, ``1.0``, ``true`` and ``"1"`` are four values."""
    return _canonical.encode(value)


def identity(value: Any) -> Hashable:
    """A dictionary key for a JSON value. Plain ints and strings stand for themselves; bytes never clash."""
    return value if type(value) is int or type(value) is str else canonical(value)


def quantiles_ms(durations_ns: Sequence[int]) -> dict[str, float]:
    """Nearest-rank quantiles in ms, picked by integers; the floats are for display. Empty in, empty out."""
    if not durations_ns:
        return {}
    ordered = sorted(durations_ns)
    last = len(ordered)
    return {name: ordered[-(-last * share // 1000) - 1] / 1_000_000 for name, share in QUANTILES}


def plural(count: int, noun: str) -> str:
    """``2 faults``, ``1 fault``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listing(items: Sequence[object], limit: int = 8) -> str:
    """``1, 2, 3 and 5 more``."""
    shown = ", ".join(str(item) for item in items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown
