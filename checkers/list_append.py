"""Transactions of list appends and reads ("list-append"), after Elle (Kingsbury and Alvaro, VLDB 2020).

| module | what |
|---|---|
| txn_history | transactions from ops; the order of versions of each key |
| txn_graph | edges ww, wr, rw, process and real time; components that have cycles |
| txn_models | which anomalies a consistency model forbids |
| txn_cycles | the shortest cycle of each kind |
| txn_words | all of it in words |

The options: ``model``, a consistency model of txn_models (default strict-serializable).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from checkers.record import Record
from checkers.result import Anomaly, Result
from checkers.txn_cycles import search
from checkers.txn_graph import build
from checkers.txn_history import FAIL, OK, Read, Transactions, Versions, transactions, versions
from checkers.txn_models import DEFAULT, FORBIDDEN, known
from checkers.txn_words import Teller, describe, shown

KEPT_MAX = 8
"""anomalies kept of each type; the rest are counted"""


class ListAppend:
    """ANY anomaly that the model forbids makes the history invalid. Keys with ambiguous appends make it
    unknown.

    Raises MalformedHistoryError for what is no transaction, ValueError for a model that does not exist.
    """

    name = "list-append"
    anomalies = tuple(sorted(FORBIDDEN[DEFAULT]))

    def check(self, record: Record) -> Result:
        model = known(str(record.options.get("model") or DEFAULT))
        found = transactions(record.history)
        orders = versions(found)
        graph = build(found, orders)
        cycles = search(graph, model)
        teller = Teller(found, orders)
        gathered = _Anomalies(found, teller, FORBIDDEN[model])
        for internal in found.internal:
            gathered.internal(internal.txn, internal.key, internal.got, internal.expected)
        for made in orders:
            _judge_key(made, found, gathered)
        kept = gathered.kept
        for cycle in cycles.cycles:
            if gathered.counts.get(cycle.name, 0) < KEPT_MAX:
                kept.append(teller.cycle(cycle))
            gathered.counts[cycle.name] = gathered.counts.get(cycle.name, 0) + 1
        ok = sum(1 for t in found.txns if t.outcome == OK)
        reads = sum(len(made.reads) + len(made.strange) for made in orders)
        coverage: dict[str, Any] = {
            "operations": len(found.txns),
            "ok": ok,
            "keys": len(orders),
            "reads": reads,
            "edges": graph.counts(),
            "cyclic_components": cycles.cyclic,
            "model": model,
            "anomalies": dict(sorted(gathered.counts.items())),
        }
        if kept:
            return Result(
                "invalid", self.name, kept, f"not {model}: {', '.join(sorted(gathered.counts))}", coverage
            )
        why = _unknown(found, ok, reads, cycles.complete)
        return Result("unknown" if why else "valid", self.name, why=why, coverage=coverage)


def _unknown(found: Transactions, ok: int, reads: int, complete: bool) -> str:
    if not ok:
        return "no transaction was ok"
    if found.ambiguous:
        key, element = next(iter(found.ambiguous.items()))
        return f"element {_text(element)} was appended twice to key {_text(key)}: its versions cannot be told apart"
    if not reads:
        return "no transaction that was ok read anything"
    if not complete:
        return "there are cycles; the search for one that the model forbids was cut short"
    return ""


class _Anomalies:
    """Those that are not cycles: KEPT_MAX of each type the model forbids, and counts."""

    def __init__(self, found: Transactions, teller: Teller, forbidden: frozenset[str]) -> None:
        self.txns = found.txns
        self.kept: list[Anomaly] = []
        self.counts: dict[str, int] = {}
        self._teller = teller
        self._forbidden = forbidden

    def add(self, kind: str, txns: Sequence[int], sentence: str) -> None:
        if kind not in self._forbidden:
            return
        count = self.counts[kind] = self.counts.get(kind, 0) + 1
        if count > KEPT_MAX:
            return
        lines = [f"T{i + 1}: {describe(self.txns[n])}" for i, n in enumerate(txns)]
        self.kept.append(Anomaly(kind, self._teller.ops(txns), explanation="\n".join([*lines, sentence])))

    def internal(self, txn: int, key: Hashable, got: list[Any], expected: list[Any]) -> None:
        text = (
            f"T1 read key {_text(key)} as {shown(got)}; by its own reads and appends it is {shown(expected)}."
        )
        self.add("internal", [txn], text)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _judge_key(made: Versions, found: Transactions, out: _Anomalies) -> None:
    """Everything about one key that needs no graph."""
    writers = found.writers.get(made.key, {})
    txns = found.txns
    longest = made.longest
    if len(made.order) != len(longest.elements):
        _duplicates(made.key, longest, out)
    for read in made.strange:
        _strange(made, read, out)
    if made.strange or not all(
        element in writers and txns[writers[element]].outcome != FAIL for element in made.order
    ):
        _unwritten(made, writers, out, txns)
    _intermediate(made, writers, out, txns)
    _lost_updates(made, out)


def _duplicates(key: Hashable, read: Read, out: _Anomalies) -> None:
    seen: set[Hashable] = set()
    for element in read.elements:
        if element in seen:
            sentence = f"T1 read key {_text(key)} as {shown(read.elements)}: {_text(element)} is there twice."
            out.add("duplicate-elements", [read.txn], sentence)
            return
        seen.add(element)


def _strange(made: Versions, read: Read, out: _Anomalies) -> None:
    if len(dict.fromkeys(read.elements)) != len(read.elements):
        _duplicates(made.key, read, out)
    top = made.longest
    at = next((i for i, (a, b) in enumerate(zip(read.elements, top.elements, strict=False)) if a != b), 0)
    sentence = (
        f"T1 read key {_text(made.key)} as {shown(read.elements[: at + 1])} "
        f"and T2 as {shown(top.elements[: at + 1])}, where a list that only "
        "grows must have the shorter read as a prefix of the longer one."
    )
    out.add("incompatible-order", [read.txn, top.txn], sentence)


def _unwritten(made: Versions, writers: dict[Hashable, int], out: _Anomalies, txns: Sequence[Any]) -> None:
    """Elements that nobody appended, or whose append failed; each is told once, by its first reader."""
    told: set[Hashable] = set()
    for read in sorted([*made.reads, *made.strange], key=lambda r: r.txn):
        for element in read.elements:
            if element in told:
                continue
            writer = writers.get(element)
            said = f"read key {_text(made.key)} as {shown(read.elements)}"
            if writer is None:
                told.add(element)
                out.add("garbage-read", [read.txn], f"T1 {said}; nobody appended {_text(element)}.")
            elif txns[writer].outcome == FAIL:
                told.add(element)
                sentence = f"T2 {said}, but T1, which appended {_text(element)}, had failed."
                out.add("G1a", [writer, read.txn], sentence)
    for at in range(1, len(made.order)):
        first, second = writers.get(made.order[at - 1]), writers.get(made.order[at])
        if (
            first is not None
            and second is not None
            and txns[first].outcome == FAIL
            and made.before[at + 1] == second
        ):
            sentence = (
                f"T1 failed, and T2 appended {_text(made.order[at])} to key {_text(made.key)} on top of its "
                f"{_text(made.order[at - 1])}."
            )
            out.add("dirty-update", [first, second], sentence)


def _intermediate(made: Versions, writers: dict[Hashable, int], out: _Anomalies, txns: Sequence[Any]) -> None:
    for read in (*made.reads, *made.strange):
        if read.base < 1:
            continue
        element = read.elements[read.base - 1]
        writer = writers.get(element, -1)
        if writer in (-1, read.txn) or txns[writer].outcome == FAIL:
            continue
        own = txns[writer].appends[made.key]
        if own[-1] != element:
            sentence = (
                f"T2 read key {_text(made.key)} as {shown(read.elements[: read.base])}, in the middle of T1, which "
                f"appended {_text(own[-1])} after {_text(element)}."
            )
            out.add("G1b", [writer, read.txn], sentence)


def _lost_updates(made: Versions, out: _Anomalies) -> None:
    """Transactions that read the same version and then appended to it: all but one missed an append."""
    by_place: dict[int, list[Read]] = {}
    for read in made.reads:
        if read.base >= 0 and made.key in out.txns[read.txn].updates:
            by_place.setdefault(made.place(read), []).append(read)
    for reads in by_place.values():
        if len(reads) > 1:
            first = reads[0]
            sentence = (
                f"They all read key {_text(made.key)} as {shown(first.elements[: first.base])} "
                "and then appended to it: each but one missed an append of another."
            )
            out.add("lost-update", [r.txn for r in reads[:4]], sentence)
