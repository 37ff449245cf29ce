"""The simulated host of one core: it performs effects, keeps timers, writes the log, and dies when told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from harness.sim.clock import SimClock
from harness.sim.disk import SimFiles
from harness.sim.network import SimLink
from harness.sim.world import World
from nemeses.port import Damage, DiskTrouble, NodeState
from nodes import kernel
from nodes.kernel import CancelTimer, Core, Persist, Receive, Reply, Request, Send, SetTimer, Stored
from nodes.wal import Wal, WalCorruptError

SIGKILL = -9
"""exit status of a node that was killed or lost power, as subprocess would report it"""
PANIC = 70
"""exit status of a node whose core raised, or whose log refused to be read (EX_SOFTWARE)"""
WAL = "wal"
MS = 1_000_000
PERIOD_NS = 100 * MS
"""in which a node with too little processor has its share, as Linux counts it"""
FULL_PERCENT = 100


class DiskLatency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long an fsync takes, in microseconds: uniform, and now and then much longer."""

    min_us: int = 200
    max_us: int = 1_500
    slow_ppm: int = 20_000
    slow_us: int = 10_000

    def __post_init__(self) -> None:
        if not 0 <= self.min_us <= self.max_us or self.slow_us < 0:
            raise ValueError("expected 0 <= min_us <= max_us and slow_us of at least 0")
        if not 0 <= self.slow_ppm <= 1_000_000:
            raise ValueError(f"slow_ppm is {self.slow_ppm}, expected 0 to 1000000")


class SimTimer:
    """An armed timer has one entry in the heap, which is moved when it comes up too early: re-arming is cheap.

    The delay's random part is drawn only when the timer could really fire.
    """

    __slots__ = ("armed", "drawn", "earliest", "generation", "name", "planned", "spread")

    def __init__(self, name: str) -> None:
        self.name = name
        self.armed = False
        self.earliest = 0
        self.spread = 0
        self.drawn = False
        self.planned = 0
        """time of the heap's entry; 0: none"""
        self.generation = 0


class SimNode:
    """One member. ``links`` are its outgoing ones; ``reply(node, client, msg_id, body)`` is the way to clients."""

    def __init__(
        self,
        world: World,
        name: str,
        links: Mapping[str, SimLink],
        build: Callable[[], Core],
        records: Any,
        latency: DiskLatency,
        wal: Callable[[SimFiles, Any, str], Wal],
        reply: Callable[[str, str, int, dict[str, Any]], None],
    ) -> None:
        self.name = name
        self.links = links
        self.clock = SimClock()
        self.incarnation = 0
        self.exit_status: int | None = None
        self.paused = False
        self.stalled = 0
        self.lost_bytes = 0
        self.sent = 0
        """frames given to links"""
        self.received = 0
        """frames that came from links"""
        self.panic: str | None = None
        self.throttled_ns = 0
        self.waited = 0
        """messages that waited for the processor"""
        self._disk = DiskTrouble()
        self._syncs = self._sync_ns = self._sync_begun = 0
        self._percent = FULL_PERCENT
        self._throttled_at: int | None = None
        """since when it has used up its share; None: it has not"""
        self._throttling = 0
        """number of the limit in force"""
        self._headroom: int | None = None
        self._room = 0
        """bytes that it may still take"""
        self._world = world
        self._build = build
        self._records = records
        self._reply = reply
        self._latency = latency
        self._make_wal = wal
        self._files = SimFiles()
        self._core: Core | None = None
        self._timers: dict[str, SimTimer] = {}
        self._held: deque[tuple[int, Send | Reply]] = deque()
        self._backlog: list[kernel.Event] = []
        self._appended_token = 0
        self._stored_token = 0
        self._syncing = False
        self._timer_stream = world.streams.stream("timer", name)
        self._disk_stream = world.streams.stream("disk", name)
        self._power_stream = world.streams.stream("power", name)
        self._perform: dict[type, Callable[[Any], None]] = {
            Send: self._send,
            Reply: self._answer,
            Persist: self._persist,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            kernel.Trace: self._trace,
        }

    # --- life ---------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        return self._core is not None

    def start(self) -> None:
        """A new incarnation: read the log, hand it to a new core. A log that refuses is a panic."""
        assert self._core is None, f"{self.name} is up"
        self.incarnation += 1
        self.exit_status = None
        self._files.deferred = False
        self._syncs = self._sync_ns = 0
        self._room = self._headroom or 0
        self._wal = self._make_wal(self._files, self._records, WAL)
        try:
            recovered = tuple(self._wal.recover())
        except WalCorruptError as e:
            self._die(PANIC, "panic", {"why": str(e)})
            return
        except OSError as e:
            self._disk_failed(e)
            return
        self._files.deferred = True
        self._core = self._build()
        self._appended_token = self._stored_token = 0
        self._syncing = False
        self._handle(kernel.Start(recovered, self._world.streams.stream("choices", self.name)))

    def kill(self) -> None:
        self._die(SIGKILL, "killed", {})

    def lose_power(self) -> None:
        lost = self._files.lose_power(self._power_stream)
        self.lost_bytes += lost
        self._die(SIGKILL, "power_lost", {"lost_bytes": lost})

    def pause(self) -> None:
        if self.up and not self.paused:
            self.paused = True
            self._world.trace(self.name, "paused", {})

    def resume(self) -> None:
        """What arrived meanwhile is handled now, in the order of arrival."""
        if not self.paused:
            return
        self.paused = False
        self._world.trace(self.name, "resumed", {})
        self._go_on()

    def _go_on(self) -> None:
        if self.paused or self._throttled_at is not None:
            return
        backlog, self._backlog = self._backlog, []
        for event in backlog:
            self._accept(event)

    def set_clock(self, offset_ns: int, rate_ppm: int) -> None:
        self.clock.set(self._world.time, offset_ns, rate_ppm)
        self._world.trace(self.name, "clock", {"offset_ns": offset_ns, "rate_ppm": rate_ppm})

    def set_disk(self, trouble: DiskTrouble) -> None:
        self._disk = trouble
        self._files.refuses = trouble.refuses

    def damage(self, damage: Damage) -> int:
        """The node dies, and finds other data than it wrote when it is started again."""
        self.kill()
        return self._files.damage(damage)

    def mend(self) -> None:
        self._files.mend(down=not self.up)

    def limit_cpu(self, percent: int) -> None:
        """So much of each period it works, and then stands still to the end of it."""
        self._percent = percent
        self._throttling += 1
        if self._throttled_at is not None:
            self._unthrottle()
        if percent < FULL_PERCENT:
            self._new_period(self._throttling)

    def _new_period(self, limit: int, _: None = None) -> None:
        if limit != self._throttling:
            return
        if self._throttled_at is not None:
            self._unthrottle()
        time = self._world.time
        self._world.at(time + PERIOD_NS * self._percent // FULL_PERCENT, self._throttle, limit, None)
        self._world.at(time + PERIOD_NS, self._new_period, limit, None)

    def _throttle(self, limit: int, _: None) -> None:
        if limit == self._throttling:
            self._throttled_at = self._world.time

    def _unthrottle(self) -> None:
        assert self._throttled_at is not None
        if self.up:
            self.throttled_ns += self._world.time - self._throttled_at
        self._throttled_at = None
        self._go_on()

    def limit_memory(self, headroom_kb: int | None) -> None:
        """What a node keeps, it has written to its log: so the log's growth stands for the memory's."""
        self._headroom = None if headroom_kb is None else headroom_kb << 10
        self._room = self._headroom or 0

    def state(self) -> NodeState:
        """As read on the node: the clock's rate from two readings of it."""
        time, second = self._world.time, 1_000_000_000
        now = self.clock.read(time)
        ahead = self.clock.monotonic(time + second) - now.monotonic_ns - second
        return NodeState(
            incarnation=self.incarnation,
            up=self.up,
            exit_status=self.exit_status,
            paused=self.paused,
            stalled=self.stalled,
            clock_offset_ns=now.wall_ns - SimClock().read(time).wall_ns,
            clock_rate_ppm=ahead // 1_000,
            lost_bytes=self.lost_bytes,
            disk=self._disk.refuses or ("slow" if self._disk.delay_us else ""),
            refused=self._files.refused,
            syncs=self._syncs + self._syncing,
            sync_ns=self._sync_ns + (time - self._sync_begun if self._syncing else 0),
            damaged=self._files.damaged,
            throttled_ns=self.throttled_ns
            + (time - self._throttled_at if self._throttled_at is not None and self.up else 0),
            waited=self.waited,
            limits=", ".join(
                name
                for name, limited in (
                    ("cpu", self._percent < FULL_PERCENT),
                    ("memory", self._headroom is not None),
                )
                if limited
            ),
        )

    def _die(self, exit_status: int, kind: str, data: dict[str, Any]) -> None:
        self._core = None
        self.exit_status = exit_status
        self.paused = False
        for timer in self._timers.values():
            timer.generation = -1
        self._timers = {}
        self._held.clear()
        self._backlog = []
        self._syncing = False
        self._world.trace(self.name, kind, data)

    # --- events -------------------------------------------------------------------------------------------

    def receive(self, src: str, message: Any) -> None:
        self.received += 1
        self._accept(Receive(src, message))

    def request(self, client: str, msg_id: int, body: dict[str, Any]) -> None:
        self._accept(Request(client, msg_id, body))

    def _accept(self, event: kernel.Event) -> None:
        if self._core is None:
            return
        if self.paused:
            self.stalled += 1
            self._backlog.append(event)
        elif self._throttled_at is not None:
            self.waited += 1
            self._backlog.append(event)
        elif type(event) is Stored:
            self._release(event.token)
            self._handle(event)
        else:
            self._handle(event)

    def _handle(self, event: kernel.Event) -> None:
        assert self._core is not None
        try:
            effects = self._core.handle(event, self.clock.read(self._world.time))
        except Exception as e:  # noqa: BLE001  whatever a core raises is the death of its node
            self.panic = f"{type(e).__name__}: {e}"
            self._die(PANIC, "panic", {"why": self.panic})
            return
        perform = self._perform
        try:
            for effect in effects:
                perform[type(effect)](effect)
        except OSError as e:
            self._disk_failed(e)
        except MemoryError:
            self._die(SIGKILL, "killed", {"why": "out of memory"})

    def _disk_failed(self, error: OSError) -> None:
        """A node that cannot store stops, as the process does (nodes/host.py)."""
        self.panic = f"OSError: {error}"
        self._die(PANIC, "panic", {"why": self.panic})

    # --- effects ------------------------------------------------------------------------------------------

    def _send(self, effect: Send) -> None:
        after = effect.after
        if after is not None and after > self._stored_token:
            self._held.append((after, effect))
        else:
            self.sent += 1
            self.links[effect.to].send(effect.message)

    def _answer(self, effect: Reply) -> None:
        after = effect.after
        if after is not None and after > self._stored_token:
            self._held.append((after, effect))
        else:
            self._reply(self.name, effect.client, effect.msg_id, effect.body)

    def _release(self, token: int) -> None:
        self._stored_token = token
        held = self._held
        while held and held[0][0] <= token:
            effect = held.popleft()[1]
            self._perform[type(effect)](effect)

    def _trace(self, effect: kernel.Trace) -> None:
        data = effect.data
        if effect.kind == "started":
            data = {**data, "incarnation": self.incarnation}
        self._world.trace(self.name, effect.kind, data)

    # --- storage ------------------------------------------------------------------------------------------

    def _persist(self, effect: Persist) -> None:
        end = self._wal.end
        self._wal.append(effect.records)
        if self._headroom is not None:
            self._room -= self._wal.end - end
            if self._room < 0:
                raise MemoryError
        self._appended_token = effect.token
        if not self._syncing:
            self._begin_sync()

    def _begin_sync(self) -> None:
        """One fsync at a time: what is written meanwhile shares the next one."""
        self._wal.sync()
        self._syncing = True
        self._sync_begun = self._world.time
        draw, latency = self._disk_stream, self._latency
        delay = draw.between(latency.min_us, latency.max_us)
        if draw.chance(latency.slow_ppm):
            delay += latency.slow_us
        delay += self._disk.delay_us
        world = self._world
        world.at(world.time + delay * 1_000, self._synced, self.incarnation, self._appended_token)

    def _synced(self, incarnation: int, token: int) -> None:
        if incarnation != self.incarnation or self._core is None:
            return
        self._files.finish_sync(WAL)
        self._syncing = False
        self._syncs += 1
        self._sync_ns += self._world.time - self._sync_begun
        try:
            self._wal.mark_synced()
            if self._appended_token > token:
                self._begin_sync()
        except OSError as e:
            self._disk_failed(e)
            return
        self._accept(Stored(token))

    # --- timers -------------------------------------------------------------------------------------------

    def _set_timer(self, effect: SetTimer) -> None:
        timer = self._timers.get(effect.name)
        if timer is None:
            timer = self._timers[effect.name] = SimTimer(effect.name)
        clock, low = self.clock, effect.delay_ns_min
        spread = effect.delay_ns_max - low
        if clock.rate_ppm:
            low, spread = clock.to_world(low), clock.to_world(spread)
        timer.earliest = earliest = self._world.time + low
        timer.spread = spread
        timer.armed = True
        timer.drawn = False
        if not timer.planned or timer.planned > earliest:
            self._plan(timer, earliest)

    def _cancel_timer(self, effect: CancelTimer) -> None:
        timer = self._timers.get(effect.name)
        if timer is not None:
            timer.armed = False

    def _plan(self, timer: SimTimer, time: int) -> None:
        timer.planned = time
        timer.generation += 1
        self._world.at(time, self._due, timer, timer.generation)

    def _due(self, timer: SimTimer, generation: int) -> None:
        if timer.generation != generation:
            return
        timer.planned = 0
        if not timer.armed:
            return
        if self._world.time < timer.earliest:
            self._plan(timer, timer.earliest)
            return
        if not timer.drawn:
            timer.drawn = True
            extra = self._timer_stream.below(timer.spread + 1)
            if extra:
                timer.earliest += extra
                self._plan(timer, timer.earliest)
                return
        timer.armed = False
        self._accept(kernel.Timer(timer.name))
