"""Counters (Maelstrom's g-counter and pn-counter): numbers are added, the sum is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from checkers.history import Op
from workloads.generators import Context, Gen, Spec, fn
from workloads.growing import read_once
from workloads.options import Option, resolve
from workloads.port import Call, Workload
from workloads.replies import field, ok

OPTIONS = (
    Option("read_percent", 30, 0, 100, "reads among the operations"),
    Option("max_delta", 5, 1, 1_000_000, "the largest number that is added"),
)


class CounterClient:
    """g-counter's and pn-counter's requests."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        if op.f == "read":
            return ok(op, node, field(await call(node, {"type": "read"}), "value"))
        await call(node, {"type": "add", "delta": op.value})
        return ok(op, node, op.value)


def setup(nodes: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    """Add nothing, so that a store of several types knows that it is to be a counter."""
    return [(nodes[0], {"type": "add", "delta": 0})]


def generator(name: str, low: int, options: dict[str, Any]) -> Gen:
    """The main phase, without end. ``low``: -1 where numbers may be negative, else 0."""
    o = resolve(name, OPTIONS, options)

    def next_one(ctx: Context) -> Spec:
        if ctx.stream.below(100) < o["read_percent"]:
            return "read", None, None
        return "add", None, ctx.stream.between(low * o["max_delta"], o["max_delta"])

    return fn(next_one)


def final(name: str, options: dict[str, Any]) -> Gen:
    """A read by every thread."""
    resolve(name, OPTIONS, options)
    return read_once()


def _workload(name: str, low: int) -> Workload:
    made: Callable[[dict[str, Any]], Gen] = partial(generator, name, low)
    return Workload(
        name=name,
        client=CounterClient,
        generator=made,
        final=partial(final, name),
        reads=frozenset({"read"}),
        checkers=("pn-counter", "convergence", "stats", "availability"),
        requests=("add", "read"),
        setup=setup,
        options=OPTIONS,
    )


G_COUNTER = _workload("g-counter", 0)
PN_COUNTER = _workload("pn-counter", -1)
