"""A dumb twin of the transaction checkers: an explicit graph, all simple cycles, every definition spelled out.

Slow and plain on purpose; of the checkers it uses nothing but the names of models.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

Edge = tuple[int, int, str]

ORDER = ("", "-process", "-realtime")
KINDS = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")
COVERED = {"G1c": {"G0"}, "G-nonadjacent": {"G-single"}, "G2-item": {"G-single", "G-nonadjacent"}}


class Txn:
    """``begin``, ``end``: positions in the history, end None unless ok."""

    def __init__(
        self, process: int, begin: int, outcome: str, micro: list[list[Any]], end: int | None
    ) -> None:
        self.process = process
        self.begin = begin
        self.outcome = outcome
        self.micro = micro
        self.end = end


def transactions(ops: list[Any]) -> list[Txn]:
    """In order of invocation; what was not ok has the micro-operations of its invocation."""
    txns: list[Txn] = []
    open_: dict[Any, Txn] = {}
    for at, op in enumerate(ops):
        if op.type == "invoke":
            open_[op.process] = Txn(op.process, at, "info", op.value, None)
            txns.append(open_[op.process])
        else:
            txn = open_.pop(op.process)
            txn.outcome = op.type
            if op.type == "ok":
                txn.micro, txn.end = op.value, at
    return txns


class Lists:
    """What is wrong with a history of appends and reads, by type.

    ``contradictions``: whether reads that contradict their own transaction make edges.
    """

    def __init__(self, ops: list[Any], *, contradictions: bool = False) -> None:
        self.contradictions = contradictions
        self.txns = transactions(ops)
        self.found: set[str] = set()
        self.writer: dict[tuple[Any, Any], int] = {}
        for n, txn in enumerate(self.txns):
            for f, key, value in txn.micro:
                if f == "append":
                    self.writer[key, value] = n
        self.reads: list[tuple[int, Any, list[Any], list[Any], bool]] = []  # txn, key, list, base, updated
        self.views: list[tuple[Any, list[Any]]] = []
        for n, txn in enumerate(self.txns):
            if txn.outcome == "ok":
                self._own(n, txn)
        self.longest = {key: max((v for k, v in self.views if k == key), key=len) for key, _ in self.views}
        self.broken = {k for k, v in self.views if v != self.longest[k][: len(v)]}
        self._values()
        seen = {(k, e) for k, v in self.views for e in v}
        self.committed = {
            n
            for n, txn in enumerate(self.txns)
            if txn.outcome == "ok" or (txn.outcome == "info" and any((m[1], m[2]) in seen for m in txn.micro))
        }
        self.edges = self._edges()

    def _own(self, n: int, txn: Txn) -> None:
        base: dict[Any, list[Any]] = {}
        own: dict[Any, list[Any]] = {}
        placed: dict[Any, int] = {}
        met: list[tuple[Any, list[Any]]] = []
        for f, key, value in txn.micro:
            mine = own.setdefault(key, [])
            if f == "append":
                if not mine and key in placed:
                    self.reads[placed[key]] = (*self.reads[placed[key]][:4], True)
                if any(value in seen for k, seen in met if k == key):
                    self.found.add("future-read")
                mine.append(value)
                continue
            met.append((key, value))
            if key in base:
                self.views.append((key, value))
                if value != base[key] + mine:
                    self._contradicts(n, key, value)
            elif value[len(value) - len(mine) :] != mine or len(value) < len(mine):
                self.views.append((key, value))
                self._contradicts(n, key, value)
            else:
                base[key] = value[: len(value) - len(mine)]
                placed[key] = len(self.reads)
                self.reads.append((n, key, value, base[key], False))
                self.views.append((key, value))

    def _contradicts(self, n: int, key: Any, value: list[Any]) -> None:
        self.found.add("internal")
        if self.contradictions:
            self.reads.append((n, key, value, value, False))

    def _good(self, key: Any, value: list[Any]) -> bool:
        return value == self.longest[key][: len(value)]

    def _outcome(self, key: Any, element: Any) -> str:
        writer = self.writer.get((key, element))
        return "nobody" if writer is None else self.txns[writer].outcome

    def _values(self) -> None:
        for key, value in self.views:
            odd = {
                "duplicate-elements": len(set(value)) < len(value),
                "garbage-read": any(self._outcome(key, e) == "nobody" for e in value),
            }
            if self._good(key, value):
                self.found |= {name for name, is_so in odd.items() if is_so}
                continue
            aborted = any(self._outcome(key, e) == "fail" and e not in self.longest[key] for e in value)
            self.found.add(
                next(
                    (name for name, is_so in odd.items() if is_so), "G1a" if aborted else "incompatible-order"
                )
            )
        for key, value in self.longest.items():
            outcomes = [self._outcome(key, e) for e in value]
            alive = [n for n, e in enumerate(value) if self._alive(key, e) and e not in value[:n]]
            fresh = [at for at, e in enumerate(value) if e not in value[:at]]
            if any(outcomes[at] == "fail" and not any(n > at for n in alive) for at in fresh):
                self.found.add("G1a")
            if any(a == "fail" and at + 1 in alive for at, a in enumerate(outcomes)):
                self.found.add("dirty-update")
        for n, key, value, base, _ in self.reads:
            if self._good(key, value) and base and self._middle(n, key, base) is not None:
                self.found.add("G1b")
        self._turned()
        groups = [
            (key, tuple(base))
            for _, key, value, base, updated in self.reads
            if updated and self._good(key, value)
        ]
        if len(set(groups)) < len(groups):
            self.found.add("lost-update")
        self._cursor()

    def _cursor(self) -> None:
        """A read, and an append of its transaction that is not directly on top of what it read."""
        for n, key, value, base, updated in self.reads:
            own = [v for f, k, v in self.txns[n].micro if f == "append" and k == key]
            order = self.longest.get(key, [])
            if not updated or not self._good(key, value) or (own[0] not in order and key in self.broken):
                continue
            end = order.index(own[0]) if own[0] in order else len(order)
            between = [
                (self.writer[key, e], e)
                for at, e in enumerate(order[:end])
                if at >= len(base) and e not in order[:at] and (key, e) in self.writer
            ]
            between = [(w, e) for w, e in between if self._happened(w)]
            if not between or between[0][0] == n:
                continue
            if not any(
                (m, k, b, u, self._good(k, v)) == (between[0][0], key, base, True, True)
                for m, k, v, b, u in self.reads
            ):
                self.found.add("G-cursor")

    def _turned(self) -> None:
        """Two appends of a transaction, one after the other to a key, are there the other way round."""
        for n, txn in enumerate(self.txns):
            for key, order in self.longest.items():
                own = [(at, v) for at, (f, k, v) in enumerate(txn.micro) if f == "append" and k == key]
                for (_, a), (at, b) in pairwise(own):
                    if a in order and b in order and order.index(b) < order.index(a) and self._happened(n):
                        seen = any(f == "r" and k == key and b in (v or []) for f, k, v in txn.micro[:at])
                        future = seen and txn.outcome == "ok"
                        self.found.add("future-read" if future else "incompatible-order")

    def _happened(self, n: int) -> bool:
        seen = {(k, e) for k, v in self.views for e in v}
        txn = self.txns[n]
        return txn.outcome == "ok" or (
            txn.outcome == "info" and any((k, v) in seen for f, k, v in txn.micro if f == "append")
        )

    def _alive(self, key: Any, element: Any) -> bool:
        return self._outcome(key, element) in ("ok", "info")

    def _middle(self, n: int, key: Any, base: list[Any]) -> int | None:
        """The transaction in the middle of which a read is."""
        writer = self.writer.get((key, base[-1]))
        if base[-1] in base[:-1]:
            return None
        if writer is None or writer == n or self.txns[writer].outcome == "fail":
            return None
        own = [v for f, k, v in self.txns[writer].micro if f == "append" and k == key]
        return writer if own[-1] != base[-1] else None

    def _edges(self) -> set[Edge]:
        edges: set[Edge] = set()
        for key in {k for k, _ in self.writer} | set(self.longest):
            order = self.longest.get(key, [])
            writers = [
                w if (w := self.writer.get((key, e), -1)) in self.committed and e not in order[:at] else None
                for at, e in enumerate(order)
            ]
            unread = [
                w
                for (k, e), w in self.writer.items()
                if k == key and e not in order and w in self.committed and key not in self.broken
            ]
            line = [w for w in writers if w is not None]
            edges |= {(a, b, "ww") for a, b in pairwise(line)}
            edges |= {(line[-1], w, "ww") for w in unread if line}
            for n, k, value, base, updated in self.reads:
                if k != key or not self._good(key, value):
                    continue
                before = [w for w in writers[: len(base)] if w is not None]
                if before:
                    edges.add((before[-1], n, "wr"))
                later = [(w, at) for at, w in enumerate(writers) if at >= len(base) and w is not None][:1]
                for w, _ in later or [(w, -1) for w in unread]:
                    excused = updated and any(
                        m == w and k2 == key and u and b2 == base and self._good(key, v2)
                        for m, k2, v2, b2, u in self.reads
                    )
                    middle = bool(base) and self._middle(n, key, base) == w
                    if not excused and not middle:
                        edges.add((n, w, "rw"))
        return {e for e in edges if e[0] != e[1]}


def ordered(txns: list[Txn], a: int, b: int, variant: str) -> bool:
    one, two = txns[a], txns[b]
    if variant == "-process":
        return one.process == two.process and a < b and "fail" not in (one.outcome, two.outcome)
    return one.end is not None and one.end < two.begin


def cycles(txns: list[Txn], edges: set[Edge], variant: str) -> list[tuple[str, frozenset[int], int]]:
    """(kind, transactions, length) of every simple cycle that needs the variant's order (or none, plain)."""
    name = variant.removeprefix("-")
    ways: dict[int, list[tuple[int, str]]] = {n: [] for n in range(len(txns))}
    for a, b, cls in edges:
        ways[a].append((b, cls))
    if variant:
        for a in ways:
            ways[a] += [(b, name) for b in ways if b != a and ordered(txns, a, b, variant)]
    found: list[tuple[str, frozenset[int], int]] = []

    def walk(path: list[int], classes: list[str]) -> None:
        for b, cls in ways[path[-1]]:
            if b == path[0]:
                around = [*classes, cls]
                if bool(variant) == (name in around) and set(around) != {name}:
                    found.append((kind_of(around), frozenset(path), len(path)))
            elif b > path[0] and b not in path:
                walk([*path, b], [*classes, cls])

    for start in ways:
        walk([start], [])
    return found


def kind_of(classes: list[str]) -> str:
    count = classes.count("rw")
    if count == 0:
        return "G1c" if "wr" in classes else "G0"
    if count == 1:
        return "G-single"
    beside = any(a == b == "rw" for a, b in pairwise([*classes, classes[0]]))
    return "G2-item" if beside else "G-nonadjacent"


def components(txns: list[Txn], edges: set[Edge], variant: str) -> list[frozenset[int]]:
    """Strongly connected, by closure."""
    reach = {n: {n} for n in range(len(txns))}
    steps = {(a, b) for a, b, _ in edges}
    if variant:
        steps |= {(a, b) for a in reach for b in reach if a != b and ordered(txns, a, b, variant)}
    for _ in reach:
        for a, b in steps:
            reach[a] |= reach[b]
    groups = {frozenset(b for b in reach[a] if a in reach[b]) for a in reach}
    return [g for g in groups if len(g) > 1]


def told(txns: list[Txn], edges: set[Edge], forbidden: frozenset[str]) -> set[str]:
    """The types of cycles that are told, by the rules of checkers/txn/cycles.py."""
    allowed = {"ww"}
    allowed |= {"wr"} if any(t.startswith("G1c") for t in forbidden) else set()
    allowed |= {"rw"} if any(t.startswith("G-single") for t in forbidden) else set()
    edges = {e for e in edges if e[2] in allowed}
    result: set[str] = set()
    weaker: list[tuple[frozenset[int], set[str]]] = []
    for variant in ORDER:
        if not any(k + variant in forbidden for k in KINDS):
            continue
        every = cycles(txns, edges, variant)
        here: list[tuple[frozenset[int], set[str]]] = []
        for group in components(txns, edges, variant):
            have = set().union(*(h for g, h in weaker if g <= group))
            direct = {
                (a, b, cls)
                for a, b, cls in edges
                if {a, b} <= group and variant and ordered(txns, b, a, variant)
            }
            if variant == "-realtime":
                direct = {e for e in direct if not ordered(txns, e[1], e[0], "-process")}
            overwrites: set[tuple[int, int]] = set()
            for cls, kind in (("ww", "G0"), ("wr", "G1c"), ("rw", "G-single")):
                pairs = {
                    (a, b)
                    for a, b, c in direct
                    if c == cls and not any({a, b} <= g and kind in h for g, h in weaker)
                }
                if kind == "G1c":
                    pairs -= overwrites
                if kind == "G0":
                    overwrites = pairs
                if pairs and kind + variant in forbidden:
                    result.add(kind + variant)
                    have.add(kind)
            for kind in KINDS:
                if kind in have or COVERED.get(kind, set()) & have or kind + variant not in forbidden:
                    continue
                if any(k == kind and nodes <= group for k, nodes, _ in every):
                    result.add(kind + variant)
                    have.add(kind)
            here.append((group, have))
        weaker += here
    return result


def serial(ops: list[Any], *, strict: bool) -> bool:
    """Some order of all that was ok, and of any that may have happened, explains every read.

    If ``strict``, the order respects real time.
    """
    txns = [t for t in transactions(ops) if t.outcome != "fail"]
    needed = {n for n, t in enumerate(txns) if t.outcome == "ok"}

    def go(done: frozenset[int], state: dict[Any, Any]) -> bool:
        if needed <= done:
            return True
        for n, txn in enumerate(txns):
            if n in done:
                continue
            if strict and any(m not in done and m != n and _before(txns[m], txn) for m in needed):
                continue
            after = _run(txn, state)
            if after is not None and go(done | {n}, after):
                return True
        return False

    return go(frozenset(), {})


def _before(one: Txn, two: Txn) -> bool:
    return one.end is not None and one.end < two.begin


def _run(txn: Txn, state: dict[Any, Any]) -> dict[Any, Any] | None:
    """The state after a transaction; None if it cannot have read what it did."""
    after = dict(state)
    for f, key, value in txn.micro:
        if f == "append":
            after[key] = [*after.get(key, []), value]
        elif f == "w":
            after[key] = value
        elif txn.outcome == "ok" and after.get(key, [] if isinstance(value, list) else None) != value:
            return None
    return after
