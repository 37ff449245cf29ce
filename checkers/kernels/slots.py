"""Pending operations, a slot each, and what a search has spent: what the searches here have in common."""

from __future__ import annotations

from array import array
from collections.abc import Callable, MutableSequence

NONE = -1
UNBOUNDED = 1 << 60
SLOTS = 64
"""pending operations for which there is room at first: as many as a word has bits"""


def words(count: int) -> MutableSequence[int]:
    return array("Q", bytes(8 * count))


def numbers(count: int) -> MutableSequence[int]:
    return array("q", bytes(8 * count))


def longer(old: MutableSequence[int], count: int) -> MutableSequence[int]:
    new = numbers(count)
    for i in range(min(len(old), count)):
        new[i] = old[i]
    return new


def longer_words(old: MutableSequence[int], count: int) -> MutableSequence[int]:
    new = words(count)
    for i in range(min(len(old), count)):
        new[i] = old[i]
    return new


class EffortError(Exception):
    """An attempt took more than it was allowed to."""


class Slots:
    """``look(explored, bytes)`` is called now and then, may raise, and says after how many more configurations it
    wants to be called again.

    A slot is a bit of ``masks`` words: which pending operations a configuration has linearized. ``room``: classes of
    crashed operations for which it has a word each.
    """

    def __init__(self, look: Callable[[int, int], int]) -> None:
        self.look = look
        self.fuel = look(0, 0)
        self.explored = 0
        self.limit = UNBOUNDED
        self.current = 0  # the key in hand
        self.proved = NONE
        self.verdict = NONE
        self.at = NONE  # position of the event in hand
        self.narrowed = False
        self.denied = False
        self.thrift = False  # crashed operations are used only in need: not everything is tried
        self.allowance = 0  # crashed operations that may be used for the completion in hand
        room = numbers(4 * SLOTS)
        self.kind = room[0:SLOTS]
        self.until = room[SLOTS : 2 * SLOTS]  # when it completes
        self.free = room[2 * SLOTS : 3 * SLOTS]
        self.queue = room[3 * SLOTS : 4 * SLOTS]  # slots of what is pending, by end
        self.vacate()

    def vacate(self) -> None:
        """Nothing is pending, nothing crashed."""
        self.masks = 1
        self.room = 0
        self.slots = SLOTS
        self.pending = 0
        self.narrowed = False
        for slot in range(SLOTS):
            self.free[slot] = SLOTS - 1 - slot

    def more_slots(self, masks: int) -> None:
        slots = SLOTS * masks
        self.kind = longer(self.kind, slots)
        self.until = longer(self.until, slots)
        self.free = longer(self.free, slots)
        self.queue = longer(self.queue, slots)
        for i in range(slots - self.slots):
            self.free[i] = slots - 1 - i
        self.slots = slots

    def take_slot(self, end: int) -> int:
        """For an operation that will complete then; there is a free one."""
        slot = self.free[self.slots - self.pending - 1]
        self.until[slot] = end
        at = self.pending
        while at > 0 and self.until[self.queue[at - 1]] > end:
            self.queue[at] = self.queue[at - 1]
            at -= 1
        self.queue[at] = slot
        self.pending += 1
        return slot

    def leave_slot(self, slot: int) -> None:
        at = 0
        while self.queue[at] != slot:
            at += 1
        self.pending -= 1
        for i in range(at, self.pending):
            self.queue[i] = self.queue[i + 1]
        self.free[self.slots - self.pending - 1] = slot

    def resume(self, other: Slots) -> None:
        """What is pending with another, and how it searched."""
        self.explored = other.explored
        self.thrift = other.thrift
        self.narrowed = other.narrowed
        self.masks = other.masks
        self.room = other.room
        self.slots = other.slots
        self.pending = other.pending
        self.kind = longer(other.kind, len(other.kind))
        self.until = longer(other.until, len(other.until))
        self.free = longer(other.free, len(other.free))
        self.queue = longer(other.queue, len(other.queue))

    def spend(self) -> int:
        """Count a configuration. What ``look`` raises is passed on; EffortError beyond the effort of an attempt."""
        self.explored += 1
        if self.explored > self.limit:
            raise EffortError
        self.fuel -= 1
        if self.fuel <= 0:
            self.fuel = self.look(self.explored, self.held())
        return 0

    def held(self) -> int:
        """Bytes of the configurations."""
        return 0
