"""The elements of one set, op by op: who added them, when they were known, which reads had them last and had not.

Of a node's reads only the last is kept: from one read to the next few elements change, and these are noted. In a
set from which elements are removed, all reads since the first removal are kept. Of elements that were added once,
long ago, and that every read since has had, only the names are kept (``settle``): when a read lacks one after all,
or somebody adds or removes it again, it is an element again, that was known by the last moment that was forgotten.

An element that is never removed is judged by its last reads (sets.py). One that is removed, by intervals:
of a read r, let M be the last end of a removal that began before r ended. Something that shows the element
present (an acknowledged add, a read that had it), began after M and ended before r began: r must have the element.
Likewise with adds and removals exchanged: r must not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import msgspec

from checkers.history import MalformedHistoryError, Op
from checkers.operations import Operation
from checkers.words import identity

NEVER = 1 << 62
PLAIN = frozenset({int, str})
NOTHING: set[Hashable] = set()
UNTOLD = -1
"""the index of an op of which it was forgotten which it was"""


class Read(msgspec.Struct, eq=False, gc=False):
    """``begin`` and ``end`` are positions in the history; ``elements``: by identity, as long as they are needed."""

    invoke: Op
    done: Op
    begin: int
    end: int
    elements: set[Hashable]

    @property
    def node(self) -> str | None:
        return self.done.node if self.done.node is not None else self.invoke.node

    def indexes(self) -> list[int]:
        return [self.invoke.index, self.done.index]


class Known(msgspec.Struct, eq=False, gc=False):
    """The first moment at which an element certainly was there."""

    position: int
    by: Op


class Element(msgspec.Struct, eq=False, gc=False):
    """``present`` and ``absent``: of reads that had it and had it not, the one that was invoked last."""

    value: Any
    adds: list[Operation] = []
    removes: list[Operation] = []
    known: Known | None = None
    first_seen: Read | None = None
    present: Read | None = None
    absent: Read | None = None
    stale_before: Read | None = None
    """before the first removal: a read that should have had it, and had not"""

    @property
    def add(self) -> Operation | None:
        """The first add that may have happened, else one that failed."""
        for add in self.adds:
            if add.type != "fail":
                return add
        return self.adds[-1] if self.adds else None

    def unexpected(self) -> bool:
        """Whether it was read though no add that may have happened had begun."""
        add, seen = self.add, self.first_seen
        return seen is not None and (add is None or add.type == "fail" or add.begin > seen.end)


class Misread(msgspec.Struct):
    """A read that must (not) have had an element; ``kind``: lost, stale or resurrected."""

    kind: str
    read: Read


def names_of(op: Op) -> list[Hashable]:
    """What a read returned, by identity; raises MalformedHistoryError when it is no list."""
    value = op.value
    if not isinstance(value, list | tuple):
        raise MalformedHistoryError(f"op {op.index}: a read of a set must have a list, not {value!r}")
    if PLAIN.issuperset(map(type, value)):
        return list(value)
    return [identity(v) for v in value]


def repeated(names: Sequence[Hashable], values: Sequence[Any]) -> list[Any]:
    """The values that come a second time."""
    seen: set[Hashable] = set()
    twice: list[Any] = []
    for name, value in zip(names, values, strict=True):
        if name in seen:
            twice.append(value)
        seen.add(name)
    return twice


class Elements:
    """One set. ``final``: node -> its last read of the final phase."""

    def __init__(self, *, linearizable: bool) -> None:
        self._linearizable = linearizable
        self.elements: dict[Hashable, Element] = {}
        self.reads = 0
        self.duplicated: list[tuple[Read, list[Any]]] = []
        self.final: dict[str, Read] = {}
        self.known: set[Hashable] = set()
        self.spoilt = False
        """something was read twice, or before it was added"""
        self.settled: set[Hashable] = set()
        self._bound: Known | None = None
        """when all that are settled were known"""
        self._having: Read | None = None
        """a read that had some of them, in the place of those that had the others"""
        self._lanes: dict[str | None, Read] = {}
        self._kept: list[Read] | None = None

    # --- observing ------------------------------------------------------------------------------------------

    def add(self, operation: Operation) -> None:
        """Of an invocation; its completion is filled in later."""
        value = operation.invoke.value
        name = identity(value)
        if name in self.settled:
            self._recall(name)
        element = self.elements.get(name)
        if element is None:
            self.elements[name] = Element(value, [operation])
        else:
            element.adds.append(operation)

    def added(self, operation: Operation) -> None:
        """It is ok."""
        assert operation.end is not None
        assert operation.completion is not None
        name = identity(operation.invoke.value)
        self._know(name, self.elements[name], operation.end, operation.completion)

    def failed(self, operation: Operation) -> bool:
        """It failed: whether its element had been read, and no other add explains that."""
        return self.elements[identity(operation.invoke.value)].unexpected()

    def remove(self, operation: Operation) -> None:
        """Of an invocation, too."""
        if self._kept is None:
            self._kept = []
            for name in list(self.settled):
                self._recall(name)
        value = operation.invoke.value
        name = identity(value)
        element = self.elements.setdefault(name, Element(value))
        if not element.removes:
            self.known.discard(name)
            present, absent = self.last_reads(name, element)
            del present
            if absent is not None and element.known is not None and absent.begin > element.known.position:
                element.stale_before = absent
        element.removes.append(operation)

    def read(self, read: Read, names: list[Hashable], *, final: bool) -> bool:
        """Whether it lacks something that was known when it began (only told where that is impossible)."""
        self.reads += 1
        there = read.elements
        if len(there) != len(names):
            self.duplicated.append((read, repeated(names, read.done.value)))
            self.spoilt = True
        if self.settled:
            for name in self.settled - there:
                self._recall(name)
            there -= self.settled
        lane = self._lanes.get(read.node)
        before = lane.elements if lane is not None else NOTHING
        for name in there - before:
            element = self.elements.get(name)
            if element is None:
                value = read.done.value[names.index(name)]
                element = self.elements[name] = Element(value)
            if element.first_seen is None:
                element.first_seen = read
                self._know(name, element, read.end, read.done)
                self.spoilt = self.spoilt or element.unexpected()
            self._change(element, lane, read)
        for name in before - there:
            self._change(self.elements[name], read, lane)
        past = lane
        if lane is None or read.begin > lane.begin:
            self._lanes[read.node] = read
        else:
            past = read
        if final:
            last = self.final.get(str(read.node))
            if last is None or read.begin > last.begin:
                self.final[str(read.node)] = read
        if self._kept is not None:
            self._kept.append(read)
        elif past is not None and past is not self.final.get(str(read.node)):
            past.elements = NOTHING
        read.done = msgspec.structs.replace(read.done, value=None)
        return self._linearizable and any(
            known is not None and known.position < read.begin
            for name in self.known - there
            if (known := self.elements[name].known)
        )

    def _know(self, name: Hashable, element: Element, end: int, done: Op) -> None:
        if element.known is None:
            element.known = Known(end, done)
            if not element.removes:
                self.known.add(name)

    @staticmethod
    def _change(element: Element, without: Read | None, having: Read | None) -> None:
        """Two reads of one node of which the one had the element, and the other had not."""
        if having is not None and (element.present is None or element.present.begin < having.begin):
            element.present = having
        if without is not None and (element.absent is None or element.absent.begin < without.begin):
            element.absent = without

    # --- forgetting -----------------------------------------------------------------------------------------

    def settle(self, horizon: int) -> int:
        """Forget how elements came that were known before ``horizon``, and that no read lacked that began after it.
        No operation that is open began before the horizon. How many elements are left.
        """
        gone = set()
        if self._kept is None and not self.final:
            for name, element in self.elements.items():
                known = element.known
                if (
                    known is not None
                    and known.position < horizon
                    and self._stable(name, element, known.position)
                ):
                    gone.add(name)
                    self._having = self._having or self.last_reads(name, element)[0]
                    if self._bound is None or self._bound.position < known.position:
                        self._bound = known
        if gone:
            self.settled |= gone
            self.elements = {name: e for name, e in self.elements.items() if name not in gone}
            self.known -= gone
            for lane in self._lanes.values():
                lane.elements = lane.elements - gone
        return len(self.elements)

    def _stable(self, name: Hashable, element: Element, position: int) -> bool:
        """Whether it was added once and has been read, and by nobody missed who began to read after ``position``."""
        if len(element.adds) != 1 or element.adds[0].type != "ok" or element.first_seen is None:
            return False
        present, absent = self.last_reads(name, element)
        return present is not None and (absent is None or absent.begin <= position)

    def _recall(self, name: Hashable) -> None:
        """An element that was settled."""
        assert self._bound is not None
        by = msgspec.structs.replace(self._bound.by, index=UNTOLD, value=None)
        position = self._bound.position
        value = msgspec.json.decode(name) if isinstance(name, bytes) else name
        self.settled.remove(name)
        added = Operation(by, 0, by, position)
        self.elements[name] = Element(value, [added], known=Known(position, by), present=self._having)
        self.known.add(name)
        for lane in self._lanes.values():
            if lane.begin > position:
                lane.elements.add(name)

    # --- judging --------------------------------------------------------------------------------------------

    def last_reads(self, name: Hashable, element: Element) -> tuple[Read | None, Read | None]:
        """Those invoked last of the reads that had the element, and of those that had not."""
        present, absent = element.present, element.absent
        for lane in self._lanes.values():
            if name in lane.elements:
                if present is None or present.begin < lane.begin:
                    present = lane
            elif absent is None or absent.begin < lane.begin:
                absent = lane
        return present, absent

    def final_reads(self) -> list[Read]:
        return [self.final[node] for node in sorted(self.final)]

    def misread(self, name: Hashable, element: Element) -> Misread | None:
        """Of an element that is (also) removed: what some read shows wrongly."""
        reads = sorted(self._kept or (), key=lambda r: r.begin)
        judged = reads if self._linearizable else self.final_reads()
        adds = [(a.begin, a.end) for a in element.adds if a.type == "ok" and a.end is not None]
        removes = [(m.begin, m.end) for m in element.removes if m.type == "ok" and m.end is not None]
        having = [(r.begin, r.end) for r in reads if name in r.elements]
        lacking = [(r.begin, r.end) for r in reads if name not in r.elements] if self._linearizable else []
        shows_present, shows_absent = _Evidence([*adds, *having]), _Evidence([*removes, *lacking])
        wrong: Misread | None = None
        for read in judged:
            if name in read.elements:
                if shows_absent.before(read) > _until(element.adds, read):
                    return Misread("resurrected", read)
            elif shows_present.before(read) > _until(element.removes, read):
                wrong = Misread("lost" if read is judged[-1] or not self._linearizable else "stale", read)
        if wrong is None and self._linearizable and element.stale_before is not None:
            wrong = Misread("stale", element.stale_before)
        return wrong


def _until(operations: Iterable[Operation], read: Read) -> int:
    """The last moment at which one of these operations may have taken effect so that the read saw it; -1 if none."""
    ends = [
        o.end if o.type == "ok" and o.end is not None else NEVER
        for o in operations
        if o.type != "fail" and o.begin < read.end
    ]
    return max(ends, default=-1)


class _Evidence:
    """Intervals (begin, end), asked for the latest beginning of those that ended before a read began."""

    def __init__(self, intervals: list[tuple[int, int]]) -> None:
        self._ends: list[int] = []
        self._latest: list[int] = []
        latest = -1
        for begin, end in sorted(intervals, key=lambda i: i[1]):
            latest = max(latest, begin)
            self._ends.append(end)
            self._latest.append(latest)

    def before(self, read: Read) -> int:
        at = bisect_left(self._ends, read.begin)
        return self._latest[at - 1] if at else -1
