"""Transactions of reads and writes of registers (Maelstrom's txn-rw-register, Elle's rw-register).

Every written value is new, so a read tells whose write it saw.
"""

from __future__ import annotations

from typing import Any

from workloads.generators import Gen, Spec
from workloads.keys import Keys, sweep
from workloads.list_append import TransactionClient, Transactions
from workloads.options import Option, resolve
from workloads.port import Workload

OPTIONS = (
    Option("key_count", 8, 1, 10_000, "keys in use at a time"),
    Option("max_txn_length", 4, 1, 100, "most micro-operations of a transaction; it has one at least"),
    Option("max_writes_per_key", 32, 0, 1_000_000, "writes until a key is replaced; 0: never"),
)


def generator(options: dict[str, Any]) -> Gen:
    """The main phase, without end."""
    o = resolve("txn-rw-register", OPTIONS, options)
    return Transactions(Keys.begin(o["key_count"], o["max_writes_per_key"]), o["max_txn_length"], 1, "w")


def final(options: dict[str, Any]) -> Gen:
    """Every register, read at every node that a thread talks to, some in one transaction."""
    n = resolve("txn-rw-register", OPTIONS, options)["key_count"]

    def read(key: int) -> Spec:
        return "txn", None, [["r", k, None] for k in range(key, key + n)]

    return sweep(read, lambda op: any(micro[2] is not None for micro in op.value), n, n)


WORKLOAD = Workload(
    name="txn-rw-register",
    client=TransactionClient,
    generator=generator,
    final=final,
    reads=frozenset(),
    checkers=("rw-register", "stats", "availability", "progress"),
    requests=("txn",),
    options=OPTIONS,
)
