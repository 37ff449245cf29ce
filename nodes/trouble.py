"""Bad disks for nodes that are processes: what a harness has told a node that its disk does (``splitbrain_disk``).

No root and no file system of one's own is needed: the node's own files refuse, or take their time, in the place where
the real ones would. Only nodes that were started for a harness (``--power``) listen to it.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from nodes.power import PoweredFiles

REFUSALS: dict[str, tuple[int, frozenset[str]]] = {
    "full": (errno.ENOSPC, frozenset({"append"})),
    "read-only": (errno.EROFS, frozenset({"append", "pwrite", "rename", "remove"})),
    "failed-sync": (errno.EIO, frozenset({"fdatasync", "sync_directory"})),
}
"""what a disk refuses -> error, and the operations that get it"""


class Trouble:
    """What is wrong with a node's disk; ``refused``: operations that got an error for it."""

    def __init__(self) -> None:
        self.refuses = ""
        self.delay_us = 0
        self.refused = 0
        self._changed = threading.Event()

    def set(self, refuses: str, delay_us: int) -> None:
        """Raises ValueError for what a disk cannot do. Syncs that are waiting are let go."""
        if refuses and refuses not in REFUSALS:
            raise ValueError(f"refuses: {refuses!r}, expected one of {', '.join(REFUSALS)}")
        if delay_us < 0:
            raise ValueError(f"delay_us: {delay_us}, expected at least 0")
        self.refuses, self.delay_us = refuses, delay_us
        changed, self._changed = self._changed, threading.Event()
        changed.set()

    def check(self, operation: str) -> None:
        """Raises OSError where the disk refuses the operation."""
        if self.refuses and operation in REFUSALS[self.refuses][1]:
            self.refused += 1
            number = REFUSALS[self.refuses][0]
            raise OSError(number, os.strerror(number))

    def wait(self) -> None:
        """As long as a sync takes longer."""
        if self.delay_us:
            self._changed.wait(self.delay_us / 1e6)


class TroubledFiles(PoweredFiles):
    """``PoweredFiles`` on a disk with ``trouble``."""

    def __init__(self, path: Path | str, trouble: Trouble) -> None:
        super().__init__(path)
        self._trouble = trouble

    def append(self, name: str, data: bytes) -> None:
        trouble = self._trouble
        if trouble.refuses:
            try:
                trouble.check("append")
            except OSError:
                if trouble.refuses == "full":  # there is room for half of it
                    super().append(name, data[: len(data) // 2])
                raise
        super().append(name, data)

    def pwrite(self, name: str, offset: int, data: bytes) -> None:
        self._trouble.check("pwrite")
        super().pwrite(name, offset, data)

    def fdatasync(self, name: str) -> None:
        self._trouble.check("fdatasync")
        super().fdatasync(name)
        self._trouble.wait()

    def rename(self, old: str, new: str) -> None:
        self._trouble.check("rename")
        super().rename(old, new)

    def sync_directory(self) -> None:
        self._trouble.check("sync_directory")
        super().sync_directory()

    def remove(self, name: str) -> None:
        self._trouble.check("remove")
        super().remove(name)
