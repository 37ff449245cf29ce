"""The container engine: which one, whose things on it are whose, and the removal of what a dead harness left there.

Containers and networks carry the label ``splitbrain.harness``, PID:START of the harness that made them, and the name
of its machine; what a run, or a build of an image, keeps in temporary files carries the same in its name.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import docker
import docker.errors
import requests.exceptions
from docker.context import ContextAPI
from docker.types import IPAMConfig, IPAMPool

from harness.errors import UsageError
from harness.live.keeper import start_time
from harness.live.subnets import taken

LABEL = "splitbrain.harness"
MACHINE = "splitbrain.machine"
RUN = "splitbrain.run"
NODE = "splitbrain.node"
SCRATCH = "splitbrain-scratch-"
"""how the names of temporary folders begin, before PID-START"""
HERE = "127.0.0.1"
SUBNETS = 512
"""of 198.18.0.0/15, which is set aside for tests (RFC 2544) and routed nowhere"""

TROUBLE = (docker.errors.DockerException, requests.exceptions.RequestException)


class Swept(NamedTuple):
    """What a sweep removed, by kind."""

    containers: int = 0
    networks: int = 0
    folders: int = 0


class Engine:
    """A connection. ``here``: it runs on this machine, or shares its files and ports with it as Docker Desktop does.

    ``address``: where ports that it publishes are reached; ``publish``: where it is told to publish them. Raises
    UsageError, one line, where there is none.
    """

    def __init__(self) -> None:
        url, tls = where()
        try:
            self.client = docker.from_env() if url is None else docker.DockerClient(base_url=url, tls=tls)
            self.client.ping()
        except TROUBLE as e:
            place = url or os.environ.get("DOCKER_HOST") or "its usual place"
            raise UsageError(f"docker: no engine answers at {place}: {one_line(e)}") from e
        self.url = url
        self.here = is_here(url)
        self.address = HERE if self.here else urlsplit(str(url)).hostname or HERE
        # on the loopback of a machine that is this one; else at whatever address the engine's machine is called by
        self.publish = (HERE, None) if self.address in (HERE, "localhost") else (None, None)

    def close(self) -> None:
        self.client.close()


@asynccontextmanager
async def held(nodes: int) -> AsyncIterator[Engine]:
    """The engine for one run of so many containers: swept first, rid in the end of what this harness made.

    Raises UsageError where there is none.
    """
    engine = Engine()
    # the default executor has a few threads for each processor: too few for a call to each container at once
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * nodes + 4))
    try:
        try:
            await asyncio.to_thread(sweep, engine.client)
        except TROUBLE as e:
            raise UsageError(f"docker: {one_line(e)}") from e
        yield engine
    finally:
        with suppress(*TROUBLE):
            await asyncio.to_thread(remove_own, engine.client)
        engine.close()


def where() -> tuple[str | None, Any]:
    """The engine's address and its TLS settings, as the ``docker`` command finds them; None: the SDK's default.

    DOCKER_HOST, then DOCKER_CONTEXT, then the context in use. Raises UsageError for a context that is none.
    """
    host = os.environ.get("DOCKER_HOST")
    if host:
        return (None, None) if host.startswith("unix:") else (host, _tls_of_environment())
    name = os.environ.get("DOCKER_CONTEXT") or None
    try:
        context = ContextAPI.get_context(name)
    except TROUBLE as e:
        raise UsageError(f"docker: context: {one_line(e)}") from e
    if context is None:
        raise UsageError(f"docker: context: there is no context {name!r}; see: docker context ls")
    if context.Name == "default":
        return None, None
    return context.Host, context.TLSConfig


def _tls_of_environment() -> Any:
    return docker.utils.kwargs_from_env().get("tls")


def is_here(url: str | None) -> bool:
    return url is None or urlsplit(url).scheme in ("unix", "npipe", "http+unix")


def owner() -> str:
    """Who we are, for labels: PID:START."""
    return f"{os.getpid()}:{start_time(os.getpid())}"


def labels(**more: str) -> dict[str, str]:
    return {LABEL: owner(), MACHINE: socket.gethostname(), **more}


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A temporary folder that a sweep knows for ours."""
    return tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{owner().replace(':', '-')}-")


def gone(who: str, machine: str | None) -> bool:
    """The harness that is named so is no more. What other machines' harnesses do, they know."""
    pid, _, started = who.partition(":")
    if machine not in (None, socket.gethostname()):
        return False
    return not pid.isdecimal() or start_time(int(pid)) != started


def sweep(client: Any) -> Swept:
    """Remove what every harness left that is gone: containers, networks, temporary folders."""
    containers = networks = 0
    for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        if gone(container.labels[LABEL], container.labels.get(MACHINE)):
            with suppress(docker.errors.NotFound):
                container.remove(force=True, v=True)
            containers += 1
    for network in client.networks.list(filters={"label": LABEL}):
        marks = network.attrs.get("Labels") or {}
        if gone(marks[LABEL], marks.get(MACHINE)):
            with suppress(docker.errors.NotFound):
                network.remove()
            networks += 1
    return Swept(containers, networks, sweep_files())


def sweep_files() -> int:
    """Remove temporary folders of harnesses that are gone; how many."""
    folders = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        pid, _, rest = folder.name.removeprefix(SCRATCH).partition("-")
        if gone(f"{pid}:{rest.partition('-')[0]}", None):
            shutil.rmtree(folder, ignore_errors=True)
            folders += 1
    return folders


def remove_own(client: Any) -> None:
    """Remove what this harness made."""
    mark = f"{LABEL}={owner()}"
    for container in client.containers.list(all=True, filters={"label": mark}, ignore_removed=True):
        with suppress(docker.errors.NotFound):
            container.remove(force=True, v=True)
    for network in client.networks.list(filters={"label": mark}):
        with suppress(docker.errors.NotFound):
            network.remove()


def make_network(client: Any, name: str, marks: dict[str, str]) -> tuple[Any, str]:
    """A bridge with room for 250 fixed addresses, and their first three numbers. Raises UsageError."""
    # each harness begins somewhere else, so that two that start at once seldom try the same
    first = os.getpid() % SUBNETS
    last: BaseException | None = None
    others = taken()
    for offset in range(SUBNETS):
        number = (first + offset) % SUBNETS
        prefix = f"198.{18 + number // 256}.{number % 256}"
        if prefix in others:
            continue
        pool = IPAMPool(subnet=f"{prefix}.0/24", gateway=f"{prefix}.1")
        try:
            made = client.networks.create(
                name, driver="bridge", ipam=IPAMConfig(pool_configs=[pool]), labels=marks
            )
        except docker.errors.APIError as e:
            if "overlap" not in str(e):
                raise
            last = e
        else:
            return made, prefix
    raise UsageError(f"docker: no free subnet below 198.18.0.0/15: {one_line(last)}")


def one_line(error: BaseException | None) -> str:
    return " ".join(str(error).split())[:300]
