"""A fault port for tests: a cluster that does what it is told, and can be told to do nothing at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from nemeses.family import one_by_one
from nemeses.port import Damage, DiskTrouble, Link, LinkCount, LinkRule, NodeState

T = TypeVar("T")
ALL = frozenset({"partition", "link", "kill", "power-loss", "pause", "clock", "disk", "resource"})


class FakePort:
    """``works=False``: every primitive returns as if it had worked. ``now`` moves when somebody sleeps."""

    capabilities = ALL

    def __init__(self, n: int = 5, leader: str | None = "n0", *, works: bool = True) -> None:
        self.nodes = tuple(f"n{i}" for i in range(n))
        self.states = {name: NodeState(incarnation=1, up=True) for name in self.nodes}
        self.time = 0
        self.known_leader = leader
        self.works = works
        self.cuts: dict[int, list[Link]] = {}
        self.rules: dict[int, tuple[list[Link], LinkRule]] = {}
        self.counts: dict[Link, LinkCount] = {}
        self.handle = 0
        self.disks: dict[str, DiskTrouble] = {}
        self.failing: set[tuple[str, str]] = set()
        """(primitive, node): raises"""

    def now(self) -> int:
        return self.time

    async def sleep_until(self, time_ns: int) -> None:
        self.time = max(self.time, time_ns)

    async def at_once(self, acts: Sequence[Callable[[], Awaitable[None]]]) -> None:
        await one_by_one(acts)

    def leader(self) -> str | None:
        return self.known_leader

    def traffic(self) -> None:
        """Every node sends to every node."""
        for link in [(a, b) for a in self.nodes for b in self.nodes if a != b]:
            count = self.counts.setdefault(link, LinkCount())
            if any(link in links for links in self.cuts.values()):
                count.refused += 1
            elif any(link in links for links, _ in self.rules.values()):
                count.altered += 1
            else:
                count.delivered += 1
            self.states[link[1]].stalled += self.states[link[1]].paused
        for name, state in self.states.items():
            if state.up:
                self._work(name, state)

    def _work(self, name: str, state: NodeState) -> None:
        """A sync of 1 ms, or longer; a tenth of a second's share of the processor; some more memory."""
        trouble = self.disks.get(name, DiskTrouble())
        state.syncs += 1
        state.sync_ns += 1_000_000 + trouble.delay_us * 1_000
        if "cpu" in state.limits:
            state.throttled_ns += 1_000_000
            state.waited += 1
        if trouble.refuses:
            state.refused += 1
            state.up, state.exit_status = False, 70
        elif "memory" in state.limits:
            state.up, state.exit_status = False, -9

    def _next(self) -> int:
        self.handle += 1
        return self.handle

    async def cut(self, links: Iterable[Link]) -> int:
        handle = self._next()
        self.cuts[handle] = list(links) if self.works else []
        return handle

    async def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        handle = self._next()
        self.rules[handle] = (list(links) if self.works else [], rule)
        return handle

    async def release(self, handle: int) -> None:
        if handle in self.cuts:
            del self.cuts[handle]
        else:
            del self.rules[handle]

    def _may(self, what: str, node: str) -> bool:
        if (what, node) in self.failing:
            raise OSError(f"{what} {node}")
        return self.works

    async def kill(self, node: str) -> None:
        assert self.states[node].up
        if self._may("kill", node):
            self.states[node].up = self.states[node].paused = False
            self.states[node].exit_status = -9

    async def power_loss(self, node: str) -> None:
        assert self.states[node].up
        if self._may("power_loss", node):
            self.states[node].up = self.states[node].paused = False
            self.states[node].exit_status = -9
            self.states[node].lost_bytes += 100

    async def start(self, node: str) -> None:
        if self._may("start", node) and not self.states[node].up:
            self.states[node].up = True
            self.states[node].exit_status = None
            self.states[node].incarnation += 1

    async def pause(self, node: str) -> None:
        assert self.states[node].up
        self.states[node].paused = self._may("pause", node)

    async def resume(self, node: str) -> None:
        self._may("resume", node)
        self.states[node].paused = False

    async def set_clock(self, node: str, offset_ns: int, rate_ppm: int) -> None:
        if self._may("set_clock", node):
            self.states[node].clock_offset_ns = offset_ns
            self.states[node].clock_rate_ppm = rate_ppm

    async def set_disk(self, node: str, trouble: DiskTrouble) -> None:
        if self._may("set_disk", node):
            self.disks[node] = trouble
            self.states[node].disk = trouble.refuses or ("slow" if trouble.delay_us else "")

    async def damage(self, node: str, damage: Damage) -> int:
        del damage
        if not self._may("damage", node) or not self.states[node].up:
            return 0
        await self.kill(node)
        self.states[node].damaged = 1
        return 1

    async def mend(self, node: str) -> None:
        if self._may("mend", node):
            self.states[node].damaged = 0

    async def limit_cpu(self, node: str, percent: int) -> None:
        if self._may("limit_cpu", node):
            self.states[node].limits = "cpu" if percent < 100 else ""

    async def limit_memory(self, node: str, headroom_kb: int | None) -> None:
        if self._may("limit_memory", node):
            self.states[node].limits = "" if headroom_kb is None else "memory"

    async def observe(self) -> dict[str, NodeState]:
        return {
            name: NodeState(**{f: getattr(s, f) for f in s.__struct_fields__})
            for name, s in self.states.items()
        }

    async def refresh(self) -> None:
        """Counts are always new."""

    def links(self) -> dict[Link, LinkCount]:
        return {link: LinkCount(c.delivered, c.refused, c.altered) for link, c in self.counts.items()}

    def healed(self) -> bool:
        """Nothing of any fault is left."""
        return (
            not self.cuts
            and not self.rules
            and all(
                s.up
                and not (s.paused or s.clock_offset_ns or s.clock_rate_ppm)
                and not (s.disk or s.damaged or s.limits)
                for s in self.states.values()
            )
        )


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """A coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as e:
        value: T = e.value
        return value
    raise AssertionError("it waits")
