"""Generators that change or choose another's operations."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from checkers.history import Op
from workloads.generators.base import PENDING, Context, Emission, Gen, Pending


class Map(msgspec.Struct, frozen=True):
    """``function`` of each operation."""

    function: Callable[[Op], Op]
    gen: Gen

    def op(self, ctx: Context) -> Emission:
        answer = self.gen.op(ctx)
        if answer is None:
            return None
        op, after = answer
        return op if isinstance(op, Pending) else self.function(op), Map(self.function, after)

    def update(self, ctx: Context, op: Op) -> Gen:
        return Map(self.function, self.gen.update(ctx, op))


class Filter(msgspec.Struct, frozen=True):
    """The operations that satisfy ``predicate``; others are passed over. One must come."""

    predicate: Callable[[Op], bool]
    gen: Gen

    def op(self, ctx: Context) -> Emission:
        gen = self.gen
        while True:
            answer = gen.op(ctx)
            if answer is None:
                return None
            op, gen = answer
            if isinstance(op, Pending) or self.predicate(op):
                return op, Filter(self.predicate, gen)

    def update(self, ctx: Context, op: Op) -> Gen:
        return Filter(self.predicate, self.gen.update(ctx, op))


class UntilOk(msgspec.Struct, frozen=True):
    """``gen`` until one of its own operations is ok. ``mine``: the processes that have one in flight."""

    gen: Gen
    mine: tuple[int | str, ...] = ()
    done: bool = False

    def op(self, ctx: Context) -> Emission:
        if self.done:
            return None
        answer = self.gen.op(ctx)
        if answer is None:
            # the last operations may still fail, and then there is nothing more to try
            return None
        op, after = answer
        if isinstance(op, Pending):
            return PENDING, UntilOk(after, self.mine)
        return op, UntilOk(after, (*self.mine, op.process))

    def update(self, ctx: Context, op: Op) -> Gen:
        gen = self.gen.update(ctx, op)
        if op.type == "invoke" or op.process not in self.mine:
            return UntilOk(gen, self.mine, self.done)
        mine = tuple(p for p in self.mine if p != op.process)
        return UntilOk(gen, mine, self.done or op.type == "ok")


def map_ops(function: Callable[[Op], Op], gen: Gen) -> Gen:
    """Jepsen's ``map``."""
    return Map(function, gen)


def filter_ops(predicate: Callable[[Op], bool], gen: Gen) -> Gen:
    """Jepsen's ``filter``."""
    return Filter(predicate, gen)


def until_ok(gen: Gen) -> Gen:
    """``gen`` until one of its operations succeeds."""
    return UntilOk(gen)
