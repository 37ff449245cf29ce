"""Transactions of appends and reads, taken from a history, and the order of versions of each key.

A list that only grows shows its own history: every read is a prefix of the final list, so the longest read
of a key gives the order of its appends. Elements must be unique per key; where two transactions append the
same element, the key says nothing and is left out (``Transactions.ambiguous``).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import msgspec

from checkers.history import MalformedHistoryError, Op
from checkers.operations import Operation, operations
from checkers.words import identity

OK, INFO, FAIL = 0, 1, 2
_TYPES = {"ok": OK, "info": INFO, "fail": FAIL, "invoke": INFO}


class Txn(msgspec.Struct, gc=False):
    """``begin`` and ``end`` are positions in the history; ``end`` is -1 where the outcome is unknown.

    ``appends``: key -> its elements, in the transaction's order. ``reads``: (key, list, base); ``base`` is
    the length of the list before the transaction's own appends, or -1 for a further view of a key already
    read. ``updates``: keys that were read and afterwards appended to.
    """

    number: int
    operation: Operation
    outcome: int
    appends: dict[Hashable, list[Hashable]]
    reads: list[tuple[Hashable, list[Any], int]]
    updates: list[Hashable]

    @property
    def begin(self) -> int:
        return self.operation.begin

    @property
    def end(self) -> int:
        end = self.operation.end
        return end if end is not None and self.outcome == OK else -1


class Internal(NamedTuple):
    """A transaction that contradicts itself: at ``key`` it read ``got`` where ``expected`` was due."""

    txn: int
    key: Hashable
    got: list[Any]
    expected: list[Any]


class Transactions(msgspec.Struct):
    """``writers``: key -> element -> number of the transaction that appended it."""

    txns: list[Txn]
    writers: dict[Hashable, dict[Hashable, int]]
    ambiguous: dict[Hashable, Hashable]
    """key -> an element that was appended to it twice"""
    internal: list[Internal]


def transactions(history: Sequence[Op]) -> Transactions:
    """All transactions (``f`` is ``txn``); raises MalformedHistoryError at what is not one."""
    txns: list[Txn] = []
    writers: dict[Hashable, dict[Hashable, int]] = {}
    ambiguous: dict[Hashable, Hashable] = {}
    internal: list[Internal] = []
    for operation in operations(history):
        if operation.invoke.f != "txn":
            continue
        txn = Txn(len(txns), operation, _TYPES[operation.type], {}, [], [])
        txns.append(txn)
        done = operation.completion
        source = done if done is not None and txn.outcome == OK else operation.invoke
        _read_micro_ops(txn, source, internal)
        for key, elements in txn.appends.items():
            of_key = writers.setdefault(key, {})
            for element in elements:
                before = of_key.setdefault(element, txn.number)
                if before != txn.number and _is_second(txn, txns[before], of_key, element):
                    ambiguous.setdefault(key, element)
            if len(elements) > 1 and len(dict.fromkeys(elements)) != len(elements):
                ambiguous.setdefault(key, next(e for e in elements if elements.count(e) > 1))
    return Transactions(txns, writers, ambiguous, internal)


def _is_second(txn: Txn, before: Txn, of_key: dict[Hashable, int], element: Hashable) -> bool:
    """Of two appends of one element the one that certainly failed does not count."""
    if before.outcome == FAIL:
        of_key[element] = txn.number
        return False
    return txn.outcome != FAIL


def _read_micro_ops(txn: Txn, op: Op, internal: list[Internal]) -> None:
    value = op.value
    if not isinstance(value, list | tuple):
        raise MalformedHistoryError(f"op {op.index}: a txn must have a list of micro-ops, not {value!r}")
    appends = txn.appends
    seen: dict[Hashable, list[Any]] = {}
    for micro in value:
        if not isinstance(micro, list | tuple) or len(micro) != 3:
            raise MalformedHistoryError(f"op {op.index}: {micro!r} is no micro-op [f, key, value]")
        f, key, v = micro
        if type(key) is not int and type(key) is not str:
            key = identity(key)
        if f == "append":
            if type(v) is not int and type(v) is not str:
                v = identity(v)
            own = appends.get(key)
            if own is None:
                appends[key] = [v]
                if key in seen:
                    txn.updates.append(key)
            else:
                own.append(v)
        elif f == "r":
            if txn.outcome != OK:
                continue
            if v is None:
                v = []
            elif type(v) is not list:
                if not isinstance(v, tuple):
                    raise MalformedHistoryError(
                        f"op {op.index}: a read of key {key!r} must have a list, not {v!r}"
                    )
                v = list(v)
            v = _simple(v)
            _see(txn, key, v, seen, internal)
        else:
            raise MalformedHistoryError(f"op {op.index}: a micro-op is append or r, not {f!r}")


def _simple(elements: list[Any]) -> list[Any]:
    """The elements as dictionary keys; the list itself where they are plain already, as they mostly are."""
    for element in elements:
        if type(element) is not int and type(element) is not str:
            return [identity(e) for e in elements]
    return elements


def _see(
    txn: Txn, key: Hashable, v: list[Any], seen: dict[Hashable, list[Any]], internal: list[Internal]
) -> None:
    """Take one read. ``seen``: key -> the list before the transaction's own appends, once known."""
    own = txn.appends.get(key)
    base = seen.get(key)
    if own is None:
        if base is None:
            seen[key] = v
            txn.reads.append((key, v, len(v)))
        elif base != v:
            internal.append(Internal(txn.number, key, v, base))
        return
    length = len(v) - len(own)
    if base is not None:
        if v != base + own:
            internal.append(Internal(txn.number, key, v, base + own))
        else:
            txn.reads.append((key, v, -1))
    elif length < 0 or v[length:] != own:
        internal.append(Internal(txn.number, key, v, ["...", *own]))
    else:
        seen[key] = v[:length]
        txn.reads.append((key, v, length))


class Read(NamedTuple):
    """One observation of a key: by transaction ``txn``, see ``Txn.reads``."""

    txn: int
    elements: list[Any]
    base: int


class Versions(msgspec.Struct):
    """The versions of one key. ``order``: its elements, first occurrences only, as the longest read has them.

    ``before[i]``: the committed writer last before position i; ``after[i]``: the first at or after it; -1:
    none. ``reads`` are those that are prefixes of the longest one; ``strange`` are the others.
    """

    key: Hashable
    order: list[Hashable]
    position: dict[Hashable, int]
    before: list[int]
    after: list[int]
    reads: list[Read]
    strange: list[Read]
    longest: Read
    unread: list[int]
    """committed writers of elements that no read has: they come after everything that was read"""

    def place(self, read: Read) -> int:
        """How many elements of ``order`` were there before the reader's own appends."""
        if len(self.order) == len(self.longest.elements):
            return read.base
        return len(dict.fromkeys(read.elements[: read.base]))


def versions(found: Transactions) -> list[Versions]:
    """Of every key that was read or appended to, in order of first use; ambiguous keys are left out."""
    by_key: dict[Hashable, list[Read]] = {}
    for txn in found.txns:
        for key, elements, base in txn.reads:
            reads = by_key.get(key)
            if reads is None:
                reads = by_key[key] = []
            reads.append(Read(txn.number, elements, base))
    keys = [k for k in dict.fromkeys([*by_key, *found.writers]) if k not in found.ambiguous]
    orders = [_order(key, by_key.get(key, [])) for key in keys]
    committed = _committed(found, orders)
    for made in orders:
        _place_writers(made, found.writers.get(made.key, {}), committed)
    return orders


def _order(key: Hashable, reads: list[Read]) -> Versions:
    longest = max(reads, key=lambda r: len(r.elements), default=Read(-1, [], -1))
    top = longest.elements
    good: list[Read] = []
    strange: list[Read] = []
    for read in reads:
        elements = read.elements
        (good if elements == top[: len(elements)] else strange).append(read)
    position = {element: i for i, element in enumerate(dict.fromkeys(top))}
    return Versions(key, list(position), position, [], [], good, strange, longest, [])


def _committed(found: Transactions, orders: list[Versions]) -> list[bool]:
    """By transaction: ok, or of unknown outcome and seen by a read."""
    committed = [txn.outcome == OK for txn in found.txns]
    for made in orders:
        writers = found.writers.get(made.key, {})
        for element in made.order:
            writer = writers.get(element, -1)
            if writer >= 0 and found.txns[writer].outcome == INFO:
                committed[writer] = True
    return committed


def _place_writers(made: Versions, writers: dict[Hashable, int], committed: list[bool]) -> None:
    last = -1
    before = [-1]
    found: list[int] = []
    for element in made.order:
        writer = writers.get(element, -1)
        if writer >= 0 and committed[writer]:
            last = writer
            found.append(writer)
        else:
            found.append(-1)
        before.append(last)
    nxt = -1
    after = [-1] * (len(found) + 1)
    for i in range(len(found) - 1, -1, -1):
        if found[i] >= 0:
            nxt = found[i]
        after[i] = nxt
    made.before, made.after = before, after
    if not made.strange and len(writers) > len(made.order):
        position = made.position
        unread = [w for element, w in writers.items() if element not in position and committed[w]]
        made.unread = list(dict.fromkeys(unread))
