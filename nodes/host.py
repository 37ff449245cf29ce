"""The host of one core in an operating-system process: it performs the effects, in the order given.

Storage is asynchronous: records are written at once, and one background thread calls fdatasync for
everything written before it (group commit), so that the loop keeps serving. What waits for a token is held,
and released in the order it was issued before the core hears of ``Stored``.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from nodes.clock import Clock, real_ns
from nodes.kernel import (
    BatchingCore,
    CancelTimer,
    Core,
    Effect,
    Event,
    Persist,
    Reply,
    Send,
    SetTimer,
    Start,
    Stored,
    Timer,
    Trace,
)
from nodes.wal import Wal

MASK = (1 << 64) - 1


class Draws:
    """A stream of uniform integers from a seed (SplitMix64: Steele, Lea, Flood, OOPSLA 2014)."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & MASK

    def between(self, low: int, high: int) -> int:
        """Uniform in [low, high], both included."""
        self._state = z = (self._state + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return low + (((z ^ (z >> 31)) * (high - low + 1)) >> 64)


class Syncer:
    """Group commit: one thread that syncs the log for as many tokens as have been asked for.

    ``on_synced(token, took_ns)`` and ``on_error(exception)`` are called in the loop.
    """

    def __init__(
        self, wal: Wal, on_synced: Callable[[int, int], None], on_error: Callable[[Exception], None]
    ) -> None:
        self._wal = wal
        self._loop = asyncio.get_running_loop()
        self._on_synced = on_synced
        self._on_error = on_error
        self._asked: SimpleQueue[int] = SimpleQueue()
        self.begun = 0
        """when the sync under way began, ``real_ns``; 0: none is"""
        # a daemon: the node's exit does not wait for a disk that hangs
        threading.Thread(target=self._run, name="fdatasync", daemon=True).start()

    def ask(self, token: int) -> None:
        """Make everything appended so far durable, then call ``on_synced`` with ``token`` or a later one."""
        self._asked.put(token)

    def _run(self) -> None:
        call = self._loop.call_soon_threadsafe
        try:
            while True:
                token = self._asked.get()
                try:
                    while True:
                        token = self._asked.get_nowait()
                except Empty:
                    pass
                self.begun = begun = real_ns()
                self._wal.sync()
                self.begun = 0
                call(self._on_synced, token, real_ns() - begun)
        except RuntimeError:
            pass  # the loop is closed: the node has exited
        except Exception as e:  # noqa: BLE001  whatever it is, the node must learn of it and stop
            call(self._on_error, e)


class Host:
    """Runs ``core``. ``send``, ``reply`` and ``trace`` are where effects leave; ``failed`` stops the node.

    ``flush_trace`` is called before records are written: it puts the trace where a SIGKILL cannot reach it.
    ``synced`` hears of each sync of the disk, and how many ns it took.
    An exception of the core or of the disk goes to ``failed``, and the host does nothing any more.
    """

    def __init__(
        self,
        core: Core,
        wal: Wal,
        clock: Clock,
        draws: Draws,
        *,
        send: Callable[[Send], None],
        reply: Callable[[Reply], None],
        trace: Callable[[Trace], None],
        flush_trace: Callable[[], None],
        failed: Callable[[Exception], None],
        synced: Callable[[int], None] | None = None,
    ) -> None:
        self._core = core
        self._batching = core if isinstance(core, BatchingCore) else None
        self._wal = wal
        self._clock = clock
        self._draws = draws
        self._trace = trace
        self._flush_trace = flush_trace
        self._failed = failed
        self._tell_synced = synced
        self._syncs = self._sync_ns = 0
        self._dead = False
        self._loop = asyncio.get_running_loop()
        self._syncer = Syncer(wal, self._synced, self._fail)
        self.stored = 0
        """the last token that is durable, with all before it"""
        self.issued = 0
        """the last token the core has named"""
        self._unsynced: set[int] = set()  # tokens of Persist(sync=False) not yet passed by ``stored``
        self._held: deque[Send | Reply] = deque()
        self._timers: dict[str, tuple[int, asyncio.TimerHandle]] = {}
        self._leave: dict[type, Callable[[Any], None]] = {Send: send, Reply: reply}
        self._perform: dict[type, Callable[[Any], None]] = {
            Send: self._send_or_hold,
            Reply: self._send_or_hold,
            Persist: self._persist,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
        }

    @property
    def held(self) -> int:
        """Effects that wait for the disk."""
        return len(self._held)

    def syncs(self) -> tuple[int, int]:
        """How many there were and how many ns they took together; one that is under way counts as far as it is."""
        begun = self._syncer.begun
        return self._syncs + (begun > 0), self._sync_ns + (real_ns() - begun if begun else 0)

    def start(self, recovered: list[Any]) -> None:
        self.handle(Start(tuple(recovered)))

    def handle(self, event: Event) -> None:
        """Give the core an event and perform the effects."""
        self.handle_all((event,))

    def handle_all(self, events: Sequence[Event]) -> None:
        """What arrived in one turn of the loop, in order: together for a core that can take it so."""
        if self._dead:
            return
        try:
            if self._batching is None or len(events) == 1:
                for event in events:
                    self._perform_all(self._core.handle(event, self._clock.now()))
            else:
                self._perform_all(self._batching.handle_all(events, self._clock.now()))
        except Exception as e:  # noqa: BLE001  a core that failed is a node that crashed
            self._fail(e)

    def _perform_all(self, effects: Sequence[Effect]) -> None:
        # what has changed in memory is told first: after a SIGKILL the log must not hold what the trace
        # has not heard of
        for effect in effects:
            if type(effect) is Trace:
                self._trace(effect)
        for effect in effects:
            if type(effect) is not Trace:
                self._perform[type(effect)](effect)

    def perform(self, effect: Effect) -> None:
        """Perform an effect of the host's own, ordered like the core's."""
        self._perform[type(effect)](effect)

    def rearm(self) -> None:
        """The clock was set: timers are due at the same reading of it, so at another real time."""
        now = self._clock.now().monotonic_ns
        for name, (due, handle) in list(self._timers.items()):
            handle.cancel()
            self._arm(name, due, due - now)

    def _fail(self, error: Exception) -> None:
        if not self._dead:
            self._dead = True
            for _, handle in self._timers.values():
                handle.cancel()
            self._failed(error)

    def _send_or_hold(self, effect: Send | Reply) -> None:
        if effect.after is not None and effect.after > self.stored:
            self._held.append(effect)
        else:
            self._leave[type(effect)](effect)

    def _persist(self, effect: Persist) -> None:
        self._flush_trace()
        self._wal.append(effect.records)
        self.issued = effect.token
        if effect.sync:
            self._syncer.ask(effect.token)
            return
        self._unsynced.add(effect.token)
        if self.stored == effect.token - 1:
            self._loop.call_soon(self._advance, self.stored)

    def _synced(self, token: int, took_ns: int) -> None:
        if self._dead:
            return
        self._syncs += 1
        self._sync_ns += took_ns
        if self._tell_synced is not None:
            self._tell_synced(took_ns)
        try:
            self._wal.mark_synced()
        except OSError as e:
            self._fail(e)
            return
        self._advance(token)

    def _advance(self, token: int) -> None:
        before = self.stored
        token = max(token, before)
        while token + 1 in self._unsynced:
            token += 1
        if self._dead or token == before:
            return
        self.stored = token
        self._unsynced = {t for t in self._unsynced if t > token}
        held, self._held = self._held, deque()
        for effect in held:
            self._send_or_hold(effect)
        self.handle(Stored(token))

    def _set_timer(self, effect: SetTimer) -> None:
        self._cancel_timer(effect)
        delay = self._draws.between(effect.delay_ns_min, effect.delay_ns_max)
        self._arm(effect.name, self._clock.now().monotonic_ns + delay, delay)

    def _arm(self, name: str, due: int, delay: int) -> None:
        handle = self._loop.call_later(self._clock.seconds(max(delay, 0)), self._fire, name)
        self._timers[name] = (due, handle)

    def _cancel_timer(self, effect: SetTimer | CancelTimer) -> None:
        found = self._timers.pop(effect.name, None)
        if found is not None:
            found[1].cancel()

    def _fire(self, name: str) -> None:
        del self._timers[name]
        self.handle(Timer(name))
