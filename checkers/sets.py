"""Sets that only grow, and broadcasts ("set-full"), after Jepsen's checker of that name.

An element is *known* from the first moment at which it certainly is in the set: when its ``add`` (or
``broadcast``) was acknowledged, or when the first read that has it returned. A read invoked later must have
it, if the set is linearizable; if it is eventual, only the final reads must. Per element:

| outcome | meaning |
|---|---|
| stable | the reads invoked last have it; *stale* when one invoked after it was known had not |
| lost | known, and missing from what was read last |
| never-read | not known, or nothing was read afterwards |
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import msgspec

from checkers.faults import FINAL, phase_position
from checkers.history import MalformedHistoryError, Op
from checkers.operations import Operation, operations
from checkers.record import Record
from checkers.result import Anomaly, Result, Verdict
from checkers.words import canonical, identity, listing, plural, quantiles_ms, seconds, who

ADDS = frozenset({"add", "broadcast"})
KEPT_MAX = 20
"""anomalies kept of each type; the rest are counted"""


class _Element(msgspec.Struct):
    """``known``: (position in the history, time). ``present`` and ``absent``: reads invoked last, of
    either kind.
    """

    value: Any
    add: Operation | None = None
    known: tuple[int, int] | None = None
    known_by: Op | None = None
    present: Operation | None = None
    absent: Operation | None = None
    first_seen: Operation | None = None


class _Read(msgspec.Struct):
    operation: Operation
    done: Op
    end: int
    elements: dict[Hashable, None]  # ordered, without duplicates


class SetFull:
    """Options: ``linearizable`` (default false: eventual, as Maelstrom's broadcast and g-set are)."""

    name = "set-full"
    anomalies = ("lost", "stale", "unexpected", "duplicated")

    def check(self, record: Record) -> Result:
        final = phase_position(record.history, FINAL)
        linearizable = bool(record.options.get("linearizable", False))
        by_key: dict[bytes, list[Operation]] = {}
        for operation in operations(record.history):
            if operation.invoke.f in ADDS or operation.invoke.f == "read":
                by_key.setdefault(canonical(operation.invoke.key), []).append(operation)
        parts = [_Judge(key, by_key[key], final, linearizable) for key in sorted(by_key)]
        anomalies = [a for part in parts for a in part.anomalies()]
        totals: dict[str, Any] = {"keys": len(parts)}
        for part in parts:
            for name, count in part.counts().items():
                totals[name] = totals.get(name, 0) + count
        totals["visible_after_ms"] = quantiles_ms([ns for part in parts for ns in part.latencies])
        unread = [part for part in parts if not part.reads]
        why, verdict = "", "valid"
        if anomalies:
            kinds = sorted({a.type for a in anomalies})
            verdict, why = "invalid", "found " + ", ".join(f"{totals[k]} {k}" for k in kinds)
        elif unread or not parts:
            verdict, why = "unknown", "no read was ok" if parts else "nothing was added or read"
        elif not totals["stable"]:
            verdict, why = "unknown", "no element was ever read"
        elif not linearizable and final is not None and not all(part.final_reads for part in parts):
            verdict, why = "unknown", "no read of the final phase was ok"
        return Result(_verdict(verdict), self.name, anomalies, why, totals)


def _verdict(text: str) -> Verdict:
    return "invalid" if text == "invalid" else "unknown" if text == "unknown" else "valid"


class _Judge:
    """One set: the operations of one key."""

    def __init__(self, key: bytes, found: Sequence[Operation], final: int | None, linearizable: bool) -> None:
        self._key = key
        self._linearizable = linearizable
        self.elements: dict[Hashable, _Element] = {}
        self.duplicated: list[tuple[_Read, list[Any]]] = []
        for operation in found:
            if operation.invoke.f in ADDS:
                self._add(operation)
        self.reads = [r for o in found if o.invoke.f == "read" and (r := self._read(o)) is not None]
        self._place_reads()
        self.final_reads = [] if final is None else self._last_by_node(final)
        self.lost: list[_Element] = []
        self.stale: list[_Element] = []
        self.never_read: list[_Element] = []
        self.unexpected: list[_Element] = []
        self.stable = 0
        self.latencies: list[int] = []
        for element in self.elements.values():
            self._judge(element)

    # --- gathering ----------------------------------------------------------------------------------------

    def _add(self, operation: Operation) -> None:
        element = self.elements.setdefault(identity(operation.invoke.value), _Element(operation.invoke.value))
        # of several adds of one element the first that may have happened counts
        if element.add is None or element.add.type == "fail":
            element.add = operation
        done = operation.completion
        if done is not None and done.type == "ok":
            assert operation.end is not None
            self._know(element, operation.end, done)

    @staticmethod
    def _know(element: _Element, end: int, done: Op) -> None:
        if element.known is None or end < element.known[0]:
            element.known = (end, done.time)
            element.known_by = done

    def _read(self, operation: Operation) -> _Read | None:
        done = operation.completion
        if done is None or done.type != "ok":
            return None
        if not isinstance(done.value, list | tuple):
            raise MalformedHistoryError(
                f"op {done.index}: a read of a set must have a list, not {done.value!r}"
            )
        assert operation.end is not None
        found: list[Hashable] = [identity(v) for v in done.value]
        elements = dict.fromkeys(found)
        read = _Read(operation, done, operation.end, elements)
        if len(elements) != len(found):
            seen: set[Hashable] = set()
            twice: list[Any] = []
            for name, value in zip(found, done.value, strict=True):
                if name in seen:
                    twice.append(value)
                seen.add(name)
            self.duplicated.append((read, twice))
        if not elements.keys() <= self.elements.keys():
            for name, value in zip(found, done.value, strict=True):
                if name not in self.elements:
                    self.elements[name] = _Element(value)
        return read

    def _place_reads(self) -> None:
        """For each element: the read that had it first, the last that has it, and the last that has it not.

        Each read is compared with the elements that still wait for theirs, as sets; no order of a set matters.
        """
        waiting = dict.fromkeys(self.elements)
        for read in sorted(self.reads, key=lambda r: r.end):
            for name in waiting.keys() & read.elements.keys():
                element = self.elements[name]
                element.first_seen = read.operation
                self._know(element, read.end, read.done)
                del waiting[name]
        present, absent = dict.fromkeys(self.elements), dict.fromkeys(self.elements)
        for read in reversed(self.reads):
            for name in present.keys() & read.elements.keys():
                self.elements[name].present = read.operation
                del present[name]
            for name in absent.keys() - read.elements.keys():
                self.elements[name].absent = read.operation
                del absent[name]

    def _last_by_node(self, final: int) -> list[_Read]:
        last: dict[str, _Read] = {}
        for read in self.reads:
            if read.operation.begin > final:
                last[str(read.operation.node)] = read
        return [last[node] for node in sorted(last)]

    # --- judging ------------------------------------------------------------------------------------------

    def _judge(self, element: _Element) -> None:
        seen, add = element.first_seen, element.add
        if seen is not None and (add is None or add.type == "fail" or add.begin > (seen.end or 0)):
            self.unexpected.append(element)
            return
        known, present, absent = element.known, element.present, element.absent
        present_at = present.begin if present is not None else -1
        absent_at = absent.begin if absent is not None else -1
        if known is not None and self._is_lost(element, known[0], present_at, absent_at):
            self.lost.append(element)
        elif known is None or present is None:
            self.never_read.append(element)
        else:
            self.stable += 1
            wait = (
                max(0, absent.invoke.time - known[1] + 1)
                if absent is not None and absent_at > known[0]
                else 0
            )
            self.latencies.append(wait)
            if wait:
                self.stale.append(element)

    def _is_lost(self, element: _Element, known_at: int, present_at: int, absent_at: int) -> bool:
        if not self._linearizable and self.final_reads:
            return bool(self._lacking(element, known_at))
        return absent_at > present_at and absent_at > known_at

    def _lacking(self, element: _Element, known_at: int) -> list[_Read]:
        name = identity(element.value)
        return [r for r in self.final_reads if r.operation.begin > known_at and name not in r.elements]

    # --- telling ------------------------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        return {
            "elements": len(self.elements),
            "reads": len(self.reads),
            "final_reads": len(self.final_reads),
            "stable": self.stable,
            "lost": len(self.lost),
            "stale": len(self.stale),
            "never-read": len(self.never_read),
            "unexpected": len(self.unexpected),
            "duplicated": len(self.duplicated),
        }

    def anomalies(self) -> list[Anomaly]:
        found = [self._tell_lost(e) for e in self.lost[:KEPT_MAX]]
        if self._linearizable:
            found += [self._tell_stale(e) for e in self.stale[:KEPT_MAX]]
        found += [self._tell_unexpected(e) for e in self.unexpected[:KEPT_MAX]]
        found += [self._tell_duplicated(r, twice) for r, twice in self.duplicated[:KEPT_MAX]]
        return found

    def _name(self, element: _Element) -> str:
        text = canonical(element.value).decode()
        return f"element {text}" + ("" if self._key == b"null" else f" of key {self._key.decode()}")

    def _tell_lost(self, element: _Element) -> Anomaly:
        assert element.known is not None
        assert element.known_by is not None
        lacking = [] if self._linearizable else self._lacking(element, element.known[0])
        if lacking:
            nodes = [str(r.operation.node) for r in lacking]
            having = [str(r.operation.node) for r in self.final_reads if r not in lacking]
            fate = f"missing from the final reads of {listing(nodes)}" + (
                f"; {listing(having)} had it" if having else ""
            )
            reads = [r.operation for r in lacking]
        else:
            assert element.absent is not None
            last = element.present
            fate = f"missing from the read that {who(element.absent.invoke)} invoked at " + (
                seconds(element.absent.invoke.time)
                + (
                    f"; it was last read at {seconds(last.invoke.time)}"
                    if last is not None
                    else "; no read ever had it"
                )
            )
            reads = [element.absent]
        return Anomaly(
            "lost",
            self._witnesses(element, reads),
            explanation=f"{self._name(element)} {self._tell_known(element)}, and is {fate}",
            data={"element": element.value},
        )

    def _tell_known(self, element: _Element) -> str:
        done = element.known_by
        assert done is not None
        verb = "was acknowledged to" if done.f in ADDS else "was read by"
        return f"{verb} {who(done)} at {seconds(done.time)}"

    def _tell_stale(self, element: _Element) -> Anomaly:
        assert element.absent is not None
        text = (
            f"{self._name(element)} {self._tell_known(element)}, but a read that "
            f"{who(element.absent.invoke)} "
            f"invoked later, at {seconds(element.absent.invoke.time)}, did not have it"
        )
        return Anomaly("stale", self._witnesses(element, [element.absent]), explanation=text)

    def _tell_unexpected(self, element: _Element) -> Anomaly:
        seen, add = element.first_seen, element.add
        assert seen is not None
        assert seen.completion is not None
        reason = (
            "nobody added it"
            if add is None
            else "its add had failed"
            if add.type == "fail"
            else f"it was added only at {seconds(add.invoke.time)}"
        )
        when = seconds(seen.completion.time)
        text = f"{self._name(element)} was read by {who(seen.completion)} at {when}, but {reason}"
        return Anomaly("unexpected", self._witnesses(element, [seen]), explanation=text)

    def _tell_duplicated(self, read: _Read, twice: list[Any]) -> Anomaly:
        shown = listing([canonical(v).decode() for v in twice])
        count = plural(len(twice), "element")
        text = f"the read of {who(read.done)} at {seconds(read.done.time)} has {count} twice: {shown}"
        return Anomaly("duplicated", read.operation.indexes(), explanation=text)

    @staticmethod
    def _witnesses(element: _Element, reads: Sequence[Operation]) -> list[int]:
        first = element.add.indexes() if element.add is not None else []
        known = [element.known_by.index] if element.known_by is not None else []
        found = dict.fromkeys([*first, *known, *(i for r in reads for i in r.indexes())])
        return sorted(found)
