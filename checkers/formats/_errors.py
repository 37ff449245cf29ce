"""What goes wrong in writing."""

from __future__ import annotations

import math
from typing import Any


class CannotWriteError(ValueError):
    """A history says what a format cannot: one line with what."""


def check_finite(value: Any, index: int) -> None:
    """Raises CannotWriteError for an op whose value holds an infinity or no number: JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        raise CannotWriteError(f"op {index} has a number that JSON cannot say: {value}")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for item in value:
        check_finite(item, index)
