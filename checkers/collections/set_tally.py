"""What is counted and said of sets ("set-full"), however their elements were found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checkers.collections.set_elements import UNTOLD, Element, Elements, Known, Misread, Read
from checkers.history import Op
from checkers.result import Result
from checkers.running import Findings, conclude
from checkers.words import canonical, listing, plural, quantiles_ms, seconds, who

ADDS = frozenset({"add", "broadcast"})
REMOVES = frozenset({"remove"})
ANOMALIES = ("lost", "stale", "resurrected", "unexpected", "duplicated")
COUNTS = (
    "keys",
    "elements",
    "reads",
    "final_reads",
    "removed",
    "stable",
    "lost",
    "stale",
    "resurrected",
    "never-read",
    "unexpected",
    "duplicated",
)


class Tally:
    """All sets of a run. ``final``: whether the history has a final phase; ``unread``: sets that no read
    that was ok looked at.
    """

    def __init__(self, *, linearizable: bool, final: bool) -> None:
        self.linearizable = linearizable
        self.final = final
        self.counts = dict.fromkeys(COUNTS, 0)
        self.found = Findings()
        self.latencies: list[int] = []
        self.unread = 0
        self.without_final = 0

    def take(self, key: bytes, part: Elements) -> None:
        """Judge the elements of one set."""
        final = part.final_reads()
        settled = len(part.settled)
        self.key(len(part.elements) + settled, part.reads, len(final))
        self.counts["stable"] += settled
        self.latencies += [0] * settled
        for name, element in part.elements.items():
            self._judge(key, part, name, element, final)
        for read, twice in part.duplicated:
            self.duplicated(read, twice)

    def key(self, elements: int, reads: int, final_reads: int) -> None:
        self.counts["keys"] += 1
        self.counts["elements"] += elements
        self.counts["reads"] += reads
        self.counts["final_reads"] += final_reads
        self.unread += not reads
        self.without_final += not final_reads

    def _judge(self, key: bytes, part: Elements, name: Any, element: Element, final: list[Read]) -> None:
        known = element.known
        if element.unexpected():
            self.unexpected(key, element)
        elif element.removes:
            self.counts["removed"] += 1
            wrong = part.misread(name, element)
            if wrong is not None:
                self.misread(key, element, wrong)
        else:
            present, absent = part.last_reads(name, element)
            element = Element(element.value, element.adds, [], known, element.first_seen, present, absent)
            present_at = present.begin if present is not None else -1
            absent_at = absent.begin if absent is not None else -1
            lacking: list[Read] = []
            if known is not None and not self.linearizable and final:
                lacking = [r for r in final if r.begin > known.position and name not in r.elements]
                lost = bool(lacking)
            else:
                lost = known is not None and absent_at > present_at and absent_at > known.position
            if lost:
                self.lost(key, element, lacking, [r for r in final if r not in lacking])
            elif known is None or present is None:
                self.counts["never-read"] += 1
            else:
                late = absent is not None and absent_at > known.position
                wait = max(0, absent.invoke.time - known.by.time + 1) if late and absent is not None else 0
                self.counts["stable"] += 1
                self.latencies.append(wait)
                if wait:
                    self.stale(key, element)

    # --- telling --------------------------------------------------------------------------------------------

    def _room(self, kind: str, *, judged: bool = True) -> bool:
        self.counts[kind] += 1
        return judged and self.found.room(kind)

    def lost(self, key: bytes, element: Element, lacking: Sequence[Read], having: Sequence[Read]) -> None:
        if not self._room("lost"):
            return
        if lacking:
            nodes = [str(r.node) for r in lacking]
            fate = f"missing from the final reads of {listing(nodes)}" + (
                f"; {listing([str(r.node) for r in having])} had it" if having else ""
            )
            reads = list(lacking)
        else:
            assert element.absent is not None
            fate = _missing(element, element.absent)
            reads = [element.absent]
        text = f"{_name(key, element)} {_known(element)}, and is {fate}"
        self.found.keep("lost", _witnesses(element, reads), text, element=element.value)

    def stale(self, key: bytes, element: Element) -> None:
        if self._room("stale", judged=self.linearizable):
            assert element.absent is not None
            text = _late(key, element, element.absent)
            self.found.keep("stale", _witnesses(element, [element.absent]), text)

    def misread(self, key: bytes, element: Element, wrong: Misread) -> None:
        if not self._room(wrong.kind, judged=self.linearizable or wrong.kind != "stale"):
            return
        read = wrong.read
        removals = [m for m in element.removes if m.type == "ok" and m.end is not None and m.end < read.begin]
        done = removals[-1].completion if removals else None
        if wrong.kind != "resurrected":
            fate = _missing(element, read) if wrong.kind == "lost" else ""
            text = (
                f"{_name(key, element)} {_known(element)}, and is {fate}"
                if fate
                else _late(key, element, read)
            )
            text += "; no removal explains it"
        elif done is not None:
            text = (
                f"{_name(key, element)} was removed by {who(done)} at {seconds(done.time)} and not added again, but "
                f"a read that {who(read.invoke)} invoked later, at {seconds(read.invoke.time)}, had it"
            )
        else:
            text = (
                f"{_name(key, element)} was gone while it was being removed, and back without an add in the read of "
                f"{who(read.invoke)} invoked at {seconds(read.invoke.time)}"
            )
        ops = _witnesses(element, [read]) + [i for m in element.removes[-2:] for i in m.indexes()]
        self.found.keep(wrong.kind, ops, text, element=element.value)

    def unexpected(self, key: bytes, element: Element) -> None:
        if not self._room("unexpected"):
            return
        seen, add = element.first_seen, element.add
        assert seen is not None
        reason = (
            "nobody added it"
            if add is None
            else "its add had failed"
            if add.type == "fail"
            else f"it was added only at {seconds(add.invoke.time)}"
        )
        when = seconds(seen.done.time)
        text = f"{_name(key, element)} was read by {who(seen.done)} at {when}, but {reason}"
        self.found.keep("unexpected", _witnesses(element, [seen]), text)

    def duplicated(self, read: Read, twice: list[Any]) -> None:
        if self._room("duplicated"):
            shown = listing([canonical(v).decode() for v in twice])
            count = plural(len(twice), "element")
            text = f"the read of {who(read.done)} at {seconds(read.done.time)} has {count} twice: {shown}"
            self.found.keep("duplicated", read.indexes(), text)

    # --- the verdict ----------------------------------------------------------------------------------------

    def result(self, name: str) -> Result:
        totals: dict[str, Any] = dict(self.counts)
        totals["visible_after_ms"] = quantiles_ms(self.latencies)
        unknown = ""
        if not totals["keys"]:
            unknown = "nothing was added or read"
        elif self.unread:
            unknown = "no read was ok"
        elif not totals["stable"] + totals["removed"]:
            unknown = "no element was ever read"
        elif not self.linearizable and self.final and self.without_final:
            unknown = "no read of the final phase was ok"
        return conclude(name, ANOMALIES, self.found, totals, unknown)


def _name(key: bytes, element: Element) -> str:
    text = canonical(element.value).decode()
    return f"element {text}" + ("" if key == b"null" else f" of key {key.decode()}")


def _known(element: Element) -> str:
    known: Known | None = element.known
    if known is None:
        return "was seen"
    if known.by.index == UNTOLD:
        return f"was there by {seconds(known.by.time)}"
    verb = "was acknowledged to" if known.by.f in ADDS else "was read by"
    return f"{verb} {who(known.by)} at {seconds(known.by.time)}"


def _missing(element: Element, read: Read) -> str:
    last = element.present
    had = (
        f"; it was last read at {seconds(last.invoke.time)}" if last is not None else "; no read ever had it"
    )
    if element.removes or (element.known is not None and element.known.by.index == UNTOLD):
        had = ""
    return f"missing from the read that {who(read.invoke)} invoked at {seconds(read.invoke.time)}{had}"


def _late(key: bytes, element: Element, read: Read) -> str:
    invoke: Op = read.invoke
    return (
        f"{_name(key, element)} {_known(element)}, but a read that {who(invoke)} "
        f"invoked later, at {seconds(invoke.time)}, did not have it"
    )


def _witnesses(element: Element, reads: Sequence[Read]) -> list[int]:
    first = element.add.indexes() if element.add is not None else []
    known = [element.known.by.index] if element.known is not None else []
    return [i for i in (*first, *known, *(i for r in reads for i in r.indexes())) if i != UNTOLD]
