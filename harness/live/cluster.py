"""A live cluster behind both ports: faults (nemeses/port.py) and the harness's runtime."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import UsageError
from harness.live.errors import StartError
from harness.live.faults.firewall import Firewall
from harness.live.machine import Machine
from harness.live.member import Member
from harness.live.network import Latency, Network
from harness.live.proxy import LinkProxies
from harness.live.runtime import LiveMailbox, LiveRuntime, line
from harness.live.services import Service, services
from harness.live.trace import Event, Follower, Line
from harness.live.wires import Links
from harness.runtime import Mailbox
from harness.spec import SECOND, RunSpec
from harness.streams import Streams
from harness.systems.registry import is_own
from nemeses.port import Damage, DiskTrouble, Link, LinkCount, LinkRule, NodeState
from nodes.power import lose_power
from workloads.port import CallTimeoutError

CONTROL = "c-splitbrain"
"""the client on whose behalf the harness speaks to nodes"""
READING_S = 0.5
GARBAGE_KEPT = 100
POLL_S = 0.005


class _Envelope(msgspec.Struct, gc=False):
    src: str
    dest: str
    body: msgspec.Raw


class _Reading(msgspec.Struct):
    """The body of splitbrain_clock_ok."""

    monotonic_ns: int
    wall_ns: int
    real_monotonic_ns: int
    real_wall_ns: int


_envelope = msgspec.json.Decoder(_Envelope).decode
_body = msgspec.json.Decoder(dict[str, Any]).decode


class _Seat:
    """What the harness remembers of a node across its incarnations."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.incarnation = 0
        self.ready = False
        """messages are for it, from its init on"""
        self.initialised = False
        """it has answered init"""
        self.changing = asyncio.Lock()
        """one of kill, start, pause and resume at a time: faults may overlap"""
        self.killing = False
        """its end is the harness's doing"""
        self.losing_power = False
        """its end is to take what it has not synced"""
        self.lost_bytes = 0
        self.holds = 0
        """pauses in force: it goes on when the last of them is left, or with its next incarnation"""
        self.stalled = 0
        self.garbage = 0
        self.first_garbage: asyncio.Future[bytes] | None = None
        self.exited: asyncio.Event = asyncio.Event()
        self.clock = (0, 0)
        self.set_reading: _Reading | None = None
        self.last_state = (0, 0)
        self.machine: Machine


class LiveCluster:
    """Nodes in real places, the harness as the network between them.

    ``members`` makes each node's place from its name and the two callbacks of a place. ``hear`` is told of
    trace events as they happen: (node, line). ``proxies``: the nodes have links of their own, through these.
    ``firewall``: links are cut there.
    """

    def __init__(
        self,
        spec: RunSpec,
        folder: Path,
        streams: Streams,
        able: frozenset[str],
        members: Callable[[str, Path, Callable[[str, bytes], None], Callable[[str], None]], Member],
        hear: Callable[[str, Line], None],
        proxies: LinkProxies | None = None,
        firewall: Firewall | None = None,
    ) -> None:
        self.nodes = spec.node_names()
        self.capabilities = able
        self.own = is_own(spec)
        self.traced = self.own
        """each incarnation writes a trace"""
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
        self._carrier = Network(latency, streams, self._deliver)
        self.network: Links = self._carrier if proxies is None else proxies
        if proxies is not None:
            proxies.arrived = self._arrived
            proxies.latency = latency
        self._firewall = firewall
        self._dropped: dict[Link, int] = {}
        """packets that the firewall dropped, when it was last asked"""
        self._power = {name: streams.stream("power", name) for name in self.nodes}
        self._services: dict[str, Service] = services(streams)
        self._follower = Follower(hear)
        self._control_id = 0
        self._seats: dict[str, _Seat] = {}
        for name in self.nodes:
            self.folders[name].mkdir(parents=True, exist_ok=True)
            self._seats[name] = _Seat(members(name, self.folders[name], self._on_line, self._on_exit))
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

    async def _end(self, seat: _Seat) -> None:
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
            "incarnations": {name: seat.incarnation for name, seat in self._seats.items()},
        }

    async def _follow(self) -> None:
        while True:
            self._follower.poll()
            await asyncio.sleep(POLL_S)

    async def _start(self, seat: _Seat) -> None:
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

    async def _await_init(self, seat: _Seat) -> None:
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
        self, seat: _Seat, answer: asyncio.Future[dict[str, Any]], garbage: asyncio.Future[bytes]
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

    async def _control(self, seat: _Seat, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        """A request of the harness's own to one node; raises CallTimeoutError."""
        self._control_id += 1
        name = seat.member.name
        return await self.runtime.call(CONTROL, name, body, self._control_id, int(seconds * SECOND))

    # --- messages -----------------------------------------------------------------------------------------

    def _post(self, client: str, node: str, data: bytes) -> None:
        """A request of a client. ``init`` is the first line of all that a node gets."""
        if client == CONTROL:
            self._seats[node].ready = True
        self._deliver(node, data)

    def _arrived(self, node: str) -> None:
        """A frame has reached the kernel of a node."""
        seat = self._seats[node]
        if seat.holds > seat.machine.short:
            seat.stalled += 1
        elif seat.holds:
            seat.machine.waited += 1

    def _deliver(self, node: str, data: bytes) -> None:
        self._arrived(node)
        seat = self._seats[node]
        if seat.ready:
            seat.member.write(data)

    def _on_line(self, node: str, data: bytes) -> None:
        try:
            envelope = _envelope(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._on_garbage(node, data)
            return
        dest = envelope.dest
        if dest in self._seats:
            if dest == node:
                self._deliver(node, data + b"\n")
            else:
                self._carrier.send(node, dest, data + b"\n")
            return
        try:
            body = _body(envelope.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._on_garbage(node, data)
            return
        service = self._services.get(dest)
        if service is None:
            self.runtime.replied(dest, body)
        elif "in_reply_to" not in body:
            reply = service(node, body)
            if "msg_id" in body:
                reply["in_reply_to"] = body["msg_id"]
            self._deliver(node, line(dest, node, reply))

    def _on_garbage(self, node: str, data: bytes) -> None:
        if not data.strip():
            return
        seat = self._seats[node]
        seat.garbage += 1
        if seat.garbage <= GARBAGE_KEPT:
            with (seat.member.folder / "garbage.log").open("ab") as file:
                file.write(data[:1000] + b"\n")
        if seat.first_garbage is not None and not seat.first_garbage.done():
            seat.first_garbage.set_result(data)

    def _on_exit(self, node: str) -> None:
        seat = self._seats[node]
        seat.ready = seat.initialised = False
        seat.holds = 0
        seat.exited.set()
        self._follower.ended(node)
        status = seat.member.exit_status
        seat.machine.exited()
        if seat.losing_power:
            lost = lose_power(seat.member.folder / "data", self._power[node])
            seat.lost_bytes += lost
            self._note(node, "power_lost", {"lost_bytes": lost})
        elif seat.killing or status is None:  # None: its machine is lost, which is not its own doing
            self._note(node, "killed", {"exit_status": status})
        else:
            why = f"exited with status {status}: {seat.member.last_words()}".rstrip(": ")
            self._note(node, "panic", {"why": why})

    def _note(self, node: str, kind: str, data: dict[str, Any]) -> None:
        seat = self._seats[node]
        self.world.append(Event(time.monotonic_ns(), node, seat.incarnation, 1 << 60, kind, data))

    # --- the port of faults -------------------------------------------------------------------------------

    def leader(self) -> str | None:
        return self._follower.leader() if self.traced else None

    async def cut(self, links: Iterable[Link]) -> int:
        if self._firewall is not None:
            return -await self._firewall.cut(links)  # below zero: handles of the network are above
        return self.network.cut(links)

    async def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        return self.network.shape(links, rule)

    async def release(self, handle: int) -> None:
        if handle < 0:
            assert self._firewall is not None
            await self._firewall.release(-handle)
        else:
            self.network.release(handle)

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

    async def start(self, node: str) -> None:
        """Start a dead node. One that does not come up stays dead: the system's failure, and traced."""
        seat = self._seats[node]
        async with seat.changing:
            if seat.member.up:
                return
            try:
                await self._start(seat)
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

    async def _set_clock(self, seat: _Seat) -> None:
        offset_ns, rate_ppm = seat.clock
        if seat.machine.fake_clock is not None:
            await seat.machine.fake_clock.set(offset_ns, rate_ppm)
            return
        body = {"type": "splitbrain_clock", "offset_ns": offset_ns, "rate_ppm": rate_ppm}
        seat.set_reading = await self._reading(seat, body)

    async def _reading(self, seat: _Seat, body: dict[str, Any]) -> _Reading | None:
        """None from a node that does not answer: it is dead, stands still, or is too busy."""
        try:
            reply = await self._control(seat, body, READING_S)
            return msgspec.convert(reply, _Reading)
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

    async def _observe(self, seat: _Seat) -> NodeState:
        member = seat.member
        paused = await member.paused() and seat.holds > seat.machine.short
        answers = self.own and seat.initialised and not paused
        if answers and "disk" in self.capabilities:
            await seat.machine.read()
        if answers and "clock" in self.capabilities:
            now = await self._reading(seat, {"type": "splitbrain_clock"})
            if now is not None:
                seat.last_state = _error_of_clock(seat.set_reading, now)
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
        if self._firewall is not None:
            self._dropped = await self._firewall.refused()

    def links(self) -> dict[Link, LinkCount]:
        counts = self.network.counts()
        for link, packets in self._dropped.items():
            counts.setdefault(link, LinkCount()).refused += packets
        return counts


def _error_of_clock(before: _Reading | None, now: _Reading) -> tuple[int, int]:
    """Offset in ns and rate error in ppm, from two readings since the clock was set."""
    offset = now.wall_ns - now.real_wall_ns
    if before is None or now.real_monotonic_ns <= before.real_monotonic_ns:
        return offset, 0
    real = now.real_monotonic_ns - before.real_monotonic_ns
    ahead = (now.monotonic_ns - before.monotonic_ns) - real
    return offset, (2 * ahead * 1_000_000 + real) // (2 * real)
