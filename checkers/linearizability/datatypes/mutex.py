"""The engine of a lock that anybody may release: acquisitions and releases alternate.

All acquisitions do the same, and so do all releases: only their intervals tell them apart. So of those that are
open the one with the earliest end may always go first (any order in which another one does can have the two
exchanged), a crashed one, which need not happen, last of all. And nothing need happen before it must, at its end:
an operation that ends then is preceded, if the lock is in the wrong state, by one of the other sort, and never by
more, since two neighbours before it can go after it instead, the one of the other sort first. So the history is
walked once, with the open operations of either sort in a heap: O(n log n), exact, with any number of crashed
operations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from checkers.kernels import deadlines, view
from checkers.linearizability.budget import Budget
from checkers.linearizability.datatypes.timeline import Timeline
from checkers.linearizability.engines import (
    CRASHED,
    DECLINED,
    INVALID,
    NONE,
    VALID,
    Decisions,
    Engine,
    undecided,
)
from checkers.linearizability.objects import Objects
from checkers.models import Model


def decide(objects: Objects, model: Model, budget: Budget) -> Decisions:
    del model, budget
    decisions = undecided(objects.keys)
    decisions.status[:] = VALID
    timeline = Timeline(objects)
    releases = _is(objects, "release")
    odd = ~(releases | _is(objects, "acquire"))
    bad = np.full(objects.keys, -1)
    m = len(objects.begin)
    deadlines.alternate(
        view(objects.start),
        view(objects.begin),
        view(objects.end),
        view(releases.astype(np.int8)),
        view(np.argsort(timeline.end, kind="stable")),
        view(np.zeros(len(objects.history), np.int8)),
        view(np.zeros(m, np.int64)),
        view(np.zeros(m, np.int64)),
        view(bad),
        CRASHED,
    )
    invalid = np.flatnonzero(bad >= 0)
    decisions.status[invalid] = INVALID
    decisions.position[invalid] = objects.end[bad[invalid]]
    for key in np.unique(timeline.key[odd]).tolist():
        decisions.status[key] = DECLINED
        decisions.why[key] = "it decides acquire and release only"
    return decisions


def _is(objects: Objects, f: str) -> NDArray[np.bool_]:
    return np.equal(objects.f, objects.fs.index(f) if f in objects.fs else NONE)


ENGINE = Engine("mutex", decide)
