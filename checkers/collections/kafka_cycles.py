"""Cycles of operations on logs: who polled a message comes after who sent it; and, where it is asked for, who sent
one after who sent the one before it in the log.

The names are those of checkers/txn/models.py: G1c has an edge of a poll, G0 has none; ``-process`` and ``-realtime``
need the order of a process, or time, to close.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from checkers.collections.kafka_log import Log, Sighting
from checkers.columns import FAIL, INFO, OK, Int8, Int64
from checkers.history import Op
from checkers.txn.cycles import search
from checkers.txn.graph import PROCESS, WR, WW, build
from checkers.txn.models import VARIANTS
from checkers.words import seconds, who

CYCLES = tuple(kind + variant for variant in VARIANTS for kind in ("G0", "G1c"))
OUTCOMES = {"ok": OK, "fail": FAIL, "info": INFO}


class Doing(msgspec.Struct, eq=False):
    """An operation; ``end`` -1 while it is open."""

    invoke: Op
    begin: int
    done: Op
    end: int = -1


class Spans(NamedTuple):
    """All operations, as checkers/txn/graph.py wants them."""

    begin: Int64
    end: Int64
    outcome: Int8
    process: Int64

    def __len__(self) -> int:
        return len(self.begin)


class Edges(NamedTuple):
    """Of each its source, target and class, and the key of the message."""

    src: list[int]
    dst: list[int]
    cls: list[int]
    keys: list[str]

    def add(self, source: int, target: int, cls: int, key: str) -> None:
        self.src.append(source)
        self.dst.append(target)
        self.cls.append(cls)
        self.keys.append(key)


class Cycle(NamedTuple):
    name: str
    by: list[Sighting]
    text: str


class Precedence:
    """``ww``: whether the order of messages in a log orders those who sent them. Memory: the operations, and a number
    for each message that was polled.
    """

    def __init__(self, *, ww: bool) -> None:
        self._ww = ww
        self._doing: list[Doing] = []
        self._number: dict[int, int] = {}
        self._polls: list[tuple[int, str, Hashable]] = []

    def began(self, op: Op, position: int) -> None:
        self._number[op.index] = len(self._doing)
        self._doing.append(Doing(op, position, op))

    def ended(self, invoke: Op, op: Op, position: int) -> None:
        doing = self._doing[self._number[invoke.index]]
        doing.done, doing.end = op, position

    def polled(self, invoke: Op, key: str, name: Hashable) -> None:
        self._polls.append((self._number[invoke.index], key, name))

    def cycles(self, logs: Mapping[str, Log]) -> tuple[list[Cycle], dict[str, int]]:
        """Some of each kind, the shortest; how often each was found."""
        edges = self._edges(logs)
        if not edges.src:
            return [], {}
        src, dst = np.array(edges.src, np.int32), np.array(edges.dst, np.int32)
        graph = build(self._spans(), src, dst, np.array(edges.cls, np.int8), len(self._doing), process=True)
        found = search(graph, frozenset(CYCLES))
        keys: dict[tuple[int, int, int], str] = {}
        if found.cycles:
            for source, target, cls, key in zip(*edges, strict=True):
                keys.setdefault((source, target, cls), key)
        cycles: list[Cycle] = []
        for cycle in found.cycles:
            by = [self._sighting(edge[0]) for edge in cycle.edges]
            words = [self._because(*edge, keys.get(edge, "")) for edge in cycle.edges]
            cycles.append(Cycle(cycle.name, by, "; ".join(words) + ": none of them can have come first"))
        return cycles, dict(found.counts)

    def _spans(self) -> Spans:
        processes: dict[int | str, int] = {}
        for doing in self._doing:
            processes.setdefault(doing.invoke.process, len(processes))
        return Spans(
            np.array([d.begin for d in self._doing], np.int64),
            np.array([d.end for d in self._doing], np.int64),
            np.array([OUTCOMES.get(d.done.type, INFO) for d in self._doing], np.uint8),
            np.array([processes[d.invoke.process] for d in self._doing], np.int64),
        )

    def _sighting(self, number: int) -> Sighting:
        return Sighting(self._doing[number].invoke, self._doing[number].done)

    def _named(self, number: int) -> str:
        doing = self._doing[number]
        return f"{who(doing.done)} at {seconds(doing.done.time)} (op {doing.done.index})"

    def _edges(self, logs: Mapping[str, Log]) -> Edges:
        edges = Edges([], [], [], [])
        for number, key, name in self._polls:
            send = logs[key].sends.get(name)
            source = -1 if send is None or send.type == "fail" else self._number[send.invoke.index]
            # what was polled before anybody asked to send it is told as unwritten
            if source in (-1, number) or 0 <= self._doing[number].end < self._doing[source].begin:
                continue
            edges.add(source, number, WR, key)
        for log in logs.values() if self._ww else ():
            before = -1
            for offset in sorted(log.at):
                sends = (log.sends.get(name) for name in log.at[offset])
                sent_by = [self._number[s.invoke.index] for s in sends if s and (s.type == "ok" or s.sure)]
                if not sent_by:
                    continue
                source, before = before, sent_by[0]
                if source not in (-1, before):
                    edges.add(source, before, WW, log.key)
        return edges

    def _because(self, source: int, target: int, cls: int, key: str) -> str:
        one, two = self._named(source), self._named(target)
        if cls == WR:
            return f"{two} polled what {one} sent to key {key}"
        if cls == WW:
            return f"{one} sent a message to key {key} and {two} the next"
        return (
            f"{one} came before {two} of its process"
            if cls == PROCESS
            else f"{one} had ended before {two} began"
        )
