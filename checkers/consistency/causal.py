"""Causal consistency ("causal") of reads and writes, by its bad patterns: Bouajjani, Enea, Guerraoui, Hamza, On
Verifying Causal Consistency (POPL 2017), found through vector clocks as in AWDIT (arXiv 2504.06975).

The causal order co: what a process did before, and the write that a read returned. A history whose writes are of
distinct values per key is causally consistent if it has none of the first four patterns, and causally convergent
(all replicas settle concurrent writes alike) if it has none at all (their theorems; causal memory is not judged).

| anomaly | meaning |
|---|---|
| ThinAirRead | a value was read that nobody wrote, or whose write had failed |
| CyclicCO | the causal order has a cycle: an effect precedes its cause |
| WriteCOInitRead | the initial value was read after a write of the key in the causal past |
| WriteCORead | a value was read although, in the causal past, another write had replaced it |
| CyclicCF | no one order of concurrent writes explains what was read (option ``level: ccv``) |

A transaction is one node with its reads before own writes and its last write of each key. O(n k) for n operations
of k processes, time and memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from checkers.consistency.causal_order import INITIAL, CausalOrder
from checkers.record import Record
from checkers.result import Result
from checkers.running import Findings, conclude
from checkers.words import canonical, listing, plural, seconds

CELLS_MAX = 100_000_000
"""entries of all vector clocks together; beyond it the verdict is unknown"""
LEVELS = ("cc", "ccv")


def level_of(options: Mapping[str, Any]) -> str:
    """Raises ValueError for one that does not exist."""
    level = options.get("level", "ccv")
    if level not in LEVELS:
        raise ValueError(f"causal: level is {level!r}, expected {' or '.join(LEVELS)}")
    return str(level)


class Causal:
    """Options: ``level``: ``ccv`` (default: causal convergence) or ``cc`` (causal consistency)."""

    name = "causal"
    anomalies = ("ThinAirRead", "CyclicCO", "WriteCOInitRead", "WriteCORead", "CyclicCF")

    def check(self, record: Record) -> Result:
        level = level_of(record.options)
        order = CausalOrder(record.history)
        found = Findings()
        coverage: dict[str, Any] = {
            "operations": len(order.nodes),
            "sessions": len(order.sessions),
            "keys": len(order.names),
            "keys_ambiguous": len(order.ambiguous),
            "reads": sum(len(node.reads) for node in order.nodes),
        }
        unknown = "" if coverage["reads"] else "no read was ok"
        if order.ambiguous:
            keys = sorted(canonical(order.names[k]).decode() for k in order.ambiguous)
            unknown = (
                f"values written to {listing(keys)} are not distinct, so its reads do not tell their writes"
            )
        if len(order.nodes) * len(order.sessions) > CELLS_MAX:
            unknown = f"{len(order.nodes)} operations of {len(order.sessions)} processes are too many for the clocks"
            return conclude(self.name, self.anomalies, found, coverage, unknown)
        judge = _Judge(order, found)
        judge.thin_air()
        topological = order.topological()
        if len(topological) < len(order.nodes):
            judge.cyclic(order.preds, {}, "CyclicCO")
        else:
            order.tick(topological)
            conflicts = judge.reads()
            if level == "ccv" and not found.counts:
                judge.convergence(topological, conflicts)
        return conclude(self.name, self.anomalies, found, coverage, unknown)


class _Judge:
    def __init__(self, order: CausalOrder, found: Findings) -> None:
        self._order = order
        self._found = found

    def _key(self, name: Hashable) -> str:
        key = self._order.names[name]
        return "the register" if key is None else f"key {canonical(key).decode()}"

    def _who(self, number: int) -> str:
        op = self._order.nodes[number].operation
        return f"process {op.invoke.process} ({seconds((op.completion or op.invoke).time)})"

    def _indexes(self, numbers: list[int]) -> list[int]:
        return [i for n in numbers for i in self._order.nodes[n].operation.indexes()]

    def thin_air(self) -> None:
        for number, node in enumerate(self._order.nodes):
            for key, value, writer in node.reads:
                if writer is None and self._found.room("ThinAirRead"):
                    text = (
                        f"{self._who(number)} read {canonical(value).decode()} of {self._key(key)}, which no "
                        "operation that may have happened wrote"
                    )
                    self._found.keep("ThinAirRead", self._indexes([number]), text)

    def reads(self) -> dict[tuple[int, int], tuple[int, Hashable]]:
        """Judge each read by the last writes in its past. What remains, first -> then: ``first`` must be ordered
        before ``then``, because of a read and its key.
        """
        order = self._order
        conflicts: dict[tuple[int, int], tuple[int, Hashable]] = {}
        for number, node in enumerate(order.nodes):
            for key, value, writer in node.reads:
                if writer is None:
                    continue
                for other in order.last_writes(number, key):
                    if other == writer:
                        continue
                    if writer == INITIAL:
                        self._tell("WriteCOInitRead", number, key, value, writer, other)
                        break
                    if order.precedes(writer, other):
                        self._tell("WriteCORead", number, key, value, writer, other)
                        break
                    conflicts.setdefault((other, writer), (number, key))
        return conflicts

    def _tell(self, kind: str, reader: int, key: Hashable, value: Any, writer: int, other: int) -> None:
        if not self._found.room(kind):
            return
        order = self._order
        newer = canonical(order.nodes[other].writes[key]).decode()
        known = order.path(other, reader)
        text = (
            f"{self._who(reader)} read {canonical(value).decode()} of {self._key(key)}, although the write of "
            f"{newer} by {self._who(other)} is in its causal past ({self._hops(known)})"
        )
        before: list[int] = []
        if writer != INITIAL:
            before = order.path(writer, other)
            text += f", and that write came after the write it returned ({self._hops(before)})"
        self._found.keep(kind, self._indexes([*before, *known]), text)

    def _hops(self, path: list[int]) -> str:
        return " -> ".join(f"op {self._order.nodes[n].operation.invoke.index}" for n in path)

    def convergence(
        self, topological: list[int], conflicts: dict[tuple[int, int], tuple[int, Hashable]]
    ) -> None:
        place = {number: at for at, number in enumerate(topological)}
        if all(place[first] < place[then] for first, then in conflicts):
            return
        preds = [list(p) for p in self._order.preds]
        for first, then in conflicts:
            preds[then].append(first)
        self.cyclic(preds, conflicts, "CyclicCF")

    def cyclic(
        self, preds: list[list[int]], conflicts: dict[tuple[int, int], tuple[int, Hashable]], kind: str
    ) -> None:
        cycle = shortest_cycle(preds)
        if not cycle or not self._found.room(kind):
            return
        steps, readers = [], []
        for first, then in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            cause = conflicts.get((first, then))
            if cause is None:
                steps.append(f"{self._step(first)} precedes {self._step(then)}")
            else:
                reader, key = cause
                readers.append(reader)
                steps.append(
                    f"{self._step(first)} must come before {self._step(then)}, because {self._who(reader)} knew the "
                    f"first and read the second of {self._key(key)}"
                )
        text = f"a cycle of {plural(len(cycle), 'operation')}: " + "; ".join(steps)
        self._found.keep(kind, self._indexes([*cycle, *readers]), text)

    def _step(self, number: int) -> str:
        invoke = self._order.nodes[number].operation.invoke
        return f"op {invoke.index} (process {invoke.process})"


def shortest_cycle(preds: list[list[int]]) -> list[int]:
    """Nodes of a cycle, each before the next; empty if there is none. What is on no cycle is peeled off from both
    ends; of what is left, the shortest way back to its first node that has one.
    """
    alive = set(range(len(preds)))
    successors: list[list[int]] = [[] for _ in preds]
    for number, before in enumerate(preds):
        for pred in before:
            successors[pred].append(number)
    for edges, reverse in ((preds, successors), (successors, preds)):
        waits = {number: sum(1 for other in edges[number] if other in alive) for number in alive}
        ready = [number for number in sorted(alive) if not waits[number]]
        for number in ready:
            alive.discard(number)
            for other in reverse[number]:
                if other in alive:
                    waits[other] -= 1
                    if not waits[other]:
                        ready.append(other)
    for start in sorted(alive):
        came_from: dict[int, int] = {start: -1}
        queue = [start]
        for number in queue:
            for other in successors[number]:
                if other == start:
                    cycle = [number]
                    while cycle[-1] != start:
                        cycle.append(came_from[cycle[-1]])
                    return cycle[::-1]
                if other in alive and other not in came_from:
                    came_from[other] = number
                    queue.append(other)
    return []
