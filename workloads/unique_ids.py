"""Unique ids (Maelstrom's): no two answers may be the same."""

from __future__ import annotations

from typing import Any

from checkers.history import Op
from workloads.generators import Gen, each_thread, fn, limit
from workloads.options import resolve
from workloads.port import FINAL_REQUESTS, Call, Workload
from workloads.replies import field, ok


class UniqueIdsClient:
    """unique-ids' request."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        return ok(op, node, field(await call(node, {"type": "generate"}), "id"))


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end."""
    resolve("unique-ids", (), options)
    return fn(lambda _ctx: ("generate", None, None))


def final(options: dict[str, Any]) -> Gen:
    """A few more from every thread, and so from every node that has one: it answers again."""
    return each_thread(limit(FINAL_REQUESTS, generator(options)))


WORKLOAD = Workload(
    name="unique-ids",
    client=UniqueIdsClient,
    generator=generator,
    final=final,
    reads=frozenset(),
    checkers=("unique-ids", "stats", "availability", "progress"),
    requests=("generate",),
)
