"""The host: effects in order, and nothing leaves before what it depends on is durable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nodes.clock import Clock
from nodes.host import Draws, Host
from nodes.kernel import (
    CancelTimer,
    Effect,
    Event,
    Now,
    Persist,
    Record,
    Reply,
    Request,
    Send,
    SetTimer,
    Stored,
    Trace,
)
from nodes.wal import Wal

MS = 1_000_000


class Noted(Record, frozen=True):
    value: int


class SlowDisk:
    """Files whose fdatasync waits for leave."""

    def __init__(self) -> None:
        self.leave = threading.Semaphore(0)
        self.written: list[bytes] = []
        self.begun = 0
        self.syncs = 0
        self.error: OSError | None = None

    def append(self, name: str, data: bytes) -> None:
        del name
        self.written.append(data)

    def pwrite(self, name: str, offset: int, data: bytes) -> None: ...

    def fdatasync(self, name: str) -> None:
        del name
        self.begun += 1
        self.leave.acquire()
        self.syncs += 1
        if self.error is not None:
            raise self.error


class Script:
    """A core that answers each event with what it was told to."""

    def __init__(self) -> None:
        self.effects: list[list[Effect]] = []
        self.events: list[Event] = []

    def handle(self, event: Event, now: Now) -> list[Effect]:
        del now
        self.events.append(event)
        if self.effects and not isinstance(event, Stored):
            return self.effects.pop(0)
        return []


class World:
    def __init__(self) -> None:
        self.disk = SlowDisk()
        self.core = Script()
        self.left: list[Any] = []
        self.traced: list[Trace] = []
        self.failures: list[Exception] = []
        self.clock = Clock()
        self.host = Host(
            self.core,
            Wal(self.disk, Noted),  # type: ignore[arg-type]
            self.clock,
            Draws(1),
            send=self.left.append,
            reply=self.left.append,
            trace=self.traced.append,
            flush_trace=lambda: self.disk.written.append(bytes(len(self.traced))),
            failed=self.failures.append,
        )

    def request(self, *effects: Effect) -> None:
        self.core.effects.append(list(effects))
        self.host.handle(Request("c1", 1, {"type": "t"}))

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            await asyncio.sleep(0.001)
        raise AssertionError("never happened")


def in_world(test: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
    async def whole() -> None:
        await test(World())

    def run() -> None:
        asyncio.run(whole())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def persist(token: int, *, sync: bool = True) -> Persist:
    return Persist(token, (Noted(token),), sync)


def send(to: str, after: int | None = None) -> Send:
    return Send(to, {"type": "m"}, after)


@in_world
async def test_what_waits_leaves_after_the_sync_in_order_and_before_stored(world: World) -> None:
    reply = Reply("c1", 1, {"type": "ok"}, after=1)
    world.request(persist(1), send("a", 1), send("b"), reply, Trace("k", {}))
    await asyncio.sleep(0.02)
    assert world.left == [send("b")]
    assert world.traced == [Trace("k", {})]
    left_at_stored: list[int] = []
    handle = world.core.handle

    def noting(event: Event, now: Now) -> list[Effect]:
        left_at_stored.append(len(world.left))
        return handle(event, now)

    world.core.handle = noting  # type: ignore[method-assign]
    world.disk.leave.release()
    await world.until(lambda: Stored(1) in world.core.events)
    assert world.left == [send("b"), send("a", 1), reply]
    assert left_at_stored == [3]


@in_world
async def test_the_trace_of_a_step_is_on_disk_before_its_records(world: World) -> None:
    world.request(persist(1), Trace("k", {}))
    flushed, frame = world.disk.written
    assert flushed == bytes(1)  # one event had been traced when the trace was flushed
    assert len(frame) > 8


@in_world
async def test_several_persists_share_one_sync(world: World) -> None:
    world.request(persist(1), send("a", 1))
    await world.until(lambda: world.disk.begun == 1)  # it is on its way: the others wait together
    for token in (2, 3, 4):
        world.request(persist(token), send("a", token))
    world.disk.leave.release()
    await world.until(lambda: Stored(1) in world.core.events)
    assert world.left == [send("a", 1)]
    world.disk.leave.release()
    await world.until(lambda: Stored(4) in world.core.events)
    assert world.left == [send("a", token) for token in (1, 2, 3, 4)]
    assert world.disk.syncs == 2


@in_world
async def test_tokens_without_sync_are_stored_at_once_but_not_before_earlier_ones(world: World) -> None:
    world.request(persist(1, sync=False), send("a", 1))
    await world.until(lambda: Stored(1) in world.core.events)
    assert world.left == [send("a", 1)]
    world.request(persist(2), persist(3, sync=False), send("a", 3))
    await asyncio.sleep(0.02)
    assert world.left == [send("a", 1)]
    world.disk.leave.release()
    await world.until(lambda: Stored(3) in world.core.events)
    assert world.left == [send("a", 1), send("a", 3)]
    assert world.disk.syncs == 1


@in_world
async def test_a_core_that_raises_stops_the_node(world: World) -> None:
    def broken(event: Event, now: Now) -> list[Effect]:
        del event, now
        raise KeyError("nothing")

    world.core.handle = broken  # type: ignore[method-assign]
    world.request()
    world.request()
    assert [repr(e) for e in world.failures] == ["KeyError('nothing')"]


@in_world
async def test_a_sync_that_fails_stops_the_node_and_nothing_that_waited_leaves(world: World) -> None:
    world.disk.error = OSError(5, "Input/output error")
    world.request(persist(1), send("a", 1))
    world.disk.leave.release()
    await world.until(lambda: bool(world.failures))
    assert world.left == []
    world.request(send("b"))
    assert world.left == []


@in_world
async def test_timers_follow_the_clock_of_the_node(world: World) -> None:
    """A clock a million times as fast makes an hour short; one set back to the true rate makes it long."""
    hour = 3_600_000 * MS
    world.request(SetTimer("t", hour, hour), SetTimer("u", hour, hour), CancelTimer("u"))
    await asyncio.sleep(0.02)
    names = [getattr(e, "name", None) for e in world.core.events]
    assert "t" not in names
    world.clock.set(0, 1_000_000 * 1_000_000)
    world.host.rearm()
    await world.until(lambda: "t" in [getattr(e, "name", None) for e in world.core.events])
    assert "u" not in [getattr(e, "name", None) for e in world.core.events]


def test_the_monotonic_clock_never_jumps_and_the_wall_clock_does() -> None:
    clock = Clock()
    before = clock.now()
    clock.set(3_600_000 * MS, 0)
    after = clock.now()
    assert before.monotonic_ns <= after.monotonic_ns < before.monotonic_ns + 60_000 * MS
    assert after.wall_ns - before.wall_ns >= 3_600_000 * MS
    with pytest.raises(ValueError, match="rate_ppm"):
        clock.set(0, -1_000_000)


def test_a_reading_shows_offset_and_rate() -> None:
    clock = Clock()
    clock.set(5 * MS, 100_000)
    first = clock.reading()
    second = clock.reading()
    while second["real_monotonic_ns"] - first["real_monotonic_ns"] < MS:
        second = clock.reading()
    real = second["real_monotonic_ns"] - first["real_monotonic_ns"]
    assert abs((second["monotonic_ns"] - first["monotonic_ns"]) - real * 11 // 10) <= 1
    assert first["wall_ns"] - first["real_wall_ns"] >= 4 * MS


def test_draws_are_uniform_within_their_bounds_and_follow_from_the_seed() -> None:
    draws, again, other = Draws(7), Draws(7), Draws(8)
    first = [draws.between(10, 19) for _ in range(2000)]
    assert first == [again.between(10, 19) for _ in range(2000)]
    assert first != [other.between(10, 19) for _ in range(2000)]
    assert all(120 < first.count(n) < 280 for n in range(10, 20))
    assert set(first) == set(range(10, 20))
