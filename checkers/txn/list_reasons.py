"""Why one transaction of appends and reads precedes another."""

from __future__ import annotations

from typing import Any

from checkers.txn.graph import RWS, WR
from checkers.txn.kinds import Edge
from checkers.txn.lists import Lists
from checkers.txn.micro import APPEND
from checkers.txn.tell import shown, text


class ListReasons:
    """Finds the reason of each edge again, so that none has to be kept with the graph."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._micro = lists.micro

    def because(self, edge: Edge, first: str, second: str) -> tuple[str, Any]:
        a, b, cls = edge
        if cls == WR:
            return self._wr(a, b, first, second)
        return self._rw(a, b, first, second) if RWS >> cls & 1 else self._ww(a, b, first, second)

    def _place(self, m: int) -> int:
        """Where a read stands between the appends to its key."""
        key = int(self._micro.key[m])
        return int(self._lists.offsets[key]) + key + int(self._lists.span[m])

    def _last(self, key: int) -> int:
        """The last committed append to a key that a read has, -1."""
        return int(self._lists.before[int(self._lists.offsets[key + 1]) + key])

    def _reads(self, txn: int) -> list[int]:
        found = self._lists
        return [m for m in self._micro.of(txn) if found.span[m] >= 0 and not found.strange[m]]

    def _unread(self, txn: int, key: int) -> int:
        """An append of the transaction to the key that no read has, -1."""
        for m in self._micro.of(txn):
            if self._micro.f[m] == APPEND and self._micro.key[m] == key and self._lists.position[m] < 0:
                return m
        return -1

    def _ww(self, a: int, b: int, first: str, second: str) -> tuple[str, Any]:
        micro, lists = self._micro, self._lists
        for m in micro.of(b):
            if micro.f[m] != APPEND:
                continue
            key = int(micro.key[m])
            if lists.position[m] >= 0:
                before = int(lists.before[int(lists.position[m]) + key])
                if before >= 0 and micro.txn[before] == a:
                    name = micro.key_of(m)
                    done = f"{first} appended {text(micro.value_of(before))} to key {text(name)}"
                    return f"{done} and {second} appended {text(micro.value_of(m))} after it", name
            else:
                last = self._last(key)
                if last >= 0 and micro.txn[last] == a:
                    name = micro.key_of(m)
                    return (
                        f"{first} appended {text(micro.value_of(last))} to key {text(name)}, the last that any read "
                        f"has of it, and {second} appended {text(micro.value_of(m))}, which comes later"
                    ), name
        raise AssertionError("a ww edge has a reason")

    def _wr(self, a: int, b: int, first: str, second: str) -> tuple[str, Any]:
        micro = self._micro
        for m in self._reads(b):
            before = int(self._lists.before[self._place(m)])
            if before >= 0 and micro.txn[before] == a:
                name = micro.key_of(m)
                return (
                    f"{first} appended {text(micro.value_of(before))} to key {text(name)} and {second} read it as "
                    f"{self._seen(m)}"
                ), name
        raise AssertionError("a wr edge has a reason")

    def _rw(self, a: int, b: int, first: str, second: str) -> tuple[str, Any]:
        micro = self._micro
        for m in self._reads(a):
            key, name = int(micro.key[m]), micro.key_of(m)
            after = int(self._lists.after[self._place(m)])
            read = f"{first} read key {text(name)} as {self._seen(m)}"
            if after >= 0 and micro.txn[after] == b:
                return f"{read} and {second} appended {text(micro.value_of(after))} after that", name
            unread = self._unread(b, key) if after < 0 else -1
            if unread >= 0:
                missed = text(micro.value_of(unread))
                return f"{read} and did not see {missed}, which {second} appended", name
        raise AssertionError("an rw edge has a reason")

    def _seen(self, m: int) -> str:
        """What a read had before its transaction's own appends."""
        return shown((self._micro.value_of(m) or [])[: int(self._lists.span[m])])
