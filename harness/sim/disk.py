"""A simulated disk behind the node's own ``Files`` port (nodes/files.py): real bytes, honest fsync.

It can be full, read-only, unable to sync, or change what it holds (nemeses/disk.py).

A power loss keeps what was synced. Each un-synced write may be there, gone, cut short, or torn at sectors of
512 bytes; an overwrite of a sector is there or not. SIGKILL loses nothing: the page cache survives it.
"""

from __future__ import annotations

import errno
import os

from harness.streams import Stream
from nemeses.port import Damage

SECTOR = 512


class SimFile:
    """``undo`` holds, oldest first, what each un-synced overwrite replaced: (offset, bytes before)."""

    __slots__ = ("data", "durable_length", "pending_length", "pending_undo", "undo")

    def __init__(self) -> None:
        self.data = bytearray()
        self.durable_length = 0
        self.undo: list[tuple[int, bytes]] = []
        self.pending_length = 0
        self.pending_undo = 0

    def begin_sync(self) -> None:
        self.pending_length, self.pending_undo = len(self.data), len(self.undo)

    def finish_sync(self) -> None:
        """What was written before ``begin_sync`` is durable."""
        self.durable_length = self.pending_length
        del self.undo[: self.pending_undo]
        self.pending_undo = 0

    def rewritten(self) -> None:
        """The data was changed behind the node's back, and what is there now will stay."""
        self.durable_length = self.pending_length = len(self.data)
        self.undo.clear()
        self.pending_undo = 0

    def lose_power(self, stream: Stream) -> int:
        """Lose or tear what is not durable; returns how many bytes did not survive."""
        lost = 0
        for offset, before in reversed(self.undo):
            if stream.chance(500_000):
                self.data[offset : offset + len(before)] = before
                lost += len(before)
        self.undo.clear()
        length, durable = len(self.data), self.durable_length
        fate = stream.below(4) if length > durable else 3
        if fate == 0:  # all of it
            del self.data[durable:]
        elif fate == 1:  # cut short
            del self.data[stream.between(durable, length) :]
        elif fate == 2:  # sectors that never reached the platter
            for start in range(durable - durable % SECTOR, length, SECTOR):
                if stream.chance(500_000):
                    first, end = max(start, durable), min(start + SECTOR, length)
                    self.data[first:end] = bytes(end - first)
                    lost += end - first
        lost += length - len(self.data)
        self.durable_length = len(self.data)
        self.pending_undo = 0
        return lost


REFUSALS: dict[str, tuple[int, frozenset[str]]] = {
    "full": (errno.ENOSPC, frozenset({"append"})),
    "read-only": (errno.EROFS, frozenset({"append", "pwrite", "rename", "remove"})),
    "failed-sync": (errno.EIO, frozenset({"fdatasync", "sync_directory"})),
}
"""what a disk refuses -> error, and the operations that get it"""


class SimFiles:
    """One node's directory. With ``deferred`` a sync is only begun: the host finishes it after its latency."""

    def __init__(self) -> None:
        self.refuses = ""
        """a name of ``REFUSALS``; empty: nothing"""
        self.refused = 0
        self.damaged = 0
        """bytes that ``damage`` changed"""
        self._aside: tuple[str, bytes, bytes] | None = None
        """name, and content before and after it was damaged"""
        self._names: dict[str, SimFile] = {}
        self._durable_names: dict[str, SimFile] = {}
        self.deferred = False

    def read(self, name: str) -> bytes:
        return bytes(self._file(name).data)

    def append(self, name: str, data: bytes) -> None:
        if self.refuses:
            self._append_refused(name, data)
        file = self._names.get(name)
        if file is None:
            file = self._names[name] = SimFile()
        file.data += data

    def pwrite(self, name: str, offset: int, data: bytes) -> None:
        self._may("pwrite")
        file = self._file(name)
        end = offset + len(data)
        assert end <= len(file.data), "overwrites stay within the file"
        file.undo.append((offset, bytes(file.data[offset:end])))
        file.data[offset:end] = data

    def fdatasync(self, name: str) -> None:
        self._may("fdatasync")
        file = self._file(name)
        file.begin_sync()
        if not self.deferred:
            file.finish_sync()

    def finish_sync(self, name: str) -> None:
        self._file(name).finish_sync()

    def rename(self, old: str, new: str) -> None:
        self._may("rename")
        self._names[new] = self._file(old)
        del self._names[old]

    def sync_directory(self) -> None:
        self._may("sync_directory")
        self._durable_names = dict(self._names)

    def remove(self, name: str) -> None:
        self._may("remove")
        self._file(name)
        del self._names[name]

    def list(self) -> list[str]:
        return sorted(self._names)

    def exists(self, name: str) -> bool:
        return name in self._names

    def lose_power(self, stream: Stream) -> int:
        """A power loss: un-synced names and bytes are lost or torn; returns the number of bytes lost."""
        self._names = dict(self._durable_names)
        return sum(self._names[name].lose_power(stream) for name in sorted(self._names))

    def damage(self, damage: Damage) -> int:
        """Change the largest file, whose node is down; how many bytes differ."""
        name = max(self.list(), key=lambda n: (len(self._names[n].data), n), default=None)
        if name is None or not self._names[name].data:
            return 0
        file = self._names[name]
        before = bytes(file.data)
        at = len(before) * damage.position_ppm // 1_000_000
        if damage.how == "bit-flip":
            file.data[at] ^= 1 << damage.position_ppm % 8
        elif damage.how == "lost-sector":
            start = at - at % SECTOR
            end = min(start + SECTOR, len(before))
            file.data[start:end] = bytes(end - start)
        else:
            del file.data[at:]
        after = bytes(file.data)
        file.rewritten()
        self._aside = (name, before, after)
        self.damaged = sum(map(int.__ne__, before, after)) + len(before) - len(after)
        return self.damaged

    def mend(self, *, down: bool) -> None:
        """Undo ``damage`` for a node that is ``down`` and has left the data alone."""
        aside, self._aside, self.damaged = self._aside, None, 0
        if aside is None or not down:
            return
        name, before, after = aside
        file = self._names.get(name)
        if file is not None and file.data == after:
            file.data[:] = before
            file.rewritten()

    def _may(self, operation: str) -> None:
        """Raises OSError for an operation that the disk refuses."""
        if self.refuses and operation in REFUSALS[self.refuses][1]:
            self.refused += 1
            number = REFUSALS[self.refuses][0]
            raise OSError(number, os.strerror(number))

    def _append_refused(self, name: str, data: bytes) -> None:
        """A disk that is full takes what it still has room for: half of it."""
        try:
            self._may("append")
        except OSError:
            if self.refuses == "full":
                self._names.setdefault(name, SimFile()).data += data[: len(data) // 2]
            raise

    def _file(self, name: str) -> SimFile:
        try:
            return self._names[name]
        except KeyError:
            raise FileNotFoundError(name) from None
