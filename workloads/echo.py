"""Echo (Maelstrom's): the node sends back what it got. For trying out a new node."""

from __future__ import annotations

from typing import Any

from checkers.history import Op
from workloads.generators import Gen, count, each_thread, limit
from workloads.options import resolve
from workloads.port import FINAL_REQUESTS, Call, Workload
from workloads.replies import field, ok


class EchoClient:
    """echo's request."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        return ok(op, node, field(await call(node, {"type": "echo", "echo": op.value}), "echo"))


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end: no text comes twice."""
    resolve("echo", (), options)
    return count(lambda _ctx, n: ("echo", None, f"Please echo {n}"))


def final(options: dict[str, Any]) -> Gen:
    """A few more from every thread, and so from every node that has one: it answers again."""
    resolve("echo", (), options)
    more = count(lambda ctx, n: ("echo", None, f"Please echo {n} at the end of thread {ctx.threads[0]}"))
    return each_thread(limit(FINAL_REQUESTS, more))


WORKLOAD = Workload(
    name="echo",
    client=EchoClient,
    generator=generator,
    final=final,
    reads=frozenset({"echo"}),
    checkers=("echo", "stats", "availability", "progress"),
    requests=("echo",),
)
