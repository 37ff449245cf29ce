"""Do the replicas agree once the faults are over, and how soon? ("convergence")

After the last heal and the quiet period the nemesis marks the final phase, and every node is read. What the nodes
answered last must be equal (``divergence``). A list is compared as a bag unless the option ``ordered_reads`` is set,
because sets have no order.

With ``max_convergence_s`` it must have been so in time (``too-late``). Where elements are added (``add``,
``broadcast``) and lists are read, a read that began so long after the acknowledgement of an element and after the
last fault must show it, unless somebody tried to remove it. Of other values, a read of the final phase that began so
long after the last heal must show what the node showed in the end.

The lag of an element at a node is the time from its acknowledgement to the end of the first read there that shows
it; the quantiles are in the coverage, by node. Memory follows the number of elements, as the reads do.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Hashable, Mapping
from typing import Any

import msgspec

from checkers.faults import FINAL, PHASE
from checkers.history import Op
from checkers.operations import Operation
from checkers.result import Anomaly, Result
from checkers.running import Running
from checkers.stepwise import SECOND, number
from checkers.words import canonical, identity, listing, plural, quantiles_ms, seconds, who

NODES_MIN = 2
ADDS = frozenset({"add", "broadcast"})
SHOWN_MAX = 8
TIMES = 1 << 64


class _Elements(msgspec.Struct):
    """Of one key. ``acknowledged``: index and time of its acknowledgement, of each element, in one number. ``due``:
    long enough ago for a read that begins now; ``waiting``: the rest, with their times.
    """

    acknowledged: dict[Hashable, int] = {}
    waiting: deque[tuple[int, Hashable]] = msgspec.field(default_factory=deque)
    due: set[Hashable] = set()
    removed: set[Hashable] = set()
    everywhere: set[Hashable] = set()
    """what reads of every node have shown"""
    shown: dict[str, set[Hashable]] = {}
    """node -> what its reads have shown beside that"""


def _ended(acknowledged: int) -> tuple[int, int]:
    """Index and time."""
    index, time = divmod(acknowledged, TIMES)
    return index, time - TIMES // 2


class Convergence(Running):
    """Options: ``ordered_reads``: the order of a list counts; ``max_convergence_s``: the bound, none if absent."""

    name = "convergence"
    anomalies = ("divergence", "too-late")

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._ordered = self.flag("ordered_reads", default=False)
        bound = self.options.get("max_convergence_s")
        self._bound = None if bound is None else int(number(self.options, "max_convergence_s", 0) * SECOND)
        self._final: int | None = None
        self._last: dict[bytes, dict[str, Operation]] = {}  # key -> node -> its last final read
        self._stale: dict[bytes, dict[str, Operation]] = {}  # the same: one that came too late to be another
        self._elements: dict[Hashable, _Elements] = {}
        self._lags: dict[str, array[int]] = {}
        self._active: set[int] = set()
        self._healed = 0
        """time since which no fault is in force"""
        self._updated = False

    # --- in -----------------------------------------------------------------------------------------------

    def disturbed(self, op: Op, position: int) -> None:
        value = op.value
        if not isinstance(value, dict):
            return
        if op.f == PHASE:
            if value.get("name") == FINAL and self._final is None:
                self._final = position
        elif type(value.get("fault")) is int and value.get("phase") == "start":
            self._active.add(value["fault"])
        elif value.get("phase") == "stop":
            self._active.discard(value.get("fault", -1))
            self._healed = op.time

    def began(self, op: Op, position: int) -> None:
        del position
        if op.f == "remove":
            self._of(op.key).removed.add(identity(op.value))
        elif op.f != "read" and self._final is not None:
            self._updated = True

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:
        if op.type != "ok":
            return
        if invoke.f in ADDS:
            self._added(invoke, op)
        elif invoke.f == "read":
            node = op.node if op.node is not None else invoke.node
            if node is not None:
                self._read(node, Operation(invoke, begin, op, end))

    def _of(self, key: Any) -> _Elements:
        name = identity(key)
        found = self._elements.get(name)
        if found is None:
            found = self._elements[name] = _Elements()
        return found

    def _added(self, invoke: Op, op: Op) -> None:
        elements, element = self._of(invoke.key), identity(invoke.value)
        if element in elements.acknowledged:
            return
        elements.acknowledged[element] = op.index * TIMES + op.time + TIMES // 2
        if self._bound is not None:
            elements.waiting.append((op.time, element))
        for node, shown in elements.shown.items():
            if element in shown or element in elements.everywhere:
                self._lag(node, 0)

    def _lag(self, node: str, lag: int) -> None:
        lags = self._lags.get(node)
        if lags is None:
            lags = self._lags[node] = array("q")
        lags.append(lag)

    def _read(self, node: str, operation: Operation) -> None:
        invoke, done = operation.invoke, operation.completion
        assert done is not None
        if isinstance(done.value, list | tuple):
            ids = frozenset(map(identity, done.value))
            self._shown(node, ids, invoke, done)
        if self._final is None or operation.begin <= self._final:
            return
        key = canonical(invoke.key)
        last = self._last.setdefault(key, {})
        before = last.get(node)
        # of two reads that differ, the earlier one began too late to be so
        if (
            before is not None
            and self._calm(before.invoke.time)
            and _parts(before, self._ordered) != _parts(operation, self._ordered)
        ):
            self._stale.setdefault(key, {})[node] = before
        last[node] = operation

    def _calm(self, time: int) -> bool:
        """Whether no fault had been in force for the bound."""
        return self._bound is not None and not self._active and time >= self._healed + self._bound

    def _shown(self, node: str, ids: frozenset[Hashable], invoke: Op, done: Op) -> None:
        elements = self._of(invoke.key)
        shown = elements.shown.get(node)
        if shown is None:
            for has in elements.shown.values():
                has.update(elements.everywhere)
            elements.everywhere = set()
            shown = elements.shown[node] = set()
        for element in ids - elements.everywhere - shown:
            known = elements.acknowledged.get(element)
            if known is not None:
                self._lag(node, max(0, done.time - _ended(known)[1]))
            shown.add(element)
        common = set.intersection(*elements.shown.values())
        if common:
            elements.everywhere |= common
            elements.shown = {name: has - common for name, has in elements.shown.items()}
        if not self._calm(invoke.time):
            return
        assert self._bound is not None
        while elements.waiting and elements.waiting[0][0] + self._bound <= invoke.time:
            elements.due.add(elements.waiting.popleft()[1])
        missing = elements.due - ids - elements.removed
        if missing:
            late = sorted(missing, key=elements.acknowledged.__getitem__)
            self._missed(node, elements, late, invoke, done)

    def _missed(self, node: str, elements: _Elements, late: list[Hashable], invoke: Op, done: Op) -> None:
        if self.found.room("too-late"):
            index, time = _ended(elements.acknowledged[late[0]])
            texts = [(e if isinstance(e, bytes) else canonical(e)).decode() for e in late]
            assert self._bound is not None
            self.found.keep(
                "too-late",
                [index, invoke.index, done.index],
                f"{node} did not show {listing(texts, 4)} to {who(invoke)}, who asked at {seconds(invoke.time)}: "
                f"{'the first was' if len(late) > 1 else 'it was'} acknowledged at {seconds(time)} "
                "and no fault was "
                f"in force since {seconds(self._healed)}; allowed: {seconds(self._bound)}",
                node=node,
                missing=len(late),
            )

    # --- out ----------------------------------------------------------------------------------------------

    def result(self) -> Result:
        compared = {key: reads for key, reads in self._last.items() if len(reads) >= NODES_MIN}
        nodes = sorted({node for reads in self._last.values() for node in reads})
        coverage: dict[str, Any] = {
            "nodes": len(nodes),
            "keys": len(compared),
            "reads": sum(len(r) for r in compared.values()),
        }
        if self._lags:
            coverage["lag_ms"] = {node: quantiles_ms(self._lags[node]) for node in sorted(self._lags)}
        diverged = [a for key in sorted(compared) if (a := _divergence(key, compared[key], self._ordered))]
        late = self.found.anomalies(self.anomalies) + self._late(set(compared))
        if diverged:
            why = (
                f"{len(diverged)} of {plural(len(compared), 'key')} differ between nodes after the last heal"
            )
            return Result("invalid", self.name, [*diverged, *late], why, coverage)
        if late:
            return Result("invalid", self.name, late, late[0].explanation, coverage)
        if self._final is None:
            return Result("unknown", self.name, why="the history has no final phase", coverage=coverage)
        if not compared:
            why = (
                f"final reads were answered by {plural(len(nodes), 'node')}; it takes {NODES_MIN} to compare"
            )
            return Result("unknown", self.name, why=why, coverage=coverage)
        return Result("valid", self.name, coverage=coverage)

    def _late(self, compared: set[bytes]) -> list[Anomaly]:
        """Reads of the final phase that came to the common value only later; elements are judged by themselves."""
        found: list[Anomaly] = []
        if self._updated or self._bound is None:
            return found
        for key in sorted(compared & self._stale.keys()):
            for node, read in sorted(self._stale[key].items()):
                last = self._last[key][node].completion
                done = read.completion
                assert last is not None
                assert done is not None
                elements = self._elements.get(identity(read.invoke.key))
                if elements is not None and elements.acknowledged and isinstance(done.value, list | tuple):
                    continue
                text = (
                    f"{_subject(key)}{node} answered {_brief(done.value)} to {who(read.invoke)}, who asked at "
                    f"{seconds(read.invoke.time)}, and {_brief(last.value)} in the end "
                    f"({seconds(last.time)}), with no fault "
                    f"in force since {seconds(self._healed)} and no update in between; allowed: "
                    f"{seconds(self._bound)}"
                )
                found.append(
                    Anomaly("too-late", [*read.indexes(), last.index], explanation=text, data={"node": node})
                )
        return found


def _brief(value: Any) -> str:
    text = canonical(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def _subject(key: bytes) -> str:
    return "" if key == b"null" else f"key {key.decode()}: "


def _parts(operation: Operation, ordered: bool) -> tuple[bytes, ...]:
    assert operation.completion is not None
    value = operation.completion.value
    if isinstance(value, list | tuple):
        elements = [canonical(v) for v in value]
        return tuple(elements if ordered else sorted(elements))
    return (canonical(value), b"")  # no list of one element is equal to the element


def _divergence(key: bytes, reads: dict[str, Operation], ordered: bool) -> Anomaly | None:
    groups: dict[tuple[bytes, ...], list[str]] = {}
    for node in sorted(reads):
        groups.setdefault(_parts(reads[node], ordered), []).append(node)
    if len(groups) == 1:
        return None
    ranked = sorted(groups, key=lambda parts: (-len(groups[parts]), groups[parts]))
    sentences = []
    for parts in ranked[:4]:
        nodes = groups[parts]
        at = reads[nodes[0]].completion
        assert at is not None
        sentences.append(f"{', '.join(nodes)} answered {_shown(parts, ranked[0])} ({seconds(at.time)})")
    return Anomaly(
        "divergence",
        [i for node in sorted(reads) for i in reads[node].indexes()],
        explanation=f"{_subject(key)}in the final phase " + "; ".join(sentences),
        data={"groups": [groups[parts] for parts in ranked]},
    )


def _shown(parts: tuple[bytes, ...], reference: tuple[bytes, ...]) -> str:
    if len(parts) == 2 and parts[1] == b"":
        return parts[0].decode()
    shown = f"{len(parts)} elements"
    if parts != reference:
        known, own = frozenset(reference), frozenset(parts)
        missing = [p.decode() for p in reference if p not in own]
        added = [p.decode() for p in parts if p not in known]
        changes = [f"without {listing(missing)}"] * bool(missing) + [f"with {listing(added)}"] * bool(added)
        shown += f" ({'; '.join(changes) or 'in another order or number'})"
    return shown
