"""Bank accounts (Jepsen's bank): transfers between accounts, and reads of all of them, which must add up.

``transfer {from, to, amount}`` is a request of our own nodes; balances are read by one transaction.
"""

from __future__ import annotations

from typing import Any

from checkers.history import Op
from workloads.generators import Context, Gen, Spec, each_thread, fn, one
from workloads.options import Option, resolve
from workloads.port import Call, Workload
from workloads.replies import field, ok

ACCOUNTS = tuple(range(8))
BALANCE = 10
"""of each account in the beginning"""

OPTIONS = (
    Option("read_percent", 50, 0, 100, "reads among the operations; the rest are transfers"),
    Option("max_transfer", 5, 1, 1_000, "the largest amount of a transfer"),
)


class BankClient:
    """One transaction reads all; one request transfers."""

    async def invoke(self, op: Op, node: str, call: Call) -> Op:
        if op.f == "transfer":
            await call(node, {"type": "transfer", **op.value})
            return ok(op, node, op.value)
        reply = await call(node, {"type": "txn", "txn": [["r", account, None] for account in ACCOUNTS]})
        return ok(op, node, {str(account): balance for _, account, balance in field(reply, "txn")})


def setup(nodes: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    """Open the accounts."""
    return [(nodes[0], {"type": "write", "key": account, "value": BALANCE}) for account in ACCOUNTS]


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end."""
    o = resolve("bank", OPTIONS, options)

    def next_one(ctx: Context) -> Spec:
        stream = ctx.stream
        if stream.below(100) < o["read_percent"]:
            return "read", None, None
        giver, taker = stream.below(len(ACCOUNTS)), stream.below(len(ACCOUNTS) - 1)
        taker += taker >= giver
        amount = stream.between(1, o["max_transfer"])
        return "transfer", None, {"from": ACCOUNTS[giver], "to": ACCOUNTS[taker], "amount": amount}

    return fn(next_one)


def final(options: dict[str, Any]) -> Gen:
    """A read by every thread."""
    resolve("bank", OPTIONS, options)
    return each_thread(one("read"))


WORKLOAD = Workload(
    name="bank",
    client=BankClient,
    generator=generator,
    final=final,
    reads=frozenset({"read"}),
    checkers=("bank", "stats", "availability"),
    requests=("write", "txn", "transfer"),
    setup=setup,
    judging={"accounts": list(ACCOUNTS), "total": BALANCE * len(ACCOUNTS)},
    options=OPTIONS,
)
