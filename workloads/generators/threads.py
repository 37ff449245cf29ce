"""Generators and threads: who may run what, and who waits for whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from checkers.history import NEMESIS, Op
from workloads.generators.base import PENDING, Context, Emission, Gen, Pending, sooner
from workloads.generators.combine import Any, Concat


class OnThreads(msgspec.Struct, frozen=True):
    """``gen`` sees, and runs on, the threads that satisfy ``predicate`` only."""

    predicate: Callable[[int], bool]
    gen: Gen

    def op(self, ctx: Context) -> Emission:
        answer = self.gen.op(ctx.restrict([t for t in ctx.threads if self.predicate(t)]))
        if answer is None:
            return None
        op, after = answer
        return op, OnThreads(self.predicate, after)

    def update(self, ctx: Context, op: Op) -> Gen:
        thread = ctx.thread_of(op.process)
        if thread is None or not self.predicate(thread):
            return self
        inner = ctx.restrict([t for t in ctx.threads if self.predicate(t)])
        return OnThreads(self.predicate, self.gen.update(inner, op))


class Reserve(msgspec.Struct, frozen=True):
    """The first ``counts[0]`` threads run ``gens[0]``, the next ones ``gens[1]``, ...

    The last generator has the remaining threads: one more generator than counts.
    """

    counts: tuple[int, ...]
    gens: tuple[Gen, ...]

    def _ranges(self, ctx: Context) -> list[tuple[int, ...]]:
        out, at = [], 0
        for n in self.counts:
            out.append(ctx.threads[at : at + n])
            at += n
        return [*out, ctx.threads[at:]]

    def op(self, ctx: Context) -> Emission:
        gens = list(self.gens)
        answers: list[tuple[int, Op]] = []
        nexts: dict[int, Gen] = {}
        waiting = False
        for i, threads in enumerate(self._ranges(ctx)):
            answer = gens[i].op(ctx.restrict(threads)) if threads else None
            if answer is None:
                continue
            op, after = answer
            if isinstance(op, Pending):
                waiting = True
                gens[i] = after
            else:
                answers.append((i, op))
                nexts[i] = after
        if not answers:
            return (PENDING, Reserve(self.counts, tuple(gens))) if waiting else None
        chosen = sooner(ctx, answers)
        gens[chosen] = nexts[chosen]
        return dict(answers)[chosen], Reserve(self.counts, tuple(gens))

    def update(self, ctx: Context, op: Op) -> Gen:
        thread = ctx.thread_of(op.process)
        gens = tuple(
            gen.update(ctx.restrict(threads), op) if thread in threads else gen
            for gen, threads in zip(self.gens, self._ranges(ctx), strict=True)
        )
        return Reserve(self.counts, gens)


class EachThread(msgspec.Struct, frozen=True):
    """A copy of ``gen`` for every thread. ``copies``: those that have begun, by thread; None: exhausted."""

    gen: Gen
    copies: dict[int, Gen | None]

    def op(self, ctx: Context) -> Emission:
        answers: list[tuple[int, Op]] = []
        nexts: dict[int, Gen] = {}
        copies = self.copies
        waiting = False
        for thread in ctx.threads:
            gen = copies.get(thread, self.gen)
            if gen is None:
                continue
            if thread not in ctx.free:
                waiting = True
                continue
            answer = gen.op(ctx.restrict((thread,)))
            if answer is None:
                copies = {**copies, thread: None}
                continue
            op, after = answer
            if isinstance(op, Pending):
                waiting = True
                copies = {**copies, thread: after}
            else:
                answers.append((thread, op))
                nexts[thread] = after
        if not answers:
            return (PENDING, EachThread(self.gen, copies)) if waiting else None
        chosen = sooner(ctx, answers)
        return dict(answers)[chosen], EachThread(self.gen, {**copies, chosen: nexts[chosen]})

    def update(self, ctx: Context, op: Op) -> Gen:
        thread = ctx.thread_of(op.process)
        if thread is None or thread not in ctx.threads:
            return self
        gen = self.copies.get(thread, self.gen)
        if gen is None:
            return self
        return EachThread(self.gen, {**self.copies, thread: gen.update(ctx.restrict((thread,)), op)})


class Synchronize(msgspec.Struct, frozen=True):
    """Waits until every thread is free, then becomes ``gen``."""

    gen: Gen

    def op(self, ctx: Context) -> Emission:
        return self.gen.op(ctx) if len(ctx.free) == len(ctx.threads) else (PENDING, self)

    def update(self, _ctx: Context, _op: Op) -> Gen:
        return self


class ProcessLimit(msgspec.Struct, frozen=True):
    """Stops before more than ``n`` processes have taken part: each crash needs a new one."""

    n: int
    gen: Gen
    seen: frozenset[int] = frozenset()

    def op(self, ctx: Context) -> Emission:
        answer = self.gen.op(ctx)
        if answer is None:
            return None
        op, after = answer
        if isinstance(op, Pending):
            return PENDING, ProcessLimit(self.n, after, self.seen)
        seen = self.seen | {op.process} if isinstance(op.process, int) else self.seen
        return (op, ProcessLimit(self.n, after, seen)) if len(seen) <= self.n else None

    def update(self, ctx: Context, op: Op) -> Gen:
        return ProcessLimit(self.n, self.gen.update(ctx, op), self.seen)


class Clients(msgspec.Struct, frozen=True):
    """``gen`` does not see the nemesis' ops."""

    gen: Gen

    def op(self, ctx: Context) -> Emission:
        answer = self.gen.op(ctx)
        return None if answer is None else (answer[0], Clients(answer[1]))

    def update(self, ctx: Context, op: Op) -> Gen:
        return Clients(self.gen.update(ctx, op)) if isinstance(op.process, int) else self


class Nemesis(msgspec.Struct, frozen=True):
    """The operations of ``gen`` become marks of the nemesis; it sees the nemesis' ops only."""

    gen: Gen

    def op(self, ctx: Context) -> Emission:
        # one thread that is always free: a mark needs none of the clients'
        answer = self.gen.op(Context(ctx.time, (0,), (0,), {0: 0}, ctx.stream))
        if answer is None:
            return None
        op, after = answer
        if not isinstance(op, Pending):
            op.process, op.type = NEMESIS, "info"
        return op, Nemesis(after)

    def update(self, ctx: Context, op: Op) -> Gen:
        return self if isinstance(op.process, int) else Nemesis(self.gen.update(ctx, op))


def on_threads(predicate: Callable[[int], bool], gen: Gen) -> Gen:
    """``gen`` on the threads that satisfy ``predicate``."""
    return OnThreads(predicate, gen)


def reserve(shares: Sequence[tuple[int, Gen]], rest: Gen) -> Gen:
    """``(n, gen)``: the next ``n`` threads run ``gen``; all others run ``rest``."""
    return Reserve(tuple(n for n, _ in shares), (*(gen for _, gen in shares), rest))


def each_thread(gen: Gen) -> Gen:
    """Every thread runs ``gen`` for itself."""
    return EachThread(gen, {})


def synchronize(gen: Gen) -> Gen:
    """Wait until nothing is in flight, then ``gen``."""
    return Synchronize(gen)


def phases(*gens: Gen) -> Gen:
    """One after the other; each begins when nothing is in flight."""
    return Concat(tuple(Synchronize(gen) for gen in gens))


def then(first: Gen, second: Gen) -> Gen:
    """``first``; when it is exhausted and nothing is in flight, ``second``."""
    return Concat((first, Synchronize(second)))


def process_limit(n: int, gen: Gen) -> Gen:
    """``gen`` until more than ``n`` processes would have taken part."""
    return ProcessLimit(n, gen)


def clients(gen: Gen) -> Gen:
    """``gen`` for the clients' threads."""
    return Clients(gen)


def nemesis(gen: Gen) -> Gen:
    """``gen`` as marks of the nemesis. Faults are not generated: they are data (nemeses/schedule.py)."""
    return Nemesis(gen)


def routed(client: Gen, marks: Gen) -> Gen:
    """``client`` for the clients and, beside it, ``marks`` for the nemesis."""
    return Any((Clients(client), Nemesis(marks)))
