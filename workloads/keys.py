"""Keys that come and go: a few are in use at a time, and each retires after so many uses.

Keys are numbered in the order in which they come into use, so a final sweep can find them all: it reads 0,
1, 2, ... until as many in a row as are in use at a time were never written.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from checkers.history import Op
from workloads.generators import PENDING, Context, Emission, Gen, Spec, each_thread, invocation


class Keys(msgspec.Struct, frozen=True):
    """``keys[i]`` has been used ``uses[i]`` times; ``fresh`` is the next new key; ``uses_max`` 0: for ever."""

    keys: tuple[int, ...]
    uses: tuple[int, ...]
    fresh: int
    uses_max: int

    @staticmethod
    def begin(n: int, uses_max: int) -> Keys:
        return Keys(tuple(range(n)), (0,) * n, n, uses_max)

    def used(self, i: int) -> tuple[Keys, bool]:
        """After one more use of ``keys[i]``; True: another key has taken its place."""
        keys, uses = self.keys, self.uses
        n = uses[i] + 1
        if n != self.uses_max:
            return Keys(keys, (*uses[:i], n, *uses[i + 1 :]), self.fresh, self.uses_max), False
        fresh = self.fresh
        keys, uses = (*keys[:i], fresh, *keys[i + 1 :]), (*uses[:i], 0, *uses[i + 1 :])
        return Keys(keys, uses, fresh + 1, self.uses_max), True


class Sweep(msgspec.Struct, frozen=True):
    """Reads ``step`` keys at a time. ``absent``: keys in a row that were not there, or could not be read."""

    read: Callable[[int], Spec]
    found: Callable[[Op], bool]
    stop: int
    step: int = 1
    key: int = 0
    absent: int = 0

    def op(self, ctx: Context) -> Emission:
        if self.absent >= self.stop:
            return None
        if not ctx.free:
            return PENDING, self
        return invocation(ctx, *self.read(self.key)), self._at(self.key + self.step, self.absent)

    def update(self, _ctx: Context, op: Op) -> Gen:
        if op.type == "invoke":
            return self
        return self._at(self.key, 0 if op.type == "ok" and self.found(op) else self.absent + self.step)

    def _at(self, key: int, absent: int) -> Sweep:
        return Sweep(self.read, self.found, self.stop, self.step, key, absent)


def sweep(read: Callable[[int], Spec], found: Callable[[Op], bool], stop: int, step: int = 1) -> Gen:
    """Every thread, and so every node that has one, reads all keys that were ever written.

    ``read(key)``: the operation that reads keys ``key`` to ``key + step - 1``. ``found(op)``: did it see any
    of them?
    """
    return each_thread(Sweep(read, found, stop, step))
