"""Sets of large histories ("set-full"), judged in columns: what set_elements.py does, for elements that are
never removed, without an object for each op. O(n), n being the ops and all elements of all reads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from checkers.collections.set_elements import NEVER, Element, Elements, Known, Read, names_of, repeated
from checkers.collections.set_tally import ADDS, ANOMALIES, REMOVES, Tally
from checkers.columns import FAIL, INT, LIST, NEMESIS, OK, Column, History, Int8, Int64
from checkers.faults import FINAL, PHASE
from checkers.history import MalformedHistoryError
from checkers.kernels import memberships, view
from checkers.operations import Operation, pair
from checkers.result import Result
from checkers.rows import decoder
from checkers.running import KEPT_MAX
from checkers.words import canonical, identity


class Table(NamedTuple):
    """Operations on sets, by beginning. ``key``: of each, the number of its set."""

    begin: Int64
    end: Int64
    outcome: Int8
    key: Int64

    def where(self, chosen: Any) -> Table:
        return Table(self.begin[chosen], self.end[chosen], self.outcome[chosen], self.key[chosen])


def judge(history: History, *, linearizable: bool) -> Result:
    """As OnlineSetFull's result. Raises MalformedHistoryError."""
    final = _final(history)
    tally = Tally(linearizable=linearizable, final=final is not None)
    pairs = pair(history)
    f = history.f[pairs.begin]
    adds, removes = _of(history, f, ADDS), _of(history, f, REMOVES)
    reads = _of(history, f, frozenset({"read"}))
    chosen = np.flatnonzero(adds | removes | reads)
    if not len(chosen):
        return tally.result("set-full")
    begin = pairs.begin[chosen]
    key, firsts = history.codes(history.key, begin)
    table = Table(begin, pairs.end[chosen], pairs.outcome[chosen], key)
    adds, removes, reads = adds[chosen], removes[chosen], reads[chosen]
    names = [canonical(history[int(at)].key) for at in firsts]
    special = np.zeros(len(names), bool)
    special[key[removes]] = True
    for number in np.flatnonzero(special).tolist():
        mine = np.flatnonzero(key == number)
        tally.take(
            names[number],
            _one_by_one(history, table.where(mine), adds[mine], removes[mine], final, linearizable),
        )
    plain = ~special[key]
    if plain.any():
        _Plain(history, table, adds & plain, reads & plain, names, special, final, tally).judge()
    return tally.result("set-full")


def _final(history: History) -> int | None:
    phase = history.code_of(PHASE)
    for at in np.flatnonzero((history.process == NEMESIS) & (history.f == phase)).tolist():
        value = history[at].value
        if isinstance(value, dict) and value.get("name") == FINAL:
            return int(at)
    return None


def _of(history: History, f: Any, wanted: frozenset[str]) -> Any:
    return np.isin(f, [code for name in wanted if (code := history.code_of(name)) >= 0])


def _one_by_one(
    history: History, table: Table, adds: Any, removes: Any, final: int | None, linearizable: bool
) -> Elements:
    """The set of one key, with objects."""
    found = Elements(linearizable=linearizable)
    events: list[tuple[int, int]] = []
    for number, (begin, end) in enumerate(zip(table.begin.tolist(), table.end.tolist(), strict=True)):
        events.append((begin, number))
        if end >= 0:
            events.append((end, number))
    operations: dict[int, Operation] = {}
    for at, number in sorted(events):
        op = history[at]
        if op.type == "invoke":
            operation = operations[number] = Operation(op, at)
            if adds[number]:
                found.add(operation)
            elif removes[number]:
                found.remove(operation)
            continue
        operation = operations[number]
        operation.completion, operation.end = op, at
        if op.type == "ok" and adds[number]:
            found.added(operation)
        elif op.type == "ok" and not removes[number]:
            elements = names_of(op)
            read = Read(operation.invoke, op, operation.begin, at, set(elements))
            found.read(read, elements, final=final is not None and operation.begin > final)
    return found


class _Plain:
    """Sets from which nothing is removed. Elements are numbered; ``element_key``: the set of each."""

    def __init__(
        self,
        history: History,
        table: Table,
        adds: Any,
        reads: Any,
        names: list[bytes],
        special: Any,
        final: int | None,
        tally: Tally,
    ) -> None:
        self._history = history
        self._names = names
        self._special = special
        self._final = final
        self._tally = tally
        self._adds = table.where(adds)
        done = reads & (table.outcome == OK)
        self._reads = table.where(done)
        self._number()

    def _number(self) -> None:
        h, adds, reads = self._history, self._adds, self._reads
        kind, word = h.value.kind[reads.end], h.value.word[reads.end]
        strange = np.flatnonzero(kind != LIST)
        if len(strange):
            op = h[int(reads.end[strange[np.argmin(reads.end[strange])]])]
            raise MalformedHistoryError(f"op {op.index}: a read of a set must have a list, not {op.value!r}")
        sizes = h.pool.word[word]
        self._start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        total = int(self._start[-1])
        at = np.arange(total, dtype=np.int64) + np.repeat(word + 1 - self._start[:-1], sizes)
        kinds = np.concatenate([h.value.kind[adds.begin], h.pool.kind[at]])
        words = np.concatenate([h.value.word[adds.begin], h.pool.word[at]])
        del at
        codes, firsts = h.codes(Column(kinds, words))
        of_key = np.concatenate([adds.key, np.repeat(reads.key, sizes)])
        if len(self._names) > 1:
            both = of_key * np.int64(len(firsts)) + codes
            codes, firsts = h.codes(Column(np.full(len(both), INT, np.uint8), both))
        self._first_kind, self._first_word = kinds[firsts], words[firsts]
        self._element_key = np.ascontiguousarray(of_key[firsts])
        self._add_element = codes[: len(adds.begin)]
        self._items = np.ascontiguousarray(codes[len(adds.begin) :])

    def judge(self) -> None:
        adds, reads, elements = self._adds, self._reads, len(self._element_key)
        keys = len(self._names)
        none = np.full(elements, -1, np.int64)
        self._present, self._absent, self._first = none.copy(), none.copy(), none.copy()
        twice = np.zeros(len(reads.begin), np.uint8)
        memberships.place(
            view(np.ascontiguousarray(reads.key)),
            view(np.ascontiguousarray(reads.end)),
            view(self._start),
            view(self._items),
            view(self._element_key),
            view(np.zeros(keys, np.int64)),
            view(np.full(keys, -1, np.int64)),
            view(none.copy()),
            view(self._present),
            view(self._absent),
            view(self._first),
            view(twice),
        )
        seen = self._first >= 0
        first_end = np.where(seen, reads.end[self._first] if len(reads.end) else 0, NEVER)
        acknowledged = np.full(elements, NEVER, np.int64)
        ok = adds.outcome == OK
        np.minimum.at(acknowledged, self._add_element[ok], adds.end[ok])
        tried = np.full(elements, NEVER, np.int64)
        may = adds.outcome != FAIL
        np.minimum.at(tried, self._add_element[may], adds.begin[may])
        self._known = np.minimum(acknowledged, first_end)
        unexpected = seen & (tried > first_end)
        self._sort(unexpected, twice)

    def _begins(self, which: Int64) -> Int64:
        if not len(self._reads.begin):
            return np.full(len(which), -1, np.int64)
        found: Int64 = np.where(which >= 0, self._reads.begin[which], -1)
        return found

    def _sort(self, unexpected: Any, twice: Int8) -> None:
        tally, reads = self._tally, self._reads
        present_at, absent_at = self._begins(self._present), self._begins(self._absent)
        known = self._known < NEVER
        lost = known & (absent_at > present_at) & (absent_at > self._known)
        final = self._final_reads()
        if not tally.linearizable and final:
            with_final = np.zeros(len(self._names), bool)
            with_final[list(final)] = True
            lost &= ~with_final[self._element_key]
            lost |= self._lacking(final)
        lost &= ~unexpected
        never = ~lost & ~unexpected & (~known | (self._present < 0))
        stable = ~lost & ~unexpected & ~never
        times = self._history.time
        late = stable & (absent_at > self._known)
        wait = np.zeros(len(known), np.int64)
        wait[late] = np.maximum(0, times[absent_at[late]] - times[self._known[late]] + 1)
        stale = stable & (wait > 0)
        tally.latencies += wait[stable].tolist()
        tally.counts["stable"] += int(stable.sum())
        tally.counts["never-read"] += int(never.sum())
        sizes = np.bincount(self._element_key, minlength=len(self._names)).tolist()
        counts = np.bincount(reads.key, minlength=len(self._names)).tolist()
        for number in np.flatnonzero(~self._special).tolist():
            tally.key(sizes[number], counts[number], len(final.get(number, ())))
        self._tell(lost, stale, unexpected, twice, final)

    def _final_reads(self) -> dict[int, dict[str, int]]:
        """Set -> node -> its last read of the final phase."""
        if self._final is None:
            return {}
        h, reads = self._history, self._reads
        found: dict[int, dict[str, int]] = {}
        for number in np.flatnonzero(reads.begin > self._final).tolist():
            code = int(h.node[reads.end[number]])
            code = int(h.node[reads.begin[number]]) if code < 0 else code
            found.setdefault(int(reads.key[number]), {})[h.strings[code] if code >= 0 else "None"] = number
        return found

    def _lacking(self, final: dict[int, dict[str, int]]) -> Any:
        """Which elements some final read lacks though they were known when it began."""
        lacking = np.zeros(len(self._element_key), bool)
        by_key = np.argsort(self._element_key, kind="stable")
        bounds = np.searchsorted(self._element_key[by_key], np.arange(len(self._names) + 1))
        has = np.full(len(self._element_key), -1, np.int64)
        for key, nodes in final.items():
            mine = by_key[bounds[key] : bounds[key + 1]]
            for number in nodes.values():
                has[self._items[self._start[number] : self._start[number + 1]]] = number
                lacking[mine[(self._known[mine] < self._reads.begin[number]) & (has[mine] != number)]] = True
        return lacking

    # --- telling --------------------------------------------------------------------------------------------

    def _tell(
        self, lost: Any, stale: Any, unexpected: Any, twice: Int8, final: dict[int, dict[str, int]]
    ) -> None:
        tally = self._tally
        judged = {"lost": lost, "unexpected": unexpected, "stale": stale}
        for kind, which in judged.items():
            numbers = np.flatnonzero(which)
            for number in numbers[:KEPT_MAX].tolist():
                key = self._names[self._element_key[number]]
                element = self._element(number)
                if kind == "lost":
                    self._tell_lost(key, element, final.get(int(self._element_key[number]), {}))
                elif kind == "stale":
                    tally.stale(key, element)
                else:
                    tally.unexpected(key, element)
            self._count(kind, len(numbers))
        again = np.flatnonzero(twice)
        for number in again[:KEPT_MAX].tolist():
            read = self._read(number)
            tally.duplicated(read, repeated(names_of(read.done), read.done.value))
        self._count("duplicated", len(again))

    def _count(self, kind: str, number: int) -> None:
        """Those that are not told."""
        more = max(0, number - KEPT_MAX)
        self._tally.counts[kind] += more
        if more and (kind != "stale" or self._tally.linearizable):
            self._tally.found.counts[kind] += more

    def _tell_lost(self, key: bytes, element: Element, nodes: dict[str, int]) -> None:
        final = [] if self._tally.linearizable else [self._read(nodes[node]) for node in sorted(nodes)]
        name = identity(element.value)
        assert element.known is not None
        lacking = [r for r in final if r.begin > element.known.position and name not in r.elements]
        self._tally.lost(key, element, lacking, [r for r in final if r not in lacking])

    def _element(self, number: int) -> Element:
        h = self._history
        value = decoder(h)(int(self._first_kind[number]), int(self._first_word[number]))
        adds = []
        for at in np.flatnonzero(self._add_element == number).tolist():
            begin, end = int(self._adds.begin[at]), int(self._adds.end[at])
            adds.append(Operation(h[begin], begin, h[end] if end >= 0 else None, end if end >= 0 else None))
        position = int(self._known[number])
        known = Known(position, h[position]) if position < NEVER else None
        first, present, absent = (
            self._read(int(which[number])) if which[number] >= 0 else None
            for which in (self._first, self._present, self._absent)
        )
        return Element(value, adds, [], known, first, present, absent)

    def _read(self, number: int) -> Read:
        begin, end = int(self._reads.begin[number]), int(self._reads.end[number])
        done = self._history[end]
        return Read(self._history[begin], done, begin, end, set(names_of(done)))


__all__ = ["ANOMALIES", "judge"]
