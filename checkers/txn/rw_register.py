"""Transactions of writes and reads of registers ("rw-register"), after Elle (Kingsbury and Alvaro, VLDB 2020).

The options: ``model``, a consistency model of checkers/txn/models.py (default strict-serializable); ``initial``, the
value of a key that nobody wrote (default none); ``wfr_keys``, ``sequential_keys``, ``linearizable_keys``: what to
assume of the order of versions beyond what the model implies (checkers/txn/evidence.py). Where nothing is wrong
by the order of versions, it is weighed what it would have to be (checkers/txn/weighing.py).

Reported, and not reported again by another name: a lost update is not also the cycles that it makes by itself; a read
that contradicts its own transaction (internal) or that sees the middle of another (G1b) makes no edges rw; of cycles:
see checkers/txn/cycles.py.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from checkers.columns import FAIL, Int64, columnar
from checkers.record import Record
from checkers.result import Result
from checkers.txn.cycles import Found, search
from checkers.txn.evidence import Pairs, edges, order, sources
from checkers.txn.graph import build
from checkers.txn.micro import Micro, extract
from checkers.txn.models import ANOMALIES, DEFAULT, FORBIDDEN, known
from checkers.txn.register_reasons import RegisterReasons
from checkers.txn.registers import CONTRADICTS, EXTERNAL, Registers, reads, registers
from checkers.txn.tell import Teller, text
from checkers.txn.verdict import Gathered, conclude
from checkers.txn.weighing import Read, weigh

_OF_LISTS = ("duplicate-elements", "incompatible-order", "dirty-update", "G-cursor")


class RwRegister:
    """ANY anomaly that the model forbids makes the history invalid. Keys with ambiguous writes make it unknown.

    Raises MalformedHistoryError for what is no transaction, ValueError for a model or an option that does not exist.
    """

    name = "rw-register"
    anomalies = tuple(a for a in ANOMALIES if a not in _OF_LISTS)

    def check(self, record: Record) -> Result:
        options = record.options
        model = known(str(options.get("model") or DEFAULT))
        forbidden = FORBIDDEN[model]
        used = sources(options, forbidden)
        micro = extract(columnar(record.history), "w")
        found = registers(micro, options.get("initial"), contradictions="internal" not in forbidden)
        pairs = order(found, used)
        src, dst, cls, nodes = edges(found, pairs)
        graph = build(micro, src, dst, cls, nodes, process="G0-process" in forbidden)
        cycles = search(graph, forbidden)
        reasons = RegisterReasons(found, pairs, used)
        gathered = Gathered(Teller(micro, reasons), forbidden)
        _Others(found, pairs, gathered).judge()
        if not gathered.counts and not cycles.cyclic:
            weighed = weigh(graph, *_weighable(found), forbidden)
            if weighed is not None:
                reasons.steps = weighed.steps
                cycles = Found([weighed.cycle], Counter([weighed.cycle.name]), 0, complete=True)
        seen = len(reads(found))
        more: dict[str, Any] = {
            "keys": len(np.unique(micro.key)),
            "reads": seen,
            "version_orders": [s.name for s in used],
        }
        why = _unknown(micro, found, seen, pairs.complete)
        return conclude(self.name, model, micro, graph, gathered, cycles, why, more)


def _weighable(found: Registers) -> tuple[list[Read], dict[int, list[int]]]:
    """Who read what somebody else wrote, and who wrote each key last in a transaction."""
    micro = found.micro
    final = found.ordered.copy()
    final[: micro.keys] = False
    versions = np.flatnonzero(final)
    writers: dict[int, list[int]] = {}
    for key, m in zip(found.key[versions].tolist(), found.writer[versions].tolist(), strict=True):
        writers.setdefault(key, []).append(int(micro.txn[m]))
    m = found.readers[final[found.version[found.readers]]]
    wrote = micro.txn[found.writer[found.version[m]]]
    pairs = zip(wrote.tolist(), micro.txn[m].tolist(), micro.key[m].tolist(), strict=True)
    return [Read(*pair) for pair in pairs if pair[0] != pair[1]], writers


def _unknown(micro: Micro, found: Registers, seen: int, complete: bool) -> str:
    if not micro.known.any():
        return "no transaction was ok"
    ambiguous = found.ambiguous[found.ambiguous >= 0]
    if len(ambiguous):
        m = int(ambiguous.min())
        key, value = text(micro.key_of(m)), text(micro.value_of(m))
        return f"{value} was written twice to key {key}, or is its initial state: its versions cannot be told apart"
    if not seen:
        return "no transaction that was ok read anything"
    if not complete:
        return "versions contradict one another more often than could be weighed"
    return ""


class _Others:
    """Everything that needs no graph."""

    def __init__(self, found: Registers, pairs: Pairs, out: Gathered) -> None:
        self.found = found
        self.micro = found.micro
        self.pairs = pairs
        self.out = out
        clear = found.ambiguous[self.micro.key] < 0
        seen = reads(found)
        self.reads: Int64 = seen[clear[seen] & (found.version[seen] >= self.micro.keys)]
        self.writer = found.writer[found.version[self.reads]]
        self.aborted = self.micro.outcome == FAIL

    def judge(self) -> None:
        self._internal()
        self._future()
        self._garbage()
        self._aborted()
        self._intermediate()
        self._lost()
        self._cyclic()

    def _txn(self, m: int) -> int:
        return int(self.micro.txn[m])

    def _read(self, m: int, name: str) -> str:
        return f"{name} read key {text(self.micro.key_of(m))} as {text(self.micro.value_of(m))}"

    def _internal(self) -> None:
        micro, found = self.micro, self.found
        for m in self.out.places("internal", np.flatnonzero(found.role == CONTRADICTS)):
            own = [o for o in micro.of(self._txn(m)) if o < m and micro.key[o] == micro.key[m]]
            due = next(o for o in reversed(own) if found.role[o] != CONTRADICTS)
            expected = text(micro.value_of(due))
            sentence = f"{self._read(m, 'T1')}; by its own reads and writes it is {expected}."
            self.out.tell("internal", [self._txn(m)], sentence, micro.key_of(m))

    def _future(self) -> None:
        found, txn = self.found, self.micro.txn
        late = {m: int(found.updates[m]) for m in np.flatnonzero(found.future == 1).tolist()}
        odd = np.flatnonzero(found.role == CONTRADICTS)
        write = found.writer[found.version[odd]]
        odd, write = odd[write > odd], write[write > odd]
        own = txn[odd] == txn[write]
        for read, m in zip(odd[own].tolist(), write[own].tolist(), strict=True):
            late.setdefault(m, read)
        for m, read in self.out.add("future-read", sorted(late.items())):
            sentence = f"{self._read(read, 'T1')}, which it wrote only after that."
            self.out.tell("future-read", [self._txn(m)], sentence, self.micro.key_of(m))

    def _first(self, bad: np.ndarray[Any, np.dtype[np.bool_]]) -> Int64:
        """Of these reads the first of each version."""
        some = self.reads[bad]
        first: Int64 = some[np.sort(np.unique(self.found.version[some], return_index=True)[1])]
        return first

    def _garbage(self) -> None:
        for m in self.out.places("garbage-read", self._first(self.writer < 0)):
            sentence = f"{self._read(m, 'T1')}; nobody wrote that."
            self.out.tell("garbage-read", [self._txn(m)], sentence, self.micro.key_of(m))

    def _aborted(self) -> None:
        bad = (self.writer >= 0) & self.aborted[self.micro.txn[self.writer]]
        for m in self.out.places("G1a", self._first(bad)):
            writer = self._txn(int(self.found.writer[self.found.version[m]]))
            sentence = f"{self._read(m, 'T2')}, but T1, which wrote that, had failed."
            self.out.tell("G1a", [writer, self._txn(m)], sentence, self.micro.key_of(m))

    def _intermediate(self) -> None:
        micro, found = self.micro, self.found
        bad = (self.writer >= 0) & (found.later[self.writer] == 1)
        bad &= np.isin(found.role[self.reads], (EXTERNAL, CONTRADICTS))
        bad &= (micro.txn[self.writer] != micro.txn[self.reads]) & ~self.aborted[micro.txn[self.writer]]
        for m in self.out.places("G1b", self.reads[bad]):
            write = int(found.writer[found.version[m]])
            own = [o for o in micro.of(self._txn(write)) if o > write and micro.key[o] == micro.key[m]]
            last = next(o for o in reversed(own) if micro.f[o] != 0)
            after = text(micro.value_of(last))
            sentence = f"{self._read(m, 'T2')}, in the middle of T1, which wrote {after} after that."
            self.out.tell("G1b", [self._txn(write), self._txn(m)], sentence, micro.key_of(m))

    def _lost(self) -> None:
        """Transactions that read the same version and then wrote over it: all but one missed a write."""
        found, micro = self.found, self.micro
        some = found.readers[found.updated[found.readers] == 1]
        version = found.version[some]
        begins = np.flatnonzero(np.diff(version, prepend=-1))
        ends = np.append(begins[1:], len(version))
        groups = np.flatnonzero(ends - begins > 1)
        for number in self.out.places("lost-update", groups):
            members = some[begins[number] : min(int(ends[number]), int(begins[number]) + 4)].tolist()
            key = micro.key_of(members[0])
            value = text(micro.value_of(members[0]))
            sentence = f"They all read key {text(key)} as {value} and then wrote it: "
            sentence += "each but one missed a write of another."
            self.out.tell("lost-update", [self._txn(m) for m in members], sentence, key)

    def _cyclic(self) -> None:
        """Versions that what was assumed puts before one another."""
        micro, found = self.micro, self.found
        for versions, source in self.out.add("cyclic-versions", self.pairs.contradictions):
            shown = versions[:8]
            where = [np.flatnonzero(found.version == v)[0] for v in shown if (found.version == v).any()]
            key = micro.key_of(int(where[0]))
            values = ", ".join(text(micro.value_of(int(m))) for m in where)
            txns = sorted({self._txn(int(m)) for m in where})
            asked = source.replace("_", " ")
            sentence = (
                f"The versions {values} of key {text(key)} each come before the others, if {asked} is to hold, as "
                "was asked."
            )
            self.out.tell("cyclic-versions", txns, sentence, key)
