"""Transactions of reads and appends to lists (Maelstrom's txn-list-append, Elle's list-append).

Every appended value is new, so a read list tells the order of the appends, and with it who depended on whom.
"""

from __future__ import annotations

from typing import Any

import msgspec

from checkers.history import Op
from workloads.generators import PENDING, Context, Emission, Gen, Spec, invocation
from workloads.keys import Keys, sweep
from workloads.options import Option, resolve
from workloads.port import Call, Workload
from workloads.replies import field, ok

OPTIONS = (
    Option("key_count", 8, 1, 10_000, "keys in use at a time"),
    Option("max_txn_length", 4, 1, 100, "most micro-operations of a transaction; it has one at least"),
    Option("max_writes_per_key", 32, 0, 1_000_000, "appends until a key is replaced; 0: never"),
)


class Transactions(msgspec.Struct, frozen=True):
    """Half the micro-operations read, the others are ``write``. ``fresh``: the next new value."""

    keys: Keys
    length_max: int
    fresh: int
    write: str = "append"

    def op(self, ctx: Context) -> Emission:
        if not ctx.free:
            return PENDING, self
        stream, keys, fresh = ctx.stream, self.keys, self.fresh
        txn: list[list[Any]] = []
        for _ in range(stream.between(1, self.length_max)):
            i = stream.below(len(keys.keys))
            key = keys.keys[i]
            if stream.below(2):
                txn.append(["r", key, None])
            else:
                txn.append([self.write, key, fresh])
                fresh += 1
                keys, _retired = keys.used(i)
        return invocation(ctx, "txn", None, txn), Transactions(keys, self.length_max, fresh, self.write)

    def update(self, _ctx: Context, _op: Op) -> Gen:
        return self


class TransactionClient:
    """The request of txn-list-append and txn-rw-register: the whole transaction in one."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        reply = await call(node, {"type": "txn", "txn": op.value})
        return ok(op, node, field(reply, "txn"))


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end."""
    o = resolve("txn-list-append", OPTIONS, options)
    return Transactions(Keys.begin(o["key_count"], o["max_writes_per_key"]), o["max_txn_length"], 1)


def final(options: dict[str, Any]) -> Gen:
    """Every list, read at every node that a thread talks to, some in one transaction."""
    n = resolve("txn-list-append", OPTIONS, options)["key_count"]

    def read(key: int) -> Spec:
        return "txn", None, [["r", k, None] for k in range(key, key + n)]

    return sweep(read, lambda op: any(micro[2] for micro in op.value), n, n)


WORKLOAD = Workload(
    name="txn-list-append",
    client=TransactionClient,
    generator=generator,
    final=final,
    reads=frozenset(),
    checkers=("list-append", "stats", "availability", "progress"),
    requests=("txn",),
    options=OPTIONS,
)
