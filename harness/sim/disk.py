"""A simulated disk behind the node's own ``Files`` port (nodes/files.py): real bytes, honest fsync.

A power loss keeps what was synced. Each un-synced write may be there, gone, cut short, or torn at sectors of
512 bytes; an overwrite of a sector is there or not. SIGKILL loses nothing: the page cache survives it.
"""

from __future__ import annotations

from harness.streams import Stream

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


class SimFiles:
    """One node's directory. With ``deferred`` a sync is only begun: the host finishes it after its latency."""

    def __init__(self) -> None:
        self._names: dict[str, SimFile] = {}
        self._durable_names: dict[str, SimFile] = {}
        self.deferred = False

    def read(self, name: str) -> bytes:
        return bytes(self._file(name).data)

    def append(self, name: str, data: bytes) -> None:
        file = self._names.get(name)
        if file is None:
            file = self._names[name] = SimFile()
        file.data += data

    def pwrite(self, name: str, offset: int, data: bytes) -> None:
        file = self._file(name)
        end = offset + len(data)
        assert end <= len(file.data), "overwrites stay within the file"
        file.undo.append((offset, bytes(file.data[offset:end])))
        file.data[offset:end] = data

    def fdatasync(self, name: str) -> None:
        file = self._file(name)
        file.begin_sync()
        if not self.deferred:
            file.finish_sync()

    def finish_sync(self, name: str) -> None:
        self._file(name).finish_sync()

    def rename(self, old: str, new: str) -> None:
        self._names[new] = self._file(old)
        del self._names[old]

    def sync_directory(self) -> None:
        self._durable_names = dict(self._names)

    def remove(self, name: str) -> None:
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

    def _file(self, name: str) -> SimFile:
        try:
            return self._names[name]
        except KeyError:
            raise FileNotFoundError(name) from None
