"""Positions of all keys on one axis, so that one sort, one running maximum, serves every key at once.

A position p of key k becomes k * (n + 2) + p, n being the length of the history. What has not ended stands at n
(LATE), what comes after everything at n + 1 (NEVER). Positions of different keys never mix: all of one key are
below all of the next.
"""

from __future__ import annotations

import numpy as np

from checkers.columns import Int64
from checkers.linearizability.engines import CRASHED, INVALID, Decisions
from checkers.linearizability.objects import Objects


class Timeline:
    """``key``: int64[m], each operation's key; ``begin``, ``end``: int64[m], on the axis; ``span``: of one key."""

    def __init__(self, objects: Objects) -> None:
        sizes = np.diff(objects.start)
        self.late = len(objects.history)
        self.span = self.late + 2
        self.key = np.repeat(np.arange(objects.keys), sizes)
        offset = self.key * self.span
        self.begin = objects.begin + offset
        self.end = np.minimum(objects.end, self.late) + offset
        self.crashed = objects.end == CRASHED

    def keys_of(self, at: Int64) -> Int64:
        """The keys of positions on the axis."""
        return at // self.span

    def positions(self, at: Int64) -> Int64:
        """The positions in the history of positions on the axis."""
        return at % self.span


def reject(decisions: Decisions, timeline: Timeline, at: Int64) -> None:
    """Mark the keys of these positions on the axis as invalid, at the earliest of each key."""
    if not len(at):
        return
    at = np.sort(at)
    keys = timeline.keys_of(at)
    first = np.concatenate(([True], keys[1:] != keys[:-1]))
    keys, at = keys[first], timeline.positions(at[first])
    before = decisions.position[keys]
    known = decisions.status[keys] == INVALID
    decisions.position[keys] = np.where(known & (before < at), before, at)
    decisions.status[keys] = INVALID
