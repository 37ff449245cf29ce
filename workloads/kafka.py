"""Logs of messages (Maelstrom's kafka): messages are sent to keys, polled in order, and their offsets committed.

A thread polls all keys from where it was, so in the end each has polled everything.
"""

from __future__ import annotations

from typing import Any

import msgspec

from checkers.history import Op
from workloads.generators import PENDING, Context, Emission, Gen, each_thread, invocation
from workloads.options import Option, resolve
from workloads.port import Call, Workload
from workloads.replies import field, ok

OPTIONS = (
    Option("keys", 4, 1, 1_000, "logs in use"),
    Option("poll_percent", 40, 0, 100, "polls among the operations"),
    Option(
        "commit_percent",
        5,
        0,
        50,
        "commits among them, and as many reads of what was committed; the rest sends",
    ),
)
POLLS_MAX = 200
"""of a thread in the end"""


class Logs(msgspec.Struct, frozen=True):
    """``polled[k]``: the greatest offset of key k that any poll showed, -1 if none did; ``fresh``: the next
    message.
    """

    polled: tuple[int, ...]
    fresh: int
    poll_percent: int
    commit_percent: int

    def op(self, ctx: Context) -> Emission:
        if not ctx.free:
            return PENDING, self
        stream, kind = ctx.stream, ctx.stream.below(100)
        key = stream.below(len(self.polled))
        if kind < self.poll_percent:
            return invocation(ctx, "poll", None, _poll(len(self.polled))), self
        if kind < self.poll_percent + self.commit_percent and self.polled[key] >= 0:
            return invocation(ctx, "commit", None, {str(key): self.polled[key]}), self
        if kind < self.poll_percent + 2 * self.commit_percent:
            return invocation(ctx, "committed", None, [str(k) for k in range(len(self.polled))]), self
        op = invocation(ctx, "send", None, [["send", str(key), self.fresh]])
        return op, msgspec.structs.replace(self, fresh=self.fresh + 1)

    def update(self, _ctx: Context, op: Op) -> Gen:
        if op.type != "ok" or op.f != "poll":
            return self
        polled = list(self.polled)
        for key, rows in op.value[0][1].items():
            polled[int(key)] = max([polled[int(key)], *(offset for offset, _ in rows)])
        return msgspec.structs.replace(self, polled=tuple(polled))


class Drain(msgspec.Struct, frozen=True):
    """Polls until there is nothing more. ``left``: polls that may fail or find something before it gives up."""

    keys: int
    left: int
    done: bool = False

    def op(self, ctx: Context) -> Emission:
        if self.done or not self.left:
            return None
        if not ctx.free:
            return PENDING, self
        return invocation(ctx, "poll", None, _poll(self.keys)), Drain(self.keys, self.left - 1)

    def update(self, _ctx: Context, op: Op) -> Gen:
        empty = op.type == "ok" and op.f == "poll" and not any(op.value[0][1].values())
        return Drain(self.keys, self.left, done=True) if empty else self


def _poll(keys: int) -> list[list[Any]]:
    return [["poll", [str(key) for key in range(keys)]]]


class KafkaClient:
    """kafka's requests. One client is one consumer: it knows where it is in each log."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        if op.f == "send":
            _, key, message = op.value[0]
            offset = field(await call(node, {"type": "send", "key": key, "msg": message}), "offset")
            return ok(op, node, [["send", key, [offset, message]]])
        if op.f == "commit":
            await call(node, {"type": "commit_offsets", "offsets": op.value})
            return ok(op, node, op.value)
        if op.f == "committed":
            reply = await call(node, {"type": "list_committed_offsets", "keys": op.value})
            return ok(op, node, field(reply, "offsets"))
        offsets = {key: self._at.get(key, 0) for key in op.value[0][1]}
        messages = field(await call(node, {"type": "poll", "offsets": offsets}), "msgs")
        for key, rows in messages.items():
            self._at[key] = max([self._at.get(key, 0), *(offset + 1 for offset, _ in rows)])
        return ok(op, node, [["poll", messages]])


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end: messages 1, 2, ..."""
    o = resolve("kafka", OPTIONS, options)
    return Logs((-1,) * o["keys"], 1, o["poll_percent"], o["commit_percent"])


def final(options: dict[str, Any]) -> Gen:
    """Every thread polls to the end of the logs."""
    return each_thread(Drain(resolve("kafka", OPTIONS, options)["keys"], POLLS_MAX))


WORKLOAD = Workload(
    name="kafka",
    client=KafkaClient,
    generator=generator,
    final=final,
    reads=frozenset({"poll", "committed"}),
    checkers=("kafka", "stats", "availability"),
    requests=("send", "poll", "commit_offsets", "list_committed_offsets"),
    options=OPTIONS,
)
