"""Sources: generators that make operations, from functions and constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from checkers.history import Op
from workloads.generators.base import PENDING, Context, Emission, Gen, invocation, mark

Spec: TypeAlias = tuple[str, Any, Any] | tuple[str, Any, Any, str | None]
"""(f, key, value) or (f, key, value, node)"""


class Nothing(msgspec.Struct, frozen=True):
    """Exhausted from the start."""

    def op(self, _ctx: Context) -> Emission:
        return None

    def update(self, _ctx: Context, _op: Op) -> Gen:
        return self


class Fn(msgspec.Struct, frozen=True):
    """Calls ``function(ctx)`` for each operation, without end, until it returns None.

    The function may be called more often than its operations are taken: it must not count.
    """

    function: Callable[[Context], Spec | None]

    def op(self, ctx: Context) -> Emission:
        if not ctx.free:
            return PENDING, self
        spec = self.function(ctx)
        return None if spec is None else (invocation(ctx, *spec), self)

    def update(self, _ctx: Context, _op: Op) -> Gen:
        return self


class One(msgspec.Struct, frozen=True):
    """One operation, once."""

    spec: Spec

    def op(self, ctx: Context) -> Emission:
        return (invocation(ctx, *self.spec), NOTHING) if ctx.free else (PENDING, self)

    def update(self, _ctx: Context, _op: Op) -> Gen:
        return self


class Count(msgspec.Struct, frozen=True):
    """``function(ctx, n)`` for n = 0, 1, 2, ...: how unique values are made without a mutable counter."""

    function: Callable[[Context, int], Spec | None]
    n: int = 0

    def op(self, ctx: Context) -> Emission:
        if not ctx.free:
            return PENDING, self
        spec = self.function(ctx, self.n)
        return None if spec is None else (invocation(ctx, *spec), Count(self.function, self.n + 1))

    def update(self, _ctx: Context, _op: Op) -> Gen:
        return self


class Log(msgspec.Struct, frozen=True):
    """A line of text in the history, as a mark ``log``."""

    text: str

    def op(self, ctx: Context) -> Emission:
        return mark(ctx.time, "log", self.text), NOTHING

    def update(self, _ctx: Context, _op: Op) -> Gen:
        return self


NOTHING = Nothing()


def fn(function: Callable[[Context], Spec | None]) -> Gen:
    """Operations from a function of the context; None from it means exhausted."""
    return Fn(function)


def count(function: Callable[[Context, int], Spec | None]) -> Gen:
    """Operations from a function of the context and the number of operations so far."""
    return Count(function)


def one(f: str, key: Any = None, value: Any = None, node: str | None = None) -> Gen:
    """Exactly one operation."""
    return One((f, key, value, node))


def log(text: str) -> Gen:
    """One line in the history (a mark), once."""
    return Log(text)
