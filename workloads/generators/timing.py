"""Generators and time: rates, pauses, limits. All times are integer ns."""

from __future__ import annotations

import msgspec

from checkers.history import Op
from workloads.generators.base import PENDING, Context, Draws, Emission, Gen, Pending, mark
from workloads.generators.sources import NOTHING

UNSET = -1
"""no moment yet: the first question starts the clock"""

_BITS = 32
_ONE = 1 << _BITS


def spacing(mean_ns: int, stream: Draws) -> int:
    """A gap between arrivals, about exponential, whose mean is ``mean_ns``; integers only.

    -log2 of a uniform draw, with log2 interpolated linearly between powers of two. The mean of that is
    exactly 3/2 (2 for the power, less 1/2 for the interpolated part), hence the factor 2/3. At most 22 times
    the mean.
    """
    u = 1 + stream.below(_ONE)
    power = u.bit_length() - 1
    fraction = ((u << _BITS) >> power) - _ONE
    return (mean_ns * (((_BITS - power) << _BITS) - fraction) * 2) // (3 * _ONE)


class Spaced(msgspec.Struct, frozen=True):
    """Operations ``gap_ns`` apart, over all threads together: each time, or, ``drawn``, on average. Lateness is not
    made up for.
    """

    gap_ns: int
    gen: Gen
    drawn: bool
    next_ns: int = UNSET

    def op(self, ctx: Context) -> Emission:
        answer = self.gen.op(ctx)
        if answer is None:
            return None
        op, after = answer
        if isinstance(op, Pending):
            return PENDING, self._go_on(after, self.next_ns)
        op.time = max(op.time, self.next_ns)
        gap_ns = spacing(self.gap_ns, ctx.stream) if self.drawn else self.gap_ns
        return op, self._go_on(after, op.time + gap_ns)

    def update(self, ctx: Context, op: Op) -> Gen:
        return self._go_on(self.gen.update(ctx, op), self.next_ns)

    def _go_on(self, gen: Gen, next_ns: int) -> Spaced:
        return Spaced(self.gap_ns, gen, self.drawn, next_ns)


class Sleep(msgspec.Struct, frozen=True):
    """Nothing for ``length_ns``.

    Two marks: ``sleep`` at once, which fixes the moment, and ``wake`` at that moment. PENDING instead could
    leave nobody to ask again when nothing is in flight.
    """

    length_ns: int
    until_ns: int = UNSET

    def op(self, ctx: Context) -> Emission:
        if self.until_ns == UNSET:
            return mark(ctx.time, "sleep", self.length_ns), Sleep(self.length_ns, ctx.time + self.length_ns)
        return mark(max(ctx.time, self.until_ns), "wake"), NOTHING

    def update(self, _ctx: Context, _op: Op) -> Gen:
        return self


class TimeLimit(msgspec.Struct, frozen=True):
    """No operation at or after ``until_ns``, which is ``length_ns`` after the first question."""

    length_ns: int
    gen: Gen
    until_ns: int = UNSET

    def op(self, ctx: Context) -> Emission:
        until = ctx.time + self.length_ns if self.until_ns == UNSET else self.until_ns
        if ctx.time >= until:
            return None
        answer = self.gen.op(ctx)
        if answer is None:
            return None
        op, after = answer
        if not isinstance(op, Pending) and op.time >= until:
            return None
        return op, TimeLimit(self.length_ns, after, until)

    def update(self, ctx: Context, op: Op) -> Gen:
        # an answer that was dropped took its moment with it: the first event fixes it at the latest
        until = ctx.time + self.length_ns if self.until_ns == UNSET else self.until_ns
        return TimeLimit(self.length_ns, self.gen.update(ctx, op), until)


def stagger(mean_ns: int, gen: Gen) -> Gen:
    """A rate: operations ``mean_ns`` apart on average, with about exponential gaps."""
    return Spaced(mean_ns, gen, drawn=True)


def delay(gap_ns: int, gen: Gen) -> Gen:
    """Operations ``gap_ns`` apart."""
    return Spaced(gap_ns, gen, drawn=False)


def sleep(length_ns: int) -> Gen:
    """Nothing for a while; what is in flight goes on."""
    return Sleep(length_ns)


def time_limit(length_ns: int, gen: Gen) -> Gen:
    """``gen``, but for ``length_ns`` only."""
    return TimeLimit(length_ns, gen)
