"""What a model's step says of states and classes of operations, which are small numbers; it is asked once of each."""

from __future__ import annotations

from collections.abc import Callable

from checkers.kernels.slots import numbers

UNASKED = -2
MASK = 0xFFFF_FFFF_FFFF_FFFF
MIX = 0x9E37_79B9_7F4A_7C15
AT_FIRST = 1024


class Memo:
    """``step(state, class)``: the state after, or -1 where the model forbids the operation."""

    def __init__(self, step: Callable[[int, int], int]) -> None:
        self.step = step
        self.known = 0
        self.keys = numbers(AT_FIRST)
        self.states = numbers(AT_FIRST)
        self.mask = AT_FIRST - 1
        self.forget()

    def forget(self) -> None:
        for at in range(self.mask + 1):
            self.states[at] = UNASKED
        self.known = 0

    def after(self, state: int, kind: int) -> int:
        name = (state << 32) + kind
        place = self.place(name)
        if self.states[place] != UNASKED:
            return self.states[place]
        found = self.step(state, kind)
        if 2 * (self.known + 1) > self.mask:
            self.widen()
            place = self.place(name)
        self.keys[place] = name
        self.states[place] = found
        self.known += 1
        return found

    def place(self, name: int) -> int:
        """Where a pair stands, or would."""
        word = (name * MIX) & MASK
        at = (word >> 20) & self.mask
        while self.states[at] != UNASKED and self.keys[at] != name:
            at = (at + 1) & self.mask
        return at

    def widen(self) -> None:
        keys = self.keys
        states = self.states
        size = self.mask + 1
        self.mask = 2 * size - 1
        self.keys = numbers(2 * size)
        self.states = numbers(2 * size)
        for at in range(2 * size):
            self.states[at] = UNASKED
        for at in range(size):
            if states[at] != UNASKED:
                to = self.place(keys[at])
                self.keys[to] = keys[at]
                self.states[to] = states[at]

    def held(self) -> int:
        """Bytes."""
        return 16 * (self.mask + 1)
