"""Nodes as containers: the same bodies over TCP, one published port each. Faults: kill and pause.

Containers carry labels that name the harness that made them. They are removed at the end of the run, and those
of a harness that is gone at the start of the next.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import docker
import docker.errors
import requests.exceptions

from harness.errors import UsageError
from harness.live.errors import StartError
from harness.live.image import BASE, ensure
from harness.live.keeper import start_time
from harness.live.member import Member, OnExit, OnLine, last_line
from harness.live.process import own_arguments
from harness.spec import RunSpec
from nodes.channel import Channel

PORT = 7000
LABEL = "splitbrain.harness"
LISTEN_S = 20
POLL_S = 0.02
SIGNALLED = 128
"""a shell's way, and the engine's, to say that a signal ended it: 128 and its number"""

TROUBLE = (docker.errors.DockerException, requests.exceptions.RequestException)


class Containers:
    """The engine, for one run. A context manager; raises UsageError where there is no engine or image."""

    def __init__(self, spec: RunSpec, folder: Path) -> None:
        if spec.bin is not None:
            raise UsageError(f"bin: {spec.bin}: a binary cannot run in containers; expected env: process")
        self._spec = spec
        self._folder = folder
        self._owner = f"{os.getpid()}:{start_time(os.getpid())}"

    def __enter__(self) -> Self:
        try:
            self._client = docker.from_env()
            sweep(self._client)
            self._image = ensure(self._client, str(self._spec.options.get("base_image", BASE)))
        except TROUBLE as e:
            raise UsageError(f"docker: {' '.join(str(e).split())}") from e
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        with suppress(*TROUBLE):
            _remove(self._client, f"{LABEL}={self._owner}")
        self._client.close()

    def member(self, name: str, folder: Path, on_line: OnLine, on_exit: OnExit) -> Member:
        def create(incarnation: int) -> Any:
            arguments = [
                *own_arguments(self._spec),
                *("--data", "/node/data", "--trace", f"/node/trace-{incarnation}.jsonl"),
                *("--listen", f"0.0.0.0:{PORT}"),
            ]
            return self._client.containers.create(
                self._image,
                arguments,
                labels={LABEL: self._owner, "splitbrain.node": name, "splitbrain.run": str(self._folder)},
                ports={f"{PORT}/tcp": ("127.0.0.1", None)},
                volumes={str(folder): {"bind": "/node", "mode": "rw"}},
                user=f"{os.getuid()}:{os.getgid()}",
            )

        return ContainerMember(name, folder, create, on_line, on_exit)


def sweep(client: docker.DockerClient) -> int:
    """Remove the containers of every harness that is gone; how many."""
    swept = 0
    for container in client.containers.list(all=True, filters={"label": LABEL}):
        owner = container.labels[LABEL]
        pid, _, started = owner.partition(":")
        if start_time(int(pid)) != started:
            container.remove(force=True, v=True)
            swept += 1
    return swept


def _remove(client: docker.DockerClient, label: str) -> None:
    for container in client.containers.list(all=True, filters={"label": label}):
        container.remove(force=True, v=True)


class ContainerMember:
    """One node in a container; a new container for each incarnation, on the same data."""

    def __init__(
        self, name: str, folder: Path, create: Callable[[int], Any], on_line: OnLine, on_exit: OnExit
    ) -> None:
        self.name = name
        self.folder = folder
        self.up = False
        self.exit_status: int | None = None
        self._create = create
        self._on_line = on_line
        self._on_exit = on_exit
        self._container: Any = None
        self._socket: socket.socket | None = None
        self._channel: Channel | None = None
        self._ended = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None

    async def spawn(self, incarnation: int) -> None:
        await self.discard()
        self._ended = asyncio.Event()
        self._ending = None
        try:
            port = await asyncio.to_thread(self._run, incarnation)
            self._socket = socket.create_connection(("127.0.0.1", port), timeout=LISTEN_S)
        except (*TROUBLE, OSError) as e:
            raise StartError(f"node {self.name}: {' '.join(str(e).split())}") from e
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fd = self._socket.fileno()
        self._channel = Channel(
            fd, fd, lambda line: self._on_line(self.name, line), self._hung_up, lambda: None
        )
        self.up = True

    def _run(self, incarnation: int) -> int:
        """Start a container and wait until its node listens; the port on this machine."""
        self._container = container = self._create(incarnation)
        container.start()
        deadline = time.monotonic() + LISTEN_S
        while b"listening on" not in (log := container.logs(stdout=False)):
            container.reload()
            if container.status == "exited" or time.monotonic() > deadline:
                words = log.decode(errors="replace").strip().splitlines()
                raise StartError(f"node {self.name}: its container is {container.status}: {words[-1:]}")
            time.sleep(POLL_S)
        container.reload()
        return int(container.attrs["NetworkSettings"]["Ports"][f"{PORT}/tcp"][0]["HostPort"])

    def write(self, line: bytes) -> None:
        if self._channel is not None:
            self._channel.write(line)

    async def kill(self) -> None:
        if self.up:
            with suppress(*TROUBLE):  # it may have ended by itself
                await asyncio.to_thread(self._container.kill)
            self._hung_up()
            await self._ended.wait()

    async def pause(self) -> None:
        if self.up:
            await asyncio.to_thread(self._container.pause)

    async def resume(self) -> None:
        if self.up:
            await asyncio.to_thread(self._container.unpause)

    def paused(self) -> bool:
        if not self.up:
            return False
        try:
            self._container.reload()
        except TROUBLE:  # it is ending
            return False
        return bool(self._container.attrs["State"]["Paused"])

    def last_words(self) -> str:
        return last_line(self.folder / "stderr.log")

    async def discard(self) -> None:
        if self._ending is not None:
            await self._ending
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._container is not None:
            with suppress(*TROUBLE):
                await asyncio.to_thread(self._container.remove, force=True, v=True)
            self._container = None

    def _hung_up(self) -> None:
        """The connection is gone, so the node is or will be: it ends with its connection."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        status = await asyncio.to_thread(self._wait)
        self.exit_status = SIGNALLED - status if status > SIGNALLED else status
        self.up = False
        self._ended.set()
        self._on_exit(self.name)

    def _wait(self) -> int:
        """The end of the container: its status; its log goes to the node's folder."""
        status = int(self._container.wait()["StatusCode"])
        with (self.folder / "stderr.log").open("ab") as log:
            log.write(self._container.logs(stdout=False))
        return status
