"""Transactions of list appends and reads ("list-append"), after Elle (Kingsbury and Alvaro, VLDB 2020).

A million of them take seconds: see checkers/txn. The options: ``model``, a consistency model of
checkers/txn/models.py (default strict-serializable).

Reported, and not reported again by another name:

- an aborted element under a committed one is a dirty-update, else, where it was read, G1a;
- a read of elements that nobody appended, that are there twice, or that were aborted, is not also incompatible-order;
- a lost update, and a read in the middle of a transaction (G1b), are not also the cycles that they make by
themselves;
- of cycles: see checkers/txn/cycles.py.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from checkers.columns import FAIL, Int32, columnar
from checkers.kernels import lists as kernel
from checkers.kernels import view
from checkers.record import Record
from checkers.result import Result
from checkers.txn.cycles import search
from checkers.txn.graph import build
from checkers.txn.list_reasons import ListReasons
from checkers.txn.lists import CONTRADICTS, GARBAGE, NOTHING, TWICE, Lists, edges, versions
from checkers.txn.micro import APPEND, Bools, Micro, extract, scratch
from checkers.txn.models import ANOMALIES, DEFAULT, FORBIDDEN, known
from checkers.txn.tell import Teller, shown, text
from checkers.txn.verdict import Gathered, conclude

ABORTED = 4
"""what checkers/kernels/lists.py finds in a read of aborted elements, and in nothing else of it"""


class ListAppend:
    """ANY anomaly that the model forbids makes the history invalid. Keys with ambiguous appends make it
    unknown.

    Raises MalformedHistoryError for what is no transaction, ValueError for a model that does not exist.
    """

    name = "list-append"
    anomalies = tuple(a for a in ANOMALIES if not a.startswith("cyclic-versions"))

    def check(self, record: Record) -> Result:
        model = known(str(record.options.get("model") or DEFAULT))
        forbidden = FORBIDDEN[model]
        micro = extract(columnar(record.history), "append")
        found = versions(micro, contradictions="internal" not in forbidden)
        src, dst, cls, nodes = edges(found)
        graph = build(micro, src, dst, cls, nodes, process="G0-process" in forbidden)
        cycles = search(graph, forbidden)
        gathered = Gathered(Teller(micro, ListReasons(found)), forbidden)
        _Others(found, gathered).judge()
        reads = int(np.count_nonzero(found.base != NOTHING))
        more = {"keys": len(np.unique(micro.key)), "reads": reads}
        return conclude(self.name, model, micro, graph, gathered, cycles, _unknown(micro, found, reads), more)


def _unknown(micro: Micro, found: Lists, reads: int) -> str:
    if not micro.known.any():
        return "no transaction was ok"
    ambiguous = np.flatnonzero(found.ambiguous >= 0)
    if len(ambiguous):
        m = int(found.ambiguous[ambiguous].min())
        key, element = text(micro.key_of(m)), text(micro.value_of(m))
        return f"element {element} was appended twice to key {key}: its versions cannot be told apart"
    if not reads:
        return "no transaction that was ok read anything"
    return ""


class _Others:
    """Everything that needs no graph."""

    def __init__(self, found: Lists, out: Gathered) -> None:
        self.found = found
        self.micro = found.micro
        self.out = out
        self.aborted = found.micro.outcome == FAIL
        # the transaction of each position's writer, -1
        self.writer = np.where(found.writers >= 0, self.micro.txn[found.writers], -1)
        self.failed = (self.writer >= 0) & self.aborted[self.writer]
        self.strange = np.flatnonzero(found.strange)
        self.strange = self.strange[found.ambiguous[self.micro.key[self.strange]] < 0]

    def judge(self) -> None:
        self._internal()
        self._future()
        self._unwritten()
        self._dirty()
        self._strange()
        self._turned()
        self._intermediate()
        self._lost()
        self._cursor()

    def _key(self, m: int) -> Any:
        return self.micro.key_of(m)

    def _list(self, m: int) -> list[Any]:
        return self.micro.value_of(m) or []

    def _txn(self, m: int) -> int:
        return int(self.micro.txn[m])

    def _internal(self) -> None:
        for m in self.out.places("internal", np.flatnonzero(self.found.base == CONTRADICTS)):
            key = self._key(m)
            expected = self._expected(int(m))
            sentence = (
                f"T1 read key {text(key)} as {shown(self._list(m))}; by its own reads and appends it is "
                f"{shown(expected)}."
            )
            self.out.tell("internal", [self._txn(m)], sentence, key)

    def _expected(self, m: int) -> list[Any]:
        """What a read should have been by its transaction's own reads and appends."""
        micro, found = self.micro, self.found
        base: list[Any] = ["..."]
        own: list[Any] = []
        for other in micro.of(self._txn(m)):
            if other == m:
                break
            if micro.key[other] != micro.key[m]:
                continue
            if micro.f[other] == APPEND:
                own.append(micro.value_of(other))
            elif found.base[other] >= 0:
                base = self._list(other)[: int(found.base[other])]
        return [*base, *own]

    def _future(self) -> None:
        """A read before an append of its own transaction that has the element already."""
        micro, found = self.micro, self.found
        read = found.updates
        good = np.flatnonzero((read >= 0) & (found.position >= 0))
        good = good[found.strange[read[good]] == 0]
        inside = found.position[good] - found.offsets[micro.key[good]] < found.base[read[good]]
        odd = np.flatnonzero((read >= 0) & (found.met >= 0))
        odd = odd[found.strange[read[odd]] != 0]
        odd = (
            odd[[self.micro.value_of(int(m)) in self._list(int(read[m])) for m in odd.tolist()]]
            if len(odd)
            else odd
        )
        early = self._contradicted()
        early |= {m: int(read[m]) for m in np.concatenate([good[inside], odd]).tolist()}
        early |= self.turned[0]
        for m, read_ in self.out.add("future-read", sorted(early.items())):
            key, element = self._key(m), self.micro.value_of(m)
            sentence = (
                f"T1 read key {text(key)} as {shown(self._list(read_), element)}; it appended {text(element)} "
                "only after that."
            )
            self.out.tell("future-read", [self._txn(m)], sentence, key)

    def _contradicted(self) -> dict[int, int]:
        """The same of reads that contradict their own transaction: append -> read."""
        micro, found = self.micro, self.found
        early: dict[int, int] = {}
        reads = np.flatnonzero((found.base == CONTRADICTS) & (found.ambiguous[micro.key] < 0))
        for read in reads.tolist():
            for m in range(read + 1, int(micro.offsets[self._txn(read) + 1])):
                appended = micro.f[m] == APPEND and micro.key[m] == micro.key[read]
                if appended and micro.value_of(m) in self._list(read):
                    early.setdefault(m, read)
        return early

    def _unwritten(self) -> None:
        """Elements that nobody appended, or that are there twice; each is told once, by its first reader."""
        found = self.found
        garbage, twice = np.flatnonzero(found.writers == GARBAGE), np.flatnonzero(found.writers == TWICE)
        if not len(garbage) and not len(twice) and not self.failed.any() and not len(self.strange):
            return
        for at in self.out.places("garbage-read", garbage):
            m, element = self._at(at)
            self._garbage(m, element)
        for m in self.out.places("duplicate-elements", np.unique(self.first[twice])):
            self._duplicate(int(m))
        aborted = np.flatnonzero(self.failed)
        # a committed append on top of it makes it a dirty update
        plain = aborted[~self._topped()[aborted]] if "dirty-update" in self.out.forbidden else aborted
        for at in self.out.places("G1a", plain):
            m, element = self._at(at)
            self._aborted(m, element, int(self.writer[at]))

    @cached_property
    def first(self) -> Int32:
        """By position: the first read that has it."""
        found, micro = self.found, self.micro
        first = scratch(len(found.writers))
        kernel.earliest(
            view(micro.key),
            view(found.places),
            view(found.base),
            view(found.strange),
            view(micro.history.pool.word),
            view(found.offsets),
            view(first),
        )
        return first

    def _at(self, position: int) -> tuple[int, Any]:
        """(the first read of a position, the element there)."""
        m = int(self.first[position])
        return m, self._list(m)[int(position) - int(self.found.offsets[self.micro.key[m]])]

    def _topped(self) -> Bools:
        """By position: a committed append is anywhere on top of it."""
        found = self.found
        key = np.repeat(np.arange(len(found.offsets) - 1), np.diff(found.offsets))
        topped: Bools = found.after[np.arange(len(found.writers)) + key + 1] >= 0
        return topped

    def _garbage(self, m: int, element: Any) -> None:
        key = self._key(m)
        sentence = (
            f"T1 read key {text(key)} as {shown(self._list(m), element)}; nobody appended {text(element)}."
        )
        self.out.tell("garbage-read", [self._txn(m)], sentence, key)

    def _aborted(self, m: int, element: Any, writer: int) -> None:
        key = self._key(m)
        seen = f"T2 read key {text(key)} as {shown(self._list(m), element)}"
        sentence = f"{seen}, but T1, which appended {text(element)}, had failed."
        self.out.tell("G1a", [writer, self._txn(m)], sentence, key)

    def _duplicate(self, m: int) -> None:
        key, elements = self._key(m), self._list(m)
        element = next(e for i, e in enumerate(elements) if e in elements[:i])
        sentence = f"T1 read key {text(key)} as {shown(elements, element)}: {text(element)} is there twice."
        self.out.tell("duplicate-elements", [self._txn(m)], sentence, key)

    def _dirty(self) -> None:
        """Committed appends directly on top of aborted ones."""
        found = self.found
        if not self.failed.any():
            return
        key = np.repeat(np.arange(len(found.offsets) - 1), np.diff(found.offsets))
        committed = np.append(found.committed, 0)[self.writer] == 1
        at = np.flatnonzero(self.failed[:-1] & committed[1:] & (key[:-1] == key[1:])) + 1
        for position in self.out.places("dirty-update", at):
            one, two = int(found.writers[position - 1]), int(found.writers[position])
            name = self._key(two)
            sentence = (
                f"T1 failed, and T2 appended {text(self.micro.value_of(two))} to key {text(name)} on top of its "
                f"{text(self.micro.value_of(one))}."
            )
            self.out.tell("dirty-update", [self._txn(one), self._txn(two)], sentence, name)

    def _strange(self) -> None:
        """Reads that are no prefix of the longest one: by what is wrong with them, the worst first."""
        found, micro = self.found, self.micro
        if not len(self.strange):
            return
        twice = self.strange[found.oddities & 1 != 0]
        for m in self.out.places("duplicate-elements", twice):
            self._duplicate(int(m))
        garbage = self.strange[(found.oddities & 2 != 0) & (found.oddities & 1 == 0)]
        for m in self.out.places("garbage-read", garbage):
            self._garbage(int(m), self._unknown_element(int(m)))
        aborted = self.strange[found.oddities == ABORTED]
        for m in self.out.places("G1a", aborted):
            append = self._failed_append(m)
            self._aborted(m, micro.value_of(append), self._txn(append))
        for m in self.out.places("incompatible-order", self.strange[found.oddities == 0]):
            self._incompatible(m)

    def _failed_append(self, m: int) -> int:
        """The first append that a strange read has though it had failed."""
        found, place = self.found, int(self.found.places[m]) + 1
        key = int(self.micro.key[m])
        words = found.elements[place : place + len(self._list(m))].tolist()
        appends = (found.find(key, word) for word in words)
        return next(a for a in appends if a >= 0 and found.position[a] < 0 and self.aborted[self._txn(a)])

    def _unknown_element(self, m: int) -> Any:
        found, place = self.found, int(self.found.places[m]) + 1
        key, elements = int(self.micro.key[m]), self._list(m)
        words = found.elements[place : place + len(elements)].tolist()
        return next(e for e, w in zip(elements, words, strict=True) if found.find(key, w) < 0)

    @cached_property
    def turned(self) -> tuple[dict[int, int], list[int]]:
        """Appends that come before an earlier one of their own transaction: those that it had read by then, with the
        read; the others.
        """
        micro, found = self.micro, self.found
        some = np.flatnonzero((found.position >= 0) & (found.previous >= 0))
        before = found.position[found.previous[some]] > found.position[some]
        some = some[before & (found.committed[micro.txn[some]] == 1)]
        early: dict[int, int] = {}
        for m in some.tolist():
            reads = (o for o in micro.of(self._txn(m)) if o < m and found.base[o] != NOTHING)
            for o in reads:
                if micro.key[o] == micro.key[m] and micro.value_of(m) in self._list(o):
                    early.setdefault(m, o)
        return early, [m for m in some.tolist() if m not in early]

    def _turned(self) -> None:
        micro, found = self.micro, self.found
        for m in self.out.add("incompatible-order", self.turned[1]):
            before, key = int(found.previous[m]), self._key(m)
            reader = int(self.first[found.position[before]])
            one, two = text(micro.value_of(before)), text(micro.value_of(m))
            sentence = (
                f"T1 appended {one} and then {two} to key {text(key)}, which T2 read as "
                f"{shown(self._list(reader), micro.value_of(m), micro.value_of(before))}."
            )
            self.out.tell("incompatible-order", [self._txn(m), self._txn(reader)], sentence, key)

    def _incompatible(self, m: int) -> None:
        key, elements = self._key(m), self._list(m)
        top = int(self.found.top[self.micro.key[m]])
        longest = self._list(top)
        at = next((i for i, (a, b) in enumerate(zip(elements, longest, strict=False)) if a != b), 0)
        sentence = (
            f"T1 read key {text(key)} as {shown(elements[: at + 1])} "
            f"and T2 as {shown(longest[: at + 1])}, where a list that only "
            "grows must have the shorter read as a prefix of the longer one."
        )
        self.out.tell("incompatible-order", [self._txn(m), self._txn(top)], sentence, key)

    def _intermediate(self) -> None:
        """Reads whose last element its transaction followed by another."""
        found, micro = self.found, self.micro
        reads = np.flatnonzero((found.span >= 1) & (found.strange == 0) & (found.ambiguous[micro.key] < 0))
        last = found.writers[found.offsets[micro.key[reads]] + found.span[reads] - 1]
        bad = (last >= 0) & (found.later[last] == 1)
        bad &= (micro.txn[last] != micro.txn[reads]) & ~self.aborted[micro.txn[last]]
        for m, append in self.out.add("G1b", list(zip(reads[bad].tolist(), last[bad].tolist(), strict=True))):
            key, writer = self._key(m), self._txn(append)
            own = [o for o in micro.of(writer) if micro.f[o] == APPEND and micro.key[o] == micro.key[append]]
            seen = f"T2 read key {text(key)} as {shown(self._list(m)[: int(found.span[m])])}"
            sentence = (
                f"{seen}, in the middle of T1, which "
                f"appended {text(micro.value_of(own[-1]))} after {text(micro.value_of(append))}."
            )
            self.out.tell("G1b", [writer, self._txn(m)], sentence, key)

    def _lost(self) -> None:
        """Transactions that read the same version and then appended to it: all but one missed an append."""
        found, micro = self.found, self.micro
        reads = np.flatnonzero(
            (found.updated == 1) & (found.base >= 0) & (found.strange == 0) & (found.ambiguous[micro.key] < 0)
        )
        place = found.offsets[micro.key[reads]] + micro.key[reads] + found.base[reads]
        order = np.argsort(place, kind="stable")
        place, reads = place[order], reads[order]
        begins = np.flatnonzero(np.diff(place, prepend=-1))
        groups = np.flatnonzero(np.diff(np.append(begins, len(place))) > 1)
        for number in self.out.places("lost-update", groups):
            low = int(begins[number])
            high = int(begins[number + 1]) if number + 1 < len(begins) else len(place)
            first = int(reads[low])
            key = self._key(first)
            sentence = (
                f"They all read key {text(key)} as {shown(self._list(first)[: int(found.base[first])])} "
                "and then appended to it: each but one missed an append of another."
            )
            self.out.tell(
                "lost-update", [self._txn(m) for m in reads[low : min(high, low + 4)]], sentence, key
            )

    def _cursor(self) -> None:
        """Appends on top of what their transaction had not read, though it had read the list. Elsewhere that is told
        as the cycle that it is.
        """
        found, micro = self.found, self.micro
        if "G-single" in self.out.forbidden:
            return
        some = np.flatnonzero((found.updates >= 0) & (found.previous < 0))
        some = some[(found.closed[micro.key[some]] == 0) | (found.position[some] >= 0)]
        read = found.updates[some]
        some = some[(found.strange[read] == 0) & (found.ambiguous[micro.key[some]] < 0)]
        read, key = found.updates[some], micro.key[some]
        missed = found.after[found.offsets[key] + key + found.base[read]]
        between = (found.position[missed] < found.position[some]) | (found.position[some] < 0)
        # two that read the same lost an update
        other = found.updates[missed]
        told = (other >= 0) & (found.base[other] == found.base[read]) & (found.strange[other] == 0)
        bad = (missed >= 0) & (micro.txn[missed] != micro.txn[some]) & between & ~told
        for m, over in self.out.add(
            "G-cursor", list(zip(some[bad].tolist(), missed[bad].tolist(), strict=True))
        ):
            name, seen = self._key(m), int(found.updates[m])
            sentence = (
                f"T1 read key {text(name)} as {shown(self._list(seen)[: int(found.base[seen])])} and then appended "
                f"{text(micro.value_of(m))} on top of {text(micro.value_of(over))}, which T2 had appended since."
            )
            self.out.tell("G-cursor", [self._txn(m), self._txn(over)], sentence, name)
