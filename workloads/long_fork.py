"""Long forks (Jepsen's): each key is written once, and read together with the others of its group.

A thread that wrote a key reads its group next; else it writes a new key, or reads the group of one that another
thread has just written. Maelstrom's txn-rw-register requests.
"""

from __future__ import annotations

from typing import Any

import msgspec

from checkers.history import Op
from workloads.generators import PENDING, Context, Emission, Gen, each_thread, invocation
from workloads.options import Option, resolve
from workloads.port import Call, Workload
from workloads.replies import field, ok

OPTIONS = (Option("group_size", 3, 2, 20, "keys that are read together"),)


class Forks(msgspec.Struct, frozen=True):
    """``mine``: (thread, the key it wrote last and has not read yet)."""

    group: int
    fresh: int = 0
    mine: tuple[tuple[int, int], ...] = ()

    def op(self, ctx: Context) -> Emission:
        if not ctx.free:
            return PENDING, self
        stream, mine = ctx.stream, dict(self.mine)
        thread = stream.choice(ctx.free)
        alone = ctx.restrict([thread])
        if thread in mine:
            key = mine.pop(thread)
            return invocation(alone, "read", None, self._read(ctx, key)), self._with(mine, self.fresh)
        if mine and stream.below(2):
            return invocation(
                alone, "read", None, self._read(ctx, stream.choice(sorted(mine.values())))
            ), self
        mine[thread] = self.fresh
        return invocation(alone, "write", None, [["w", self.fresh, 1]]), self._with(mine, self.fresh + 1)

    def _with(self, mine: dict[int, int], fresh: int) -> Forks:
        return Forks(self.group, fresh, tuple(sorted(mine.items())))

    def _read(self, ctx: Context, key: int) -> list[list[Any]]:
        first = key - key % self.group
        return [["r", k, None] for k in ctx.stream.shuffle(range(first, first + self.group))]

    def update(self, _ctx: Context, _op: Op) -> Gen:
        return self


class Sweep(msgspec.Struct, frozen=True):
    """Reads group after group, until one was never written."""

    group: int
    first: int = 0
    done: bool = False

    def op(self, ctx: Context) -> Emission:
        if self.done:
            return None
        if not ctx.free:
            return PENDING, self
        keys = range(self.first, self.first + self.group)
        op = invocation(ctx, "read", None, [["r", key, None] for key in keys])
        return op, Sweep(self.group, self.first + self.group)

    def update(self, _ctx: Context, op: Op) -> Gen:
        empty = op.type != "invoke" and not any(micro[2] for micro in op.value)
        return Sweep(self.group, self.first, done=True) if empty else self


class LongForkClient:
    """The whole transaction in one request."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        return ok(op, node, field(await call(node, {"type": "txn", "txn": op.value}), "txn"))


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end: keys 0, 1, 2, ..."""
    return Forks(resolve("long-fork", OPTIONS, options)["group_size"])


def final(options: dict[str, Any]) -> Gen:
    """Every group, by every thread."""
    return each_thread(Sweep(resolve("long-fork", OPTIONS, options)["group_size"]))


WORKLOAD = Workload(
    name="long-fork",
    client=LongForkClient,
    generator=generator,
    final=final,
    reads=frozenset({"read"}),
    checkers=("long-fork", "stats", "availability"),
    requests=("txn",),
    options=OPTIONS,
)
