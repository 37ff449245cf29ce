"""An order of versions that must satisfy more and more constraints "this one not after that one".

Pearce and Kelly, A dynamic topological sort algorithm for directed acyclic graphs (JEA 11, 2006): the order is
kept; a constraint that agrees with it costs nothing, another one rearranges only the versions between the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

Why = TypeVar("Why")


class VersionOrder(Generic[Why]):
    """Versions are 0, 1, 2, ... in the order of ``add``; each is put last at first."""

    def __init__(self) -> None:
        self._place: list[int] = []
        self._after: list[dict[int, Why]] = []
        self._before: list[dict[int, None]] = []

    def __len__(self) -> int:
        return len(self._place)

    def add(self) -> int:
        new = len(self._place)
        self._place.append(new)
        self._after.append({})
        self._before.append({})
        return new

    def put(self, first: int, second: int, why: Why) -> list[Why] | None:
        """Demand ``first`` before ``second``. None, or the demands of a path from ``second`` to ``first``, which
        contradict this one: then it is not taken in.
        """
        if second in self._after[first]:
            return None
        if self._place[first] > self._place[second]:
            came_from = self._forward(second, self._place[first])
            if first in came_from:
                return self._path(came_from, second, first)
            self._rearrange(self._backward(first, self._place[second]), came_from)
        self._after[first][second] = why
        self._before[second][first] = None
        return None

    def _forward(self, start: int, limit: int) -> dict[int, int]:
        """What is reached from ``start`` at places up to ``limit``: node -> the node before it."""
        came_from = {start: start}
        stack = [start]
        while stack:
            node = stack.pop()
            for other in self._after[node]:
                if other not in came_from and self._place[other] <= limit:
                    came_from[other] = node
                    stack.append(other)
        return came_from

    def _backward(self, start: int, limit: int) -> dict[int, None]:
        found = {start: None}
        stack = [start]
        while stack:
            for other in self._before[stack.pop()]:
                if other not in found and self._place[other] >= limit:
                    found[other] = None
                    stack.append(other)
        return found

    def _rearrange(self, early: Iterable[int], late: Iterable[int]) -> None:
        ordered = [*sorted(early, key=self._place.__getitem__), *sorted(late, key=self._place.__getitem__)]
        for node, place in zip(ordered, sorted(self._place[node] for node in ordered), strict=True):
            self._place[node] = place

    def _path(self, came_from: dict[int, int], start: int, end: int) -> list[Why]:
        found: list[Why] = []
        while end != start:
            found.append(self._after[came_from[end]][end])
            end = came_from[end]
        return found[::-1]
