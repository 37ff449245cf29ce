"""What can go wrong in a way that has an exit code of its own.

| raised | exit code | means |
|---|---|---|
| `UsageError` | 254 | what the user asked for cannot be done: one line says what, where, what was expected |
| `HarnessError` | 255 | Splitbrain itself failed: nothing is said about the system under test |
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

OK, INVALID, UNKNOWN, USAGE, FAILED = 0, 1, 2, 254, 255
"""exit codes; Jepsen's"""

VERDICT_CODES = {"valid": OK, "invalid": INVALID, "unknown": UNKNOWN}

_LINE_MAX = 300


class UsageError(Exception):
    """Bad arguments, a bad campaign or input file. ``str(e)`` is one line."""


class HarnessError(Exception):
    """A defect or an accident of the harness: no verdict follows from it. ``str(e)`` is one line."""


def refused_file(path: Path | str, error: OSError, expected: str) -> UsageError:
    """What to raise where the machine refuses a file that a user named."""
    return UsageError(f"{path}: {(error.strerror or str(error)).lower()}; expected {expected}")


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or what there is to choose from: the end of a line about an unknown name."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if names else "; none are known"


def one_line(text: str) -> str:
    """``text`` without line breaks and control characters, cut to a terminal's patience."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= _LINE_MAX else flat[: _LINE_MAX - 3] + "..."
