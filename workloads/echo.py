"""Echo (Maelstrom's): the node sends back what it got. For trying out a new node."""

from __future__ import annotations

from typing import Any

from checkers.history import Op
from workloads.generators import Gen, count
from workloads.options import resolve
from workloads.port import Call, Workload
from workloads.replies import field, ok


class EchoClient:
    """echo's request."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        return ok(op, node, field(await call(node, {"type": "echo", "echo": op.value}), "echo"))


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end: no text comes twice."""
    resolve("echo", (), options)
    return count(lambda _ctx, n: ("echo", None, f"Please echo {n}"))


WORKLOAD = Workload(
    name="echo",
    client=EchoClient,
    generator=generator,
    final=None,
    reads=frozenset({"echo"}),
    checkers=("echo", "stats", "availability"),
    requests=("echo",),
)
