"""The anomalies that are cycles, as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from checkers.txn.graph import (
    PROCESS,
    RT,
    RW,
    RW_PROCESS,
    RW_RT,
    RWS,
    WR,
    WW,
    WW_PROCESS,
    WW_RT,
    WWS,
    mask,
)
from checkers.txn.models import VARIANTS

Edge = tuple[int, int, int]
"""source, destination, class; fans are resolved"""


class Level(NamedTuple):
    """A variant: the classes ww and rw that count in it, and the order that may close the cycle."""

    suffix: str
    ww: int
    rw: int
    order: int

    @property
    def needed(self) -> int:
        """Of these classes a cycle must have one."""
        return (self.ww | self.rw | self.order) & ~mask(WW, RW)

    @property
    def all(self) -> int:
        return self.ww | mask(WR) | self.rw | self.order


LEVELS = (
    Level(VARIANTS[0], mask(WW), mask(RW), 0),
    Level(VARIANTS[1], mask(WW, WW_PROCESS), mask(RW, RW_PROCESS), mask(PROCESS)),
    Level(VARIANTS[2], mask(WW, WW_RT), mask(RW, RW_RT), mask(RT)),
)


class Kind(NamedTuple):
    """A row: ``first`` is the class of the first edge; ``wr``, ``rw``: whether the others may be of these.

    ``second``: another rw edge is needed; ``apart``: no two of them are adjacent. ``covered``: bits of kinds that
    tell a reader all that this one would; where one of them was found in a component, it is not told.
    """

    name: str
    first: str
    wr: bool
    rw: bool = False
    second: bool = False
    apart: bool = False
    covered: int = 0


KINDS = (
    Kind("G0", "ww", wr=False),
    Kind("G1c", "wr", wr=True, covered=0b00001),
    Kind("G-single", "rw", wr=True),
    Kind("G-nonadjacent", "rw", wr=True, rw=True, second=True, apart=True, covered=0b00100),
    Kind("G2-item", "rw", wr=True, rw=True, second=True, covered=0b01100),
)


def first_of(kind: Kind, level: Level) -> int:
    return {"ww": level.ww, "wr": mask(WR), "rw": level.rw}[kind.first]


def rest_of(kind: Kind, level: Level) -> int:
    return level.ww | level.order | (mask(WR) if kind.wr else 0) | (level.rw if kind.rw else 0)


def classify(classes: Sequence[int]) -> str:
    """The name of a cycle, by its edges' classes."""
    rws = [bool(RWS >> c & 1) for c in classes]
    if not any(rws):
        name = "G1c" if WR in classes else "G0"
    elif sum(rws) == 1:
        name = "G-single"
    else:
        adjacent = any(a and b for a, b in pairwise([*rws, rws[0]]))
        name = "G2-item" if adjacent else "G-nonadjacent"
    present = mask(*set(classes))
    return name + next((v.suffix for v in reversed(LEVELS) if present & v.needed), "")


def short(edges: Sequence[Edge]) -> list[Edge]:
    """The cycle without detours: what precedes in the order of a process, or in time, precedes directly."""
    out: list[Edge] = []
    for edge in edges:
        if out and out[-1][2] == edge[2] and edge[2] in (PROCESS, RT):
            out[-1] = (out[-1][0], edge[1], edge[2])
        else:
            out.append(edge)
    if len(out) > 2 and out[0][2] == out[-1][2] and out[0][2] in (PROCESS, RT):
        out[0] = (out[-1][0], out[0][1], out[0][2])
        out.pop()
    return out


__all__ = ["KINDS", "LEVELS", "WWS", "Edge", "Kind", "Level", "classify", "first_of", "rest_of", "short"]
