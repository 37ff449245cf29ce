"""Sets of configurations: rows of words of 64 bits, of which the better ones stay."""

from __future__ import annotations

from collections.abc import MutableSequence

from checkers.kernels.slots import longer, longer_words, numbers, words

MASK = 0xFFFF_FFFF_FFFF_FFFF
MIX = 0x9E37_79B9_7F4A_7C15
EMPTY = -1


class Configurations:
    """Rows of ``stride`` words. Of rows with the same first ``keyed`` words those stay that no other one dominates,
    by having at least as much in every further word.
    """

    def __init__(self) -> None:
        self.stride = 1
        self.keyed = 1
        self.count = 0  # rows, dominated ones included
        self.alive = 0
        self.rows = words(64)
        self.gone = numbers(64)  # by row: whether it is dominated
        self.place = numbers(64)  # by row: where in the table it stands
        self.table = numbers(128)
        self.mask = 127
        for at in range(128):
            self.table[at] = EMPTY

    def shape(self, stride: int, keyed: int) -> None:
        """Empty, for rows of another shape."""
        self.clear()
        self.stride = stride
        self.keyed = keyed
        if len(self.rows) < stride * len(self.gone):
            self.rows = words(stride * len(self.gone))

    def clear(self) -> None:
        for row in range(self.count):
            self.table[self.place[row]] = EMPTY
        self.count = 0
        self.alive = 0

    def add(self, row: MutableSequence[int], at: int) -> int:
        """The number that the row has now, or EMPTY if one that is there is as good."""
        if 2 * (self.count + 1) > self.mask:
            self.grow()
        stride = self.stride
        keyed = self.keyed
        place = self.hashed(row, at)
        while self.table[place] != EMPTY:
            other = self.table[place] * stride
            same = True
            for k in range(keyed):
                if self.rows[other + k] != row[at + k]:
                    same = False
                    break
            if same:
                worse = False
                better = False
                for k in range(keyed, stride):
                    if row[at + k] < self.rows[other + k]:
                        worse = True
                    elif row[at + k] > self.rows[other + k]:
                        better = True
                if not better:
                    return EMPTY
                if not worse and not self.gone[self.table[place]]:
                    self.gone[self.table[place]] = 1
                    self.alive -= 1
            place = (place + 1) & self.mask
        number = self.count
        self.table[place] = number
        self.place[number] = place
        self.gone[number] = 0
        for k in range(stride):
            self.rows[number * stride + k] = row[at + k]
        self.count += 1
        self.alive += 1
        return number

    def hashed(self, row: MutableSequence[int], at: int) -> int:
        state = 0
        for k in range(self.keyed):
            state = ((state ^ row[at + k]) * MIX) & MASK
            state ^= state >> 32
        return state & self.mask

    def grow(self) -> None:
        size = 2 * (self.mask + 1)
        self.mask = size - 1
        self.table = numbers(size)
        for at in range(size):
            self.table[at] = EMPTY
        self.rows = longer_words(self.rows, (size // 2) * self.stride)
        self.gone = longer(self.gone, size // 2)
        self.place = longer(self.place, size // 2)
        for number in range(self.count):
            place = self.hashed(self.rows, number * self.stride)
            while self.table[place] != EMPTY:
                place = (place + 1) & self.mask
            self.table[place] = number
            self.place[number] = place

    def held(self) -> int:
        """Bytes."""
        return 8 * (len(self.rows) + len(self.gone) + len(self.place) + len(self.table))
