"""The contract of generators: what one is asked, and what it may answer.

``gen.op(ctx)`` answers one of

- ``(op, gen')``: the next operation. ``op.time`` may lie in the future: "at that time, unless something
  happens before". Whoever asks may then drop the answer, ``update`` the generator it had, and ask again.
- ``(PENDING, gen')``: nothing now; ask again after the next update, or when time has moved on;
- ``None``: exhausted, for good.

``gen'`` replaces ``gen`` only when the answer is taken. ``gen.update(ctx, op)`` returns the generator that
has seen ``op``: every invocation and every completion is shown, in the order of the history.

An op of type ``info`` is a *mark*: it goes into the history as it is, takes no thread, is never sent to a
node, and is shown to ``update`` once. Marks come from ``nemesis``, ``log`` and ``sleep`` only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from checkers.history import NEMESIS, Op

T = TypeVar("T")


class Pending(Enum):
    """The type of ``PENDING``."""

    PENDING = "pending"


PENDING: Final = Pending.PENDING


class Draws(Protocol):
    """The injected random stream: integers only, so that every Python draws the same."""

    def below(self, n: int, /) -> int: ...
    def between(self, low: int, high: int, /) -> int: ...
    def chance(self, ppm: int, /) -> bool: ...
    def choice(self, items: Sequence[T], /) -> T: ...
    def shuffle(self, items: Sequence[T], /) -> list[T]: ...


class Context:
    """What a generator may know when it is asked.

    ``time``: ns since the start of the run. ``threads``: all client threads; ``free``: those with nothing
    in flight; both sorted. ``processes``: thread -> process, of all threads, even in a restricted context.
    """

    __slots__ = ("free", "processes", "stream", "threads", "time")

    def __init__(
        self,
        time: int,
        threads: tuple[int, ...],
        free: tuple[int, ...],
        processes: dict[int, int],
        stream: Draws,
    ) -> None:
        self.time = time
        self.threads = threads
        self.free = free
        self.processes = processes
        self.stream = stream

    def restrict(self, threads: Collection[int]) -> Context:
        """The same moment, as seen by ``threads`` only."""
        return Context(
            self.time,
            tuple(t for t in self.threads if t in threads),
            tuple(t for t in self.free if t in threads),
            self.processes,
            self.stream,
        )

    def thread_of(self, process: int | str) -> int | None:
        """The thread a process runs or ran on; None for the nemesis.

        A process that crashed is no longer in ``processes``; its successors are numbered in steps of the
        number of threads (Jepsen's convention), so the remainder names its thread.
        """
        if not isinstance(process, int):
            return None
        for thread, current in self.processes.items():
            if current == process:
                return thread
        return process % len(self.processes) if self.processes else None


class Gen(Protocol):
    """A generator: an immutable value. See the module's text for the contract."""

    def op(self, ctx: Context, /) -> Emission: ...
    def update(self, ctx: Context, op: Op, /) -> Gen: ...


Emission: TypeAlias = tuple[Op | Pending, Gen] | None


def invocation(ctx: Context, f: str, key: Any = None, value: Any = None, node: str | None = None) -> Op:
    """An invocation now, on a free thread drawn from the stream. There must be a free thread.

    With ``node`` the operation is for that node; without, whoever runs it chooses.
    """
    free = ctx.free
    thread = free[ctx.stream.below(len(free))] if len(free) > 1 else free[0]
    return Op(-1, ctx.time, ctx.processes[thread], "invoke", f, key, value, node)


def mark(time: int, f: str, value: Any = None) -> Op:
    """A mark: an op that no client runs."""
    return Op(-1, time, NEMESIS, "info", f, None, value)


def sooner(ctx: Context, answers: Sequence[tuple[int, Op]]) -> int:
    """The position (first item) of the earliest op; ties are drawn, so that no generator starves."""
    earliest = min(op.time for _, op in answers)
    tied = [position for position, op in answers if op.time == earliest]
    return tied[0] if len(tied) == 1 else tied[ctx.stream.below(len(tied))]
