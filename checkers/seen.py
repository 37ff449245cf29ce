"""What is remembered of names that were met: that they were, in little room, and of the last ones something more."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

BITS = 8
SPAN = 1 << BITS
"""numbers that share one entry"""
ALL = (1 << SPAN) - 1


class Seen:
    """Of names as ``identity`` gives them. Numbers in a row take half a byte each, others sixty bytes and more."""

    def __init__(self) -> None:
        self._parts: dict[int, int] = {}
        """number >> BITS -> bits of those that were met"""
        self._others: set[Hashable] = set()

    def __contains__(self, name: Hashable) -> bool:
        if type(name) is int:
            return bool(self._parts.get(name >> BITS, 0) >> (name % SPAN) & 1)
        return name in self._others

    def add(self, name: Hashable) -> None:
        if type(name) is int:
            bits = self._parts.get(name >> BITS, 0) | 1 << (name % SPAN)
            self._parts[name >> BITS] = ALL if bits == ALL else bits  # one object for all that are full
        else:
            self._others.add(name)

    def remove(self, name: Hashable) -> None:
        """One that was met."""
        if type(name) is int:
            bits = self._parts[name >> BITS] & ~(1 << (name % SPAN))
            if bits:
                self._parts[name >> BITS] = bits
            else:
                del self._parts[name >> BITS]
        else:
            self._others.remove(name)


class Recent(Generic[T]):
    """Something of each of the last ``count`` names at least, and of no more than twice as many."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._new: dict[Hashable, T] = {}
        self._old: dict[Hashable, T] = {}

    def put(self, name: Hashable, what: T) -> None:
        self._new[name] = what
        if len(self._new) >= self._count:
            self._old, self._new = self._new, {}

    def get(self, name: Hashable) -> T | None:
        found = self._new.get(name)
        return self._old.get(name) if found is None else found
