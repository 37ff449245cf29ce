"""Combining generators: which of several speaks next, and how often."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from checkers.history import Op
from workloads.generators.base import PENDING, Context, Emission, Gen, Pending, sooner
from workloads.generators.sources import NOTHING

Gens: TypeAlias = tuple[Gen, ...]


def _updated(gens: Gens, ctx: Context, op: Op) -> Gens:
    return tuple([g.update(ctx, op) for g in gens])


def _replaced(gens: Gens, i: int, gen: Gen) -> Gens:
    return (*gens[:i], gen, *gens[i + 1 :])


class Any(msgspec.Struct, frozen=True):
    """The soonest operation any of them has; exhausted when all are."""

    gens: Gens

    def op(self, ctx: Context) -> Emission:
        alive: list[Gen] = []
        answers: list[tuple[int, Op]] = []
        nexts: dict[int, Gen] = {}
        for gen in self.gens:
            answer = gen.op(ctx)
            if answer is None:
                continue
            op, after = answer
            if isinstance(op, Pending):
                alive.append(after)
            else:
                answers.append((len(alive), op))
                nexts[len(alive)] = after
                alive.append(gen)
        if not alive:
            return None
        gens = tuple(alive)
        if not answers:
            return PENDING, Any(gens)
        chosen = sooner(ctx, answers)
        return dict(answers)[chosen], Any(_replaced(gens, chosen, nexts[chosen]))

    def update(self, ctx: Context, op: Op) -> Gen:
        return Any(_updated(self.gens, ctx, op))


class Mix(msgspec.Struct, frozen=True):
    """One of them by lot for every operation; those exhausted drop out. ``turn`` -1: not drawn yet."""

    gens: Gens
    turn: int = -1

    def op(self, ctx: Context) -> Emission:
        gens, turn = self.gens, self.turn
        while gens:
            if turn < 0:
                turn = ctx.stream.below(len(gens))
            answer = gens[turn].op(ctx)
            if answer is None:
                gens, turn = (*gens[:turn], *gens[turn + 1 :]), -1
                continue
            op, after = answer
            if isinstance(op, Pending):
                return PENDING, Mix(_replaced(gens, turn, after), turn)
            return op, Mix(_replaced(gens, turn, after))
        return None

    def update(self, ctx: Context, op: Op) -> Gen:
        return Mix(_updated(self.gens, ctx, op), self.turn)


class Concat(msgspec.Struct, frozen=True):
    """One after the other; only the one whose turn it is sees updates."""

    gens: Gens

    def op(self, ctx: Context) -> Emission:
        for i, gen in enumerate(self.gens):
            answer = gen.op(ctx)
            if answer is not None:
                op, after = answer
                return op, Concat((after, *self.gens[i + 1 :]))
        return None

    def update(self, ctx: Context, op: Op) -> Gen:
        if not self.gens:
            return self
        return Concat((self.gens[0].update(ctx, op), *self.gens[1:]))


class FlipFlop(msgspec.Struct, frozen=True):
    """In turns; exhausted as soon as the one whose turn it is is."""

    gens: Gens
    turn: int = 0

    def op(self, ctx: Context) -> Emission:
        answer = self.gens[self.turn].op(ctx)
        if answer is None:
            return None
        op, after = answer
        gens = _replaced(self.gens, self.turn, after)
        if isinstance(op, Pending):
            return PENDING, FlipFlop(gens, self.turn)
        return op, FlipFlop(gens, (self.turn + 1) % len(gens))

    def update(self, ctx: Context, op: Op) -> Gen:
        return FlipFlop(_updated(self.gens, ctx, op), self.turn)


class Limit(msgspec.Struct, frozen=True):
    """At most ``remaining`` operations."""

    remaining: int
    gen: Gen

    def op(self, ctx: Context) -> Emission:
        if self.remaining <= 0:
            return None
        answer = self.gen.op(ctx)
        if answer is None:
            return None
        op, after = answer
        return op, Limit(self.remaining - (not isinstance(op, Pending)), after)

    def update(self, ctx: Context, op: Op) -> Gen:
        return Limit(self.remaining, self.gen.update(ctx, op))


class Repeat(msgspec.Struct, frozen=True):
    """The first operation of ``gen``, again and again: it does not advance. ``remaining`` < 0: no end."""

    remaining: int
    gen: Gen

    def op(self, ctx: Context) -> Emission:
        if self.remaining == 0:
            return None
        answer = self.gen.op(ctx)
        if answer is None:
            return None
        op, after = answer
        if isinstance(op, Pending):
            return PENDING, Repeat(self.remaining, after)
        return op, Repeat(self.remaining - 1, self.gen)

    def update(self, ctx: Context, op: Op) -> Gen:
        return Repeat(self.remaining, self.gen.update(ctx, op))


class Cycle(msgspec.Struct, frozen=True):
    """``gen`` to its end, then from its beginning again. ``remaining`` rounds; < 0: no end."""

    remaining: int
    gen: Gen
    current: Gen

    def op(self, ctx: Context) -> Emission:
        remaining, current = self.remaining, self.current
        fresh = False
        while remaining != 0:
            answer = current.op(ctx)
            if answer is not None:
                op, after = answer
                return op, Cycle(remaining, self.gen, after)
            if fresh:  # a round that is empty from its start stays empty
                return None
            remaining, current, fresh = remaining - 1, self.gen, True
        return None

    def update(self, ctx: Context, op: Op) -> Gen:
        return Cycle(self.remaining, self.gen, self.current.update(ctx, op))


def any_of(*gens: Gen) -> Gen:
    """Jepsen's ``any``: whichever of them has the soonest operation."""
    return Any(gens)


def mix(*gens: Gen) -> Gen:
    """A uniform lot among them for each operation."""
    return Mix(gens)


def concat(*gens: Gen) -> Gen:
    """One after the other, without waiting for what is in flight (``phases`` waits)."""
    return Concat(gens)


def flip_flop(*gens: Gen) -> Gen:
    """An operation of the first, of the second, of the first, ..."""
    return FlipFlop(gens) if gens else NOTHING


def limit(n: int, gen: Gen) -> Gen:
    """At most ``n`` operations."""
    return Limit(n, gen)


def once(gen: Gen) -> Gen:
    """At most one operation."""
    return Limit(1, gen)


def repeat(gen: Gen, n: int | None = None) -> Gen:
    """The next operation of ``gen``, ``n`` times (None: without end), as if none had been taken."""
    return Repeat(-1 if n is None else n, gen)


def cycle(gen: Gen, n: int | None = None) -> Gen:
    """``gen`` from start to end, ``n`` times (None: without end)."""
    return Cycle(-1 if n is None else n, gen, gen)
