"""All ways to linearize a completing operation, none earlier than it must be (checkers/kernels/search.py)."""

from __future__ import annotations

from checkers.kernels.steps import Steps

NONE = -1
ONE = 1
GONE = -2
UNBOUNDED = 1 << 60
CAS = 2
ALLOWANCE = 4
"""crashed operations that one completion may use at most, when not everything is tried"""


class Moves(Steps):
    """``completes`` takes all configurations past a completion."""

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
        self.leave_slot(slot)
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

    def linearize(self, slot: int) -> int:
        self.target = slot
        need = self.need[slot]
        word = slot >> 6
        bit = ONE << (slot & 63)
        stride = self.stride
        self.found = 0
        self.denied = False
        self.allowance = 0 if self.thrift else UNBOUNDED
        while True:
            self.usable = self.classes if self.allowance else 0
            if self.usable < self.classes:
                self.denied = True
            if need != NONE:
                self.find_reach(need)
            for i in range(self.count):
                for k in range(stride):
                    self.tmp[k] = self.now[i * stride + k]
                self.tmp[stride] = 0
                if self.tmp[1 + word] & bit:
                    self.emit(0)
                elif need == NONE:
                    self.write(slot)
                else:
                    self.demand()
            if self.found or not self.denied or self.allowance == ALLOWANCE:
                break
            self.allowance += 1
        if self.denied:
            self.narrowed = True
        for i in range(self.found):
            self.head[self.out[i * stride]] = NONE
        self.now, self.out = self.out, self.now
        self.earlier = self.count
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

    def demand(self) -> int:
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
        """Write ``value`` by ``slot``, or, for the sake of the target, by whichever pending write comes first; before
        that any walk of compare-and-sets from the present state. On the path to here ``base`` was the last gain.
        """
        state = self.tmp[at]
        if self.may_leave(at):
            to = self.deeper(at)
            if slot != NONE:
                self.tmp[to + 1 + (slot >> 6)] |= ONE << (slot & 63)
                self.written(to, value)
                self.emit(to)
            elif self.take_write(to, value, False):
                self.written(to, value)
                self.step_path(depth, value)
                self.onward(to, depth, depth + 1)
        if state == self.values:
            return 0
        to = at + self.stride + 1
        for i in range(self.pending + self.usable):
            after = self.change(at, i, state, False)
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
        to = at + self.stride + 1
        for i in range(self.pending + self.usable):
            after = self.change(at, i, state, False)
            if (
                after == NONE
                or self.marked[after] != self.mark
                or (after != state and not self.may_leave(to))
            ):
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
        to = at + self.stride + 1
        for i in range(self.pending + self.usable):
            after = self.change(at, i, value, True)
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
        to = at + self.stride + 1
        for i in range(self.pending + self.usable):
            after = self.change(at, i, value, True)
            if after == NONE:
                continue
            if self.glimpse(to, after) or i < self.pending:
                self.step_path(depth, after)
                self.trail(to, after, depth, depth + 1)
            elif self.hop(base, depth, after):
                self.step_path(depth, after)
                self.trail(to, after, base, depth + 1)
        return 0

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
            for k in range(self.usable):
                if self.class_left[k] > 0 and self.class_put[k] == value and self.class_need[k] != NONE:
                    self.reach_from(self.class_need[k])
        return 0

    def reach_from(self, value: int) -> int:
        if self.marked[value] != self.mark:
            self.marked[value] = self.mark
            self.reach[self.reached] = value
            self.reached += 1
        return 0
