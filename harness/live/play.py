"""A cluster to play with: it outlives the command that made it, until it is taken down.

In containers it is found by its label ``splitbrain.cluster``; as processes by a file in its folder. Neither belongs
to a harness, so no sweep touches it.
"""

from __future__ import annotations

import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import docker.errors
import msgspec

from harness.errors import UsageError
from harness.live import engine
from harness.live.engine import HERE, NODE, TROUBLE, Engine, one_line
from harness.live.gate import CLIENT, METRICS, PEER
from harness.live.image import ensure
from harness.live.keeper import start_time
from harness.live.process import PACKAGES

CLUSTER = "splitbrain.cluster"
READY_S = 60.0
POLL_S = 0.1
PAGE_S = 1.0
DRAIN_S = 5.0
STATE_FILE = "cluster.json"


class Wanted(msgspec.Struct, frozen=True):
    """What to start."""

    name: str
    nodes: int
    system: str
    bug: str | None
    base: str

    def names(self) -> list[str]:
        return [f"n{i}" for i in range(self.nodes)]

    def arguments(self) -> list[str]:
        return [self.system, *(["--bug", self.bug] if self.bug else [])]


class Health(msgspec.Struct):
    """What /healthz says."""

    status: str
    role: str
    term: int
    commit_index: int
    apply_index: int


class PlayNode(msgspec.Struct):
    """``state``: the engine's word, or ``running`` and ``exited``; ports are 0 where it has none now."""

    name: str
    state: str
    host: str
    client: int
    metrics: int
    health: Health | None = None


class Play(Protocol):
    """One kind of place for such clusters. Errors are UsageErrors, one line."""

    def up(self, wanted: Wanted) -> None: ...
    def nodes(self, name: str) -> list[PlayNode]:
        """In order of their names; none when there is no such cluster."""
        ...

    def down(self, name: str) -> int:
        """How many nodes went."""
        ...


def look(play: Play, name: str) -> list[PlayNode]:
    """The nodes and what they say of themselves. Raises UsageError where there is no such cluster."""
    found = play.nodes(name)
    if not found:
        raise UsageError(f"cluster: there is no cluster {name!r}; splitbrain cluster up makes one")
    with ThreadPoolExecutor(len(found)) as pool:
        for node, health in zip(found, pool.map(_health, found), strict=True):
            node.health = health
    return found


def await_leader(play: Play, name: str) -> list[PlayNode]:
    """Until every node answers and one of them leads. Raises UsageError when one ends, or time runs out."""
    deadline = time.monotonic() + READY_S
    while True:
        found = look(play, name)
        ended = [node.name for node in found if node.state == "exited"]
        if ended:
            raise UsageError(f"cluster: {', '.join(ended)} ended at once; splitbrain cluster down removes it")
        said = [node.health for node in found if node.health is not None]
        if len(said) == len(found) and any(health.role == "leader" for health in said):
            return found
        if time.monotonic() > deadline:
            raise UsageError(f"cluster: no leader within {READY_S:g} s; see: splitbrain cluster status")
        time.sleep(POLL_S)


def looks(play: Play, name: str, every_s: float, for_s: float | None) -> Iterator[list[PlayNode]]:
    """One look after another, until the cluster is gone or the time is over."""
    deadline = None if for_s is None else time.monotonic() + for_s
    while deadline is None or time.monotonic() < deadline:
        time.sleep(every_s)
        try:
            found = look(play, name)
        except UsageError:  # taken down meanwhile
            return
        yield found


def _health(node: PlayNode) -> Health | None:
    """None from one that does not answer."""
    if not node.metrics:
        return None
    page = http.client.HTTPConnection(node.host, node.metrics, timeout=PAGE_S)
    try:
        page.request("GET", "/healthz")
        return msgspec.json.decode(page.getresponse().read(), type=Health)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        return None
    finally:
        page.close()


class DockerPlay:
    """In containers, with their data inside."""

    def __init__(self) -> None:
        self._engine = Engine()
        self._client = self._engine.client

    def up(self, wanted: Wanted) -> None:
        try:
            engine.sweep(self._client)
            if self._containers(wanted.name):
                raise UsageError(
                    f"cluster: {wanted.name!r} is up already; splitbrain cluster down removes it"
                )
            image = ensure(self._client, wanted.base)
            try:
                self._start(wanted, image)
            except BaseException:
                self.down(wanted.name)
                raise
        except TROUBLE as e:
            raise UsageError(f"docker: {one_line(e)}") from e

    def _start(self, wanted: Wanted, image: str) -> None:
        marks = {CLUSTER: wanted.name}
        network, _ = engine.make_network(self._client, f"splitbrain-{wanted.name}", marks)
        book = ",".join(f"{name}={name}:{PEER}" for name in wanted.names())
        secret = secrets.token_hex(16)

        def start(name: str) -> None:
            self._client.containers.run(
                image,
                wanted.arguments(),
                detach=True,
                name=f"splitbrain-{wanted.name}-{name}",
                hostname=name,
                labels={**marks, NODE: name},
                network=network.name,
                networking_config={network.name: self._client.api.create_endpoint_config(aliases=[name])},
                ports={f"{port}/tcp": self._engine.publish for port in (CLIENT, METRICS)},
                environment={
                    "SPLITBRAIN_KEY": secret,
                    "SPLITBRAIN_NODE": name,
                    "SPLITBRAIN_PEERS": book,
                },
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
            )

        with ThreadPoolExecutor(wanted.nodes) as pool:
            list(pool.map(start, wanted.names()))

    def _containers(self, name: str) -> list[Any]:
        mark = f"{CLUSTER}={name}"
        found = self._client.containers.list(all=True, filters={"label": mark}, ignore_removed=True)
        return sorted(found, key=lambda c: _number(c.labels.get(NODE, "")))

    def nodes(self, name: str) -> list[PlayNode]:
        try:
            return [self._node(container) for container in self._containers(name)]
        except TROUBLE as e:
            raise UsageError(f"docker: {one_line(e)}") from e

    def _node(self, container: Any) -> PlayNode:
        published = container.attrs["NetworkSettings"]["Ports"]

        def at(port: int) -> int:
            outer = published.get(f"{port}/tcp")
            return int(outer[0]["HostPort"]) if outer else 0

        name, host = container.labels[NODE], self._engine.address
        return PlayNode(name, container.status, host, at(CLIENT), at(METRICS))

    def down(self, name: str) -> int:
        try:
            found = self._containers(name)
            with ThreadPoolExecutor(len(found) or 1) as pool:
                list(pool.map(_removed, found))
            for network in self._client.networks.list(filters={"label": f"{CLUSTER}={name}"}):
                with suppress(docker.errors.NotFound):
                    network.remove()
        except TROUBLE as e:
            raise UsageError(f"docker: {one_line(e)}") from e
        return len(found)


def _removed(container: Any) -> None:
    with suppress(docker.errors.NotFound):
        container.remove(force=True, v=True)


def _number(name: str) -> int:
    return int(name[1:]) if name[1:].isdecimal() else -1


class Running(msgspec.Struct):
    """A process of a cluster; ``started`` tells it from another of its number."""

    name: str
    pid: int
    started: str
    client: int
    metrics: int

    @property
    def up(self) -> bool:
        return start_time(self.pid) == self.started


class ProcessPlay:
    """As processes of this machine, below ``root``/NAME."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def up(self, wanted: Wanted) -> None:
        folder = self._root / wanted.name
        if any(node.up for node in self._running(wanted.name)):
            raise UsageError(f"cluster: {wanted.name!r} is up already; splitbrain cluster down removes it")
        shutil.rmtree(folder, ignore_errors=True)
        ports = free_ports(3 * wanted.nodes)
        peers = dict(zip(wanted.names(), ports[0::3], strict=True))
        book = ",".join(f"{name}={HERE}:{port}" for name, port in peers.items())
        environment = {**os.environ, "PYTHONPATH": PACKAGES, "SPLITBRAIN_KEY": secrets.token_hex(16)}
        running: list[Running] = []
        for number, name in enumerate(wanted.names()):
            place = folder / name
            place.mkdir(parents=True)
            client, metrics = ports[3 * number + 1 : 3 * number + 3]
            command = [
                *(sys.executable, "-P", "-m", "nodes", *wanted.arguments()),
                *("--tcp", "--node", name, "--peers", book, "--data", str(place)),
                *("--client-port", str(client), "--metrics-port", str(metrics)),
            ]
            with (place / "stderr.log").open("wb") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    env=environment,
                    start_new_session=True,
                )
            running.append(Running(name, process.pid, start_time(process.pid), client, metrics))
            (folder / STATE_FILE).write_bytes(msgspec.json.encode(running))

    def _running(self, name: str) -> list[Running]:
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self._root / name / STATE_FILE).read_bytes(), type=list[Running])
        return []

    def nodes(self, name: str) -> list[PlayNode]:
        return [
            PlayNode(n.name, "running" if n.up else "exited", HERE, n.client, n.metrics)
            for n in self._running(name)
        ]

    def down(self, name: str) -> int:
        """They drain; what does not in time is killed."""
        running = self._running(name)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for node in running:
                if node.up:
                    with suppress(ProcessLookupError):
                        os.kill(node.pid, signal.SIGCONT)
                        os.kill(node.pid, number)
            deadline = time.monotonic() + DRAIN_S
            while _any_up(running) and time.monotonic() < deadline:
                time.sleep(POLL_S / 10)
        shutil.rmtree(self._root / name, ignore_errors=True)
        return len(running)


def _any_up(running: Sequence[Running]) -> bool:
    for node in running:
        with suppress(ChildProcessError):  # where this very process started it, it is a zombie until then
            os.waitpid(node.pid, os.WNOHANG)
    return any(node.up for node in running)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    held = [socket.create_server((HERE, 0)) for _ in range(count)]
    ports = [int(s.getsockname()[1]) for s in held]
    for s in held:
        s.close()
    return ports
