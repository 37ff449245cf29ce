"""What goes wrong in writing."""

from __future__ import annotations


class CannotWriteError(ValueError):
    """A history says what a format cannot: one line with what."""
