"""Members of foreign systems as containers: each lives in a pod, which is its network and outlives it.

A pod is a container that sleeps. It has the member's address on a private network, and its ports, published on
127.0.0.1 for clients. An incarnation of the member is a container of any image that joins the pod's network: address,
ports and packet filters stay when it is killed, and the image need know nothing of us. The data folder is mounted
where it is on this machine, so an adapter's command is the same as for a process.

Cuts and link faults enter the pods' networks from this machine, as root; without root there are none.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.live import engine, packets
from harness.live.container import ContainerMember
from harness.live.conversation import Conversation
from harness.live.docker import FIRST_ADDRESS, Exits
from harness.live.engine import TROUBLE, Engine, one_line
from harness.live.faults import faketime
from harness.live.faults.faketime import FakeClock
from harness.live.faults.firewall import Firewall
from harness.live.foreign import Failed, Talking, environment
from harness.live.image import BASE
from harness.live.member import OnExit, OnLine, last_line
from harness.live.network import Latency
from harness.live.remote.container import namespaces
from harness.live.remote.port import Remote
from harness.live.systemimage import ensure
from harness.spec import RunSpec
from harness.streams import Streams
from harness.systems.port import Adapter, Place

SLEEP = ["sleep", "1000000000"]
LIBRARY = "/usr/lib/libsplitbrainfaketime.so.1"
"""where a container finds libfaketime"""


def image_of(spec: RunSpec, adapter: Adapter) -> str:
    """The image that the run, or else the adapter, names; empty: one is made."""
    return str(spec.options.get("image", "") or adapter.image)


class PodMember(ContainerMember):
    """A member's place. Its life is a container's (``ContainerMember``), its network's is the pod's."""

    def __init__(
        self,
        adapter: Adapter,
        place: Place,
        pods: Pods,
        on_line: OnLine,
        on_exit: OnExit,
        failed: Failed,
        *,
        clock: bool,
    ) -> None:
        super().__init__(place.name, place.folder.parent, pods.watch, on_exit)
        self._pods = pods
        self._there = place
        self.talk = Conversation(adapter, place, on_line, lambda: self.up, failed)
        self.fake_clock = FakeClock(self.folder / "clock", self.talk.wall) if clock else None

    async def spawn(self, incarnation: int) -> None:
        await self.discard()
        self.talk.write_to(self.folder / f"trace-{incarnation}.jsonl")
        if await self._begun(partial(self._begin, incarnation)):
            self.talk.open()

    async def _begin(self, incarnation: int) -> None:
        self.container = await asyncio.to_thread(
            self._pods.incarnate, self._there, incarnation, self.fake_clock
        )
        self._attend()
        await asyncio.to_thread(self.container.start)

    def write(self, line: bytes) -> None:
        self.talk.write(line)

    def last_words(self) -> str:
        return last_line(self.folder / "stderr.log")

    async def discard(self) -> None:
        await self.talk.close()
        await super().discard()


class Pods:
    """Of one run; ``opened`` makes them. Blocking calls are made in threads of the loop's executor."""

    def __init__(self, spec: RunSpec, folder: Path, streams: Streams, host: Engine, adapter: Adapter) -> None:
        self.address = host.address
        self.firewall: Firewall | None = None
        self.packets: packets.Packets | None = None
        self._spec = spec
        self._host = host
        self._adapter = adapter
        self._config: Mapping[str, Any] = spec.options.get("config", {})
        self._named = image_of(spec, adapter)
        self._image = ""
        self._streams = streams
        self._marks = engine.labels(**{engine.RUN: str(folder.absolute())})
        self._names = spec.node_names()
        self._clock = faketime.in_schedule(spec, folder)
        self._network: Any = None
        self._pods: dict[str, Any] = {}
        self._remotes: dict[str, Remote] = {}
        self.addresses: dict[str, str] = {}
        self.doors: dict[str, Mapping[int, tuple[str, int]]] = {}
        self._exits = Exits(host.client, asyncio.get_running_loop())
        self.watch = self._exits.watch

    async def open(self, latency: Latency) -> None:
        """Bring the image, and make the network and the pods. Raises UsageError, TROUBLE."""
        client, base = self._host.client, str(self._spec.options.get("base_image", BASE))
        self._image = await asyncio.to_thread(ensure, client, self._adapter, self._config, self._named, base)
        sleeper = await asyncio.to_thread(self._sleeper, base)
        name = f"splitbrain-{os.getpid()}-{self._streams.stream('network').bits() >> 40:06x}"
        self._network, prefix = await asyncio.to_thread(engine.make_network, client, name, self._marks)
        self.addresses = {n: f"{prefix}.{FIRST_ADDRESS + i}" for i, n in enumerate(self._names)}
        await asyncio.gather(*(asyncio.to_thread(self._pod, node, sleeper) for node in self._names))
        if len(self._remotes) < len(self._names):
            return  # nobody can enter them
        self.firewall = Firewall(self._remotes, self.addresses)
        if packets.able():
            self.packets = packets.Packets(self.addresses, self._space, self._streams, latency)

    def _sleeper(self, base: str) -> str:
        """The image of pods: whatever has a ``sleep``; an image that holds one program may have none."""
        try:
            return str(self._host.client.images.get(base).id)
        except TROUBLE:
            return self._image

    def _pod(self, node: str, image: str) -> None:
        client = self._host.client
        at = client.api.create_endpoint_config(ipv4_address=self.addresses[node], aliases=[node])
        pod = client.containers.create(
            image,
            entrypoint=SLEEP,
            name=f"{self._network.name}-{node}",
            hostname=node,
            labels={**self._marks, engine.NODE: node},
            network=self._network.name,
            networking_config={self._network.name: at},
            ports={f"{port}/tcp": (self.address, None) for port in self._adapter.ports()},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            healthcheck={"test": ["NONE"]},
        )
        pod.start()
        pod.reload()
        published = pod.attrs["NetworkSettings"]["Ports"]
        self.doors[node] = {
            int(inner.partition("/")[0]): (self.address, int(outer[0]["HostPort"]))
            for inner, outer in published.items()
            if outer
        }
        self._pods[node] = pod
        remote = namespaces(node, pod)
        if remote is not None:
            self._remotes[node] = remote

    def _space(self, node: str) -> str:
        return f"/proc/{int(self._pods[node].attrs['State']['Pid'])}/ns/net"

    def close(self) -> None:
        """Let go of everything; blocking. Containers and network are removed by their labels."""
        self._exits.close()
        for remote in self._remotes.values():
            remote.close()

    # --- what a cluster of members needs (foreign.Quarters) -------------------------------------------------

    def place(self, name: str, folder: Path, config: Mapping[str, Any]) -> Place:
        folder.chmod(0o777)  # the image may have a user of its own
        return Place(name, self.addresses, folder, config, contained=True, doors=self.doors)

    def member(
        self, adapter: Adapter, place: Place, on_line: OnLine, on_exit: OnExit, failed: Failed
    ) -> Talking:
        return PodMember(adapter, place, self, on_line, on_exit, failed, clock=self._clock)

    # --- what its members need ------------------------------------------------------------------------------

    def incarnate(self, place: Place, incarnation: int, clock: FakeClock | None) -> Any:
        """A container that is not started; blocking."""
        mounts = {str(place.folder): {"bind": str(place.folder), "mode": "rw"}}
        told = {**environment(place), **self._adapter.environment()}
        if clock is not None:
            mounts[str(clock.folder)] = {"bind": str(clock.folder), "mode": "ro"}
            mounts[str(faketime.library())] = {"bind": LIBRARY, "mode": "ro"}
            told |= {**clock.environment(), "LD_PRELOAD": faketime.preload(LIBRARY)}
        # an image that was named is run as its makers meant it; one that was made here has nothing of that
        own: dict[str, Any] = {}
        if not self._named:
            own = {"entrypoint": [], "user": f"{os.getuid()}:{os.getgid()}", "cap_drop": ["ALL"]}
        return self._host.client.containers.create(
            self._image,
            self._adapter.command(place) or None,
            **own,
            name=f"{self._network.name}-{place.name}-{incarnation}",
            labels={**self._marks, engine.NODE: place.name},
            network_mode=f"container:{self._pods[place.name].id}",
            volumes=mounts,
            environment=told,
            security_opt=["no-new-privileges"],
            healthcheck={"test": ["NONE"]},
        )


@asynccontextmanager
async def opened(
    spec: RunSpec, folder: Path, streams: Streams, adapter: Adapter, latency: Latency
) -> AsyncIterator[Pods]:
    """Sweep, bring the image, make network and pods; everything is removed in the end. Raises UsageError."""
    async with engine.held(spec.nodes) as host, AsyncExitStack() as leaving:
        try:
            pods = Pods(spec, folder, streams, host, adapter)
            leaving.push_async_callback(asyncio.to_thread, pods.close)
            await pods.open(latency)
        except TROUBLE as e:
            raise UsageError(f"docker: {one_line(e)}") from e
        yield pods
