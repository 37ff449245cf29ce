"""A folder as a disk that can lose power: what processes see is in it, what a power loss would leave is known.

The model, after LazyFS (github.com/dsrhaslab/lazyfs) for contents and ext4 with ``data=ordered`` for names:

- What was written to a file, and its size, is durable once the file is fsynced (fdatasync is the same to both); with
  O_SYNC or O_DSYNC at once. Until then the durable contents of each page that was written are kept.
- Names (create, mkdir, link, symlink, rename, unlink, rmdir) are in one journal for the whole folder. It is
  written when a folder or a file is fsynced that has part in it (for fdatasync: that is new, or has another size),
  and then all of it is. Modes, owners and times are durable at once.
- A power loss takes the names that are not in the journal; in one case of three the journal had just been written by
  itself. Of each file it takes everything that is not durable, or else a part: of pages that were overwritten some
  blocks of 512 bytes, each or not; of what was appended everything from some block on. That is a torn write. An
  append never leaves holes: a file grows on the disk after the data that it grew by.

An inode is known by its number in the folder. What lost its last name is kept in limbo until no durable name has it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

PAGE, BLOCK = 4096, 512
SYNCHRONOUS = os.O_SYNC | os.O_DSYNC
HIDDEN = ".fuse_hidden"
"""what libfuse calls a file that is open and has no name any more"""


class Draws(Protocol):
    """Uniform integers."""

    def between(self, low: int, high: int) -> int: ...


class Lost(msgspec.Struct):
    """By one power loss. ``lost_bytes``: that differ from what is left, which reads as 0 beyond its end.
    ``lost_writes``: to files that lost something, and not synced. ``torn``: files of which a part survived.
    ``syncs``: that were asked for since the loss before.
    """

    lost_bytes: int = 0
    lost_writes: int = 0
    lost_names: int = 0
    torn: int = 0
    syncs: int = 0


class Unsynced:
    """Of one file, since it was synced: the durable size, and the durable contents of pages that were written."""

    __slots__ = ("fresh", "pages", "size", "writes")

    def __init__(self, size: int, *, fresh: bool = False) -> None:
        self.size = size
        self.fresh = fresh
        self.pages: dict[int, bytes] = {}
        self.writes = 0

    def keep(self, fd: int, start: int, end: int) -> None:
        """Before the bytes from ``start`` to ``end`` change."""
        for number in range(start // PAGE, -(-min(end, self.size) // PAGE)):
            if number not in self.pages:
                self.pages[number] = os.pread(fd, min(PAGE, self.size - number * PAGE), number * PAGE)


class Disk:
    """``root``: the folder; ``limbo``: one beside it, on the same file system. Paths are relative to the root."""

    def __init__(self, root: str, limbo: Path) -> None:
        self.root = root
        self._limbo = limbo
        shutil.rmtree(limbo, ignore_errors=True)
        limbo.mkdir()
        self._kept: set[int] = set()
        self._files: dict[int, Unsynced] = {}
        self._open: dict[int, tuple[int, bool]] = {}
        """descriptor -> inode, whether its writes are synchronous"""
        self._names: dict[int, dict[str, int]] = {}
        """folder -> its durable names, where they are others than those that are seen"""
        self._folders: dict[int, int] = {}
        """these folders -> descriptors"""
        self._renamed: set[int] = set()
        """inodes with a part in the journal"""
        self._syncs = 0

    def at(self, path: str) -> str:
        return f"{self.root}/{path.lstrip('/')}"

    # --- contents -----------------------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o644) -> int:
        """A descriptor for the methods below."""
        created = False
        if flags & os.O_CREAT:
            created = not os.path.lexists(self.at(path))
            if created:
                self._change(path)
        if flags & os.O_ACCMODE == os.O_WRONLY:
            flags += os.O_RDWR - os.O_WRONLY  # what is overwritten is read before
        fd = os.open(
            self.at(path),
            flags & ~(os.O_APPEND | os.O_TRUNC | SYNCHRONOUS | os.O_DIRECT) | os.O_CLOEXEC,
            mode,
        )
        inode = os.fstat(fd).st_ino
        self._open[fd] = inode, bool(flags & SYNCHRONOUS)
        if created:
            self._files[inode] = Unsynced(0, fresh=True)
            self._renamed.add(inode)
        elif flags & os.O_TRUNC:
            self.truncate(fd, 0)
        return fd

    def close(self, fd: int) -> None:
        del self._open[fd]
        os.close(fd)

    def write(self, fd: int, data: bytes, offset: int) -> int:
        inode, synchronous = self._open[fd]
        file = self._unsynced(fd, inode)
        file.keep(fd, offset, offset + len(data))
        file.writes += 1
        written = os.pwrite(fd, data, offset)
        if synchronous:
            self.sync(fd, data_only=True)
        return written

    def truncate(self, fd: int, length: int) -> None:
        file = self._unsynced(fd, self._open[fd][0])
        file.keep(fd, length, file.size)
        file.writes += 1
        os.ftruncate(fd, length)

    def sync(self, fd: int, *, data_only: bool = False) -> None:
        inode = self._open[fd][0]
        self._syncs += 1
        file = self._files.pop(inode, None)
        grown = file is not None and (file.fresh or file.size != os.fstat(fd).st_size)
        if grown or (not data_only and (file is not None or inode in self._renamed)):
            self._commit()

    def _unsynced(self, fd: int, inode: int) -> Unsynced:
        file = self._files.get(inode)
        if file is None:
            file = self._files[inode] = Unsynced(os.fstat(fd).st_size)
        return file

    # --- names --------------------------------------------------------------------------------------------

    def mkdir(self, path: str, mode: int) -> None:
        self._change(path)
        os.mkdir(self.at(path), mode)
        self._renamed.add(os.lstat(self.at(path)).st_ino)

    def symlink(self, path: str, target: str) -> None:
        self._change(path)
        os.symlink(target, self.at(path))

    def link(self, path: str, old: str) -> None:
        self._change(path)
        os.link(self.at(old), self.at(path), follow_symlinks=False)
        self._renamed.add(os.lstat(self.at(old)).st_ino)

    def unlink(self, path: str) -> None:
        self._change(path)
        self._keep(path)
        os.unlink(self.at(path))

    def rmdir(self, path: str) -> None:
        self._change(path)
        if os.listdir(self.at(path)):
            os.rmdir(self.at(path))  # raises
        self._keep(path)

    def rename(self, old: str, new: str) -> None:
        self._change(old)
        self._change(new)
        self._renamed.add(os.lstat(self.at(old)).st_ino)
        if os.path.lexists(self.at(new)) and not (os.path.isdir(self.at(new)) and os.listdir(self.at(new))):
            self._keep(new)
        os.rename(self.at(old), self.at(new))

    def sync_folder(self, path: str) -> None:
        self._syncs += 1
        inode = os.lstat(self.at(path)).st_ino
        if inode in self._names or inode in self._renamed:
            self._commit()

    def _change(self, path: str) -> None:
        """Before a name changes: its folder's durable names are remembered."""
        parent = self.at(path).rpartition("/")[0]
        inode = os.stat(parent).st_ino
        if inode not in self._names:
            self._names[inode] = {e.name: e.stat(follow_symlinks=False).st_ino for e in os.scandir(parent)}
            self._folders[inode] = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _keep(self, path: str) -> None:
        """Before a name goes: what it names stays in limbo; a folder, which is empty, moves there."""
        found = os.lstat(self.at(path))
        place = self._limbo / str(found.st_ino)
        if stat.S_ISDIR(found.st_mode):
            os.rename(self.at(path), place)
        elif found.st_ino not in self._kept:
            os.link(self.at(path), place, follow_symlinks=False)
        self._kept.add(found.st_ino)

    def _commit(self) -> None:
        """The journal is written: names are as they are seen."""
        self._names.clear()
        self._renamed.clear()
        for file in self._files.values():
            file.fresh = False
        for fd in self._folders.values():
            os.close(fd)
        self._folders.clear()
        self._clear_limbo()

    def _clear_limbo(self) -> None:
        for inode in self._kept:
            place = self._limbo / str(inode)
            found = os.lstat(place)
            if stat.S_ISDIR(found.st_mode):
                place.rmdir()
                continue
            if found.st_nlink == 1:
                self._files.pop(inode, None)  # the number is free to be another file's
            place.unlink()
        self._kept.clear()

    # --- power --------------------------------------------------------------------------------------------

    def lose(self, draws: Draws) -> Lost:
        """The power fails. Nothing is open; then the folder holds what a disk would."""
        lost = Lost(syncs=self._syncs)
        self._syncs = 0
        if self._names and draws.between(0, 2):
            self._restore_names(lost)
        self._commit()
        for path, inode in sorted(self._walk(self.root)):
            file = self._files.pop(inode, None)
            if file is not None:
                _lose(path, file, draws, lost)
            if path.rpartition("/")[2].startswith(HIDDEN):
                os.unlink(path)
        self._files.clear()
        return lost

    def _walk(self, folder: str) -> Iterator[tuple[str, int]]:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path, entry.stat(follow_symlinks=False).st_ino

    def _restore_names(self, lost: Lost) -> None:
        """Folders get their durable names again. What has none stays in limbo."""
        seen: set[int] = set()
        for folder, fd in self._folders.items():
            names = self._names[folder]
            now = {e.name: e.stat(follow_symlinks=False).st_ino for e in os.scandir(fd)}
            lost.lost_names += sum(names.get(name) != now.get(name) for name in names | now)
            seen.update(now.values())
            for name, inode in now.items():
                if inode in self._kept:
                    os.unlink(name, dir_fd=fd)
                else:
                    self._kept.add(inode)
                    os.rename(name, self._limbo / str(inode), src_dir_fd=fd)
        for folder, fd in self._folders.items():
            for name, inode in self._names[folder].items():
                place = self._limbo / str(inode)
                if stat.S_ISDIR(os.lstat(place).st_mode):
                    os.rename(place, name, dst_dir_fd=fd)
                    self._kept.discard(inode)
                else:
                    os.link(place, name, dst_dir_fd=fd, follow_symlinks=False)
        for inode in seen & self._kept:
            found = os.lstat(self._limbo / str(inode))
            if found.st_nlink == 1 and stat.S_ISREG(found.st_mode):
                with (self._limbo / str(inode)).open("rb") as file:
                    lost.lost_bytes += _data(file.fileno(), 0, found.st_size)
                lost.lost_writes += self._files[inode].writes if inode in self._files else 0


def _data(fd: int, start: int, end: int) -> int:
    """Bytes that are not 0 in that part of a file. What was reserved is a hole, and large."""
    found = 0
    while start < end:
        try:
            start = os.lseek(fd, start, os.SEEK_DATA)
        except OSError:  # there is no more
            break
        until = min(end, os.lseek(fd, start, os.SEEK_HOLE))
        while start < until:
            chunk = os.pread(fd, min(until - start, 1 << 20), start)
            found += len(chunk) - chunk.count(0)
            start += len(chunk) or until
    return found


def _lose(path: str, file: Unsynced, draws: Draws, lost: Lost) -> None:
    """All that is not durable, or a part of it."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        now = os.fstat(fd).st_size
        torn = bool(file.writes) and draws.between(0, 1) == 1
        before = lost.lost_bytes
        end = file.size
        if torn and now > file.size:
            end = min(now, draws.between(-(-file.size // BLOCK), -(-now // BLOCK)) * BLOCK)
            end = max(end, file.size)
        lost.lost_bytes += _data(fd, end, now)
        os.ftruncate(fd, end)
        for number, page in sorted(file.pages.items()):
            for start in range(0, len(page), BLOCK):
                block = page[start : start + BLOCK]
                at = number * PAGE + start
                differ = sum(a != b for a, b in zip(block, os.pread(fd, len(block), at), strict=True))
                if differ and not (torn and draws.between(0, 1)):
                    lost.lost_bytes += differ
                    os.pwrite(fd, block, at)
        if lost.lost_bytes > before:
            lost.lost_writes += file.writes
            lost.torn += torn
    finally:
        os.close(fd)
