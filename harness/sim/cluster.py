"""The simulated cluster behind the ports: faults (nemeses/port.py) and the harness's runtime."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, BinaryIO

import msgspec

from harness.decode import decode
from harness.errors import HarnessError
from harness.runtime import Mailbox
from harness.sim.books import balance, leaked
from harness.sim.network import Latency, SimLink
from harness.sim.node import DiskLatency, SimNode
from harness.sim.tasks import EXPIRED, SimMailbox, Task, Tasks, Wake, wait
from harness.sim.world import Observer, World
from harness.spec import RunSpec
from harness.streams import Streams
from nemeses.family import one_by_one
from nemeses.port import Damage, DiskTrouble, Link, LinkCount, LinkRule, NodeState
from nodes.kernel import Core
from nodes.systems import System, log_of
from workloads.port import CallTimeoutError

CAPABILITIES = frozenset({"partition", "link", "kill", "power-loss", "pause", "clock", "disk", "resource"})


OPTIONS: dict[str, type[Latency | DiskLatency]] = {"latency": Latency, "disk": DiskLatency}


def option(spec: RunSpec, name: str) -> Any:
    """One of the environment's options, decoded; UsageError says what is wrong with it."""
    kind = OPTIONS[name]
    return decode(spec.options.get(name, {}), kind, f"options.{name}", lambda _: kind.__struct_fields__)


def check_options(spec: RunSpec) -> None:
    """Raises UsageError for an option of the simulation that is wrong."""
    for name in OPTIONS:
        option(spec, name)


class OutgoingLinks(dict[str, SimLink]):
    """One node's links, each made when it is first used: a thousand nodes have a million."""

    def __init__(self, make: Callable[[str], SimLink]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, dst: str) -> SimLink:
        link = self[dst] = self._make(dst)
        return link


class Grip(msgspec.Struct):
    """What a handle holds: links under a rule, or cut, with what each had delivered by then."""

    links: list[SimLink]
    rule: LinkRule | None
    delivered: list[int]


class SimCluster:
    """The members of a system in one world. Nothing happens but through ``drive``."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        spec: RunSpec,
        system: System,
        streams: Streams,
        trace: BinaryIO | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.nodes = spec.node_names()
        self.world = World(streams, trace, [self._note_leader, *observers])
        self.tasks = Tasks(self.world)
        self._leader: str | None = None
        self._waiting: dict[tuple[str, int], Wake] = {}
        self._handles: dict[int, Grip] = {}
        self._next_handle = 0
        self._holds = dict.fromkeys(self.nodes, 0)
        self._client_stream = streams.stream("client-link")
        latency = option(spec, "latency")
        disk = option(spec, "disk")
        config = spec.options.get("config", {})
        self._nodes: dict[str, SimNode] = {}

        def link(src: str, dst: str) -> SimLink:
            return SimLink(self.world, src, dst, latency, self._nodes[dst].receive)

        def build(name: str) -> Core:
            return system.build(name, self.nodes, spec.bug, config)

        for name in self.nodes:
            self._nodes[name] = SimNode(
                self.world,
                name,
                OutgoingLinks(partial(link, name)),
                partial(build, name),
                system.records,
                disk,
                log_of(spec.bug),
                self._reply,
            )

    def drive(self, main: Coroutine[Any, Any, None]) -> None:
        """Run the coroutine ``main``, and the world with it, to its end. Its exceptions pass through."""
        task: Task = self.tasks.spawn(main)
        try:
            self.world.run(task)
        finally:
            self.tasks.close()
            self.world.flush()

    def audit(self) -> None:
        """Raises HarnessError where frames were made or lost without an entry."""
        if wrong := balance(self.world, self._nodes):
            raise HarnessError(f"network: {wrong}")

    # --- the runtime port ---------------------------------------------------------------------------------

    def now(self) -> int:
        return self.world.time

    async def sleep_until(self, time_ns: int) -> None:
        await self.tasks.sleep_until(time_ns)

    def mailbox(self) -> SimMailbox:
        return SimMailbox()

    async def receive(self, mailbox: Mailbox, deadline_ns: int | None) -> Any:
        assert isinstance(mailbox, SimMailbox)
        return await self.tasks.receive(mailbox, deadline_ns)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.tasks.spawn(coroutine)

    async def call(
        self, client: str, node: str, body: dict[str, Any], msg_id: int, timeout_ns: int
    ) -> dict[str, Any]:
        world = self.world
        world.at(world.time + self._client_delay(), self._request, node, (client, msg_id, body))

        def arm(wake: Wake) -> None:
            self._waiting[client, msg_id] = wake
            world.at(world.time + timeout_ns, wake, EXPIRED)

        reply = await wait(arm)
        del self._waiting[client, msg_id]
        if reply is EXPIRED:
            raise CallTimeoutError(f"{node} did not answer within {timeout_ns / 1e9:g} s")
        return reply  # type: ignore[no-any-return]

    def _client_delay(self) -> int:
        return 100_000 + (self._client_stream.bits() * 400_000 >> 64)

    def _request(self, node: str, request: tuple[str, int, dict[str, Any]]) -> None:
        self.world.delivered += 1
        self._nodes[node].request(*request)

    def _reply(self, node: str, client: str, msg_id: int, body: dict[str, Any]) -> None:
        del node
        world = self.world
        world.at(world.time + self._client_delay(), self._arrive, (client, msg_id), body)

    def _arrive(self, request: tuple[str, int], body: dict[str, Any]) -> None:
        self.world.delivered += 1
        wake = self._waiting.get(request)
        if wake is not None:
            wake(body)

    # --- the port of faults -------------------------------------------------------------------------------

    async def start_all(self) -> None:
        for name in self.nodes:
            self._nodes[name].start()

    def leader(self) -> str | None:
        return self._leader

    def _note_leader(self, index: int, time: int, node: str, kind: str, data: dict[str, Any]) -> None:
        del index, time
        if kind == "role" and data["role"] == "leader":
            self._leader = node
        elif node == self._leader and kind in ("role", "killed", "power_lost", "panic"):
            self._leader = None

    async def cut(self, links: Iterable[Link]) -> int:
        chosen = [self._nodes[src].links[dst] for src, dst in links]
        for link in chosen:
            link.cuts += 1
        return self._handle(chosen, None)

    async def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        chosen = [self._nodes[src].links[dst] for src, dst in links]
        for link in chosen:
            link.rules = (*link.rules, rule)
        return self._handle(chosen, rule)

    async def release(self, handle: int) -> None:
        grip = self._handles.pop(handle)
        if grip.rule is None and (leak := leaked(grip.links, grip.delivered)):
            raise HarnessError(f"network: {leak}")
        for link in grip.links:
            if grip.rule is None:
                link.cuts -= 1
            else:
                rules = list(link.rules)
                rules.remove(grip.rule)
                link.rules = tuple(rules)

    def _handle(self, links: list[SimLink], rule: LinkRule | None) -> int:
        self._next_handle += 1
        self._handles[self._next_handle] = Grip(links, rule, [link.delivered for link in links])
        return self._next_handle

    async def kill(self, node: str) -> None:
        if self._nodes[node].up:
            self._nodes[node].kill()

    async def power_loss(self, node: str) -> None:
        if self._nodes[node].up:
            self._nodes[node].lose_power()

    async def start(self, node: str) -> None:
        if not self._nodes[node].up:
            self._nodes[node].start()

    async def pause(self, node: str) -> None:
        """Nothing for a dead node. Of a node that stands still already: it will take one resume more."""
        member = self._nodes[node]
        if member.up:
            self._holds[node] = self._holds[node] + 1 if member.paused else 1
            member.pause()

    async def resume(self, node: str) -> None:
        """Take back one pause; the last one lets it go on. Death takes back all of them."""
        member = self._nodes[node]
        if member.paused:
            self._holds[node] -= 1
            if not self._holds[node]:
                member.resume()

    async def set_clock(self, node: str, offset_ns: int, rate_ppm: int) -> None:
        self._nodes[node].set_clock(offset_ns, rate_ppm)

    async def set_disk(self, node: str, trouble: DiskTrouble) -> None:
        self._nodes[node].set_disk(trouble)

    async def damage(self, node: str, damage: Damage) -> int:
        return self._nodes[node].damage(damage) if self._nodes[node].up else 0

    async def mend(self, node: str) -> None:
        self._nodes[node].mend()

    async def limit_cpu(self, node: str, percent: int) -> None:
        self._nodes[node].limit_cpu(percent)

    async def limit_memory(self, node: str, headroom_kb: int | None) -> None:
        self._nodes[node].limit_memory(headroom_kb)

    async def at_once(self, acts: Sequence[Callable[[], Awaitable[None]]]) -> None:
        await one_by_one(acts)

    async def observe(self) -> dict[str, NodeState]:
        return {name: self._nodes[name].state() for name in self.nodes}

    async def refresh(self) -> None:
        """Counts are always new."""

    def links(self) -> dict[Link, LinkCount]:
        return {
            (src, dst): self._nodes[src].links[dst].count()
            for src in self.nodes
            for dst in sorted(self._nodes[src].links)
        }
