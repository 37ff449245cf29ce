"""Dependencies of transactions while a run goes on: pairs their ops, and keeps an order of them until there is none.

``suspect`` is set by the op that completes an anomaly: what transactions say of keys is for appending.py and
writing.py, which are built on this; that a dependency closes a cycle is noticed here. Nothing is named: the batch is
asked then.

Nodes are made when a transaction is invoked. Real time goes through barriers as in checkers/txn/graph.py: what was ok
since the last one precedes the next, which precedes who is invoked then.

Where two rw edges in a row are allowed (snapshot isolation; Cerone and Gotsman, Analysing Snapshot Isolation, JACM
2018) each transaction is two nodes: an rw edge leads to the second, from which no rw edge leads on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers.kernels.acyclic import Acyclic
from checkers.kernels.slots import longer, numbers

NEMESIS = "nemesis"
NONE = -1
ROOM = 256
UNKNOWN, FAILED, SEEN = 0, 1, 2
"""what is known of a transaction: nothing, that it did not happen, that it did"""


class Dependencies(Acyclic):
    """``verb``: what a write is called. ``wr``, ``rw``, ``process``, ``realtime``: which dependencies count, beside
    ww. ``apart``: whether two rw in a row are allowed; ``lost``, ``internal``: whether these anomalies are not.
    ``name``: a hashable form of a value, for those that are no int or str. ``misfit``: as of windows.py.
    """

    def __init__(
        self,
        verb: str,
        wr: bool,
        rw: bool,
        apart: bool,
        process: bool,
        realtime: bool,
        lost: bool,
        internal: bool,
        name: Callable[[Any], Any],
        misfit: Callable[[Any, Any], None],
    ) -> None:
        super().__init__()
        self.verb = verb
        self.wr = wr
        self.rw = rw
        self.second = 1 if apart else 0  # how far the second node of a transaction is from its first
        self.in_process = process
        self.realtime = realtime
        self.lost = lost
        self.internal = internal
        self.name = name
        self.misfit = misfit
        self.suspect = False
        self.open: dict[Any, Any] = {}  # by process: (node, invocation, first write, last write + 1)
        self.previous: dict[Any, int] = {}  # by process: its last node
        self.done: list[int] = []  # ok since the last barrier
        self.barrier = NONE
        self.writes = 0
        self.owner = numbers(ROOM)  # by write: its node
        self.place = numbers(ROOM)  # where it was read, NONE
        self.later = numbers(ROOM)  # whether another of its transaction to the key follows
        self.fate = numbers(ROOM)  # of its transaction

    # --- the graph ------------------------------------------------------------------------------------------

    def transaction(self) -> int:
        node = self.node()
        if self.second:
            self.node()
        return node

    def precedes(self, one: int, other: int) -> None:
        """By ww, wr or an order."""
        if one != other:
            self.edge(one, other)
            if self.second:
                self.edge(one + 1, other)

    def overwritten(self, one: int, other: int) -> None:
        """By rw; ``one`` may be a fan."""
        if one != other:
            self.edge(one, other + self.second)

    # --- observing ------------------------------------------------------------------------------------------

    def observe(self, op: Any) -> bool:
        """Take an op; whether something may be wrong."""
        process = op.process
        if type(process) is str and process == NEMESIS:
            return False
        kind = op.type
        if kind == "invoke":
            if process in self.open:
                self.misfit(op, self.open[process][1])
            self.begin(process, op)
            return self.suspect
        found = self.open.pop(process, None)
        if found is None:
            if kind != "info":
                self.misfit(op, None)
            return self.suspect
        if found[1].f != op.f:
            self.misfit(op, found[1])
        node: int = found[0]
        first: int = found[2]
        last: int = found[3]
        if node == NONE:
            return self.suspect
        if kind == "ok":
            self.end(node, op.value, first, last)
        elif kind == "fail":
            self.gone(node)
            for write in range(first, last):
                self.fate[write] = FAILED
                if self.place[write] != NONE:
                    self.suspect = True
        if self.cyclic:
            self.suspect = True
        return self.suspect

    def begin(self, process: Any, op: Any) -> None:
        if op.f != "txn":
            self.open[process] = (NONE, op, 0, 0)
            return
        if self.realtime and len(self.done) > 0:
            barrier = self.transaction()
            if self.barrier != NONE:
                self.edge(self.barrier, barrier)
            for each in self.done:
                node: int = each
                self.precedes(node, barrier)
            self.done = []
            self.barrier = barrier
        node = self.transaction()
        if self.realtime and self.barrier != NONE:
            self.edge(self.barrier, node)
        if self.in_process:
            before = self.previous.get(process)
            if before is not None:
                self.precedes(before, node)
            self.previous[process] = node
        first = self.writes
        if type(op.value) is not list and type(op.value) is not tuple:
            self.suspect = True
        else:
            self.begins(node, process, op.value)
            for micro in op.value:
                if not self.fits(micro):
                    self.suspect = True
                elif micro[0] == self.verb:
                    self.register(node, micro[1], micro[2])
        self.open[process] = (node, op, first, self.writes)

    def fits(self, micro: Any) -> bool:
        if type(micro) is not list and type(micro) is not tuple:
            return False
        return len(micro) == 3 and type(micro[0]) is str and micro[0] in (self.verb, "r")

    def write(self, node: int) -> int:
        """A number for a write that may happen."""
        number = self.writes
        if number == len(self.owner):
            self.owner = longer(self.owner, 2 * number)
            self.place = longer(self.place, 2 * number)
            self.later = longer(self.later, 2 * number)
            self.fate = longer(self.fate, 2 * number)
        self.owner[number] = node
        self.place[number] = NONE
        self.later[number] = 0
        self.fate[number] = UNKNOWN
        self.writes = number + 1
        return number

    # --- for those built on it ------------------------------------------------------------------------------

    def begins(self, node: int, process: Any, micros: Any) -> None:
        """A transaction begins, before its writes are registered."""

    def gone(self, node: int) -> None:
        """A transaction failed."""

    def register(self, node: int, key: Any, value: Any) -> None:
        """A write of a transaction that begins."""

    def end(self, node: int, micros: Any, first: int, last: int) -> None:
        """A transaction is ok. ``first``, ``last``: its writes."""
