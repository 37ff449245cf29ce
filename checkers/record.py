"""The record of a run, as checkers get it: history, trace, schedule, evidence. All of it is data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from checkers.history import Op
from checkers.result import Result


class TraceEvent(msgspec.Struct, gc=False):
    """One line of trace.jsonl. ``index`` is its line number from 0, ``step`` the world's event counter.

    ``hash`` is the rolling state hash of the world (simulation only): two runs of one seed agree on it until the
    first divergence. Kinds and their ``data`` are documented in docs/formats.md.
    """

    index: int
    time: int
    node: str
    kind: str
    data: dict[str, Any]
    step: int = 0
    hash: int = 0


class Record(msgspec.Struct):
    """What a checker may look at.

    ``trace`` can be iterated more than once (a list, or a reader that opens the file anew).
    ``options``: what the workload and the campaign say (model name, nodes, quiet period, gates).
    Evidence of faults is in the history: the nemesis' ops (docs/formats.md).
    """

    history: Sequence[Op]
    trace: Iterable[TraceEvent] = ()
    nodes: tuple[str, ...] = ()
    options: dict[str, Any] = {}


class Checker(Protocol):
    """A judge. ``name`` is how campaigns, results and the command line call it.

    ``anomalies`` are all the types it can ever give; each has a pair of histories in ``checkers/pairs`` that differ
    in one op (checkers/selftest.py).
    """

    name: str
    anomalies: tuple[str, ...]

    def check(self, record: Record) -> Result: ...
