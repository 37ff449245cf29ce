"""What is pending and still to come, and the configurations of a register's search (checkers/kernels/search.py)."""

from __future__ import annotations

from collections.abc import Callable

from checkers.kernels.slots import Slots, longer, longer_words, numbers, words

NONE = -1
ONE = 1
HALF = 1 << 32
UNBOUNDED = 1 << 60
READ, WRITE, CAS = 0, 1, 2
SLOTS, CLASSES, VALUES = 64, 4, 16
"""pending operations, classes of crashed ones, and values for which there is room at first"""


class Pending(Slots):
    """All configurations of one key after the ops so far.

    A configuration is ``stride`` words of 64 bits: state, L and M (``masks`` words each), and one per class of
    crashed operations: how many are unused, in its low half of those begun before the last write, in the high half of
    the others.
    """

    def __init__(self, look: Callable[[int, int], int]) -> None:
        super().__init__(look)
        room = numbers(6 * SLOTS + 3 * CLASSES + 8 * VALUES)
        at = 0
        self.need = room[at : at + SLOTS]
        at += SLOTS
        self.put = room[at : at + SLOTS]
        at += SLOTS
        self.links = room[at : at + SLOTS]
        at += SLOTS
        self.path = room[at : at + SLOTS]
        at += SLOTS
        self.path_mark = room[at : at + SLOTS]
        at += SLOTS
        self.keep = room[at : at + SLOTS]
        at += SLOTS
        self.class_need = room[at : at + CLASSES]
        at += CLASSES
        self.class_put = room[at : at + CLASSES]
        at += CLASSES
        self.class_left = room[at : at + CLASSES]
        at += CLASSES
        self.coming = room[at : at + VALUES]  # by value: operations that need it, still to begin
        at += VALUES
        self.duties = room[at : at + VALUES]  # those among them that complete
        at += VALUES
        self.sources = room[at : at + VALUES]  # operations that put it, still to begin
        at += VALUES
        self.next_need = room[at : at + VALUES]  # the first of those in ``coming``
        at += VALUES
        self.head = room[at : at + VALUES]  # by state: the first configuration in ``out``
        at += VALUES
        self.reach = room[at : at + VALUES]
        at += VALUES
        self.marked = room[at : at + VALUES]
        at += VALUES
        self.visited = room[at : at + VALUES]
        masks = words(3 + 2 * VALUES + 2 * 64 * 3 + 64 * 4)
        self.open = masks[0:1]
        self.readers = masks[1:2]
        self.writers = masks[2:3]
        at = 3
        self.reads = masks[at : at + VALUES]  # by value, masks words each: pending reads of it
        at += VALUES
        self.changes = masks[at : at + VALUES]  # pending compare-and-sets from it
        at += VALUES
        self.now = masks[at : at + 64 * 3]
        at += 64 * 3
        self.out = masks[at : at + 64 * 3]
        at += 64 * 3
        self.tmp = masks[at : at + 64 * 4]
        self.classes = 0
        self.values = 0
        self.mark = 0
        self.reached = 0
        self.stride = 3
        self.count = 0
        self.earlier = 0  # configurations before the last completion, still in ``out``
        self.found = 0
        self.marks = 0
        self.target = 0
        self.exact = False
        self.endless = False  # crashed operations are never used up: more is possible than there is
        self.usable = 0  # classes of crashed operations that may be used for it
        self.width = UNBOUNDED
        self.useful_until = 0  # when the first write that is yet to begin completes

    def reset(self, values: int, exact: bool) -> None:
        """Begin anew, with so many values, at value 0."""
        self.values = values
        self.exact = exact
        self.vacate()
        self.classes = 0
        self.stride = 3
        self.mark = 0
        size = values + 1
        if len(self.coming) < size:
            grown = size + size // 2
            self.coming = numbers(grown)
            self.duties = numbers(grown)
            self.sources = numbers(grown)
            self.next_need = numbers(grown)
            self.head = numbers(grown)
            self.reach = numbers(grown)
            self.marked = numbers(grown)
            self.visited = numbers(grown)
        if len(self.reads) < size:
            self.reads = words(size + size // 2)
            self.changes = words(size + size // 2)
        for value in range(size):
            self.coming[value] = 0
            self.duties[value] = 0
            self.sources[value] = 0
            self.next_need[value] = NONE
            self.head[value] = NONE
            self.marked[value] = 0
            self.visited[value] = 0
            self.reads[value] = 0
            self.changes[value] = 0
        self.open[0] = 0
        self.readers[0] = 0
        self.writers[0] = 0
        self.now[0] = 0
        self.now[1] = 0
        self.now[2] = 0
        self.count = 1

    def again(self, look: Callable[[int, int], int]) -> None:
        """For another batch of keys, as if it were new."""
        self.look = look
        self.fuel = look(0, 0)
        self.explored = 0
        self.limit = UNBOUNDED

    def more_values(self, values: int) -> None:
        """Room for more values, where nothing is foreseen."""
        before = self.values + 1
        size = values + 1
        self.coming = longer(self.coming, size)
        self.duties = longer(self.duties, size)
        self.sources = longer(self.sources, size)
        self.next_need = longer(self.next_need, size)
        self.head = longer(self.head, size)
        self.reach = longer(self.reach, size)
        self.marked = longer(self.marked, size)
        self.visited = longer(self.visited, size)
        self.reads = longer_words(self.reads, size * self.masks)
        self.changes = longer_words(self.changes, size * self.masks)
        for value in range(before, size):
            self.head[value] = NONE
        self.values = values

    def reshape(self, masks: int, room: int) -> None:
        """Room for more pending operations, or more classes of crashed ones, in every configuration."""
        stride = 1 + 2 * masks + room
        size = max(64, 2 * self.count)
        if len(self.out) < size * stride:
            self.out = words(size * stride)
        wider = self.out
        for i in range(self.count):
            a = i * self.stride
            b = i * stride
            for k in range(stride):
                wider[b + k] = 0
            wider[b] = self.now[a]
            for k in range(self.masks):
                wider[b + 1 + k] = self.now[a + 1 + k]
                wider[b + 1 + masks + k] = self.now[a + 1 + self.masks + k]
            for k in range(self.room):
                wider[b + 1 + 2 * masks + k] = self.now[a + 1 + 2 * self.masks + k]
        self.now, self.out = wider, self.now
        if len(self.out) < size * stride:
            self.out = words(size * stride)
        if len(self.links) < size:
            self.links = numbers(size)
        if len(self.tmp) < 64 * (stride + 1):
            self.tmp = words(64 * (stride + 1))
        if masks != self.masks:
            self.widen(masks)
        self.masks = masks
        self.room = room
        self.stride = stride

    def widen(self, masks: int) -> None:
        """Room for 64 pending operations a mask."""
        old = self.masks
        size = self.values + 1
        reads = words(size * masks)
        changes = words(size * masks)
        for value in range(size):
            for k in range(old):
                reads[value * masks + k] = self.reads[value * old + k]
                changes[value * masks + k] = self.changes[value * old + k]
        self.reads = reads
        self.changes = changes
        self.more_slots(masks)
        self.need = longer(self.need, self.slots)
        self.put = longer(self.put, self.slots)
        self.open = longer_words(self.open, masks)
        self.readers = longer_words(self.readers, masks)
        self.writers = longer_words(self.writers, masks)

    def begins(self, need: int, put: int, end: int) -> int:
        """An operation that will complete begins; its slot."""
        if self.pending == self.slots:
            self.reshape(self.masks + 1, self.room)
        slot = self.take_slot(end)
        self.need[slot] = need
        self.put[slot] = put
        word = slot >> 6
        bit = ONE << (slot & 63)
        self.open[word] |= bit
        masks = self.masks
        if put == NONE:
            self.kind[slot] = READ
            self.readers[word] |= bit
            self.reads[need * masks + word] |= bit
            stride = self.stride
            for i in range(self.count):
                if self.now[i * stride] == need:
                    self.now[i * stride + 1 + word] |= bit
        elif need == NONE:
            self.kind[slot] = WRITE
            self.writers[word] |= bit
        else:
            self.kind[slot] = CAS
            self.changes[need * masks + word] |= bit
        return slot

    def crashes(self, need: int, put: int) -> None:
        """An operation of which nobody knows whether it happens begins."""
        which = NONE
        for k in range(self.classes):
            if self.class_left[k] > 0 and self.class_need[k] == need and self.class_put[k] == put:
                which = k
                break
        if which == NONE:
            for k in range(self.classes):
                if self.class_left[k] == 0:
                    which = k
                    break
        if which == NONE:
            which = self.classes
            if which == len(self.class_need):
                self.class_need = longer(self.class_need, 2 * which)
                self.class_put = longer(self.class_put, 2 * which)
                self.class_left = longer(self.class_left, 2 * which)
            self.class_left[which] = 0
            self.classes += 1
            if self.classes > self.room:
                self.reshape(self.masks, self.classes + self.classes // 2)
        stride = self.stride
        place = 1 + 2 * self.masks + which
        if self.class_left[which] == 0:
            self.class_need[which] = need
            self.class_put[which] = put
            for i in range(self.count):
                self.now[i * stride + place] = 0
        self.class_left[which] += 1
        for i in range(self.count):
            self.now[i * stride + place] += HALF

    def observed(self, value: int) -> bool:
        """Whether an operation needs the value that is pending, or still to begin."""
        if self.exact or self.coming[value] > 0:
            return True
        at = value * self.masks
        for k in range(self.masks):
            if self.reads[at + k] | self.changes[at + k]:
                return True
        return self.crashed_need(value)

    def crashed_need(self, value: int) -> bool:
        """Whether a crashed operation needs the value."""
        found = False
        for k in range(self.classes):
            if self.class_left[k] > 0 and self.class_need[k] == value:
                found = True
        return found

    def retire(self, value: int) -> None:
        """Forget crashed operations that put a value which nothing needs any more."""
        if self.classes == 0 or self.observed(value):
            return
        for k in range(self.classes):
            if self.class_left[k] > 0 and self.class_put[k] == value:
                self.class_left[k] = 0
                place = 1 + 2 * self.masks + k
                for i in range(self.count):
                    self.now[i * self.stride + place] = 0
                if self.class_need[k] != NONE:
                    self.retire(self.class_need[k])

    def held(self) -> int:
        """Bytes of the configurations."""
        return 8 * (len(self.now) + len(self.out) + len(self.links) + len(self.tmp))
