"""Nodes as processes of this machine: their life, and how to speak to them over stdin and stdout."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

import nodes
from harness.live.data import LocalData
from harness.live.errors import StartError
from harness.live.faults.faketime import FakeClock, planned
from harness.live.faults.resources import limit_own_memory
from harness.live.keeper import Keeper, state
from harness.live.member import OnExit, OnLine, last_line
from harness.spec import RunSpec
from nodes.channel import Channel

PR_SET_PDEATHSIG = 1
SETTLE_S = 0.001
PACKAGES = str(Path(nodes.__file__).absolute().parent.parent)
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_harness() -> None:
    """In the child: a foreign binary need not notice the end of its input."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def find_binary(name: str) -> str:
    """The path of a node's binary; StartError when it cannot be run."""
    path = Path(name)
    if os.sep not in name:
        found = shutil.which(name)
        if found is None and not path.exists():
            raise StartError(f"bin: {name}: no such file, here or on the PATH")
        path = Path(found) if found is not None else path
    if not path.exists():
        raise StartError(f"bin: {name}: no such file")
    if path.is_dir():
        raise StartError(f"bin: {name}: is a directory; expected a node's binary")
    if not os.access(path, os.X_OK):
        raise StartError(f"bin: {name}: not executable; try chmod +x")
    return str(path.absolute())


def own_arguments(spec: RunSpec) -> list[str]:
    """What follows ``python -m nodes`` for a reference node, but for its folder."""
    arguments = [spec.system]
    if spec.bug is not None:
        arguments += ["--bug", spec.bug]
    config = spec.options.get("config", {})
    if config:
        arguments += ["--config", msgspec.json.encode(config).decode()]
    return arguments


class ProcessMember(LocalData):
    """One node in a session and process group of its own: its life. How it is spoken to is its kind's.

    A kind says the command and the process' pipes, and opens a channel once the process runs.
    """

    def __init__(self, name: str, folder: Path, keeper: Keeper, on_line: OnLine, on_exit: OnExit) -> None:
        self.name = name
        self.folder = folder
        self.up = False
        self.exit_status: int | None = None
        self._keeper = keeper
        self._on_line = on_line
        self._on_exit = on_exit
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._pidfd = -1
        self._ended = asyncio.Event()

    def command(self, incarnation: int) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {**os.environ, "SPLITBRAIN_DATA": str(self.folder / "data")}

    def start(
        self, command: list[str], environment: dict[str, str], stderr: BinaryIO
    ) -> subprocess.Popen[bytes]:
        """Start the process; OSError where that fails."""
        raise NotImplementedError

    async def open(self, process: subprocess.Popen[bytes]) -> None:
        """Open the channel, or return when the process has ended."""
        raise NotImplementedError

    async def spawn(self, incarnation: int) -> None:
        await self.discard()
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        command = self.command(incarnation)
        with (self.folder / "stderr.log").open("ab") as stderr:
            try:
                process = self.start(command, self.environment(), stderr)
            except OSError as e:
                raise StartError(f"node {self.name}: {command[0]} cannot be run: {e.strerror}") from e
        self._keeper.watch(process.pid)
        self._process = process
        self._ended = asyncio.Event()
        self._pidfd = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._exited)
        self.up = True
        await self.open(process)

    @property
    def pid(self) -> int:
        """Of the current incarnation."""
        assert self._process is not None
        return self._process.pid

    def write(self, line: bytes) -> None:
        if self._channel is not None:
            self._channel.write(line)

    async def kill(self) -> None:
        if self.up:
            self._signal(signal.SIGKILL)
            await self._ended.wait()

    async def pause(self) -> None:
        if self.up:
            self._signal(signal.SIGSTOP)
            while self.up and not self._stopped():  # noqa: ASYNC110  /proc sends no events
                await asyncio.sleep(SETTLE_S)

    async def resume(self) -> None:
        if self.up:
            self._signal(signal.SIGCONT)

    async def paused(self) -> bool:
        return self._stopped()

    def _stopped(self) -> bool:
        return self._process is not None and self.up and state(self._process.pid) == "T"

    def last_words(self) -> str:
        return last_line(self.folder / "stderr.log")

    async def limit_memory(self, headroom_kb: int | None) -> None:
        if self.up:
            limit_own_memory(self.pid, headroom_kb)

    async def discard(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _line(self, line: bytes) -> None:
        self._on_line(self.name, line)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):  # it has just ended by itself: _exited will say so
            os.killpg(self._process.pid, number)

    def _exited(self) -> None:
        """The process is gone; what it said before is still in the pipe, and is read first."""
        assert self._process is not None
        pid = self._process.pid
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        if self._channel is not None:
            self._channel.drain()
        # before its number is free: what it left behind in its group goes with it
        self._signal(signal.SIGKILL)
        self.exit_status = self._process.wait()
        self._keeper.forget(pid)
        self.up = False
        self._ended.set()
        self._on_exit(self.name)


class StdioMember(ProcessMember):
    """A node over stdin and stdout: our own, or any Maelstrom binary."""

    def __init__(
        self,
        name: str,
        folder: Path,
        spec: RunSpec,
        seed: int,
        keeper: Keeper,
        on_line: OnLine,
        on_exit: OnExit,
    ) -> None:
        super().__init__(name, folder, keeper, on_line, on_exit)
        self._spec = spec
        self._seed = seed
        self._own = spec.bin is None
        self.fake_clock = FakeClock(folder) if planned(spec) else None

    def command(self, incarnation: int) -> list[str]:
        spec = self._spec
        if spec.bin is not None:
            return [find_binary(spec.bin), *spec.args]
        return own_command(spec, self.folder, self._seed, incarnation)

    def environment(self) -> dict[str, str]:
        own = {"PYTHONPATH": PACKAGES} if self._own else {}
        if self.fake_clock is not None:
            own |= self.fake_clock.environment()
        return {**super().environment(), **own}

    def start(
        self, command: list[str], environment: dict[str, str], stderr: BinaryIO
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            bufsize=0,
            start_new_session=True,
            # between fork and exec nothing but one system call runs
            preexec_fn=None if self._own else die_with_harness,  # noqa: PLW1509
        )

    async def open(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._channel = Channel(process.stdout.fileno(), process.stdin.fileno(), self._line, nothing, nothing)


def own_command(spec: RunSpec, folder: Path, seed: int, incarnation: int) -> list[str]:
    """What starts a reference node as a process; -P: a directory called nodes, where we are, is not ours."""
    return [
        *(sys.executable, "-P", "-m", "nodes", *own_arguments(spec)),
        *("--data", str(folder / "data"), "--power"),
        *("--trace", str(folder / f"trace-{incarnation}.jsonl")),
        *("--seed", str((seed + incarnation) % (1 << 63))),
    ]


def nothing() -> None:
    pass
