"""Steps of one configuration of a register's search, on a stack of copies (checkers/kernels/search.py)."""

from __future__ import annotations

from checkers.kernels.pending import Pending
from checkers.kernels.slots import longer, longer_words

NONE = -1
ONE = 1
LOW = 0xFFFF_FFFF
HALF = 1 << 32
GONE = -2
WRITE, CAS = 1, 2
SCANNED = 192
"""configurations of one state that a new one is compared with"""


class Steps(Pending):
    """``tmp`` is the stack: configurations, each with a word more, of how many crashed operations it has used for the
    completion in hand. ``out``: configurations in which that is linearized.
    """

    def deeper(self, at: int) -> int:
        """A copy of configuration ``at``, behind it."""
        wide = self.stride + 1
        to = at + wide
        self.spend()
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
        """Whether a crashed compare-and-set that gained nothing may lead to a value: not back to where the path has
        been, and, if crashed operations are endless, not to where another one has.
        """
        for i in range(base, depth):
            if self.path[i] == value:
                return False
        if self.endless:
            if self.visited[value] == self.path_mark[base]:
                return False
            self.visited[value] = self.path_mark[base]
        return True

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
        for k in range(self.usable):
            if self.class_left[k] > 0 and self.class_need[k] == NONE and self.class_put[k] == value:
                return self.tmp[at + 1 + 2 * self.masks + k] != 0
        return False

    def take_write(self, at: int, value: int, shadow: bool) -> bool:
        """Linearize the first to end of the writes of a value, of those in M if in the ``shadow``; false: no such."""
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
        for k in range(self.usable):
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
        """Linearize a compare-and-set, the one at a place in the queue or, beyond it, of a class of crashed ones, if
        it starts from the state and no other of its class ought to come first: in a copy behind the configuration.
        Where it leads, or NONE.
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
            bit = ONE << (slot & 63)
            word = self.deeper(at) + 1 + (slot >> 6)
            self.tmp[word] |= bit
            self.tmp[word + masks] &= ~bit
        elif self.tmp[at + self.stride] == self.allowance:
            self.denied = True
            return NONE
        else:
            self.take_crashed(self.deeper(at), place + self.stride + 1, shadow)
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
        return self.crashed_need(value)

    def emit(self, at: int) -> int:
        """The target is linearized in this configuration: keep it, unless one is there that dominates it."""
        stride = self.stride
        masks = self.masks
        slot = self.target
        self.spend()
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
