"""Wall clocks of other people's binaries, by libfaketime: an offset in a file that the library reads at each call.

The file is replaced by rename, so no reading is half of one and half of another. Only the wall clock is wrong:
CLOCK_MONOTONIC stays as it is. A rate is an offset that grows in small steps. What the node's clock shows is read
from a child with the same library and the same file, not assumed.

What the library cannot do: programs that do not ask the C library for the time (static ones, Go's) keep theirs, and
are refused. Version 0.9.10 breaks sleeping on the monotonic clock to an absolute time (``clock_nanosleep`` gives
EINVAL, so ``time.sleep`` of Python 3.11 and later raises): a node that sleeps so dies of it, whatever its clock says.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness.spec import RunSpec
from nemeses.schedule import Schedule
from nodes.clock import real_ns, wall_ns

PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")
HEAD_BYTES = 1 << 16
STEP_S = 0.02
GO, ELF = b"\xff Go buildinf:", b"\x7fELF"
LOADERS = (b"/ld-linux", b"/ld-musl", b"/ld64", b"/lib/ld")
_READ = "import sys,time\nfor _ in sys.stdin: print(time.monotonic_ns(), time.time_ns(), flush=True)"

Reading = tuple[int, int]
"""monotonic and wall clock, ns, at one moment"""
Ask = Callable[[], Awaitable[tuple[int, int, int] | None]]
"""monotonic clock before and after the question, and the wall clock that was the answer, ns"""
SLACK_NS = 50_000_000
"""that a clock may move between the question to the node and that to the child: it may run at twice the rate"""


def library() -> str | None:
    """Where libfaketime is; None: nowhere that is known."""
    found = [
        path
        for place in PLACES
        for pattern in ("faketime/libfaketime.so.1", "*/faketime/libfaketime.so.1", "libfaketime.so.1")
        for path in sorted(Path(place).glob(pattern))
    ]
    return str(found[0]) if found else None


def preload(library: str | None) -> str:
    """The C library after it, so that memory is the C library's: an allocator that asks for the time while it starts
    (jemalloc, which Debian's Redis has) and a libfaketime that allocates while it starts wait for each other.
    """
    return f"{library} libc.so.6" if library else ""


def refusal(binary: str) -> str:
    """Why the clock of this program cannot be set, in one line; empty if it can."""
    if library() is None:
        return "libfaketime is not installed"
    if not binary:
        return "which program's clock that would be is not known; the adapter names none"
    try:
        with Path(shutil.which(binary) or binary).open("rb") as file:
            head, whole = file.read(HEAD_BYTES), mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except (OSError, ValueError) as e:  # ValueError: it is empty
        return f"{binary}: {getattr(e, 'strerror', '') or e}"
    with whole:
        if head.startswith(ELF) and not any(loader in head for loader in LOADERS):
            return f"{binary} is statically linked: it loads no libfaketime"
        # where Go says that it made a program depends on the program's size: etcd's is 21 MB in
        if whole.find(GO) >= 0:
            return f"{binary} is written in Go: it asks the kernel for the time, not the C library"
    return ""


def planned(spec: RunSpec) -> bool:
    """Are clocks of a foreign binary to be set in this run?"""
    return (
        spec.env == "process"
        and spec.bin is not None
        and any(name.partition(":")[0] == "clock" for name in spec.nemesis)
        and not refusal(spec.bin)
    )


def in_schedule(spec: RunSpec, folder: Path) -> bool:
    """Does the schedule in the run's folder set clocks, or, where there is none, its nemesis?"""
    path = folder / "schedule.yaml"
    if path.exists():
        return any(fault.family == "clock" for fault in Schedule.load(path).faults)
    return any(name.partition(":")[0] == "clock" for name in spec.nemesis)


class FakeClock:
    """One node's, across its incarnations. ``folder``: where the file is.

    ``ask``: what the node itself says, to the length of a question and its answer; None where it says nothing. A
    child with the same clock says it to the microsecond. Where the two differ the node's word counts: it pays no
    heed.
    """

    def __init__(self, folder: Path, ask: Ask | None = None) -> None:
        self.folder = folder
        self._asked = ask
        self._path = folder / "faketime"
        self._offset_ns = self._rate_ppm = 0
        self._since_ns = 0
        self._drifting: asyncio.Task[None] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._at_set: Reading | None = None
        self._turn = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._write(0)

    def environment(self) -> dict[str, str]:
        """What a process needs so that its wall clock is this one."""
        return {
            "LD_PRELOAD": " ".join(filter(None, (preload(library()), os.environ.get("LD_PRELOAD")))),
            "FAKETIME_TIMESTAMP_FILE": str(self._path.absolute()),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    async def set(self, offset_ns: int, rate_ppm: int) -> None:
        """The wall clock is ``offset_ns`` ahead now, and goes on at this rate error."""
        if self._drifting is not None:
            self._drifting.cancel()
            await asyncio.gather(self._drifting, return_exceptions=True)
            self._drifting = None
        self._offset_ns, self._rate_ppm, self._since_ns = offset_ns, rate_ppm, time.monotonic_ns()
        self._write(offset_ns)
        if rate_ppm:
            self._drifting = asyncio.get_running_loop().create_task(self._drift())
        self._at_set = await self.read()

    async def error(self) -> tuple[int, int]:
        """Offset in ns and rate error in ppm since it was set, as a process with this clock reads them."""
        now = await self.read()
        offset = _ahead(now)
        if self._at_set is None or now[0] <= self._at_set[0]:
            return offset, 0
        return offset, (offset - _ahead(self._at_set)) * 1_000_000 // (now[0] - self._at_set[0])

    async def read(self) -> Reading:
        told = None if self._asked is None else await self._asked()
        exact = await asyncio.to_thread(self._in_turn)
        if told is None:
            return exact
        before, after, wall = told
        least, most = _ahead((after, wall)) - SLACK_NS, _ahead((before, wall)) + SLACK_NS
        return exact if least <= _ahead(exact) <= most else ((before + after) // 2, wall)

    def _in_turn(self) -> Reading:
        """Overlapping faults ask at the same time, and each must get its own answer of one child."""
        with self._turn:
            return self._ask()

    def _ask(self) -> Reading:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _READ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **self.environment()},
            )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(b"\n")
        self._child.stdin.flush()
        monotonic, wall = map(int, self._child.stdout.readline().split())
        return monotonic, wall

    def close(self) -> None:
        """The child ends with its input."""
        if self._drifting is not None:
            self._drifting.cancel()
        if self._child is not None:
            assert self._child.stdin is not None
            assert self._child.stdout is not None
            self._child.stdin.close()
            self._child.wait()
            self._child.stdout.close()
            self._child = None

    async def _drift(self) -> None:
        while True:
            await asyncio.sleep(STEP_S)
            passed = time.monotonic_ns() - self._since_ns
            self._write(self._offset_ns + passed * self._rate_ppm // 1_000_000)

    def _write(self, offset_ns: int) -> None:
        sign, size = "-" if offset_ns < 0 else "+", abs(offset_ns)
        aside = self._path.with_name(".faketime")
        aside.write_text(f"{sign}{size // 10**9}.{size % 10**9:09}\n")
        aside.replace(self._path)


def _ahead(reading: Reading) -> int:
    """How far its wall clock is ahead of ours; both have the machine's monotonic clock."""
    return (reading[1] - reading[0]) - (wall_ns() - real_ns())
