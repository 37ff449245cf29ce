"""A set that only grows (Maelstrom's g-set): elements are added, the whole set is read."""

from __future__ import annotations

from typing import Any

from checkers.history import Op
from workloads.generators import Gen
from workloads.growing import READ_PERCENT, adds_and_reads, read_once
from workloads.options import resolve
from workloads.port import Call, Workload
from workloads.replies import field, ok

OPTIONS = (READ_PERCENT,)


class GSetClient:
    """g-set's requests."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        if op.f == "read":
            return ok(op, node, field(await call(node, {"type": "read"}), "value"))
        await call(node, {"type": "add", "element": op.value})
        return ok(op, node, op.value)


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end: elements 0, 1, 2, ..."""
    return adds_and_reads("add", resolve("g-set", OPTIONS, options)["read_percent"])


def final(options: dict[str, Any]) -> Gen:
    """A read by every thread."""
    resolve("g-set", OPTIONS, options)
    return read_once()


WORKLOAD = Workload(
    name="g-set",
    client=GSetClient,
    generator=generator,
    final=final,
    reads=frozenset({"read"}),
    checkers=("set-full", "convergence", "stats", "availability", "progress"),
    requests=("add", "read"),
    options=OPTIONS,
)
