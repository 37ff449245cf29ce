"""Runs as they come, a step after the other, for benchmarks/online.py: right ones, and how each goes wrong.

A step is an op or an event of the trace. Of what a checker remembers the histories ask as runs do: keys come and go,
ids go up, and a set or a list is read while it grows.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from benchmarks import histories, transactions
from checkers.columns import History
from checkers.history import Op
from checkers.record import Record, TraceEvent
from checkers.rows import rows

Step = Op | TraceEvent
PROCESSES = 5
NODES = ("n0", "n1", "n2")
SET = 1000
"""operations on one set"""


def completed(operations: Iterable[tuple[str, Any, Any, Any]]) -> History:
    """Of (f, key, asked, answered), one after the other."""
    ops: list[Op] = []
    for number, (f, key, asked, answered) in enumerate(operations):
        process, at = number % PROCESSES, 2 * number
        node = NODES[number % len(NODES)]
        ops.append(Op(at, at * 1000, process, "invoke", f, key, asked))
        ops.append(Op(at + 1, at * 1000 + 1, process, "ok", f, key, answered, node))
    return History.from_ops(ops)


def ids(n: int) -> History:
    return completed(("generate", None, None, i) for i in range(n // 2))


def scattered_ids(n: int) -> History:
    return completed(("generate", None, None, f"{i * 0x9E3779B1 % (1 << 32):08x}") for i in range(n // 2))


def sets(n: int) -> History:
    """Each set is read by turns, and lastly in full."""
    return completed(
        ("read", i // SET, None, list(range(i - i % SET, i - i % SET // 100)))
        if i % 100 == 99
        else ("add", i // SET, i - i % SET // 100, None)
        for i in range(n // 2)
    )


def sessions(n: int) -> History:
    return completed(
        ("read", f"k{i // 2 % 50}", None, i // 2) if i % 2 else ("write", f"k{i // 2 % 50}", i // 2, i // 2)
        for i in range(n // 2)
    )


def counter(n: int) -> History:
    return completed(
        ("read", None, None, i // 2 + 1) if i % 2 else ("add", None, 1, None) for i in range(n // 2)
    )


def queue(n: int) -> History:
    return completed(
        ("dequeue", None, None, i // 2) if i % 2 else ("enqueue", None, i // 2, None) for i in range(n // 2)
    )


def txns(workload: str, n: int) -> History:
    args = Namespace(
        workload=workload,
        seed=1,
        count=n // 2,
        keys=10,
        writes=32,
        processes=20,
        inject=0,
        aborted=0,
        unknown=0,
    )
    return transactions.Made(args).history()


def registers(n: int, **options: Any) -> History:
    return histories.register(n // 2, **options)


class Decisions:
    """Five steps each: a client's operation, and the nodes that decide it."""

    def __init__(self, n: int) -> None:
        self._count = n // 5

    def __iter__(self) -> Iterator[Step]:
        for i in range(self._count):
            process, time = i % PROCESSES, i * 5000
            yield Op(2 * i, time, process, "invoke", "append", None, i)
            for at, node in enumerate(NODES):
                data = {"index": i + 1, "value": f"c{process}:{i // PROCESSES + 1}"}
                yield TraceEvent(3 * i + at, time + 1 + at, node, "decide", data)
            yield Op(2 * i + 1, time + 4, process, "ok", "append", None, i)


# --- going wrong ------------------------------------------------------------------------------------------------


def early(step: Op, before: Sequence[Op]) -> Any:
    """What was answered first, to the same question."""
    return next(
        (
            op.value
            for op in before
            if (op.type, op.f, op.key) == ("ok", step.f, step.key) and op.value not in (None, step.value)
        ),
        None,
    )


def shorter(step: Op, before: Sequence[Op]) -> Any:
    """A list without its first element."""
    del before
    return step.value[1:] if step.f == "read" and step.value else None


def old(step: Op, before: Sequence[Op]) -> Any:
    """A transaction that reads an old version."""
    for at, (f, key, value) in enumerate(step.value):
        if f != "r" or not value:
            continue
        seen = (m[2] for op in before if op.type == "ok" for m in op.value if m[:2] == ["r", key])
        was = next((v for v in seen if v and v != value), None)
        if was is not None:
            return [*step.value[:at], ["r", key, was], *step.value[at + 1 :]]
    return None


def another(step: TraceEvent, before: Sequence[TraceEvent]) -> Any:
    """What was decided first."""
    return {**step.data, "value": before[0].data["value"]}


class Case(NamedTuple):
    checker: str
    make: Callable[[int], Iterable[Step]]
    wrong: Callable[[Any, Sequence[Any]], Any]
    """of a step and those of its kind before it; None where it cannot go wrong so"""
    options: Mapping[str, Any] = MappingProxyType({})

    @staticmethod
    def steps(made: Iterable[Step]) -> Iterator[Step]:
        return rows(made) if isinstance(made, History) else iter(made)

    def spoilt(self, steps: list[Step], at: int) -> list[Step] | None:
        """The steps up to ``at``, that one gone wrong."""
        step = steps[at]
        if isinstance(step, Op) and (step.type != "ok" or self.wrong is another):
            return None
        value = self.wrong(step, [s for s in steps[:at] if type(s) is type(step)])
        if value is None:
            return None
        changed = {"value": value} if isinstance(step, Op) else {"data": value}
        return [*steps[:at], msgspec.structs.replace(step, **changed)]


def record(steps: Iterable[Step], options: Mapping[str, Any]) -> Record:
    steps = list(steps)
    ops = [s for s in steps if isinstance(s, Op)]
    return Record(ops, [s for s in steps if not isinstance(s, Op)], NODES, dict(options))


CASES: dict[str, Case] = {
    "register": Case("linearizability", registers, early),
    "register, 1 % crashed": Case("linearizability", partial(registers, crashed_ppm=10_000), early),
    "kv, 1,000 keys": Case("linearizability", partial(registers, keys=1_000), early),
    "cas over 5 values": Case("linearizability", partial(registers, processes=5, values=5, cas=True), early),
    "list-append": Case("list-append", partial(txns, "list-append"), old),
    "rw-register": Case("rw-register", partial(txns, "rw-register"), old),
    "set-full": Case("set-full", sets, shorter, {"linearizable": True}),
    "convergence": Case("convergence", sets, shorter, {"max_convergence_s": 0.000001}),
    "agreement": Case("agreement", Decisions, another, {"nodes": NODES}),
    "causal": Case("causal", sessions, early),
    "sessions": Case("sessions", sessions, early),
    "unique-ids": Case("unique-ids", ids, early),
    "unique-ids, scattered": Case("unique-ids", scattered_ids, early),
    "counter": Case("counter", counter, early),
    "total-queue": Case("total-queue", queue, early),
}
