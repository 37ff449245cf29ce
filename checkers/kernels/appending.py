"""Transactions of list appends and reads while a run goes on: whether something may be wrong, told at once.

``suspect`` (dependencies.py) is set by the op that completes an anomaly: what one read shows (an element twice, one
that nobody appended, a list that is no prefix of another or of what the transaction itself did), what an append's
fate makes of those who read it, two that read one version and both appended to it; or a cycle of dependencies. These
are those of lists.py, as far as they are known. Who reads all of a list that is not known to go on waits: all of them
that append nothing to it themselves are before one node, a *fan*, which will lead to the next append.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers.kernels.dependencies import Dependencies

NONE = -1
FAILED, SEEN = 1, 2
"""as in dependencies.py"""


class Log:
    """One list. ``appends``: number of the append by element; ``elements`` and ``writers``: as far as they were read.

    ``fan``: the node after those that read all of it, ``waiting``: such that append to it too. ``unread``: appends
    that certainly happened and that no read has shown. ``updaters``: lengths at which somebody read it and then
    appended. The rest is of the transaction in hand: ``base``, how long the list was without its ``own`` appends.
    """

    def __init__(self) -> None:
        self.appends: dict[Any, int] = {}
        self.latest = NONE
        self.elements: list[Any] = []
        self.writers: list[int] = []
        self.fan = NONE
        self.waiting: list[int] = []
        self.unread: list[int] = []
        self.updaters: set[int] = set()
        self.stamp = NONE
        self.base = NONE
        self.own: list[Any] = []


class Appending(Dependencies):
    """All keys are lists. The arguments: Dependencies'."""

    def __init__(
        self,
        verb: str,
        wr: bool,
        rw: bool,
        apart: bool,
        process: bool,
        realtime: bool,
        lost: bool,
        internal: bool,
        name: Callable[[Any], Any],
        misfit: Callable[[Any, Any], None],
    ) -> None:
        super().__init__(verb, wr, rw, apart, process, realtime, lost, internal, name, misfit)
        self.logs: dict[Any, Log] = {}
        self.target: list[Log] = []  # by append: its list

    def log(self, key: Any) -> Log:
        named = key if type(key) is int or type(key) is str else self.name(key)
        found = self.logs.get(named)
        if found is None:
            found = self.logs[named] = Log()
        return found

    def register(self, node: int, key: Any, element: Any) -> None:
        """An append that may happen."""
        log = self.log(key)
        number = self.write(node)
        self.target.append(log)
        if log.latest != NONE and self.owner[log.latest] == node:
            self.later[log.latest] = 1
        log.latest = number
        named = element if type(element) is int or type(element) is str else self.name(element)
        other = log.appends.get(named)
        if other is not None and self.fate[other] != FAILED:
            self.suspect = True
        log.appends[named] = number

    def end(self, node: int, micros: Any, first: int, last: int) -> None:
        """The transaction is ok."""
        if type(micros) is not list and type(micros) is not tuple:
            self.suspect = True
            return
        self.done.append(node)
        reads: list[tuple[Log, int]] = []
        append = first
        for micro in micros:
            if not self.fits(micro):
                self.suspect = True
                return
            log = self.log(micro[1])
            if log.stamp != node:
                log.stamp = node
                log.base = NONE
                log.own = []
            value = micro[2]
            if micro[0] == self.verb:
                named = value if type(value) is int or type(value) is str else self.name(value)
                if append == last or log.appends.get(named) != append:
                    self.suspect = True  # not what it was invoked with
                    return
                append += 1
                if self.lost and log.base != NONE and len(log.own) == 0:
                    if log.base in log.updaters:
                        self.suspect = True
                    log.updaters.add(log.base)
                log.own.append(value)
            elif value is None or type(value) is list or type(value) is tuple:
                span = self.read(log, node, value or (), append, last)
                if span != NONE:
                    reads.append((log, span))
            else:
                self.suspect = True
            if self.suspect:
                return
        if append != last:
            self.suspect = True
            return
        if self.rw:
            for log, span in reads:
                self.follow(log, span, node)
        self.happened(first, last)

    def happened(self, first: int, last: int) -> None:
        """A transaction with these appends certainly did."""
        for append in range(first, last):
            if self.fate[append] == SEEN:
                continue
            self.fate[append] = SEEN
            if self.place[append] == NONE:
                # what nobody has read yet comes after all that was read
                log = self.target[append]
                node = self.owner[append]
                self.comes(log, node)
                if len(log.writers) > 0:
                    self.precedes(self.owner[log.writers[len(log.writers) - 1]], node)
                log.unread.append(append)

    def read(self, log: Log, node: int, value: Any, coming: int, last: int) -> int:
        """One of a list; how much it saw of what others appended, NONE where that was told already. ``coming``: the
        transaction's next append, of those until ``last``.
        """
        own = len(log.own)
        size = len(value)
        base = size - own
        first = log.base == NONE
        odd = base < 0 or (not first and base != log.base)
        odd = odd or not self.agrees(value, base, log.own, own)
        odd = odd or (not first and not self.agrees(value, 0, log.elements, base))
        if odd:
            # it contradicts its own transaction: where that is allowed it is a read like any other
            base = size
            self.suspect = self.internal
        if not self.agrees(value, 0, log.elements, min(len(log.elements), size)):
            self.suspect = True
        if self.suspect:
            return NONE
        if size > len(log.elements):
            self.extend(log, value)
        for append in range(coming, last):
            if self.target[append] is log and self.place[append] != NONE and self.place[append] < size:
                self.suspect = True  # it saw what is appended only later
        if self.suspect:
            return NONE
        if not first and not odd:
            return NONE
        if not odd:
            log.base = base
        if base > 0:
            append = log.writers[base - 1]
            owner = self.owner[append]
            if owner != node and self.wr:
                if self.later[append]:
                    self.suspect = True
                self.precedes(owner, node)
        return base

    def agrees(self, value: Any, start: int, elements: list[Any], count: int) -> bool:
        """Whether a list goes on from ``start`` with so many elements."""
        for i in range(count):
            one = value[start + i]
            other = elements[i]
            if one is not other and (type(one) is not type(other) or one != other):
                return False
        return True

    def extend(self, log: Log, value: Any) -> None:
        """A read shows more of a list than any before."""
        known = len(log.elements)
        for i in range(known, len(value)):
            element = value[i]
            named = element if type(element) is int or type(element) is str else self.name(element)
            found = log.appends.get(named)
            if found is None:
                self.suspect = True
                return
            append: int = found
            owner = self.owner[append]
            if self.place[append] != NONE or self.fate[append] == FAILED:
                self.suspect = True  # it is there twice, or was aborted
                return
            self.place[append] = i
            if i > 0:
                before = log.writers[i - 1]
                if before > append and self.owner[before] == owner:
                    self.suspect = True  # its transaction appended them the other way round
                    return
                self.precedes(self.owner[before], owner)
            self.comes(log, owner)
            log.fan = NONE
            log.waiting = []
            log.elements.append(element)
            log.writers.append(append)
        if len(log.unread) > 0:
            log.unread = [append for append in log.unread if self.place[append] == NONE]
            owner = self.owner[log.writers[len(log.writers) - 1]]
            for each in log.unread:
                append = each
                self.precedes(owner, self.owner[append])
        for i in range(known, len(log.writers)):
            append = log.writers[i]
            if self.fate[append] != SEEN:
                owner = self.owner[append]
                first = append
                while first > 0 and self.owner[first - 1] == owner:
                    first -= 1
                last = append + 1
                while last < self.writes and self.owner[last] == owner:
                    last += 1
                self.happened(first, last)

    def comes(self, log: Log, node: int) -> None:
        """A transaction appends behind all that is known of a list: those that read it so precede."""
        if log.fan != NONE:
            self.overwritten(log.fan, node)
        for each in log.waiting:
            waiting: int = each
            self.overwritten(waiting, node)

    def follow(self, log: Log, span: int, node: int) -> None:
        """What comes behind what the transaction has read."""
        if span < len(log.writers):
            append = log.writers[span]
            self.overwritten(node, self.owner[append])
            return
        if len(log.own) > 0:
            source = node
            log.waiting.append(node)
        elif log.fan != NONE:
            self.edge(node, log.fan)
            return
        else:
            source = log.fan = self.node()
            self.edge(node, source)
        for each in log.unread:
            append = each
            self.overwritten(source, self.owner[append])
