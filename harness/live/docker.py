"""Nodes as containers on a private network, spoken to through ports that the engine publishes.

Two ways to stand between the nodes, of which a run uses one (``options.links``):

| | ``inside`` | ``gateway`` |
|---|---|---|
| needs | root, the engine's processes here; or iptables in the image | containers can dial this machine |
| a node dials | its peers; or, for proxies, its own loopback | proxies on this machine, always |
| partitions | packet filters in the nodes' networks | proxies |
| link faults | netem there, or proxies whose sockets are there | proxies |

An engine that is spoken to over TCP has to see the folder of the run and run on the same kernel, which is tried out
(``harness/live/far.py``). The nodes' networks are then entered by commands that it runs in the containers, as root.

What is made here carries labels (harness/live/engine.py), and is removed when the run ends, or after a harness that
was killed by whoever sweeps next.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.live import engine, far
from harness.live.engine import TROUBLE, Engine, one_line
from harness.live.faults.firewall import Firewall
from harness.live.faults.netem import Netem
from harness.live.faults.netem import trouble as netem_trouble
from harness.live.gate import CLIENT, METRICS, PEER, WAITING, GatedMember
from harness.live.image import BASE, ensure
from harness.live.inside import InsideProxies
from harness.live.member import Member, OnExit, OnLine
from harness.live.process import own_arguments
from harness.live.proxy import HOST, LinkProxies
from harness.live.remote.container import ContainerRemote, namespaces
from harness.live.remote.local import LocalRemote
from harness.live.remote.port import Remote, RemoteError
from harness.live.tcp import peers
from harness.options import WAYS
from harness.spec import RunSpec
from harness.streams import Streams
from harness.systems.registry import adapter

GATEWAY_NAME = "host.docker.internal"
FIRST_ADDRESS = 10
NODES_MAX = 100


def check(spec: RunSpec) -> None:
    """Raises UsageError, one line, for what cannot run in containers, and where there is no engine."""
    if spec.bin is not None:
        raise UsageError(f"bin: {spec.bin}: a binary cannot run in containers; expected env: process")
    if spec.nodes > NODES_MAX:
        raise UsageError(f"nodes: {spec.nodes} containers; at most {NODES_MAX} are taken")
    if spec.options.get("latency") and spec.options.get("link_faults") == "netem":
        raise UsageError("options.link_faults: an ordinary latency is drawn by proxies, not by netem")
    far.refuse_ssh(engine.where()[0])
    host = Engine()
    host.close()
    if adapter(spec) is not None and not host.here:
        raise UsageError(
            f"docker: members of {spec.system} need an engine of this machine, not one at {host.url}"
        )


class Containers:
    """The environment of one run; ``opened`` makes one. Blocking calls are made in threads of the loop's executor."""

    def __init__(self, spec: RunSpec, folder: Path, streams: Streams, host: Engine, image: str) -> None:
        self.address = host.address
        self.proxies: LinkProxies | None = None
        self.firewall: Firewall | None = None
        self.netem: Netem | None = None
        self.means: dict[str, str] = {}
        """which fault is done by what, for the record"""
        self._spec = spec
        self._host = host
        self._image = image
        self._streams = streams
        self._secret = f"{streams.stream('secret').bits():016x}"
        self._marks = engine.labels(**{engine.RUN: str(folder.absolute())})
        self._names = spec.node_names()
        self._seeds = {name: streams.stream("time-outs", name).bits() >> 2 for name in self._names}
        self._network: Any = None
        self._addresses: dict[str, str] = {}
        self._remotes: dict[str, Remote] = {}
        self._exits = Exits(host.client, asyncio.get_running_loop())

    async def open(self, *, between: bool) -> None:
        """Make the network. ``between``: something has to stand in the links themselves."""
        name = f"splitbrain-{os.getpid()}-{self._streams.stream('network').bits() >> 40:06x}"
        made = await asyncio.to_thread(engine.make_network, self._host.client, name, self._marks)
        self._network, prefix = made
        self._addresses = {n: f"{prefix}.{FIRST_ADDRESS + i}" for i, n in enumerate(self._names)}
        way = self._spec.options.get("links") or await asyncio.to_thread(self._way, between=between)
        if way == "gateway":
            self.proxies = await reachable(
                self._names, self._streams, f"{prefix}.1", elsewhere=not self._host.here
            )
            self.means = {"partition": "proxies", "link": "proxies"}
            return
        self.firewall = Firewall(self._remotes, self._addresses, PEER)
        self.means = {"partition": "packet filter"}
        if not between:
            return
        if not self._host.here:
            raise UsageError(
                "options.links: link faults in an engine's containers over TCP need links: gateway"
            )
        if await asyncio.to_thread(self._by_kernel):
            self.netem = Netem(self._remotes, self._addresses, PEER)
            self.means["link"] = "netem"
        else:
            self.proxies = InsideProxies(self._names, self._streams)
            await self.proxies.open()
            self.means["link"] = "proxies"

    def _by_kernel(self) -> bool:
        """Whether link faults are netem's; blocking. Raises UsageError where it is asked for and cannot be had."""
        asked = self._spec.options.get("link_faults")
        # an ordinary latency is drawn by proxies
        if asked == "proxies" or (asked is None and self._spec.options.get("latency")):
            return False
        here = LocalRemote("this machine")
        try:
            why_not = netem_trouble(here)
        finally:
            here.close()
        if why_not and asked == "netem":
            raise UsageError(f"options.link_faults: netem cannot be had on this machine: {why_not}")
        return not why_not

    def _way(self, *, between: bool) -> str:
        """How to stand between the nodes where nobody says; blocking."""
        if self._host.here:
            return WAYS[0] if os.geteuid() == 0 else WAYS[1]
        return WAYS[0] if not between and far.has_iptables(self._host, self._image) else WAYS[1]

    def close(self) -> None:
        """Let go of everything; blocking."""
        if self.proxies is not None:
            self.proxies.close()
        self._exits.close()
        for remote in self._remotes.values():
            remote.close()

    def member(self, name: str, folder: Path, on_line: OnLine, on_exit: OnExit) -> Member:
        return GatedMember(name, folder, self, self._exits.watch, on_line, on_exit)

    # --- what members need (gate.Place) ---------------------------------------------------------------------

    def seed(self, name: str, incarnation: int) -> int:
        return (self._seeds[name] + incarnation) % (1 << 63)

    def create(self, name: str, folder: Path) -> Any:
        if self.proxies is not None:
            book = self.proxies.address_book(name)
        else:
            book = {peer: (self._addresses[peer], PEER) for peer in self._names if peer != name}
        arguments = [
            *own_arguments(self._spec),
            *("--data", "/node/data", "--power", "--replays"),
            *("--tcp", "--node", name, "--peers", peers(book), "--bind", "0.0.0.0"),  # noqa: S104
            *("--peer-port", str(PEER), "--client-port", str(CLIENT), "--metrics-port", str(METRICS)),
        ]
        client = self._host.client
        by_commands = self.firewall is not None and not self._host.here
        published = (CLIENT, METRICS) if self.firewall is not None else (CLIENT, METRICS, PEER)
        at = client.api.create_endpoint_config(ipv4_address=self._addresses[name])
        return client.containers.create(
            self._image,
            arguments,
            entrypoint=WAITING,
            name=f"{self._network.name}-{name}",
            hostname=name,
            labels={**self._marks, engine.NODE: name},
            network=self._network.name,
            networking_config={self._network.name: at},
            ports={f"{port}/tcp": self._host.publish for port in published},
            extra_hosts={GATEWAY_NAME: "host-gateway"} if self.firewall is None else {},
            volumes={str(folder): {"bind": "/node", "mode": "rw"}},
            user=f"{os.getuid()}:{os.getgid()}",
            environment={"SPLITBRAIN_KEY": self._secret},
            cap_drop=["ALL"],
            # for commands that the engine runs there as root; the node is another user, and has none of it
            cap_add=["NET_ADMIN"] if by_commands else [],
            security_opt=[] if by_commands else ["no-new-privileges"],
            healthcheck={"test": ["NONE"]},
        )

    async def connect(self, name: str, container: Any) -> None:
        if self.firewall is None:
            assert self.proxies is not None
            port = container.attrs["NetworkSettings"]["Ports"][f"{PEER}/tcp"][0]["HostPort"]
            self.proxies.listens(name, (self.address, int(port)))
            return
        self._remotes[name] = self._remote(name, container)
        await self.firewall.rebuilt(name)
        if self.netem is not None:
            await self.netem.rebuilt(name)
        if isinstance(self.proxies, InsideProxies):
            await self.proxies.enter(name, int(container.attrs["State"]["Pid"]))
            self.proxies.listens(name, (self._addresses[name], PEER))

    def _remote(self, name: str, container: Any) -> Remote:
        """How to act in the container's network. Raises RemoteError."""
        if not self._host.here:
            return ContainerRemote(name, container, user="root")
        entered = namespaces(name, container)
        if entered is None:
            raise RemoteError(
                "its process is not to be seen on this machine, and links: inside needs it; "
                "try --option links=gateway"
            )
        return entered

    def disconnect(self, name: str) -> None:
        if self.firewall is not None:
            self.firewall.gone(name)
        if self.netem is not None:
            self.netem.gone(name)
        if self.proxies is not None:
            self.proxies.gone(name)
        if isinstance(self.proxies, InsideProxies):
            self.proxies.leave(name)
        remote = self._remotes.pop(name, None)
        if remote is not None:
            # it may be in the middle of a command, for which close would wait
            asyncio.get_running_loop().run_in_executor(None, remote.close)


async def reachable(
    names: tuple[str, ...], streams: Streams, gateway: str, *, elsewhere: bool = False
) -> LinkProxies:
    """Proxies that containers can dial: at their network's gateway where that is an address of this machine, else
    (Docker Desktop) on the loopback, which containers know by a name. Raises UsageError for an engine that is far.
    """
    proxies = LinkProxies(names, streams, gateway, gateway)
    try:
        await proxies.open()
    except OSError as e:
        proxies.close()
        if elsewhere:
            raise UsageError(
                "docker: the engine's containers cannot dial proxies on this machine; partitions alone need an image "
                "with iptables (options.base_image)"
            ) from e
        proxies = LinkProxies(names, streams, HOST, GATEWAY_NAME)
        await proxies.open()
    return proxies


@asynccontextmanager
async def opened(
    spec: RunSpec, folder: Path, streams: Streams, *, between: bool
) -> AsyncIterator[Containers]:
    """Sweep, build the image if need be, make the network; everything is removed in the end. Raises UsageError."""
    async with engine.held(spec.nodes) as host, AsyncExitStack() as leaving:
        try:
            base = str(spec.options.get("base_image", BASE))
            image = await asyncio.to_thread(ensure, host.client, base)
            await asyncio.to_thread(far.check, host, image)
            place = Containers(spec, folder, streams, host, image)
            leaving.push_async_callback(asyncio.to_thread, place.close)
            await place.open(between=between)
        except TROUBLE as e:
            raise UsageError(f"docker: {one_line(e)}") from e
        yield place


class Exits:
    """Tells of this harness's containers that end: one thread reads the engine's events."""

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[str, Callable[[int], None]] = {}
        self._events = client.events(
            decode=True,
            filters={"type": "container", "event": "die", "label": f"{engine.LABEL}={engine.owner()}"},
        )
        threading.Thread(target=self._read, daemon=True, name="splitbrain-exits").start()

    def watch(self, container: str, ended: Callable[[int], None]) -> None:
        """Of one that is not started yet."""
        self._watched[container] = ended

    def close(self) -> None:
        with suppress(Exception):  # the engine may have hung up first
            self._events.close()

    def _read(self) -> None:
        with suppress(Exception):  # closed
            for event in self._events:
                status = int(event["Actor"]["Attributes"]["exitCode"])
                self._loop.call_soon_threadsafe(self._tell, event["Actor"]["ID"], status)

    def _tell(self, container: str, status: int) -> None:
        ended = self._watched.pop(container, None)
        if ended is not None:
            ended(status)
