"""Broadcast (Maelstrom's): each message sent to one node is to reach all."""

from __future__ import annotations

from math import isqrt
from typing import Any

from checkers.history import Op
from workloads.generators import Gen
from workloads.growing import READ_PERCENT, adds_and_reads, read_once
from workloads.options import resolve
from workloads.port import Call, Workload
from workloads.replies import field, ok

OPTIONS = (READ_PERCENT,)


class BroadcastClient:
    """broadcast's requests."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        if op.f == "read":
            return ok(op, node, field(await call(node, {"type": "read"}), "messages"))
        await call(node, {"type": "broadcast", "message": op.value})
        return ok(op, node, op.value)


def grid(nodes: tuple[str, ...]) -> dict[str, list[str]]:
    """Each node's neighbours on a grid about as wide as high, Maelstrom's default topology."""
    width = max(1, isqrt(len(nodes) - 1) + 1) if nodes else 1
    out: dict[str, list[str]] = {}
    for i, node in enumerate(nodes):
        column = i % width
        near = [i - width, i + width, *([i - 1] if column else []), *([i + 1] if column < width - 1 else [])]
        out[node] = [nodes[j] for j in sorted(near) if 0 <= j < len(nodes)]
    return out


def setup(nodes: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    """Tell every node the topology."""
    topology = grid(nodes)
    return [(node, {"type": "topology", "topology": topology}) for node in nodes]


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end: messages 0, 1, 2, ..."""
    return adds_and_reads("broadcast", resolve("broadcast", OPTIONS, options)["read_percent"])


def final(options: dict[str, Any]) -> Gen:
    """A read by every thread."""
    resolve("broadcast", OPTIONS, options)
    return read_once()


WORKLOAD = Workload(
    name="broadcast",
    client=BroadcastClient,
    generator=generator,
    final=final,
    reads=frozenset({"read"}),
    checkers=("set-full", "convergence", "stats", "availability", "progress"),
    requests=("topology", "broadcast", "read"),
    setup=setup,
    options=OPTIONS,
)
