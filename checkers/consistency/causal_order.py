"""The causal order of a history of reads and writes: program order of processes, and from each write to its reads.

Vector clocks (Mattern 1989) hold it: of each operation, for every session, how many of its operations are in
the past. They take operations x sessions integers.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from checkers.history import Op
from checkers.micro_ops import R, micro_ops, outcome
from checkers.operations import Operation, operations
from checkers.rows import rows
from checkers.words import identity

INITIAL = -1
"""the writer of the value before any write"""


class Node(msgspec.Struct, eq=False):
    """An operation that happened. ``place``: from 1, in its session. ``reads``: (key, value, number of the node
    that wrote it, INITIAL or None when nobody did); of several reads of a key the first, if no own write is before.
    """

    operation: Operation
    session: int
    place: int
    reads: list[tuple[Hashable, Any, int | None]] = []
    writes: dict[Hashable, Any] = {}


class CausalOrder:
    """``nodes``; ``sessions``: numbers of nodes by session, in program order; ``writes``: key -> session -> places
    of its writes there. ``ambiguous``: keys of which a value was written twice; their reads are not looked at.
    """

    def __init__(self, history: Sequence[Op]) -> None:
        found = [o for o in operations(rows(history)) if o.type != "fail" and micro_ops(o.invoke)]
        self._writers: dict[Hashable, dict[Hashable, int]] = {}
        self.ambiguous: set[Hashable] = set()
        self.names: dict[Hashable, Any] = {}
        self.nodes: list[Node] = []
        self.sessions: list[list[int]] = []
        self._gather(found)
        self.writes: dict[Hashable, dict[int, list[int]]] = {}
        for node in self.nodes:
            for key in node.writes:
                self.writes.setdefault(key, {}).setdefault(node.session, []).append(node.place)
        self.preds: list[list[int]] = [[] for _ in self.nodes]
        for session in self.sessions:
            for first, then in pairwise(session):
                self.preds[then].append(first)
        for number, node in enumerate(self.nodes):
            for writer in {w for _, _, w in node.reads if w is not None and w not in (INITIAL, number)}:
                self.preds[number].append(writer)
        self.clocks: NDArray[np.int32] = np.zeros((0, 0), np.int32)

    def _gather(self, found: list[Operation]) -> None:
        happened = [operation for operation in found if operation.type == "ok"]
        seen: dict[Hashable, set[Hashable]] = {}
        for operation in happened:
            for kind, key, value in outcome(operation.invoke, _done(operation)):
                if kind == R:
                    seen.setdefault(identity(key), set()).add(identity(value))
        # what a crashed operation wrote is there if somebody read it
        happened += [
            operation
            for operation in found
            if operation.type != "ok"
            and any(
                kind != R and identity(value) in seen.get(identity(key), ())
                for kind, key, value in micro_ops(operation.invoke)
            )
        ]
        happened.sort(key=lambda o: o.begin)
        numbers: dict[int | str, int] = {}
        for operation in happened:
            session = numbers.setdefault(operation.invoke.process, len(numbers))
            if session == len(self.sessions):
                self.sessions.append([])
            members = self.sessions[session]
            members.append(len(self.nodes))
            self.nodes.append(Node(operation, session, len(members)))
        for number, node in enumerate(self.nodes):
            self._write(number, node)
        for node in self.nodes:
            if node.operation.type == "ok":
                self._read(node)

    def _write(self, number: int, node: Node) -> None:
        for kind, key, value in micro_ops(node.operation.invoke):
            if kind == R:
                continue
            name = identity(key)
            self.names[name] = key
            node.writes[name] = value
            writers = self._writers.setdefault(name, {})
            if writers.setdefault(identity(value), number) != number or value is None:
                self.ambiguous.add(name)

    def _read(self, node: Node) -> None:
        own: set[Hashable] = set()
        for kind, key, value in outcome(node.operation.invoke, _done(node.operation)):
            name = identity(key)
            self.names[name] = key
            if kind == R and name not in own and name not in self.ambiguous:
                writer = INITIAL if value is None else self._writers.get(name, {}).get(identity(value))
                node.reads.append((name, value, writer))
            own.add(name)

    # --- the order ------------------------------------------------------------------------------------------

    def topological(self) -> list[int]:
        """Numbers of nodes, each after its past; those on a cycle and after it are missing."""
        successors: list[list[int]] = [[] for _ in self.nodes]
        waits = [len(preds) for preds in self.preds]
        for number, preds in enumerate(self.preds):
            for pred in preds:
                successors[pred].append(number)
        ready = [number for number, count in enumerate(waits) if not count]
        for number in ready:
            for other in successors[number]:
                waits[other] -= 1
                if not waits[other]:
                    ready.append(other)
        return ready

    def tick(self, order: list[int]) -> None:
        """Compute the clocks; ``order`` is topological and complete."""
        clocks = np.zeros((len(self.nodes), len(self.sessions)), np.int32)
        for number in order:
            row = clocks[number]
            for pred in self.preds[number]:
                np.maximum(row, clocks[pred], out=row)
            node = self.nodes[number]
            row[node.session] = node.place
        self.clocks = clocks

    def precedes(self, first: int, then: int) -> bool:
        """Whether ``first`` is in the causal past of ``then``."""
        node = self.nodes[first]
        return first != then and bool(self.clocks[then, node.session] >= node.place)

    def last_writes(self, number: int, key: Hashable) -> list[int]:
        """The last write of a key in the past of a node, of each session that has one."""
        node, clock = self.nodes[number], self.clocks[number]
        found = []
        for session, places in self.writes.get(key, {}).items():
            upto = int(clock[session]) - (session == node.session)
            at = bisect_right(places, upto)
            if at:
                found.append(self.sessions[session][places[at - 1] - 1])
        return found

    def path(self, first: int, then: int) -> list[int]:
        """Nodes from ``first`` to ``then``, each known to the next: one hop for each change of session."""
        start = self.nodes[first]
        path = [then]
        while path[-1] != first:
            node = self.nodes[path[-1]]
            if node.session == start.session:
                path.append(first)
                break
            members = self.sessions[node.session]
            earliest = bisect_left(
                members, start.place, key=lambda number: int(self.clocks[number, start.session])
            )
            entry = members[earliest]
            if entry != path[-1]:
                path.append(entry)
            path.append(next(p for p in self.preds[entry] if p == first or self.precedes(first, p)))
        return path[::-1]


def _done(operation: Operation) -> Op:
    assert operation.completion is not None
    return operation.completion
