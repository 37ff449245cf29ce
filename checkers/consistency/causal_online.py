"""Causal consistency while a run goes on ("causal"): the bad patterns of causal.py, noticed with the op that makes
one, and confirmed by the batch (checkers/following.py).

Each operation that happened has a clock: of each session, how many of its operations are in the past. A read is
judged by the last writes in its past, as the batch judges it, and what must be ordered because of it is put into a
graph that has an order until there is a cycle. A transaction whose write was read before it was done itself is in
the past of others with what is known of it; what it turns out to have read is handed on to them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Mapping
from typing import Any

import msgspec

from checkers.consistency.causal import CELLS_MAX, Causal, level_of
from checkers.following import Following
from checkers.history import NEMESIS, Op
from checkers.kernels.acyclic import Acyclic
from checkers.micro_ops import R, micro_ops, outcome
from checkers.operations import misfit
from checkers.words import identity


class _Node(msgspec.Struct, eq=False):
    """An operation that happened: a write that was read, or one that was ok. ``reads``: (key, writer or None for the
    initial value), as in causal_order.py. ``then``: whose past it is in at first hand.
    """

    number: int
    session: int
    place: int
    clock: list[int]
    reads: list[tuple[Hashable, _Node | None]] = []
    then: list[_Node] = []

    def knows(self, other: _Node) -> bool:
        clock = self.clock
        return other.session < len(clock) and clock[other.session] >= other.place


class _Session(msgspec.Struct, eq=False):
    number: int
    nodes: list[_Node] = []
    done: bool = False
    """its last operation has an unknown outcome"""


class _Pending(msgspec.Struct, eq=False):
    """An operation that may happen; ``node``: when it did. ``wrote``: (key, value)"""

    invoke: Op
    session: _Session
    wrote: list[tuple[Hashable, Hashable]]
    node: _Node | None = None


class _Key(msgspec.Struct, eq=False):
    """``writers``: by value. ``places``: by session, places of its writes there."""

    writers: dict[Hashable, _Pending] = {}
    places: dict[int, list[int]] = {}


class OnlineCausal(Following):
    """Options as Causal's. Memory: the run's ops, and a clock of each, as any may be read again.

    Where a value was written to a key twice, or nil was, it looks now and then.
    """

    name = Causal.name
    batch = Causal

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        """Raises ValueError for a level that does not exist."""
        super().__init__(options)
        self._converges = level_of(self.options) == "ccv"
        self._graph = Acyclic()
        self._keys: dict[Hashable, _Key] = {}
        self._sessions: dict[int | str, _Session] = {}
        self._by_number: list[_Session] = []
        self._open: dict[int | str, _Pending | Op] = {}
        self._conflicts: set[tuple[int, int]] = set()
        self._cells = 0
        self._odd = False
        """something may be wrong"""
        self.notices = self._notices

    def _notices(self, op: Op) -> bool:
        process = op.process
        if process == NEMESIS or self._cells > CELLS_MAX:
            return False
        waiting = self._open.pop(process, None)
        if op.type == "invoke":
            if waiting is not None:
                misfit(op, waiting if isinstance(waiting, Op) else waiting.invoke)
            self._open[process] = self._began(op)
        elif waiting is None:
            misfit(op, None)
        elif isinstance(waiting, _Pending):
            if op.type == "ok":
                self._happened(waiting, op)
            elif op.type == "fail":
                self._failed(waiting)
            else:
                waiting.session.done = True
        return self._odd

    # --- operations -----------------------------------------------------------------------------------------

    def _key(self, name: Hashable) -> _Key:
        found = self._keys.get(name)
        if found is None:
            found = self._keys[name] = _Key()
        return found

    def _session(self, process: int | str) -> _Session:
        found = self._sessions.get(process)
        if found is None:
            found = self._sessions[process] = _Session(len(self._by_number))
            self._by_number.append(found)
        return found

    def _began(self, op: Op) -> _Pending | Op:
        micros = micro_ops(op)
        if not micros:
            return op
        session = self._session(op.process)
        self._odd |= session.done  # what it did before may still come to be read
        pending = _Pending(op, session, [])
        for kind, raw, value in micros:
            if kind == R:
                continue
            key, written = identity(raw), identity(value)
            if self._key(key).writers.setdefault(written, pending) is not pending or value is None:
                self._odd = True
            pending.wrote.append((key, written))
        return pending

    def _failed(self, pending: _Pending) -> None:
        self._odd |= pending.node is not None
        for key, value in pending.wrote:
            writers = self._keys[key].writers
            if writers.get(value) is pending:
                del writers[value]

    def _node(self, pending: _Pending) -> _Node:
        if pending.node is not None:
            return pending.node
        session, number = pending.session, self._graph.node()
        before = session.nodes[-1] if session.nodes else None
        clock = list(before.clock) if before is not None else []
        clock += [0] * (session.number + 1 - len(clock))
        node = pending.node = _Node(number, session.number, len(session.nodes) + 1, clock)
        clock[session.number] = node.place
        self._cells += len(clock)
        session.nodes.append(node)
        if before is not None:
            before.then.append(node)
            self._graph.edge(before.number, number)
        for name, _ in pending.wrote:
            places = self._keys[name].places.setdefault(session.number, [])
            if not places or places[-1] != node.place:
                places.append(node.place)
        return node

    def _happened(self, pending: _Pending, op: Op) -> None:
        seen = pending.node is not None
        node = self._node(pending)
        touched: set[Hashable] = set()
        for kind, raw, value in outcome(pending.invoke, op):
            key = identity(raw)
            if kind == R:
                writer = None
                if value is not None:
                    written = self._key(key).writers.get(identity(value))
                    if written is not None:
                        writer = self._node(written)
                    elif key not in touched:
                        self._odd = True
                if key not in touched:
                    node.reads.append((key, writer))
            touched.add(key)
        for _, writer in node.reads:
            if writer is not None and writer is not node:
                writer.then.append(node)
                self._graph.edge(writer.number, node.number)
                self._learns(node, writer)
        self._judge(node)
        if seen:
            self._hand_on(node)

    # --- the order ------------------------------------------------------------------------------------------

    def _learns(self, node: _Node, other: _Node) -> bool:
        """The other's past is in the node's: whether that was new."""
        mine, its = node.clock, other.clock
        if other.knows(node):
            self._odd = True  # each precedes the other
            return False
        if len(mine) < len(its):
            mine += [0] * (len(its) - len(mine))
        news = False
        for session, upto in enumerate(its):
            if upto > mine[session]:
                mine[session] = upto
                news = True
        return news

    def _hand_on(self, node: _Node) -> None:
        stack = [node]
        while stack and not self._odd:
            known = stack.pop()
            for other in known.then:
                if self._learns(other, known):
                    self._judge(other)
                    stack.append(other)

    def _judge(self, node: _Node) -> None:
        """The reads of a node, by the last writes in its past."""
        clock = node.clock
        for name, writer in node.reads:
            key = self._keys.get(name)
            for session, places in key.places.items() if key is not None else ():
                if session >= len(clock):
                    continue
                at = bisect_right(places, clock[session] - (session == node.session))
                other = self._by_number[session].nodes[places[at - 1] - 1] if at else None
                if other is None or other is writer:
                    continue
                if writer is None or other.knows(writer):
                    self._odd = True
                elif self._converges and (other.number, writer.number) not in self._conflicts:
                    self._conflicts.add((other.number, writer.number))
                    self._graph.edge(other.number, writer.number)
        self._odd |= self._graph.cyclic
