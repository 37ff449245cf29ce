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
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

from checkers.kernels.moves import Moves
from checkers.kernels.slots import EffortError, longer, longer_words, numbers, words

NONE = -1
CRASHED = 1 << 62
LOW = 0xFFFF_FFFF
UNBOUNDED = 1 << 60
VALID, INVALID, UNKNOWN = 0, 1, 2
THRIFTY_WIDTH = 64
"""configurations kept of a history that goes on when they have become too many"""

THRIFTY, FULL, ENDLESS, WIDE, ATTEMPTS, NARROW = 0, 1, 2, 3, 4, 5
"""attempts: crashed operations used only in need; everything; everything, with crashed operations that are never used
up, which can only refute; the first one with more room. Beyond these, and where nothing crashed: few configurations.
"""


class Search(Moves):
    """Decides whole keys."""

    def load(self, begin: Sequence[int], end: Sequence[int], codes: int, longest: int) -> None:
        """The operations of all keys: positions, so many codes of values, so many operations of one key at most."""
        self.begin = begin
        self.end = end
        room = numbers(3 * codes + 4 * longest + 1)
        self.local = room[0:codes]  # by code of a value: its number in the key in hand
        self.codes = room[codes : 2 * codes]  # and back
        self.stamp = room[2 * codes : 3 * codes]  # the key for which that was set
        at = 3 * codes
        self.needs = room[at : at + longest]
        at += longest
        self.puts = room[at : at + longest]
        at += longest
        self.next_alike = room[at : at + longest]  # by operation: the next one of the same need
        at += longest
        # by operation: when the first write that begins with it or later completes
        self.first_end = room[at : at + longest + 1]

    def number(
        self, key: int, first: int, last: int, need: Sequence[int], put: Sequence[int], initial: int
    ) -> int:
        """Number the values of a key's operations; how many there are."""
        stamp = key + 1
        self.local[initial] = 0
        self.stamp[initial] = stamp
        self.codes[0] = initial
        self.met = 1
        for i in range(first, last):
            self.needs[i - first] = self.numbered(need[i], stamp)
            self.puts[i - first] = self.numbered(put[i], stamp)
        return self.met

    def numbered(self, code: int, stamp: int) -> int:
        """The number of a value in the key in hand, a new one where it is first met."""
        if code == NONE:
            return NONE
        if self.stamp[code] != stamp:
            self.stamp[code] = stamp
            self.local[code] = self.met
            self.codes[self.met] = code
            self.met += 1
        return self.local[code]

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

    def decide(
        self,
        key: int,
        start: Sequence[int],
        need: Sequence[int],
        put: Sequence[int],
        initial: int,
        status: MutableSequence[int],
        position: MutableSequence[int],
    ) -> None:
        """Decide the keys from ``key`` on whose status is UNKNOWN. ``current`` is the key in hand, ``proved`` the
        position before which its operations are known to have an order.
        """
        keys = len(start) - 1
        while key < keys:
            if status[key] == UNKNOWN:
                self.current = key
                self.proved = NONE
                first = start[key]
                last = start[key + 1]
                values = self.number(key, first, last, need, put, initial)
                if self.settle(first, last, values):
                    status[key] = VALID
                else:
                    status[key] = INVALID
                    position[key] = self.first_impossible(first, last, values, 80_000 + 800 * (last - first))
            key += 1

    def settle(self, first: int, last: int, values: int) -> bool:
        """Whether a key's operations have an order."""
        crashed = False
        for i in range(first, last):
            if self.end[i] == CRASHED:
                crashed = True
                break
        some = 20_000 + 200 * (last - first)
        if crashed:
            for attempt in range(ATTEMPTS):
                if self.attempt(first, last, values, attempt, some):
                    return self.verdict == NONE
        elif self.attempt(first, last, values, NARROW, UNBOUNDED):
            return self.verdict == NONE
        self.attempt(first, last, values, FULL, UNBOUNDED)
        return self.verdict == NONE

    def attempt(self, first: int, last: int, values: int, which: int, effort: int) -> bool:
        """Whether an attempt decided the key; ``verdict`` is then where it is impossible, or NONE."""
        width, thrift, endless = UNBOUNDED, False, False
        if which == THRIFTY:
            width, thrift = 16, True
        elif which == ENDLESS:
            endless = True
        elif which == NARROW:
            width = 256
        elif which == WIDE:
            width, thrift = 512, True
        self.limit = UNBOUNDED if effort == UNBOUNDED else self.explored + effort
        try:
            self.verdict = self.key(first, last, values, width, False, thrift, endless)
        except EffortError:
            return False
        finally:
            self.limit = UNBOUNDED
            if not endless and self.at > self.proved:
                self.proved = self.at
        if self.verdict == NONE:
            return not endless
        return endless or not self.narrowed

    def first_impossible(self, first: int, last: int, values: int, effort: int) -> int:
        """Of an impossible key; beyond the effort the last completion."""
        self.limit = self.explored + effort
        try:
            found = self.key(first, last, values, UNBOUNDED, True, False, False)
        except EffortError:
            found = NONE
            for i in range(first, last):
                if self.end[i] != CRASHED and self.end[i] > found:
                    found = self.end[i]
        finally:
            self.limit = UNBOUNDED
        return found

    def key(
        self, first: int, last: int, values: int, width: int, exact: bool, thrift: bool, endless: bool
    ) -> int:
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
                if not self.completes(slot) and not self.failed(slot):
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

    def failed(self, slot: int) -> bool:
        """Whether to go on where no configuration was left when an operation completed."""
        return slot == NONE

    def states_before(self, codes: MutableSequence[int]) -> int:
        """The values before the completion at which no configuration was left, in no order; how many."""
        count = 0
        self.mark += 1
        for i in range(self.earlier):
            state = self.out[i * self.stride]
            if state != self.values and self.marked[state] != self.mark:
                self.marked[state] = self.mark
                codes[count] = self.codes[state]
                count += 1
        return count

    # ---- one key, while its history goes on

    def advance(self, slot: int, effort: int, width: int) -> bool:
        """As ``completes``; when it takes more than the effort or ``width``, from then on crashed operations are used
        only in need and not all configurations kept (``narrowed``: that none is left proves nothing).
        """
        self.limit = UNBOUNDED if self.thrift else self.explored + effort
        try:
            alive = self.completes(slot)
        except EffortError:
            self.limit = UNBOUNDED
            for i in range(self.found):
                self.head[self.out[i * self.stride]] = NONE
            self.thrift = True
            self.narrowed = True
            alive = self.completes(slot)
        finally:
            self.limit = UNBOUNDED
        if self.count > width or (self.thrift and self.count > THRIFTY_WIDTH):
            self.thrift = True
            self.width = THRIFTY_WIDTH
            self.thin()
        return alive

    def live(self, used: MutableSequence[int]) -> None:
        """Mark the values that anything still has to do with."""
        used[0] = 1
        for i in range(self.count):
            used[self.now[i * self.stride]] = 1
        for i in range(self.pending):
            slot = self.queue[i]
            if self.need[slot] != NONE:
                used[self.need[slot]] = 1
            if self.put[slot] != NONE:
                used[self.put[slot]] = 1
        for k in range(self.classes):
            if self.class_left[k] > 0:
                used[self.class_put[k]] = 1
                if self.class_need[k] != NONE:
                    used[self.class_need[k]] = 1

    def twin(self) -> Search:
        """One that goes on by itself."""
        other = Search(self.look)
        other.reset(self.values, True)
        other.resume(self)
        other.width = self.width
        other.need = longer(self.need, len(self.need))
        other.put = longer(self.put, len(self.put))
        other.open = longer_words(self.open, len(self.open))
        other.readers = longer_words(self.readers, len(self.readers))
        other.writers = longer_words(self.writers, len(self.writers))
        other.reads = longer_words(self.reads, len(self.reads))
        other.changes = longer_words(self.changes, len(self.changes))
        other.classes = self.classes
        other.class_need = longer(self.class_need, len(self.class_need))
        other.class_put = longer(self.class_put, len(self.class_put))
        other.class_left = longer(self.class_left, len(self.class_left))
        other.stride = self.stride
        other.now = longer_words(self.now, len(self.now))
        other.count = self.count
        other.out = words(len(self.out))
        other.links = numbers(len(self.links))
        other.tmp = words(len(self.tmp))
        return other

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
            worst = max(worst, cost)
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
