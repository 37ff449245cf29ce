"""A node's disk: the few file operations a node needs, as a port, and the real thing.

The write-ahead log is written against ``Files``; ``RealFiles`` is one directory of a real disk, the simulator
has another implementation whose un-synced bytes can be lost or torn. Files are named relative to the
directory. What was written is durable only after ``fdatasync`` of the file; a created, renamed or
removed *name* only after ``sync_directory``.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """One flat directory of files. Every method may raise OSError."""

    def read(self, name: str) -> bytes:
        """The whole file; FileNotFoundError when there is none."""
        ...

    def append(self, name: str, data: bytes) -> None:
        """Write at the end; creates the file."""
        ...

    def pwrite(self, name: str, offset: int, data: bytes) -> None:
        """Overwrite bytes of an existing file in place."""
        ...

    def fdatasync(self, name: str) -> None:
        """Return when everything written to the file before the call is durable."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Atomically give the file another name, replacing what had it."""
        ...

    def sync_directory(self) -> None:
        """Return when creations, renames and removals before the call are durable."""
        ...

    def remove(self, name: str) -> None: ...
    def list(self) -> list[str]:
        """Names, sorted."""
        ...

    def exists(self, name: str) -> bool: ...


class DirectoryInUseError(OSError):
    """Another process owns the directory."""


class RealFiles:
    """``Files`` in a directory of a real disk, owned by one process at a time.

    The directory is created if need be. Descriptors stay open, one for each file written. Not thread-safe,
    but for ``fdatasync``, which may run in another thread beside anything on other files and beside
    ``append`` and ``pwrite`` of the same file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            self.path.mkdir(parents=True)
            _sync_directory(self.path.parent)
        self._files: dict[str, int] = {}
        self._directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            os.close(self._directory)
            raise DirectoryInUseError(f"{self.path}: in use by another process") from e

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def append(self, name: str, data: bytes) -> None:
        _write_all(self._files.get(name) or self._open(name, create=True), data)

    def pwrite(self, name: str, offset: int, data: bytes) -> None:
        fd = self._files.get(name) or self._open(name, create=False)
        while data:
            written = os.pwrite(fd, data, offset)
            data, offset = data[written:], offset + written

    def fdatasync(self, name: str) -> None:
        os.fdatasync(self._files.get(name) or self._open(name, create=False))

    def rename(self, old: str, new: str) -> None:
        (self.path / old).replace(self.path / new)
        self._close(new)
        if old in self._files:
            self._files[new] = self._files.pop(old)

    def sync_directory(self) -> None:
        os.fsync(self._directory)

    def remove(self, name: str) -> None:
        self._close(name)
        (self.path / name).unlink()

    def list(self) -> list[str]:
        return sorted(entry.name for entry in self.path.iterdir())

    def exists(self, name: str) -> bool:
        return (self.path / name).exists()

    def close(self) -> None:
        """Close every descriptor and give the directory free."""
        for name in list(self._files):
            self._close(name)
        os.close(self._directory)

    def _open(self, name: str, *, create: bool) -> int:
        # no O_APPEND: Linux' pwrite ignores its offset there
        fd = os.open(self.path / name, os.O_WRONLY | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o644)
        os.lseek(fd, 0, os.SEEK_END)
        self._files[name] = fd
        return fd

    def _close(self, name: str) -> None:
        fd = self._files.pop(name, None)
        if fd is not None:
            os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
