"""Transactions of writes and reads of registers while a run goes on: whether something may be wrong, told at once.

``suspect`` (dependencies.py) is set by the op that completes an anomaly: what one read shows, what a write's fate
makes of those who read it, two that read one version and both wrote over it; or a cycle of dependencies. These follow
from pairs of versions, as in checkers/txn/evidence.py: the initial state comes before all, what a transaction read
before what it then wrote, and what was met before what is met by those that were invoked later, be it of any process
or of the same. What that is stands at each key, its *frontier*, and a transaction takes it along when it is invoked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers.kernels.dependencies import Dependencies

NONE = -1
FAILED, SEEN = 1, 2
"""as in dependencies.py"""


class Version:
    """``write``: NONE for the initial state; ``node``: who wrote it. ``after``: nodes that wrote later versions.

    ``fan``: the node after those that read it, ``waiting``: such that write the key themselves.
    """

    def __init__(self, write: int, node: int) -> None:
        self.write = write
        self.node = node
        self.after: dict[int, None] = {}
        self.fan = NONE
        self.waiting: list[int] = []
        self.updated = False


class Key:
    """``versions`` by value. ``frontier``: (version, end of the transaction that met it last). The rest is of the
    transaction in hand: what it read first, what it wrote last and what it saw last.
    """

    def __init__(self) -> None:
        self.versions: dict[Any, Version] = {}
        self.initial = Version(NONE, NONE)
        self.latest = NONE
        self.frontier: list[tuple[Version, int]] = []
        self.met: dict[Any, Version] = {}  # by process
        self.stamp = NONE
        self.read: Version | None = None
        self.wrote: Version | None = None
        self.last: Version | None = None


class Writing(Dependencies):
    """All keys are registers. ``initial``: hashable forms of the value of a key that nobody wrote. ``in_time``,
    ``in_sessions``: whether versions are met in their order by all, by each process. The rest: Dependencies'.
    """

    def __init__(
        self,
        initial: frozenset[Any],
        in_time: bool,
        in_sessions: bool,
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
        self.initial = initial
        self.in_time = in_time
        self.in_sessions = in_sessions
        self.keys: dict[Any, Key] = {}
        self.target: list[Key] = []  # by write: its key
        self.version: list[Version] = []  # by write
        self.before: dict[
            int, list[tuple[Key, list[Version]]]
        ] = {}  # by node: what was met before it was invoked
        self.begun: dict[int, tuple[int, Any]] = {}  # by node that is open: when, and by which process
        self.now = 0

    def key(self, name: Any) -> Key:
        named = name if type(name) is int or type(name) is str else self.name(name)
        found = self.keys.get(named)
        if found is None:
            found = self.keys[named] = Key()
        return found

    def begins(self, node: int, process: Any, micros: Any) -> None:
        self.now += 1
        self.begun[node] = (self.now, process)
        if not self.in_time and not self.in_sessions:
            return
        before: list[tuple[Key, list[Version]]] = []
        for micro in micros:
            if not self.fits(micro):
                continue
            key = self.key(micro[1])
            met: list[Version] = []
            if self.in_time:
                met = [entry[0] for entry in key.frontier]
            elif process in key.met:
                met = [key.met[process]]
            if met:
                before.append((key, met))
        if before:
            self.before[node] = before

    def register(self, node: int, key: Any, value: Any) -> None:
        """A write that may happen."""
        found = self.key(key)
        number = self.write(node)
        version = Version(number, node)
        self.target.append(found)
        self.version.append(version)
        if found.latest != NONE and self.owner[found.latest] == node:
            self.later[found.latest] = 1
        found.latest = number
        named = value if type(value) is int or type(value) is str else self.name(value)
        other = found.versions.get(named)
        if named in self.initial or (other is not None and self.fate[other.write] != FAILED):
            self.suspect = True
        found.versions[named] = version

    def gone(self, node: int) -> None:
        """It failed."""
        self.begun.pop(node, None)
        self.before.pop(node, None)

    def end(self, node: int, micros: Any, first: int, last: int) -> None:
        """The transaction is ok."""
        self.now += 1
        if type(micros) is not list and type(micros) is not tuple:
            self.suspect = True
            return
        self.done.append(node)
        keys: list[Key] = []
        odd: list[tuple[Key, Version]] = []
        number = first
        for micro in micros:
            if not self.fits(micro):
                self.suspect = True
                return
            key = self.key(micro[1])
            if key.stamp != node:
                key.stamp = node
                key.read = key.wrote = key.last = None
                keys.append(key)
            value = micro[2]
            named = value if type(value) is int or type(value) is str else self.name(value)
            if micro[0] == self.verb:
                version = key.versions.get(named)
                if number == last or version is None or version.write != number:
                    self.suspect = True  # not what it was invoked with
                    return
                number += 1
                key.wrote = key.last = version
                continue
            version = key.initial if named in self.initial else key.versions.get(named)
            if version is None:
                self.suspect = True
                return
            if key.last is None:
                key.read = key.last = version
                self.sees(version, node, True)
            elif key.last is not version:
                # it contradicts its own transaction: where that is allowed it is a read like any other
                self.suspect = self.internal
                self.sees(version, node, version.write >= number)
                odd.append((key, version))
            if self.suspect:
                return
        if number != last:
            self.suspect = True
            return
        if self.rw:
            for key in keys:
                if key.read is not None:
                    self.follow(key.read, node, key.wrote is not None)
            for key, version in odd:
                self.follow(version, node, key.wrote is not None)
        self.happened(first, last)
        for key in keys:
            if key.read is not None and key.wrote is not None:
                self.suspect = self.suspect or (self.lost and key.read.updated)
                key.read.updated = True
                if self.wr and key.read.write != NONE:
                    self.pair(key.read, key.wrote)
        before = self.before.pop(node, None)
        if before is not None:
            for key, met in before:
                if key.stamp == node:
                    version = key.read if key.read is not None else key.wrote
                    if version is not None:
                        self.follows(met, version)
        self.meets(node, keys)

    def meets(self, node: int, keys: list[Key]) -> None:
        """What those will have met that are invoked from now on."""
        found = self.begun.pop(node)
        begun: int = found[0]
        for key in keys:
            version = key.wrote if key.wrote is not None else key.read
            if version is not None and version.write != NONE and self.later[version.write] == 0:
                if self.in_sessions:
                    key.met[found[1]] = version
                if self.in_time:
                    frontier = [entry for entry in key.frontier if entry[1] > begun]
                    frontier.append((version, self.now))
                    key.frontier = frontier

    def sees(self, version: Version, node: int, early: bool) -> None:
        """A transaction read a version; ``early``: if it is its own, it is one that it writes only later."""
        write = version.write
        if write == NONE:
            return
        owner = self.owner[write]
        if self.fate[write] == FAILED or (owner == node and early):
            self.suspect = True  # aborted, or written only later
            return
        self.place[write] = 0
        if self.fate[write] != SEEN and owner != node:
            low = write
            while low > 0 and self.owner[low - 1] == owner:
                low -= 1
            high = write + 1
            while high < self.writes and self.owner[high] == owner:
                high += 1
            self.happened(low, high)
        if owner != node and self.wr:
            if self.later[write]:
                self.suspect = True
            self.precedes(owner, node)

    def happened(self, first: int, last: int) -> None:
        """A transaction with these writes certainly did."""
        for write in range(first, last):
            if self.fate[write] == SEEN:
                continue
            self.fate[write] = SEEN
            if self.later[write]:
                continue
            key = self.target[write]
            node = self.owner[write]
            self.comes(key.initial, node)
            before = self.before.get(node)
            if before is not None:
                for other, met in before:
                    if other is key:
                        self.follows(met, self.version[write])

    def follows(self, met: list[Version], version: Version) -> None:
        """Versions that were met before one that is met."""
        for other in met:
            if version.write != NONE:
                self.pair(other, version)

    def pair(self, one: Version, other: Version) -> None:
        """The one version comes before the other."""
        if one is other or self.later[other.write] or self.later[one.write] or other.node in one.after:
            return
        self.precedes(one.node, other.node)
        self.comes(one, other.node)

    def comes(self, version: Version, node: int) -> None:
        """A transaction writes a later version: those that read this one precede it."""
        version.after[node] = None
        if not self.rw:
            return
        if version.fan != NONE:
            self.overwritten(version.fan, node)
        for each in version.waiting:
            waiting: int = each
            self.overwritten(waiting, node)

    def follow(self, version: Version, node: int, writes: bool) -> None:
        """A transaction that read a version precedes those that wrote later ones."""
        if writes:
            source = node
            version.waiting.append(node)
        elif version.fan != NONE:
            self.edge(node, version.fan)
            return
        else:
            source = version.fan = self.node()
            self.edge(node, source)
        for each in version.after:
            after: int = each
            self.overwritten(source, after)
