"""Which few operations of a register already have no order, and which completions have to go until the rest has one.

A history may be weakened without making a possible one impossible, as long as each value that is still observed keeps
all its producers:

- a read may go; a compare-and-set may forget which value it needed (it becomes a write);
- when nothing observes a value any more its writes may go, and a compare-and-set may forget what it put (it becomes
  a read).

So whatever is impossible when it was weakened is impossible in the whole history.
"""

from __future__ import annotations

from collections.abc import MutableSequence

from checkers.kernels.search import Search
from checkers.kernels.slots import EffortError, numbers

NONE = -1
ONE = 1
CRASHED = 1 << 62
UNBOUNDED = 1 << 60
FEW = 64
"""operations that are tried one by one; of more, halves, quarters... are tried before"""
LAST = 16
"""of many operations, those that are tried first to be enough"""


class Cores(Search):
    """Takes the operations of one key that were loaded and numbered as for a search."""

    def dissect(
        self,
        count: int,
        values: int,
        effort: int,
        positions: MutableSequence[int],
        states: MutableSequence[int],
    ) -> int:
        """The completions that are impossible, one after the other, when those before them do not count: their
        ``positions``, as many as there is room for. What does not count of a compare-and-set is what it needed.
        ``states``: codes of the values before the first of them, ``state_count`` in all. Beyond the effort, fewer.
        """
        self.failures = 0
        self.state_count = 0
        self.failed_at = positions
        self.states_then = states
        self.limit = self.explored + effort
        self.dissecting = True
        try:
            self.key(0, count, values, UNBOUNDED, True, False, False)
        except EffortError:
            pass
        finally:
            self.limit = UNBOUNDED
            self.dissecting = False
        return self.failures

    def failed(self, slot: int) -> bool:
        """Go on without the operation that could not be linearized, or with what it put alone."""
        if not self.dissecting:
            return False
        if self.failures == 0:
            self.state_count = self.states_before(self.states_then)
        self.failed_at[self.failures] = self.at
        self.failures += 1
        if self.failures == len(self.failed_at):
            return False
        self.now, self.out = self.out, self.now
        self.count = self.earlier
        if self.put[slot] == NONE:
            word = slot >> 6
            bit = ONE << (slot & 63)
            for i in range(self.count):
                at = i * self.stride + 1 + self.masks + word
                self.now[at] &= ~bit
        else:
            self.begins(NONE, self.put[slot], self.at)
            self.completes(self.queue[0])
        return self.count > 0

    def take(self, count: int, position: int) -> int:
        """The first operations as they were known at a position: open ones have crashed, reads among them did not
        happen. How many are left.
        """
        self.dissecting = False
        room = numbers(9 * count)
        self.which = room[0 : 1 * count]
        self.wants = room[1 * count : 2 * count]
        self.makes = room[2 * count : 3 * count]
        self.since = room[3 * count : 4 * count]
        self.until_then = room[4 * count : 5 * count]
        self.trial_which = room[5 * count : 6 * count]
        self.trial_begin = room[6 * count : 7 * count]
        self.trial_end = room[7 * count : 8 * count]
        self.todo = room[8 * count : 9 * count]
        kept = 0
        for i in range(count):
            need = self.needs[i]
            put = self.puts[i]
            end = self.end[i]
            if self.begin[i] > position:
                break
            if end > position:
                end = CRASHED
            if put == NONE and (need == NONE or end == CRASHED):
                continue
            self.which[kept] = i
            self.wants[kept] = need
            self.makes[kept] = put
            self.since[kept] = self.begin[i]
            self.until_then[kept] = end
            kept += 1
        self.size = kept
        self.begin = self.trial_begin
        self.end = self.trial_end
        return kept

    def shrink(self, values: int, work: int) -> int:
        """Weaken what was taken while it stays impossible, until nothing is left to try or so many operations were
        looked at; how many operations are left: ``which``, and what is left of each in ``wants`` and ``makes``.
        What ``look`` raises is passed on, and what is left then is impossible, too.

        What cannot go need not be tried again when less is left: without it even more was possible.
        """
        self.all_values = values
        self.gone = numbers(values)
        self.order = numbers(values)
        self.work = work
        if self.size > FEW:
            self.by_time()
        self.by_values()
        if self.size > FEW:
            self.by_parts()
        self.by_operations()
        self.by_freed()
        return self.size

    def left(
        self,
        which: MutableSequence[int],
        wants: MutableSequence[int],
        makes: MutableSequence[int],
        since: MutableSequence[int],
        until: MutableSequence[int],
    ) -> int:
        """Copy what is left; how many."""
        for i in range(self.size):
            which[i] = self.which[i]
            wants[i] = self.wants[i]
            makes[i] = self.makes[i]
            since[i] = self.since[i]
            until[i] = self.until_then[i]
        return self.size

    def tried(self, count: int, different: bool) -> bool:
        """Whether the candidate of so many operations, in ``needs``, ``puts`` and ``trial_...``, is impossible; then
        it is what to go on from.
        """
        if not different or self.work <= 0:
            return False
        self.work -= count
        if self.settle(0, count, self.all_values):
            return False
        for i in range(count):
            self.which[i] = self.trial_which[i]
            self.wants[i] = self.needs[i]
            self.makes[i] = self.puts[i]
            self.since[i] = self.trial_begin[i]
            self.until_then[i] = self.trial_end[i]
        self.size = count
        return True

    def put_on_trial(self, count: int, i: int, need: int, put: int) -> int:
        """Operation ``i``, or what is left of it, goes behind so many of the candidate; how many it has then."""
        end = self.until_then[i]
        if put == NONE and (need == NONE or end == CRASHED):
            return count
        self.needs[count] = need
        self.puts[count] = put
        self.trial_which[count] = self.which[i]
        self.trial_begin[count] = self.since[i]
        self.trial_end[count] = end
        return count + 1

    def by_time(self) -> int:
        """Only the last operations need anything any more: few of them, or twice as many..."""
        kept = LAST
        while kept < self.size and not self.without_needs(0, self.size - kept):
            kept *= 2
        return 0

    def by_values(self) -> int:
        """Nothing observes some values any more, and nothing produces them: halves of them, quarters, single ones."""
        for value in range(self.all_values):
            self.gone[value] = 0
        count = 0
        for i in range(self.size):
            need = self.wants[i]
            if need != NONE and self.gone[need] == 0:
                self.gone[need] = 1
                self.order[count] = need
                count += 1
            put = self.makes[i]
            if put != NONE and self.gone[put] == 0:
                self.gone[put] = 1
                self.order[count] = put
                count += 1
        for i in range(count):
            self.gone[self.order[i]] = 0
        chunk = (count + 1) // 2
        while count:
            start = 0
            while start < count:
                stop = min(start + chunk, count)
                if self.without_values(start, stop):
                    for i in range(stop, count):
                        self.order[start + i - stop] = self.order[i]
                    count -= stop - start
                else:
                    start = stop
            if chunk == 1:
                break
            chunk = (chunk + 1) // 2
        return 0

    def without_values(self, start: int, stop: int) -> bool:
        for i in range(start, stop):
            self.gone[self.order[i]] = 1
        count = 0
        different = False
        for i in range(self.size):
            need = self.wants[i]
            put = self.makes[i]
            if need != NONE and self.gone[need]:
                need = NONE
                different = True
            if put != NONE and self.gone[put]:
                put = NONE
                different = True
            count = self.put_on_trial(count, i, need, put)
        for i in range(start, stop):
            self.gone[self.order[i]] = 0
        return self.tried(count, different)

    def by_parts(self) -> int:
        """Many operations, one after the other in time, need nothing any more."""
        chunk = (self.size + 1) // 2
        while chunk > 1:
            start = 0
            while start < self.size:
                before = self.size
                if self.without_needs(start, start + chunk):
                    start += chunk - (before - self.size)
                else:
                    start += chunk
            chunk = (chunk + 1) // 2 if chunk > 2 else 1
        return 0

    def without_needs(self, start: int, stop: int) -> bool:
        count = 0
        different = False
        for i in range(self.size):
            need = self.wants[i]
            if start <= i < stop and need != NONE:
                need = NONE
                different = True
            count = self.put_on_trial(count, i, need, self.makes[i])
        return self.tried(count, different)

    def by_operations(self) -> int:
        """One forgets what it needed, or what it put if nothing observes that; one that does nothing then goes."""
        todo = self.size
        for k in range(todo):
            self.todo[k] = self.which[k]
        place = 0
        for k in range(todo):
            while place < self.size and self.which[place] < self.todo[k]:
                place += 1
            if place < self.size and self.which[place] == self.todo[k] and self.wants[place] != NONE:
                self.weakened(place, NONE, self.makes[place])
            if place < self.size and self.which[place] == self.todo[k] and self.free_of(self.makes[place]):
                self.weakened(place, self.wants[place], NONE)
        return 0

    def by_freed(self) -> int:
        """What is put that nothing observes any more, since an operation behind it has forgotten what it needed."""
        place = 0
        while place < self.size:
            before = self.size
            if self.free_of(self.makes[place]):
                self.weakened(place, self.wants[place], NONE)
            if self.size == before:
                place += 1
        return 0

    def free_of(self, value: int) -> bool:
        """Whether it is a value that nothing observes."""
        free = value != NONE
        for i in range(self.size):
            if self.wants[i] == value:
                free = False
        return free

    def weakened(self, place: int, need: int, put: int) -> bool:
        count = 0
        for i in range(self.size):
            if i == place:
                count = self.put_on_trial(count, i, need, put)
            else:
                count = self.put_on_trial(count, i, self.wants[i], self.makes[i])
        return self.tried(count, True)
