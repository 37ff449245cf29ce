"""A live cluster behind both ports: faults (nemeses/port.py) and the harness's runtime."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import UsageError
from harness.live.clocks import Reading, error_of_clock
from harness.live.errors import OutOfReachError, StartError
from harness.live.faults.firewall import Firewall
from harness.live.faults.netem import Netem
from harness.live.linkfaults import LinkFaults
from harness.live.machine import Machine
from harness.live.member import Breakable, Member
from harness.live.network import Latency, Network
from harness.live.post import Post
from harness.live.proxy import LinkProxies
from harness.live.relays import Relays
from harness.live.runtime import LiveMailbox, LiveRuntime
from harness.live.seat import Seat
from harness.live.services import services
from harness.live.trace import Event, Follower, Line
from harness.live.wires import Links
from harness.runtime import Mailbox
from harness.spec import SECOND, RunSpec
from harness.streams import Streams
from harness.systems.registry import is_own
from nemeses.port import Damage, DiskTrouble, Link, LinkCount, LinkRule, NodeState
from workloads.port import CallTimeoutError

CONTROL = "c-splitbrain"
"""the client on whose behalf the harness speaks to nodes"""
READING_S = 0.5
POLL_S = 0.005


class LiveCluster:
    """Nodes in real places, the harness as the network between them.

    ``members`` makes each node's place from its name and the two callbacks of a place. ``hear`` is told of
    trace events as they happen: (node, line). ``proxies``: the nodes have links of their own, through these.
    ``firewall``: links are cut there. ``netem``: they are shaped there.
    """

    def __init__(
        self,
        spec: RunSpec,
        folder: Path,
        streams: Streams,
        able: frozenset[str],
        members: Callable[[str, Path, Callable[[str, bytes], None], Callable[[str], None]], Member],
        hear: Callable[[str, Line], None],
        proxies: LinkProxies | Relays | None = None,
        firewall: Firewall | None = None,
        netem: Netem | None = None,
    ) -> None:
        self.nodes = spec.node_names()
        self.capabilities = able
        self.own = is_own(spec)
        self.traced = self.own
        """each incarnation writes a trace"""
        self.means: dict[str, str] = {}
        """by what a fault of links is done, where there is a choice: for the record"""
        self.world: list[Event] = []
        self.folders = {name: folder.absolute() / "nodes" / name for name in self.nodes}
        try:
            latency = msgspec.convert(spec.options.get("latency", {}), Latency)
            self._init_timeout_s = msgspec.convert(
                spec.options.get("init_timeout_s", 10.0), float, strict=False
            )
        except msgspec.ValidationError as e:
            raise UsageError(f"options.latency or init_timeout_s: {e}") from e
        self.runtime = LiveRuntime(self._post)
        self._seats: dict[str, Seat] = {}
        self._mail = Post(self._seats, services(streams), self._send, self.runtime.replied)
        self._carrier = Network(latency, streams, self._mail.deliver)
        self.network: Links = self._carrier if proxies is None else proxies
        if proxies is not None:
            proxies.latency = latency
        if isinstance(proxies, LinkProxies):
            proxies.arrived = self._mail.arrived
        self._firewall = firewall
        self._link_faults = LinkFaults(self.network, firewall, netem)
        self._power = {name: streams.stream("power", name) for name in self.nodes}
        self._follower = Follower(hear)
        self._control_id = 0
        for name in self.nodes:
            self.folders[name].mkdir(parents=True, exist_ok=True)
            self._seats[name] = Seat(members(name, self.folders[name], self._mail.on_line, self._on_exit))
            seat = self._seats[name]
            seat.machine = Machine(seat, partial(self._control, seat, seconds=READING_S))

    # --- the runtime port ---------------------------------------------------------------------------------

    def now(self) -> int:
        return self.runtime.now()

    async def sleep_until(self, time_ns: int) -> None:
        await self.runtime.sleep_until(time_ns)

    async def call(
        self, client: str, node: str, body: dict[str, Any], msg_id: int, timeout_ns: int
    ) -> dict[str, Any]:
        return await self.runtime.call(client, node, body, msg_id, timeout_ns)

    def mailbox(self) -> LiveMailbox:
        return self.runtime.mailbox()

    async def receive(self, mailbox: Mailbox, deadline_ns: int | None) -> Any:
        return await self.runtime.receive(mailbox, deadline_ns)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.runtime.spawn(coroutine)

    # --- life ---------------------------------------------------------------------------------------------

    async def start_all(self) -> None:
        """Start every node; the run's time begins when the last has answered init. Raises StartError."""
        tasks = [asyncio.ensure_future(self._start(self._seats[name])) for name in self.nodes]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.runtime.begin()
        if self.traced:
            self.spawn(self._follow())

    async def close(self) -> None:
        """Kill every node and give everything back."""
        await self.runtime.cancel()
        await asyncio.gather(*(self._end(seat) for seat in self._seats.values()))
        self._follower.close()

    async def _end(self, seat: Seat) -> None:
        seat.killing = True
        with suppress(Exception):  # the others must go too
            await seat.machine.close()
            await seat.member.kill()
            await seat.member.discard()

    def figures(self) -> dict[str, Any]:
        """What the environment itself counted."""
        counts = self.links()
        return {
            "delivered": sum(c.delivered for c in counts.values()),
            "refused": sum(c.refused for c in counts.values()),
            "garbage": {name: seat.garbage for name, seat in self._seats.items() if seat.garbage},
            **({"means": self.means} if self.means else {}),
            "incarnations": {name: seat.incarnation for name, seat in self._seats.items()},
        }

    async def _follow(self) -> None:
        while True:
            self._follower.poll()
            await asyncio.sleep(POLL_S)

    async def _start(self, seat: Seat) -> None:
        """A new incarnation, up to its init_ok; raises StartError, and leaves the node dead."""
        member = seat.member
        seat.incarnation += 1
        seat.killing = False
        seat.holds = 0
        seat.initialised = False
        seat.machine.starting()
        seat.exited = asyncio.Event()
        seat.first_garbage = asyncio.get_running_loop().create_future()
        await member.spawn(seat.incarnation)
        if self.traced:
            self._follower.started(member.name, member.folder / f"trace-{seat.incarnation}.jsonl")
        try:
            await self._await_init(seat)
        except BaseException:
            seat.ready = False
            seat.killing = True
            await member.kill()
            raise
        finally:
            seat.first_garbage = None

    async def _await_init(self, seat: Seat) -> None:
        """Whatever comes first: the answer, an exit, garbage, or the time-out."""
        name = seat.member.name
        body = {"type": "init", "node_id": name, "node_ids": list(self.nodes)}
        answer = asyncio.ensure_future(self._control(seat, body, self._init_timeout_s))
        exited = asyncio.ensure_future(seat.exited.wait())
        garbage = seat.first_garbage
        assert garbage is not None
        try:
            waits: set[asyncio.Future[Any]] = {answer, exited, garbage}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            trouble = self._trouble(seat, answer, garbage)
        finally:
            for waiting in (answer, exited):
                waiting.cancel()
            await asyncio.gather(answer, exited, return_exceptions=True)
        if trouble is not None:
            raise StartError(f"node {name} {trouble}")
        seat.initialised = True
        if self.own and "clock" in self.capabilities:
            await self._set_clock(seat)
        await seat.machine.started()

    def _trouble(
        self, seat: Seat, answer: asyncio.Future[dict[str, Any]], garbage: asyncio.Future[bytes]
    ) -> str | None:
        """What kept the node from starting, in words; None when it answered init."""
        if answer.done() and not isinstance(answer.exception(), CallTimeoutError):
            reply = answer.result()
            return None if reply.get("type") == "init_ok" else f"refused init: {reply.get('text') or reply}"
        if garbage.done():
            return f"printed {garbage.result()[:60]!r} in place of a message; expected a line of JSON"
        if seat.exited.is_set():
            words = seat.member.last_words()
            last = f"last line on stderr: {words}" if words else "nothing on stderr"
            return f"exited at once with status {seat.member.exit_status}; {last}"
        return f"did not answer init within {self._init_timeout_s:g} s"

    async def _control(self, seat: Seat, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        """A request of the harness's own to one node; raises CallTimeoutError."""
        self._control_id += 1
        name = seat.member.name
        return await self.runtime.call(CONTROL, name, body, self._control_id, int(seconds * SECOND))

    # --- messages -----------------------------------------------------------------------------------------

    def _post(self, client: str, node: str, data: bytes) -> None:
        """A request of a client. ``init`` is the first line of all that a node gets."""
        if client == CONTROL:
            self._seats[node].ready = True
        self._mail.deliver(node, data)

    def _send(self, src: str, dst: str, data: bytes) -> None:
        self._carrier.send(src, dst, data)

    def _on_exit(self, node: str) -> None:
        seat = self._seats[node]
        seat.ready = seat.initialised = False
        seat.holds = 0
        seat.exited.set()
        self._follower.ended(node)
        status = seat.member.exit_status
        seat.machine.exited()
        if seat.losing_power:
            return  # ``power_loss`` says so, when it knows what is lost
        if seat.killing or status is None:  # None: its machine is lost, which is not its own doing
            self._note(node, "killed", {"exit_status": status})
        else:
            why = f"exited with status {status}: {seat.member.last_words()}".rstrip(": ")
            self._note(node, "panic", {"why": why})
            if seat.machine.outlived:  # its fault is over, and starts it no more
                self.spawn(self.start(node))

    def _note(self, node: str, kind: str, data: dict[str, Any], at_ns: int = 0) -> None:
        seat = self._seats[node]
        self.world.append(Event(at_ns or time.monotonic_ns(), node, seat.incarnation, 1 << 60, kind, data))

    # --- the port of faults -------------------------------------------------------------------------------

    async def at_once(self, acts: Sequence[Callable[[], Awaitable[None]]]) -> None:
        done = await asyncio.gather(*(act() for act in acts), return_exceptions=True)
        for error in done:
            if isinstance(error, BaseException):
                raise error

    def leader(self) -> str | None:
        return self._follower.leader() if self.traced else None

    async def cut(self, links: Iterable[Link]) -> int:
        return await self._link_faults.cut(links)

    async def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        return await self._link_faults.shape(links, rule)

    async def release(self, handle: int) -> None:
        await self._link_faults.release(handle)

    async def kill(self, node: str) -> None:
        seat = self._seats[node]
        await self.refresh()  # what its network counted goes with it
        async with seat.changing:
            if seat.member.up:
                seat.killing = True
                await seat.member.kill()

    async def power_loss(self, node: str) -> None:
        """A kill that takes with it what the node has not synced (nodes/power.py)."""
        if "power-loss" not in self.capabilities:
            raise UsageError(
                f"power-loss of {node}: it keeps no account of what it synced, and a kill loses nothing"
            )
        seat = self._seats[node]
        await self.refresh()
        async with seat.changing:
            if seat.member.up:
                seat.killing = seat.losing_power = True
                try:
                    await seat.member.kill()
                finally:
                    seat.losing_power = False
                member = seat.member
                if not isinstance(member, Breakable):
                    raise UsageError(f"{node}: its data is out of reach in this environment")
                ended_ns = time.monotonic_ns()
                lost = await member.lose_power(self._power[node])
                seat.lost_bytes += lost
                self._note(node, "power_lost", {"lost_bytes": lost}, ended_ns)

    async def start(self, node: str) -> None:
        """Start a dead node. One that does not come up stays dead: the system's failure, and traced."""
        seat = self._seats[node]
        async with seat.changing:
            if seat.member.up:
                return
            try:
                await self._start(seat)
            except OutOfReachError:
                return  # it stays as it was, and whoever knows its machine has said so
            except StartError as e:
                self._note(node, "panic", {"why": str(e)})

    async def pause(self, node: str) -> None:
        """Nothing for a dead node. Of a node that stands still already: it will take one resume more."""
        seat = self._seats[node]
        async with seat.changing:
            if not seat.member.up:
                return
            seat.holds += 1
            if seat.holds == 1:
                await seat.member.pause()
                self._note(node, "paused", {})

    async def resume(self, node: str) -> None:
        """Take back one pause; the last one lets it go on."""
        seat = self._seats[node]
        async with seat.changing:
            if not seat.member.up or not seat.holds:
                return
            seat.holds -= 1
            if not seat.holds:
                self._note(node, "resumed", {})
                await seat.member.resume()

    async def set_clock(self, node: str, offset_ns: int, rate_ppm: int) -> None:
        """Set it, or remember it for the next incarnation of a node that cannot answer."""
        seat = self._seats[node]
        seat.clock = (offset_ns, rate_ppm)
        if seat.member.up or seat.machine.fake_clock is not None:
            await self._set_clock(seat)
            self._note(node, "clock", {"offset_ns": offset_ns, "rate_ppm": rate_ppm})

    async def _set_clock(self, seat: Seat) -> None:
        offset_ns, rate_ppm = seat.clock
        if seat.machine.fake_clock is not None:
            await seat.machine.fake_clock.set(offset_ns, rate_ppm)
            return
        body = {"type": "splitbrain_clock", "offset_ns": offset_ns, "rate_ppm": rate_ppm}
        seat.set_reading = await self._reading(seat, body)

    async def _reading(self, seat: Seat, body: dict[str, Any]) -> Reading | None:
        """None from a node that does not answer: it is dead, stands still, or is too busy."""
        try:
            reply = await self._control(seat, body, READING_S)
            return msgspec.convert(reply, Reading)
        except (CallTimeoutError, msgspec.ValidationError):
            return None

    async def set_disk(self, node: str, trouble: DiskTrouble) -> None:
        await self._seats[node].machine.set_disk(trouble)

    async def damage(self, node: str, damage: Damage) -> int:
        return await self._seats[node].machine.damage(damage)

    async def mend(self, node: str) -> None:
        await self._seats[node].machine.mend()

    async def limit_cpu(self, node: str, percent: int) -> None:
        await self._seats[node].machine.limit_cpu(percent)

    async def limit_memory(self, node: str, headroom_kb: int | None) -> None:
        await self._seats[node].machine.limit_memory(headroom_kb)

    async def observe(self) -> dict[str, NodeState]:
        states = await asyncio.gather(*(self._observe(self._seats[name]) for name in self.nodes))
        return dict(zip(self.nodes, states, strict=True))

    async def _observe(self, seat: Seat) -> NodeState:
        member = seat.member
        paused = await member.paused() and seat.holds > seat.machine.short
        answers = self.own and seat.initialised and not paused
        if answers and "disk" in self.capabilities:
            await seat.machine.read()
        if answers and "clock" in self.capabilities:
            now = await self._reading(seat, {"type": "splitbrain_clock"})
            if now is not None:
                seat.last_state = error_of_clock(seat.set_reading, now)
        elif seat.machine.fake_clock is not None:
            seat.last_state = await seat.machine.fake_clock.error()
        state = NodeState(
            incarnation=seat.incarnation,
            up=member.up,
            exit_status=member.exit_status,
            paused=paused,
            stalled=seat.stalled,
            clock_offset_ns=seat.last_state[0],
            clock_rate_ppm=seat.last_state[1],
            lost_bytes=seat.lost_bytes,
        )
        seat.machine.fill(state)
        return state

    async def refresh(self) -> None:
        await self._link_faults.refresh()

    def links(self) -> dict[Link, LinkCount]:
        return self._link_faults.counts()
