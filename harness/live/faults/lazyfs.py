"""Power losses for other people's systems: a member's folder, served by a file system that knows what was synced.

A kill loses nothing that was written: the kernel has it. So the folder of a member that is to lose power is served by
a process of ours over FUSE (mount.py, which keeps a Disk of unsynced.py). After the kill the mount is taken away, and
what the kernel has cached, then what was not durable, and the member starts on a new mount of what is left.

The process ends, and takes the mount away, when its input does: whatever ends the harness. Was it killed as well, its
mount answers nobody any more: the next run, or ``splitbrain cluster sweep``, removes it.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import msgspec

import harness
from harness.live.errors import StartError
from harness.live.keeper import start_time
from harness.spec import RunSpec
from nemeses.schedule import Schedule

DEVICE = Path("/dev/fuse")
KIND = "fuse.splitbrain"
SOURCE = "splitbrain-"
PATIENCE_S = 30.0
PACKAGES = str(Path(harness.__file__).absolute().parent.parent)


def missing() -> str:
    """What this machine lacks for it, in a few words; empty if nothing."""
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return f"{DEVICE} cannot be opened"
    if shutil.which("fusermount3") is None:
        return "fusermount3 is not on the PATH (Debian: fuse3)"
    if find_spec("mfusepy") is None:
        return "the package mfusepy is not installed (pip install 'splitbrain[fuse]')"
    return ""


def planned(spec: RunSpec, folder: Path) -> bool:
    """Is a member of this run to lose power? Without a schedule in the run's folder its nemesis tells."""
    path = folder / "schedule.yaml"
    if path.exists():
        return any(fault.family == "power-loss" for fault in Schedule.load(path).faults)
    return any(name.partition(":")[0] == "power-loss" for name in spec.nemesis)


class Lossy:
    """One member's folder, across its incarnations."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def open(self) -> None:
        """Mount it, if it is not; raises StartError."""
        if self._process is not None:
            return
        source = f"{SOURCE}{os.getpid()}-{start_time(os.getpid())}"
        with (self._folder.parent / "mount.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "harness.live.faults.mount"),
                *(str(self._folder), str(self._folder.parent / "limbo"), source),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": PACKAGES},
                start_new_session=True,
            )
        await self._answer("mounted")

    async def lose(self, seed: int) -> dict[str, int]:
        """The member is dead; its power is lost, and back. What that took (unsynced.Lost). Raises StartError."""
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError):  # it is gone: its answer will not come
            self._process.stdin.write(f"lose {seed}\n".encode())
            await self._process.stdin.drain()
        lost = msgspec.json.decode(await self._answer("lost"), type=dict[str, int])
        await self._answer("mounted")
        return lost

    async def close(self) -> None:
        """The folder is as any other again, and holds what the member has written."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if process.returncode:
            _unmount(self._folder)

    async def _answer(self, word: str) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = (await self._process.stdout.readline()).decode().strip()
        except TimeoutError:
            line = ""
        said, _, rest = line.partition(" ")
        if said != word:
            log = (self._folder.parent / "mount.log").read_text(errors="replace").split("\n")
            words = next((text.strip() for text in reversed(log) if text.strip()), "nothing was said")
            raise StartError(f"node {self._name}: its folder cannot be mounted over FUSE: {words}")
        return rest


def settle(folder: Path) -> None:
    """What is in it now is durable: whoever set the member up has synced it."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            continue
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def sweep() -> int:
    """Remove the mounts of harnesses that are gone; how many."""
    removed = 0
    for folder, source in mounts():
        pid, _, started = source.removeprefix(SOURCE).partition("-")
        if pid.isdecimal() and start_time(int(pid)) == started:
            continue
        _unmount(folder)
        shutil.rmtree(folder.parent / "limbo", ignore_errors=True)
        removed += 1
    return removed


def mounts() -> list[tuple[Path, str]]:
    """Ours on this machine: where, and the source, which names the harness."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, source = after.split()[:2]
        if kind == KIND:
            at = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), before.split()[4])
            found.append((Path(at), source))
    return found


def _unmount(folder: Path) -> None:
    subprocess.run(["fusermount3", "-u", "-z", str(folder)], capture_output=True, check=False)
