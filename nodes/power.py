"""Power losses for nodes that are processes: what SIGKILL leaves in the page cache, and a power loss would not.

A kill cannot lose what was written and not synced: the kernel has it. So a node that is to lose power keeps
account, in ``<name>.synced`` beside each file, of how long the file was when it was last synced. The account is
in the page cache too and survives the kill. ``lose_power`` then does to the files of the dead node what the power
loss would have done: what lies beyond the account is gone, cut short, or torn at sectors.

Overwrites in place stay: the log overwrites its marker only, which never says more than what is synced. Names are
held to be durable at once: the log syncs its directory before anything depends on a name.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import Protocol

from nodes.files import RealFiles

SECTOR = 512
SUFFIX = ".synced"
_LENGTH = struct.Struct("<Q")


class Draws(Protocol):
    """Uniform integers."""

    def between(self, low: int, high: int) -> int: ...


class PoweredFiles(RealFiles):
    """``RealFiles`` with the account."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        self._accounts: dict[str, int] = {}

    def append(self, name: str, data: bytes) -> None:
        self._account(name)
        super().append(name, data)

    def fdatasync(self, name: str) -> None:
        account, length = self._account(name), (self.path / name).stat().st_size
        super().fdatasync(name)
        os.pwrite(account, _LENGTH.pack(length), 0)

    def rename(self, old: str, new: str) -> None:
        # the account first: a kill between the two leaves the older file with the account of the newer, which is
        # longer or a repaired copy; the other way round, synced bytes would pass for lost
        account = self._account(old)
        (self.path / (old + SUFFIX)).replace(self.path / (new + SUFFIX))
        self._forget(new)
        self._accounts[new] = account
        del self._accounts[old]
        super().rename(old, new)

    def remove(self, name: str) -> None:
        super().remove(name)
        self._forget(name)
        (self.path / (name + SUFFIX)).unlink(missing_ok=True)

    def list(self) -> list[str]:
        return [name for name in super().list() if not name.endswith(SUFFIX)]

    def close(self) -> None:
        for name in sorted(self._accounts):
            self._forget(name)
        super().close()

    def _account(self, name: str) -> int:
        """The account's descriptor. A file without one was closed by a node that kept none: held to be durable."""
        fd = self._accounts.get(name)
        if fd is None:
            path = self.path / (name + SUFFIX)
            fresh = not path.exists()
            fd = self._accounts[name] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if fresh:
                file = self.path / name
                os.pwrite(fd, _LENGTH.pack(file.stat().st_size if file.exists() else 0), 0)
        return fd

    def _forget(self, name: str) -> None:
        fd = self._accounts.pop(name, None)
        if fd is not None:
            os.close(fd)


def lose_power(directory: Path, draws: Draws) -> int:
    """Do to a dead node's files what a power loss would have done; how many bytes did not survive."""
    lost = 0
    for account in sorted(directory.glob("*" + SUFFIX)):
        path, synced = account.with_suffix(""), account.read_bytes()
        if path.exists() and len(synced) == _LENGTH.size:
            lost += _lose(path, int(_LENGTH.unpack(synced)[0]), draws)
    return lost


def _lose(path: Path, synced: int, draws: Draws) -> int:
    """All of the tail, its end, or some of its sectors, or nothing: each as likely as the others."""
    length = path.stat().st_size
    fate = draws.between(0, 3) if length > synced else 3
    if fate == 2:
        return _tear(path, synced, length, draws)
    end = (synced, draws.between(synced, length) if fate == 1 else 0, 0, length)[fate]
    with path.open("r+b") as file:
        file.truncate(end)
    return length - end


def _tear(path: Path, synced: int, length: int, draws: Draws) -> int:
    """Sectors that never reached the disk, while the length did."""
    lost = 0
    with path.open("r+b") as file:
        for start in range(synced - synced % SECTOR, length, SECTOR):
            if draws.between(0, 1):
                first, end = max(start, synced), min(start + SECTOR, length)
                file.seek(first)
                file.write(bytes(end - first))
                lost += end - first
    return lost


def main() -> None:
    """``python -m nodes.power FOLDER SEED``: on the machine where a dead node's files are; prints how many bytes."""
    from nodes.host import Draws  # noqa: PLC0415  which needs this module

    sys.stdout.write(f"{lose_power(Path(sys.argv[1]), Draws(int(sys.argv[2])))}\n")


if __name__ == "__main__":
    main()
