"""Registers: reads, writes and compare-and-sets of a few keys (Maelstrom's lin-kv).

Every written value is new, so a read names the write it saw. A cas expects the value that was last seen, so
that a good share of them succeed. In the end every node is asked for every key.
"""

from __future__ import annotations

from typing import Any

import msgspec

from checkers.history import Op
from workloads.generators import PENDING, Context, Emission, Gen, invocation
from workloads.keys import Keys, sweep
from workloads.options import Option, resolve
from workloads.port import Call, CallError, Workload
from workloads.replies import field, ok

KEY_DOES_NOT_EXIST = 20
OPTIONS = (
    Option("keys", 8, 1, 10_000, "keys in use at a time"),
    Option("ops_per_key", 500, 0, 1_000_000, "operations until a key retires and a new one comes; 0: never"),
    Option("read_percent", 50, 0, 100, "reads among the operations"),
    Option("cas_percent", 20, 0, 100, "compare-and-sets among them; the rest are writes"),
)


class Mix(msgspec.Struct, frozen=True):
    """``seen[i]``: the value last seen in key ``keys.keys[i]``, None if none was; ``fresh``: the next new
    value.
    """

    keys: Keys
    seen: tuple[Any, ...]
    fresh: int
    read_percent: int
    cas_percent: int

    def op(self, ctx: Context) -> Emission:
        if not ctx.free:
            return PENDING, self
        stream, keys = ctx.stream, self.keys
        i = stream.below(len(keys.keys))
        kind = stream.below(100)
        key, seen, fresh = keys.keys[i], self.seen, self.fresh
        if kind < self.read_percent:
            op = invocation(ctx, "read", key)
        elif kind < self.read_percent + self.cas_percent and seen[i] is not None:
            op = invocation(ctx, "cas", key, [seen[i], fresh])
            fresh += 1
        else:
            op = invocation(ctx, "write", key, fresh)
            fresh += 1
        after, retired = keys.used(i)
        if retired:
            seen = (*seen[:i], None, *seen[i + 1 :])
        return op, Mix(after, seen, fresh, self.read_percent, self.cas_percent)

    def update(self, _ctx: Context, op: Op) -> Gen:
        if op.type != "ok" or op.key not in self.keys.keys:
            return self
        i = self.keys.keys.index(op.key)
        value = op.value[1] if op.f == "cas" else op.value
        seen = (*self.seen[:i], value, *self.seen[i + 1 :])
        return Mix(self.keys, seen, self.fresh, self.read_percent, self.cas_percent)


class RegisterClient:
    """lin-kv's requests. A key that does not exist reads as None."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        if op.f == "read":
            try:
                reply = await call(node, {"type": "read", "key": op.key})
            except CallError as e:
                if e.code != KEY_DOES_NOT_EXIST:
                    raise
                return ok(op, node, None)
            return ok(op, node, field(reply, "value"))
        if op.f == "write":
            await call(node, {"type": "write", "key": op.key, "value": op.value})
        else:
            old, new = op.value
            await call(node, {"type": "cas", "key": op.key, "from": old, "to": new})
        return ok(op, node, op.value)


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end."""
    o = resolve("register", OPTIONS, options)
    n = o["keys"]
    return Mix(Keys.begin(n, o["ops_per_key"]), (None,) * n, 1, o["read_percent"], o["cas_percent"])


def final(options: dict[str, Any]) -> Gen:
    """Every key, from every node that a thread talks to."""
    o = resolve("register", OPTIONS, options)
    return sweep(lambda key: ("read", key, None), lambda op: op.value is not None, o["keys"])


WORKLOAD = Workload(
    name="register",
    client=RegisterClient,
    generator=generator,
    final=final,
    reads=frozenset({"read"}),
    checkers=("linearizability", "stats", "availability", "progress"),
    requests=("read", "write", "cas"),
    options=OPTIONS,
)
