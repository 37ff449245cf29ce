"""Sets judged by their last read ("set"): what was added must be there in the end. After Jepsen's.

| anomaly | meaning |
|---|---|
| lost | an acknowledged element is missing from the last read |
| unexpected | the last read has an element that nobody added, or whose add had failed |

``recovered`` counts elements of the last read whose add had not been acknowledged. An add that had not ended when
the last read began may be missing from it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import msgspec

from checkers.history import MalformedHistoryError, Op
from checkers.result import Result
from checkers.running import Findings, Running, conclude
from checkers.words import canonical, identity, seconds, who


class _Element(msgspec.Struct, eq=False):
    value: Any
    begin: int
    invoke: Op
    tries: int = 1
    done: Op | None = None
    end: int = -1


class _Set(msgspec.Struct):
    elements: dict[Hashable, _Element] = {}
    last: tuple[Op, int, Op] | None = None
    """the read that was invoked last, of those that were ok: invocation, its position, completion"""


class FinalSet(Running):
    """No options. Memory: the elements, and the last read. Another read can undo every verdict, so online it
    only shows in the verdict.
    """

    name = "set"
    anomalies = ("lost", "unexpected")

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._sets: dict[Hashable, _Set] = {}
        self._reads = 0
        self._adds = 0

    def _set(self, op: Op) -> _Set:
        name = identity(op.key)
        found = self._sets.get(name)
        if found is None:
            found = self._sets[name] = _Set()
        return found

    def began(self, op: Op, position: int) -> None:
        if op.f == "add":
            elements = self._set(op).elements
            name = identity(op.value)
            element = elements.get(name)
            if element is None:
                elements[name] = _Element(op.value, position, op)
            else:
                element.tries += 1

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:
        if invoke.f == "read" and op.type == "ok":
            if not isinstance(op.value, list | tuple):
                raise MalformedHistoryError(
                    f"op {op.index}: a read of a set must have a list, not {op.value!r}"
                )
            self._reads += 1
            found = self._set(invoke)
            if found.last is None or begin > found.last[1]:
                found.last = invoke, begin, op
        elif invoke.f == "add":
            element = self._set(invoke).elements[identity(invoke.value)]
            if op.type == "fail":
                element.tries -= 1
            elif op.type == "ok":
                self._adds += 1
                if element.done is None:
                    element.done, element.end = op, end

    def result(self) -> Result:
        found = Findings()
        recovered = unread = 0
        for each in self._sets.values():
            if each.last is None:
                unread += 1
            else:
                recovered += self._judge(each, each.last, found)
        coverage = {
            "sets": len(self._sets),
            "adds": self._adds,
            "reads": self._reads,
            "elements_read": sum(len(s.last[2].value) for s in self._sets.values() if s.last is not None),
            "recovered": recovered,
        }
        unknown = "" if self._sets and not unread else "the set was never read"
        return conclude(self.name, self.anomalies, found, coverage, unknown)

    @staticmethod
    def _judge(each: _Set, last: tuple[Op, int, Op], found: Findings) -> int:
        invoke, begin, done = last
        there = {identity(value): value for value in done.value}
        read = f"the last read, by {who(done)} at {seconds(done.time)}"
        recovered = 0
        for name, element in each.elements.items():
            if name in there:
                recovered += element.done is None and element.tries > 0
            elif element.done is not None and element.end < begin and found.room("lost"):
                text = (
                    f"element {canonical(element.value).decode()} was acknowledged to {who(element.done)} at "
                    f"{seconds(element.done.time)}, and is missing from {read}"
                )
                ops = (element.invoke.index, element.done.index, invoke.index, done.index)
                found.keep("lost", ops, text, element=element.value)
        for name, value in there.items():
            known = each.elements.get(name)
            if (known is None or not known.tries) and found.room("unexpected"):
                why = "nobody added it" if known is None else "its add had failed"
                text = f"{read}, has element {canonical(value).decode()}, but {why}"
                witnesses = [invoke.index, done.index] + ([known.invoke.index] if known is not None else [])
                found.keep("unexpected", witnesses, text, element=value)
        return recovered
