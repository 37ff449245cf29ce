"""The search for registers: just-in-time linearization (Lowe 2017) in which nothing moves before it must.

Operations *need* a value (reads, compare-and-sets; NONE: any will do) and *put* one (NONE: it stays). Values are
numbered by key, the initial one is 0. A configuration stands for a set of linearizations of the ops so far:

- ``state``: the value now, or DEAD, one that nobody will observe: all of them are one;
- ``L``: the pending operations that have been linearized, a bit each;
- ``M``: the pending operations that were already pending at the last unconditional write, a bit each;
- of each class (need, put) of crashed operations, how many are not used yet: begun before that write, and after.

**Shadows.** Straight before an unconditional write anything may happen that begins with another unconditional write:
nobody sees it afterwards. So a pending write in M may complete at any time without a trace, and one that completes
later may at any time have been there for the sake of an operation in M that needs its value (then it is in L). The
choice is made when one of the two completes, and not before: that is what keeps configurations few.

**Demand.** Else a write is linearized only when it completes, or straight before a completing operation that needs
its value, or that a chain of pending compare-and-sets leads to; crashed ones are used in the second way only. A read
of the present state is linearized at once. Of pending operations with one need and put the one that ends first goes
first (twice where only one of two is in M).

**Foresight.** What is still to come is known: a state is DEAD when nothing that needs it is pending or will begin
before a write that is yet to begin has completed; a state which must still be observed, and which nothing can write
again, is not left. Without foresight (``exact``) the completion at which no configuration is left is the first at
which the ops so far are impossible.

**Dominance.** Of configurations of one state those stay that are not worse in every respect: fewer writes, the same
compare-and-sets and more reads in L, more in M, more crashed operations left.

A configuration is ``stride`` words of 64 bits: state, L and M (``masks`` words each), one per class of crashed ones.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, MutableSequence, Sequence

NONE = -1
CRASHED = 1 << 62
MASK = 0xFFFF_FFFF_FFFF_FFFF
LOW = 0xFFFF_FFFF
ONE = 1
HALF = 1 << 32

READ, WRITE, CAS = 0, 1, 2

VALID, INVALID, UNKNOWN = 0, 1, 2

GONE = -2
UNBOUNDED = 1 << 60
ALLOWANCE = 4
"""crashed operations that one completion may use at most, when not everything is tried"""
SCANNED = 192
"""configurations of one state that a new one is compared with"""


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


class Search:
    """All configurations of one key after the ops so far. ``look(explored, bytes)`` is called now and then, may raise,
    and says after how many more configurations it wants to be called again.
    """

    def __init__(self, look: Callable[[int, int], int]) -> None:
        self.look = look
        self.fuel = look(0, 0)
        self.explored = 0
        self.narrowed = False
        self.masks = 1
        self.slots = 64
        self.kind = numbers(64)
        self.need = numbers(64)
        self.put = numbers(64)
        self.until = numbers(64)
        self.free = numbers(64)
        self.queue = numbers(64)  # slots of what is pending, by end
        self.pending = 0
        self.open = words(1)
        self.readers = words(1)
        self.writers = words(1)
        self.classes = 0
        self.room = 0  # classes of crashed operations that a configuration has words for
        self.class_need = numbers(4)
        self.class_put = numbers(4)
        self.class_left = numbers(4)
        self.values = 0
        self.reads = words(1)  # by value, masks words each: pending reads of it
        self.changes = words(1)  # pending compare-and-sets from it
        self.coming = numbers(1)  # by value: operations that need it, still to begin
        self.duties = numbers(1)  # those among them that complete
        self.sources = numbers(1)  # operations that put it, still to begin
        self.next_need = numbers(1)  # the first of those in ``coming``
        self.head = numbers(1)  # by state: the first configuration in ``out``
        self.reach = numbers(1)
        self.marked = numbers(1)
        self.visited = numbers(1)
        self.mark = 0
        self.reached = 0
        self.stride = 3
        self.now = words(64 * 3)
        self.count = 0
        self.out = words(64 * 3)
        self.found = 0
        self.links = numbers(64)
        self.tmp = words(64 * 4)
        self.path = numbers(64)
        self.path_mark = numbers(64)
        self.marks = 0
        self.keep = numbers(64)
        self.target = 0
        self.exact = False
        self.endless = False  # crashed operations are never used up: more is possible than there is
        self.thrift = False  # crashed operations are used only where there is no other way: not everything is tried
        self.allowance = 0  # crashed operations that may be used for the completion in hand
        self.denied = False
        self.width = UNBOUNDED
        self.at = -1  # position of the event in hand
        self.begin = numbers(1)
        self.end = numbers(1)
        self.local = numbers(1)  # by code of a value: its number in the key in hand
        self.stamp = numbers(1)  # the key for which that was set
        self.needs = numbers(1)
        self.puts = numbers(1)
        self.next_alike = numbers(1)  # by operation: the next one of the same need
        self.first_end = numbers(1)  # by operation: when the first write that begins with it or later completes
        self.useful_until = 0  # when the first write that is yet to begin completes

    # ---- the shape of a configuration

    def reset(self, values: int, exact: bool) -> None:
        """Begin anew, with so many values, at value 0."""
        self.values = values
        self.exact = exact
        self.masks = 1
        self.slots = 64
        self.pending = 0
        self.classes = 0
        self.room = 0
        self.stride = 3
        self.mark = 0
        self.narrowed = False
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
        for slot in range(64):
            self.free[slot] = 63 - slot
        self.open[0] = 0
        self.readers[0] = 0
        self.writers[0] = 0
        self.now[0] = 0
        self.now[1] = 0
        self.now[2] = 0
        self.count = 1

    def reshape(self, masks: int, room: int) -> None:
        """Room for more pending operations, or more classes of crashed ones, in every configuration."""
        stride = 1 + 2 * masks + room
        wider = words(max(64, 2 * self.count) * stride)
        for i in range(self.count):
            a = i * self.stride
            b = i * stride
            wider[b] = self.now[a]
            for k in range(self.masks):
                wider[b + 1 + k] = self.now[a + 1 + k]
                wider[b + 1 + masks + k] = self.now[a + 1 + self.masks + k]
            for k in range(self.room):
                wider[b + 1 + 2 * masks + k] = self.now[a + 1 + 2 * self.masks + k]
        self.now = wider
        self.out = words(max(64, 2 * self.count) * stride)
        self.links = numbers(max(64, 2 * self.count))
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
        slots = 64 * masks
        self.kind = longer(self.kind, slots)
        self.need = longer(self.need, slots)
        self.put = longer(self.put, slots)
        self.until = longer(self.until, slots)
        self.free = longer(self.free, slots)
        self.queue = longer(self.queue, slots)
        self.open = longer_words(self.open, masks)
        self.readers = longer_words(self.readers, masks)
        self.writers = longer_words(self.writers, masks)
        for i in range(slots - self.slots):
            self.free[i] = slots - 1 - i
        self.slots = slots

    # ---- what happens

    def begins(self, need: int, put: int, end: int) -> int:
        """An operation that will complete begins; its slot."""
        if self.pending == self.slots:
            self.reshape(self.masks + 1, self.room)
        slot = self.free[self.slots - self.pending - 1]
        self.need[slot] = need
        self.put[slot] = put
        self.until[slot] = end
        at = self.pending
        while at > 0 and self.until[self.queue[at - 1]] > end:
            self.queue[at] = self.queue[at - 1]
            at -= 1
        self.queue[at] = slot
        self.pending += 1
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
        for k in range(self.classes):
            if self.class_left[k] > 0 and self.class_need[k] == value:
                return True
        return False

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

    def completes(self, slot: int) -> bool:
        """Linearize the operation in every configuration; false when none is left."""
        word = slot >> 6
        bit = ONE << (slot & 63)
        stride = self.stride
        masks = self.masks
        undone = False
        for i in range(self.count):
            if not self.now[i * stride + 1 + word] & bit:
                undone = True
                break
        if undone:
            self.linearize(slot)
        else:
            for i in range(self.count):
                self.now[i * stride + 1 + word] ^= bit
        at = 0
        while self.queue[at] != slot:
            at += 1
        self.pending -= 1
        for i in range(at, self.pending):
            self.queue[i] = self.queue[i + 1]
        self.free[self.slots - self.pending - 1] = slot
        self.open[word] ^= bit
        need = self.need[slot]
        if need == NONE:
            self.writers[word] ^= bit
        else:
            if self.put[slot] == NONE:
                self.readers[word] ^= bit
                self.reads[need * masks + word] ^= bit
            else:
                self.changes[need * masks + word] ^= bit
            self.retire(need)
        return self.count > 0

    # ---- linearizing

    def linearize(self, slot: int) -> int:
        self.target = slot
        need = self.need[slot]
        word = slot >> 6
        bit = ONE << (slot & 63)
        stride = self.stride
        if need != NONE:
            self.find_reach(need)
        self.found = 0
        self.denied = False
        self.allowance = 0 if self.thrift else UNBOUNDED
        while True:
            for i in range(self.count):
                for k in range(stride):
                    self.tmp[k] = self.now[i * stride + k]
                self.tmp[stride] = 0
                if self.tmp[1 + word] & bit:
                    self.emit(0)
                elif need == NONE:
                    self.write(slot)
                else:
                    self.demand(need)
            if self.found or not self.denied or self.allowance == ALLOWANCE:
                break
            self.allowance += 1
        if self.denied:
            self.narrowed = True
        for i in range(self.found):
            self.head[self.out[i * stride]] = NONE
        self.now, self.out = self.out, self.now
        self.count = 0
        for i in range(self.found):
            if self.links[i] != GONE:
                if self.count != i:
                    for k in range(stride):
                        self.now[self.count * stride + k] = self.now[i * stride + k]
                self.count += 1
        return 0

    def write(self, slot: int) -> int:
        """A write completes in configuration 0 of ``tmp``: it has left no trace, or it is what is there now."""
        masks = self.masks
        value = self.put[slot]
        word = slot >> 6
        bit = ONE << (slot & 63)
        shadowed = self.tmp[1 + masks + word] & bit
        if shadowed:
            at = self.deeper(0)
            self.tmp[at + 1 + word] |= bit
            self.glimpse(at, value)
            self.step_path(0, value)
            self.trail(at, value, 0, 1)
            if not self.promising(0, value):
                return 0
        self.step_path(0, self.tmp[0])
        self.leave(0, slot, value, 0, 1)
        return 0

    def demand(self, need: int) -> int:
        """An operation that needs a value completes in configuration 0 of ``tmp``, where it is not linearized."""
        slot = self.target
        state = self.tmp[0]
        if state != self.values and self.marked[state] == self.mark:
            at = self.deeper(0)
            self.step_path(0, state)
            self.onward(at, 0, 1)
        if self.tmp[1 + self.masks + (slot >> 6)] & (ONE << (slot & 63)):
            for i in range(self.reached):
                value = self.reach[i]
                at = self.deeper(0)
                if self.take_write(at, value, True):
                    self.glimpse(at, value)
                    self.step_path(0, value)
                    self.backward(at, value, 0, 1)
        for i in range(self.reached):
            value = self.reach[i]
            if self.has_write(0, value):
                self.step_path(0, state)
                self.leave(0, NONE, value, 0, 1)
        return 0

    def leave(self, at: int, slot: int, value: int, base: int, depth: int) -> int:
        """Write ``value`` by ``slot``, or, for the sake of the target, by whichever pending write comes first; before it
        any walk of compare-and-sets from the present state. Of the path to here ``base`` was the last gain.
        """
        state = self.tmp[at]
        if self.may_leave(at):
            to = self.deeper(at)
            if slot != NONE:
                self.tmp[to + 1 + (slot >> 6)] |= ONE << (slot & 63)
                self.written(to, value)
                self.emit(to)
            else:
                self.take_write(to, value, False)
                self.written(to, value)
                self.step_path(depth, value)
                self.onward(to, depth, depth + 1)
        if state == self.values:
            return 0
        for i in range(self.pending + self.classes):
            to = self.deeper(at)
            after = self.change(to, i, state, False)
            if after == NONE or (after != state and not self.may_leave(to)):
                continue
            self.tmp[to] = after
            if self.glimpse_now(to, after) or i < self.pending:
                self.step_path(depth, after)
                self.leave(to, slot, value, depth, depth + 1)
            elif self.hop(base, depth, after):
                self.step_path(depth, after)
                self.leave(to, slot, value, base, depth + 1)
        return 0

    def onward(self, at: int, base: int, depth: int) -> int:
        """From the present state by compare-and-sets to the value that the target needs."""
        state = self.tmp[at]
        slot = self.target
        if state == self.need[slot]:
            if self.put[slot] == NONE:
                self.emit(at)
                return 0
            to = self.deeper(at)
            self.tmp[to + 1 + (slot >> 6)] |= ONE << (slot & 63)
            if self.put[slot] == state or self.may_leave(to):
                self.tmp[to] = self.put[slot]
                self.glimpse_now(to, self.put[slot])
                self.emit(to)
        for i in range(self.pending + self.classes):
            to = self.deeper(at)
            after = self.change(to, i, state, False)
            if after == NONE or self.marked[after] != self.mark or (after != state and not self.may_leave(to)):
                continue
            self.tmp[to] = after
            if self.glimpse_now(to, after) or i < self.pending:
                self.step_path(depth, after)
                self.onward(to, depth, depth + 1)
            elif self.hop(base, depth, after):
                self.step_path(depth, after)
                self.onward(to, base, depth + 1)
        return 0

    def backward(self, at: int, value: int, base: int, depth: int) -> int:
        """In the shadow of the last write: from ``value`` by compare-and-sets to the value that the target needs."""
        slot = self.target
        if value == self.need[slot]:
            if self.put[slot] == NONE:
                self.trail(at, value, base, depth)
                return 0
            to = self.deeper(at)
            self.tmp[to + 1 + (slot >> 6)] |= ONE << (slot & 63)
            self.glimpse(to, self.put[slot])
            self.step_path(depth, self.put[slot])
            self.trail(to, self.put[slot], depth, depth + 1)
        for i in range(self.pending + self.classes):
            to = self.deeper(at)
            after = self.change(to, i, value, True)
            if after == NONE or self.marked[after] != self.mark:
                continue
            if self.glimpse(to, after) or i < self.pending:
                self.step_path(depth, after)
                self.backward(to, after, depth, depth + 1)
            elif self.hop(base, depth, after):
                self.step_path(depth, after)
                self.backward(to, after, base, depth + 1)
        return 0

    def trail(self, at: int, value: int, base: int, depth: int) -> int:
        """In the shadow of the last write: what else may have happened after the value was there."""
        self.emit(at)
        for i in range(self.pending + self.classes):
            to = self.deeper(at)
            after = self.change(to, i, value, True)
            if after == NONE:
                continue
            if self.glimpse(to, after) or i < self.pending:
                self.step_path(depth, after)
                self.trail(to, after, depth, depth + 1)
            elif self.hop(base, depth, after):
                self.step_path(depth, after)
                self.trail(to, after, base, depth + 1)
        return 0

    # ---- steps of one configuration in ``tmp``

    def deeper(self, at: int) -> int:
        """A copy of configuration ``at``, behind it."""
        wide = self.stride + 1
        to = at + wide
        if to + wide > len(self.tmp):
            self.tmp = longer_words(self.tmp, 2 * len(self.tmp))
        for k in range(wide):
            self.tmp[to + k] = self.tmp[at + k]
        return to

    def step_path(self, depth: int, value: int) -> int:
        if depth + 2 > len(self.path):
            self.path = longer(self.path, 2 * len(self.path))
            self.path_mark = longer(self.path_mark, len(self.path))
        self.marks += 1
        self.path[depth] = value
        self.path_mark[depth] = self.marks
        return 0

    def hop(self, base: int, depth: int, value: int) -> bool:
        """Whether a crashed compare-and-set that gained nothing may lead to a value: not back to where the path has been,
        and, if crashed operations are endless, not to where another one has.
        """
        for i in range(base, depth):
            if self.path[i] == value:
                return False
        if self.endless:
            if self.visited[value] == self.path_mark[base]:
                return False
            self.visited[value] = self.path_mark[base]
        return True

    def find_reach(self, need: int) -> int:
        """The values from which pending and crashed compare-and-sets may lead to one."""
        self.mark += 1
        self.marked[need] = self.mark
        self.reach[0] = need
        self.reached = 1
        at = 0
        while at < self.reached:
            value = self.reach[at]
            at += 1
            for i in range(self.pending):
                slot = self.queue[i]
                if self.kind[slot] == CAS and self.put[slot] == value and slot != self.target:
                    self.reach_from(self.need[slot])
            for k in range(self.classes):
                if self.class_left[k] > 0 and self.class_put[k] == value and self.class_need[k] != NONE:
                    self.reach_from(self.class_need[k])
        return 0

    def reach_from(self, value: int) -> int:
        if self.marked[value] != self.mark:
            self.marked[value] = self.mark
            self.reach[self.reached] = value
            self.reached += 1
        return 0

    def written(self, at: int, value: int) -> int:
        """An unconditional write happens now: all that is pending was pending at the last write."""
        masks = self.masks
        self.tmp[at] = value
        for k in range(masks):
            done = self.tmp[at + 1 + k] | self.reads[value * masks + k]
            self.tmp[at + 1 + k] = done
            self.tmp[at + 1 + masks + k] = self.open[k] & ~done
        place = at + 1 + 2 * masks
        for k in range(self.classes):
            unused = self.tmp[place + k]
            self.tmp[place + k] = (unused & LOW) + (unused >> 32)
        return 0

    def glimpse_now(self, at: int, value: int) -> bool:
        """All pending reads of the value that is there now are linearized; whether there were any."""
        gained = False
        for k in range(self.masks):
            more = self.reads[value * self.masks + k] & ~self.tmp[at + 1 + k]
            if more:
                gained = True
                self.tmp[at + 1 + k] |= more
                self.tmp[at + 1 + self.masks + k] &= ~more
        return gained

    def glimpse(self, at: int, value: int) -> bool:
        """The same for a value that was there in the shadow of the last write: reads in M."""
        gained = False
        for k in range(self.masks):
            more = self.reads[value * self.masks + k] & self.tmp[at + 1 + self.masks + k]
            if more:
                gained = True
                self.tmp[at + 1 + k] |= more
                self.tmp[at + 1 + self.masks + k] &= ~more
        return gained

    def has_write(self, at: int, value: int) -> bool:
        for i in range(self.pending):
            slot = self.queue[i]
            if (
                self.kind[slot] == WRITE
                and self.put[slot] == value
                and not self.tmp[at + 1 + (slot >> 6)] & (ONE << (slot & 63))
            ):
                return True
        for k in range(self.classes):
            if self.class_left[k] > 0 and self.class_need[k] == NONE and self.class_put[k] == value:
                return self.tmp[at + 1 + 2 * self.masks + k] != 0
        return False

    def take_write(self, at: int, value: int, shadow: bool) -> bool:
        """Linearize the write of a value that ends first, of those in M if in the ``shadow``; false: there is none."""
        for i in range(self.pending):
            slot = self.queue[i]
            if self.kind[slot] == WRITE and self.put[slot] == value:
                word = at + 1 + (slot >> 6)
                bit = ONE << (slot & 63)
                if self.tmp[word] & bit or (shadow and not self.tmp[word + self.masks] & bit):
                    continue
                self.tmp[word] |= bit
                self.tmp[word + self.masks] &= ~bit
                return True
        for k in range(self.classes):
            if self.class_left[k] > 0 and self.class_need[k] == NONE and self.class_put[k] == value:
                return self.take_crashed(at, at + 1 + 2 * self.masks + k, shadow)
        return False

    def take_crashed(self, at: int, place: int, shadow: bool) -> bool:
        """Use a crashed operation of the class whose counts are there, if the allowance is not spent."""
        unused = self.tmp[place]
        fresh = not shadow and unused >= HALF
        if not fresh and not unused & LOW:
            return False
        spent = at + self.stride
        if self.tmp[spent] == self.allowance:
            self.denied = True
            return False
        self.tmp[spent] += 1
        if not self.endless:
            self.tmp[place] = unused - (HALF if fresh else ONE)
        return True

    def change(self, at: int, which: int, state: int, shadow: bool) -> int:
        """Linearize a compare-and-set, the one at a place in the queue or, beyond it, of a class of crashed ones, if it
        starts from the state and no other one of its class ought to come first. Where it leads, or NONE.
        """
        masks = self.masks
        put = NONE
        place = at + 1 + 2 * masks + which - self.pending
        until = which
        fresh = True  # not in M
        if which < self.pending:
            slot = self.queue[which]
            if self.kind[slot] != CAS or self.need[slot] != state or slot == self.target:
                return NONE
            word = at + 1 + (slot >> 6)
            bit = ONE << (slot & 63)
            fresh = not self.tmp[word + masks] & bit
            if self.tmp[word] & bit or (shadow and fresh):
                return NONE
            put = self.put[slot]
        else:
            k = which - self.pending
            if self.class_left[k] == 0 or self.class_need[k] != state:
                return NONE
            unused = self.tmp[place]
            fresh = unused >= HALF
            if unused == 0 or (shadow and not unused & LOW):
                return NONE
            put = self.class_put[k]
            until = self.pending
        for i in range(until):
            other = self.queue[i]
            if self.kind[other] == CAS and self.need[other] == state and self.put[other] == put:
                word = at + 1 + (other >> 6)
                bit = ONE << (other & 63)
                if self.tmp[word] & bit:
                    continue
                marked = self.tmp[word + masks] & bit
                if shadow:
                    if marked:
                        return NONE
                elif not marked or not fresh:
                    return NONE
        if which < self.pending:
            slot = self.queue[which]
            word = at + 1 + (slot >> 6)
            bit = ONE << (slot & 63)
            self.tmp[word] |= bit
            self.tmp[word + masks] &= ~bit
        elif not self.take_crashed(at, place, shadow):
            return NONE
        return put

    def may_leave(self, at: int) -> bool:
        """Whether what must still observe the present state could find it again."""
        state = self.tmp[at]
        if self.exact or state == self.values:
            return True
        masks = self.masks
        needed = self.duties[state] > 0
        for k in range(masks):
            if self.changes[state * masks + k] & ~self.tmp[at + 1 + k]:
                needed = True
        if not needed or self.sources[state] > 0:
            return True
        for i in range(self.pending):
            slot = self.queue[i]
            if self.put[slot] == state and not self.tmp[at + 1 + (slot >> 6)] & (ONE << (slot & 63)):
                return True
        for k in range(self.classes):
            if self.class_left[k] > 0 and self.class_put[k] == state and self.tmp[at + 1 + 2 * masks + k]:
                return True
        return False

    def promising(self, at: int, value: int) -> bool:
        """Whether anything may observe the value if it is there from now on."""
        if self.exact or self.next_need[value] < self.useful_until:
            return True
        masks = self.masks
        for k in range(masks):
            if (self.reads[value * masks + k] | self.changes[value * masks + k]) & ~self.tmp[at + 1 + k]:
                return True
        for k in range(self.classes):
            if self.class_left[k] > 0 and self.class_need[k] == value:
                return True
        return False

    def emit(self, at: int) -> int:
        """The target is linearized in this configuration: keep it, unless one is there that dominates it."""
        stride = self.stride
        masks = self.masks
        slot = self.target
        self.explored += 1
        self.fuel -= 1
        if self.fuel <= 0:
            self.fuel = self.look(self.explored, self.held())
        if (self.found + 1) * stride > len(self.out):
            self.out = longer_words(self.out, 2 * len(self.out))
        if self.found + 1 > len(self.links):
            self.links = longer(self.links, 2 * len(self.links))
        new = self.found * stride
        for k in range(stride):
            self.out[new + k] = self.tmp[at + k]
        state = self.out[new]
        if state != self.values and not self.promising(at, state):
            state = self.values
            self.out[new] = state
        word = new + 1 + (slot >> 6)
        bit = ONE << (slot & 63)
        self.out[word] &= ~bit
        self.out[word + masks] &= ~bit
        for k in range(masks):
            self.out[new + 1 + masks + k] &= ~self.out[new + 1 + k]
        scanned = 0
        before = NONE
        old = self.head[state]
        while old != NONE and scanned < SCANNED:
            scanned += 1
            after = self.links[old]
            if self.dominates(old * stride, new):
                return 0
            if self.dominates(new, old * stride):
                if before == NONE:
                    self.head[state] = after
                else:
                    self.links[before] = after
                self.links[old] = GONE
            else:
                before = old
            old = after
        self.links[self.found] = self.head[state]
        self.head[state] = self.found
        self.found += 1
        return 0

    def dominates(self, a: int, b: int) -> bool:
        """Whether a configuration of ``out`` is at no disadvantage to another one of the same state."""
        masks = self.masks
        for k in range(masks):
            done = self.out[a + 1 + k]
            other = self.out[b + 1 + k]
            marked = self.out[a + 1 + masks + k]
            if done & ~other & ~self.readers[k]:
                return False
            if other & ~done & ~(self.writers[k] & marked):
                return False
            if self.out[b + 1 + masks + k] & ~marked & ~done:
                return False
        place = 1 + 2 * masks
        for k in range(self.classes):
            mine = self.out[a + place + k]
            its = self.out[b + place + k]
            if mine & LOW < its & LOW or (mine & LOW) + (mine >> 32) < (its & LOW) + (its >> 32):
                return False
        return True

    def held(self) -> int:
        """Bytes of the configurations."""
        return 8 * (len(self.now) + len(self.out) + len(self.links) + len(self.tmp))

    # ---- whole keys

    def load(self, begin: Sequence[int], end: Sequence[int], codes: int, longest: int) -> None:
        """The operations of all keys: positions, so many codes of values, so many operations of one key at most."""
        self.begin = begin
        self.end = end
        self.local = numbers(codes)
        self.stamp = numbers(codes)
        self.needs = numbers(longest)
        self.puts = numbers(longest)
        self.next_alike = numbers(longest)
        self.first_end = numbers(longest + 1)

    def number(self, key: int, first: int, last: int, need: Sequence[int], put: Sequence[int], initial: int) -> int:
        """Number the values of a key's operations; how many there are."""
        stamp = key + 1
        self.local[initial] = 0
        self.stamp[initial] = stamp
        count = 1
        for i in range(first, last):
            code = need[i]
            if code != NONE:
                if self.stamp[code] != stamp:
                    self.stamp[code] = stamp
                    self.local[code] = count
                    count += 1
                self.needs[i - first] = self.local[code]
            else:
                self.needs[i - first] = NONE
            code = put[i]
            if code != NONE:
                if self.stamp[code] != stamp:
                    self.stamp[code] = stamp
                    self.local[code] = count
                    count += 1
                self.puts[i - first] = self.local[code]
            else:
                self.puts[i - first] = NONE
        return count

    def foresee(self, first: int, last: int) -> None:
        """What is still to come: everything."""
        soonest = CRASHED
        self.first_end[last - first] = CRASHED
        for value in range(self.values + 1):
            self.next_need[value] = CRASHED
            self.head[value] = NONE
        for j in range(last - first - 1, -1, -1):
            need = self.needs[j]
            put = self.puts[j]
            end = self.end[first + j]
            if need != NONE:
                self.next_alike[j] = self.next_need[need]
                self.next_need[need] = self.begin[first + j]
                self.coming[need] += 1
                if end != CRASHED:
                    self.duties[need] += 1
            elif end < soonest:
                soonest = end
            if put != NONE:
                self.sources[put] += 1
            self.first_end[j] = soonest

    def key(self, first: int, last: int, values: int, width: int, exact: bool, thrift: bool, endless: bool) -> int:
        """Search the operations from ``first`` to before ``last``; the position of the completion at which no
        configuration is left, or NONE. At most ``width`` configurations are kept.
        """
        self.reset(values, exact)
        self.width = width
        self.thrift = thrift
        self.endless = endless
        self.foresee(first, last)
        i = first
        while True:
            if self.pending and (i == last or self.until[self.queue[0]] < self.begin[i]):
                slot = self.queue[0]
                self.at = self.until[slot]
                if not self.completes(slot):
                    return self.at
                if self.count > width:
                    self.thin()
                continue
            if i == last:
                return NONE
            j = i - first
            self.at = self.begin[i]
            need = self.needs[j]
            put = self.puts[j]
            if need != NONE:
                self.coming[need] -= 1
                self.next_need[need] = self.next_alike[j]
                if self.end[i] != CRASHED:
                    self.duties[need] -= 1
            if put != NONE:
                self.sources[put] -= 1
            self.useful_until = self.first_end[j + 1]
            if self.end[i] == CRASHED:
                if put != NONE and self.observed(put):
                    self.crashes(need, put)
                elif need != NONE:
                    self.retire(need)
            elif need != NONE or put != NONE:
                self.begins(need, put, self.end[i])
            i += 1

    def thin(self) -> None:
        """Keep ``width`` configurations: those in which least was given away."""
        self.narrowed = True
        stride = self.stride
        masks = self.masks
        worst = 0
        self.keep = longer(self.keep, self.count)
        for i in range(self.count):
            at = i * stride
            cost = 0
            for k in range(masks):
                done = self.now[at + 1 + k]
                marked = self.now[at + 1 + masks + k]
                cost += 2 * bits(self.writers[k] & done)
                cost += 2 * bits(self.readers[k] & self.open[k] & ~done)
                cost += bits(self.open[k] & ~done & ~marked)
            for k in range(self.classes):
                unused = self.now[at + 1 + 2 * masks + k]
                if self.class_left[k] > 0:
                    cost += 2 * (self.class_left[k] - (unused & LOW) - (unused >> 32))
            if self.now[at] == self.values:
                cost += 2
            self.keep[i] = cost
            if cost > worst:
                worst = cost
        histogram = numbers(worst + 2)
        for i in range(self.count):
            histogram[self.keep[i]] += 1
        total = 0
        limit = 0
        while total + histogram[limit] <= self.width:
            total += histogram[limit]
            limit += 1
        spare = self.width - total
        kept = 0
        for i in range(self.count):
            cost = self.keep[i]
            if cost > limit or (cost == limit and spare == 0):
                continue
            if cost == limit:
                spare -= 1
            if kept != i:
                for k in range(stride):
                    self.now[kept * stride + k] = self.now[i * stride + k]
            kept += 1
        self.count = kept


def bits(word: int) -> int:
    count = 0
    while word:
        word &= word - 1
        count += 1
    return count
