"""A container: through the engine's API, or through its namespaces where the engine is on this machine.

Entering the namespaces of the container's first process takes milliseconds where the API's ``exec`` takes fifty, and
brings this machine's own programs (``iptables``) into the container's network: the image needs none.
"""

from __future__ import annotations

import io
import os
import socket
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import docker.errors
import requests.exceptions

from harness.live.remote.local import LocalRemote
from harness.live.remote.port import SECONDS, Done, RemoteError
from harness.live.remote.shell import Shell

TROUBLE = (docker.errors.DockerException, requests.exceptions.RequestException)
HEADER_BYTES = 8
"""of the engine's frames: stream, three zeros, length (big endian)"""
CHUNK = 1 << 16


class ExecStream:
    """A shell that the engine runs in a container. Output comes in frames."""

    def __init__(self, container: Any, user: str) -> None:
        api = container.client.api
        made = api.exec_create(container.id, ["sh"], stdin=True, user=user, privileged=False)
        held = api.exec_start(made["Id"], socket=True)
        self._held = held  # a file around the socket, which closes it when it is forgotten
        self._socket: socket.socket = getattr(held, "_sock", held)
        self._raw = bytearray()

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, timeout_s: float) -> bytes:
        self._socket.settimeout(max(timeout_s, 0.001))
        while True:
            if len(self._raw) >= HEADER_BYTES:
                size = int.from_bytes(self._raw[4:HEADER_BYTES], "big")
                if len(self._raw) >= HEADER_BYTES + size:
                    data = bytes(self._raw[HEADER_BYTES : HEADER_BYTES + size])
                    del self._raw[: HEADER_BYTES + size]
                    return data
            more = self._socket.recv(CHUNK)
            if not more:
                return b""
            self._raw += more

    def close(self) -> None:
        self._socket.close()
        self._held.close()


class ContainerRemote:
    """Of a running container (docker.models.containers.Container), as ``user``."""

    def __init__(self, name: str, container: Any, user: str = "") -> None:
        self.name = name
        self._container = container
        self._user = user
        self._shell = Shell(name, self._connect)

    def _connect(self) -> ExecStream:
        try:
            return ExecStream(self._container, self._user)
        except (*TROUBLE, OSError) as e:
            raise RemoteError(f"{self.name}: cannot run a shell in the container: {one_line(e)}") from e

    def run(self, script: str, *, timeout_s: float = SECONDS, repeatable: bool = False) -> Done:
        return self._shell.run(script, timeout_s=timeout_s, repeatable=repeatable)

    def put(self, source: Path, target: str, *, mode: int = 0o644) -> None:
        place = PurePosixPath(target)
        packed = io.BytesIO()
        try:
            with tarfile.open(fileobj=packed, mode="w") as tar:
                entry = tarfile.TarInfo(f".{place.name}.splitbrain")
                data = source.read_bytes()
                entry.size, entry.mode = len(data), mode
                tar.addfile(entry, io.BytesIO(data))
            if not self._container.put_archive(str(place.parent), packed.getvalue()):
                raise RemoteError(f"{self.name}: cannot write {target}: the engine refused it")
        except (*TROUBLE, OSError) as e:
            raise RemoteError(f"{self.name}: cannot write {target}: {one_line(e)}") from e
        aside = place.with_name(f".{place.name}.splitbrain")
        done = self.run(f"mv -f '{aside}' '{place}'", repeatable=True)
        if done.status:
            raise RemoteError(f"{self.name}: cannot write {target}: {done.last_line}")

    def get(self, source: str, target: Path) -> None:
        try:
            stream, _ = self._container.get_archive(source)
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
                held = tar.extractfile(tar.getmembers()[0])
                if held is None:
                    raise RemoteError(f"{self.name}: {source} is no file")
                target.write_bytes(held.read())
        except (*TROUBLE, OSError, tarfile.TarError) as e:
            raise RemoteError(f"{self.name}: cannot read {source}: {one_line(e)}") from e

    def close(self) -> None:
        self._shell.close()


def namespaces(name: str, container: Any, kinds: str = "--net") -> LocalRemote | None:
    """The container's namespaces entered from this machine, or None: not root, or its engine is elsewhere.

    ``kinds``: flags of nsenter(1). A process of that number with the container's id in its control group or, where
    those are namespaced, the container's host name in its own, is the container's.
    """
    if not is_here(container):
        return None
    pid = int(container.attrs["State"]["Pid"])
    return LocalRemote(name, ["nsenter", f"--target={pid}", *kinds.split()], Path(f"/proc/{pid}/root"))


def is_here(container: Any) -> bool:
    """Whether its process is one of this machine's, and we may do to it what we like."""
    pid = int(container.attrs["State"]["Pid"] or 0)
    return not os.geteuid() and pid > 0 and _is_of(pid, container)


def _is_of(pid: int, container: Any) -> bool:
    try:
        group = Path(f"/proc/{pid}/cgroup").read_text()
        mounts = Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return False
    return container.id in group or container.id in mounts


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
