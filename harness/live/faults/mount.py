"""The process that serves one member's folder by FUSE: ``python -m harness.live.faults.mount FOLDER LIMBO SOURCE``.

The folder is mounted upon itself: what is below stays within reach by a descriptor, and is what is left when the
mount is gone. Lines on standard input are commands, lines on standard output answers:

| in | out |
|---|---|
| | `mounted`, as often as it is |
| `lose SEED` | `lost` and what, as JSON; then it is mounted again |
| end of input | unmounted, and gone |

All of the harness's own files are out of the folder's way, so nothing here can wait for itself. One thread serves.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import mfusepy
import msgspec

from harness.live.faults.unsynced import Disk
from harness.streams import Streams

CACHE_S = 3600
"""nobody but the kernel's own requests changes anything"""
BUSY_S = 20.0
STATS = (
    "st_atime",
    "st_ctime",
    "st_gid",
    "st_mode",
    "st_mtime",
    "st_nlink",
    "st_size",
    "st_uid",
    "st_blocks",
)
FILE_SYSTEM = (
    "f_bavail",
    "f_bfree",
    "f_blocks",
    "f_bsize",
    "f_favail",
    "f_ffree",
    "f_files",
    "f_frsize",
    "f_namemax",
)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Operations(mfusepy.Operations):  # type: ignore[misc]
    """libfuse's requests, as calls of a Disk."""

    use_ns = True

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def init(self, path: str) -> None:
        del path
        say("mounted")

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = os.fstat(fh) if fh is not None else os.lstat(self._disk.at(path))
        stats = {name: getattr(found, name) for name in STATS}
        return stats | {f"st_{n}time": getattr(found, f"st_{n}time_ns") for n in "acm"}

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._disk.at(path))
        return {name: getattr(found, name) for name in FILE_SYSTEM}

    # --- contents

    def create(self, path: str, mode: int, flags: int) -> int:
        return self._disk.open(path, flags | os.O_CREAT, mode)

    def open(self, path: str, flags: int) -> int:
        return self._disk.open(path, flags)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        del path
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        del path
        return self._disk.write(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        if fh is not None:
            self._disk.truncate(fh, length)
            return 0
        own = self._disk.open(path, os.O_RDWR)
        try:
            self._disk.truncate(own, length)
        finally:
            self._disk.close(own)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        del path
        self._disk.sync(fh, data_only=bool(datasync))
        return 0

    def release(self, path: str, fh: int) -> int:
        del path
        self._disk.close(fh)
        return 0

    # --- names

    def readdir(self, path: str, fh: int) -> list[str]:
        del fh
        return [".", "..", *os.listdir(self._disk.at(path))]

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        del datasync, fh
        self._disk.sync_folder(path)
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self._disk.mkdir(path, mode)
        return 0

    def rmdir(self, path: str) -> int:
        self._disk.rmdir(path)
        return 0

    def unlink(self, path: str) -> int:
        self._disk.unlink(path)
        return 0

    def rename(self, old: str, new: str) -> int:
        self._disk.rename(old, new)
        return 0

    def link(self, target: str, source: str) -> int:
        self._disk.link(target, source)
        return 0

    def symlink(self, target: str, source: str) -> int:
        self._disk.symlink(target, source)
        return 0

    def readlink(self, path: str) -> str:
        return os.readlink(self._disk.at(path))

    # --- what is durable at once

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._disk.at(path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.chown(self._disk.at(path), uid, gid, follow_symlinks=False)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        if times is None:
            os.utime(self._disk.at(path), follow_symlinks=False)
        else:
            os.utime(self._disk.at(path), ns=times, follow_symlinks=False)
        return 0


class Mount:
    """Serves, from one loss of power to the next, until the input ends."""

    def __init__(self, folder: Path, limbo: Path, source: str) -> None:
        self._folder = folder
        self._limbo = limbo
        self._source = source
        self._below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._disk = Disk(f"/proc/self/fd/{self._below}", limbo)
        self._seed: int | None = None

    def serve(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            self._seed = None
            mfusepy.FUSE(
                Operations(self._disk),
                str(self._folder),
                foreground=True,
                nothreads=True,
                fsname=self._source,
                subtype="splitbrain",
                kernel_cache=True,
                attr_timeout=CACHE_S,
                entry_timeout=CACHE_S,
                ac_attr_timeout=CACHE_S,
            )
            if self._seed is None:
                break
            lost = self._disk.lose(Streams(self._seed).stream("unsynced"))
            say(f"lost {msgspec.json.encode(lost).decode()}")
        shutil.rmtree(self._limbo, ignore_errors=True)

    def _listen(self) -> None:
        for line in sys.stdin:
            self._seed = int(line.split()[1])
            self._unmount()
        self._seed = None
        self._unmount("-z")

    def _unmount(self, *how: str) -> None:
        """What the kernel still has of the member's it writes first. A process may take a moment to be gone."""
        deadline = time.monotonic() + BUSY_S
        while True:
            done = subprocess.run(
                ["fusermount3", "-u", *how, str(self._folder)], capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                sys.stderr.write(f"{self._folder}: {done.stderr.strip()}\n")
                os._exit(errno.EBUSY)
            time.sleep(0.01)


if __name__ == "__main__":
    Mount(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]).serve()
