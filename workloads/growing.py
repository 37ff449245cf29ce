"""What g-set and broadcast have in common: new integers go in, everything is read."""

from __future__ import annotations

from workloads.generators import Context, Gen, Spec, count, each_thread, one
from workloads.options import Option

READ_PERCENT = Option(
    "read_percent", 10, 0, 100, "reads among the operations; each returns everything so far, so few is better"
)


def adds_and_reads(add: str, read_percent: int) -> Gen:
    """``add`` of integers that no other operation has, and reads."""

    def next_one(ctx: Context, n: int) -> Spec:
        return ("read", None, None) if ctx.stream.below(100) < read_percent else (add, None, n)

    return count(next_one)


def read_once() -> Gen:
    """One read by every thread, and so by every node that has one."""
    return each_thread(one("read"))
