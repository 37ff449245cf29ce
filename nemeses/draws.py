"""The random stream that planning and applying faults are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Draws(Protocol):
    """Integers only, so that every Python draws the same. Implemented by whoever owns the seed."""

    def below(self, n: int, /) -> int: ...
    def between(self, low: int, high: int, /) -> int: ...
    def chance(self, ppm: int, /) -> bool: ...
    def choice(self, items: Sequence[T], /) -> T: ...
    def shuffle(self, items: Sequence[T], /) -> list[T]: ...


def weighted(stream: Draws, items: Sequence[tuple[T, int]]) -> T:
    """One of ``(item, weight)``, in proportion to the weights."""
    at = stream.below(sum(weight for _, weight in items))
    for item, weight in items:
        at -= weight
        if at < 0:
            return item
    raise AssertionError("weights are positive")


def magnitude(stream: Draws, low: int, high: int) -> int:
    """From ``low`` (at least 1) to ``high``, every power of two as likely as the next, with a random sign."""
    power = stream.between(low.bit_length() - 1, high.bit_length() - 1)
    size = min(high, max(low, stream.between(1 << power, (2 << power) - 1)))
    return size if stream.below(2) else -size
