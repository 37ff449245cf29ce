"""The search for any model: just-in-time linearization (Lowe 2017) over states and operations that are small numbers.

A configuration is a row of words: the state, the pending operations that have been linearized (a bit each,
``masks`` words), and of each class of crashed operations how many are unused. When an operation completes, each
configuration in which it is not linearized is replaced by all that linearize pending operations up to it, and it.

``step(state, class)`` is asked once of each pair; it gives the state after, or NONE where the model forbids it.

- A read that the present state allows is linearized at once.
- Of pending operations of one class the one that ends first goes first; crashed ones of a class are only counted.
- Of configurations of one state and mask those stay that have more crashed operations unused; one that would not
  change the state is not used.

Nothing depends on what is still to come but the order in which pending operations end, so the completion at which no
configuration is left is the first at which the ops so far are impossible.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence

from checkers.kernels.configurations import Configurations
from checkers.kernels.memo import Memo
from checkers.kernels.slots import EffortError, Slots, longer, numbers, words

NONE = -1
CRASHED = 1 << 62
UNBOUNDED = 1 << 60
ONE = 1
VALID, INVALID, UNKNOWN = 0, 1, 2
THRIFTY, FULL = 0, 1
ALLOWANCE = 3
"""crashed operations that one completion may use at most, when not everything is tried"""
WIDTH = 32
"""configurations kept when not everything is tried"""


class Table(Slots):
    """All configurations of one key after the ops so far.

    ``sweep(states, classes)``, called when more than ``steps_max`` steps are known, is given what is still in use.
    """

    def __init__(
        self,
        look: Callable[[int, int], int],
        step: Callable[[int, int], int],
        sweep: Callable[[list[int], list[int]], None],
        steps_max: int,
    ) -> None:
        super().__init__(look)
        self.memo = Memo(step)
        self.step = step
        self.sweep = sweep
        self.steps_max = steps_max
        self.stride = 2
        self.pure = numbers(64)  # by slot: whether it never changes the state
        self.crashed = 0
        self.crashed_kind = numbers(4)
        self.now = Configurations()
        self.seen = Configurations()
        self.out = Configurations()
        self.spent = numbers(64)  # by row of ``seen``: crashed operations used for the completion in hand
        self.tmp = words(64)
        self.reads: Sequence[int] = bytes(1)

    def tidy(self) -> None:
        """Forget the steps, and let go of states and classes that are in no configuration."""
        kinds = [self.kind[self.queue[i]] for i in range(self.pending)]
        kinds += [self.crashed_kind[k] for k in range(self.crashed)]
        self.sweep(self.states(), kinds)
        self.memo.forget()

    # ---- what happens

    def reset(self, initial: int) -> None:
        self.vacate()
        self.stride = 2
        self.crashed = 0
        self.now.shape(2, 2)
        self.seen.shape(2, 2)
        self.out.shape(2, 2)
        self.tmp[0] = initial
        self.tmp[1] = 0
        self.now.add(self.tmp, 0)

    def reshape(self, masks: int, room: int) -> None:
        """Room for more pending operations, or more classes of crashed ones, in every configuration."""
        stride = 1 + masks + room
        old = self.stride
        if len(self.tmp) < stride:
            self.tmp = words(2 * stride)
        self.out.shape(stride, 1 + masks)
        for i in range(self.now.count):
            if self.now.gone[i]:
                continue
            at = i * old
            for k in range(stride):
                self.tmp[k] = 0
            for k in range(1 + self.masks):
                self.tmp[k] = self.now.rows[at + k]
            for k in range(self.room):
                self.tmp[1 + masks + k] = self.now.rows[at + 1 + self.masks + k]
            self.out.add(self.tmp, 0)
        self.now, self.out = self.out, self.now
        self.out.shape(stride, 1 + masks)
        self.seen.shape(stride, 1 + masks)
        if masks != self.masks:
            self.more_slots(masks)
            self.pure = longer(self.pure, self.slots)
        self.masks = masks
        self.room = room
        self.stride = stride

    def begins(self, kind: int, pure: bool, end: int) -> int:
        """An operation of a class that will complete begins; its slot. ``pure``: it never changes the state."""
        if self.pending == self.slots:
            self.reshape(self.masks + 1, self.room)
        slot = self.take_slot(end)
        self.kind[slot] = kind
        self.pure[slot] = pure
        return slot

    def crashes(self, kind: int) -> None:
        """An operation of which nobody knows whether it happens begins."""
        which = 0
        while which < self.crashed and self.crashed_kind[which] != kind:
            which += 1
        if which == self.crashed:
            if which == len(self.crashed_kind):
                self.crashed_kind = longer(self.crashed_kind, 2 * which)
            self.crashed_kind[which] = kind
            self.crashed += 1
            if self.crashed > self.room:
                self.reshape(self.masks, self.crashed + self.crashed // 2)
        for i in range(self.now.count):
            self.now.rows[i * self.stride + 1 + self.masks + which] += 1

    def completes(self, slot: int) -> bool:
        """Linearize the operation in every configuration; false when none is left, and ``now`` is what was before."""
        word = 1 + (slot >> 6)
        bit = ONE << (slot & 63)
        stride = self.stride
        self.denied = False
        self.allowance = 0 if self.thrift else UNBOUNDED
        while True:
            self.out.clear()
            self.linearize(word, bit)
            if self.out.count or not self.denied or self.allowance == ALLOWANCE:
                break
            self.allowance += 1
        if self.denied:
            self.narrowed = True
        self.leave_slot(slot)
        if self.out.count == 0:
            return False
        if self.out.alive < self.out.count or (self.thrift and self.out.count > WIDTH):
            self.now.clear()
            for i in range(self.out.count):
                if self.thrift and self.now.count == WIDTH:
                    self.narrowed = True
                    break
                if not self.out.gone[i]:
                    self.now.add(self.out.rows, i * stride)
        else:
            self.now, self.out = self.out, self.now
        if self.memo.known > self.steps_max:
            self.tidy()
        return True

    def linearize(self, word: int, bit: int) -> int:
        stride = self.stride
        self.seen.clear()
        for i in range(self.now.count):
            for k in range(stride):
                self.tmp[k] = self.now.rows[i * stride + k]
            self.arrive(word, bit, 0)
        at = 0
        while at < self.seen.count:
            if not self.seen.gone[at]:
                self.expand(at, word, bit)
                if self.thrift and self.out.count >= 2 * WIDTH:
                    self.narrowed = True
                    break
            at += 1
        return 0

    def arrive(self, word: int, bit: int, spent: int) -> int:
        """Keep the configuration in ``tmp``: as one in which the target is linearized, or from which to go on."""
        self.allow_reads()
        if self.tmp[word] & bit:
            self.tmp[word] ^= bit
            self.spend()
            self.out.add(self.tmp, 0)
            return 0
        number = self.seen.add(self.tmp, 0)
        if number != NONE:
            self.spend()
            if number >= len(self.spent):
                self.spent = longer(self.spent, 2 * len(self.spent))
            self.spent[number] = spent
        return 0

    def expand(self, row: int, word: int, bit: int) -> int:
        """All that follow a configuration by one more operation."""
        stride = self.stride
        spent = self.spent[row]
        for i in range(self.pending):
            slot = self.queue[i]
            kind = self.kind[slot]
            if self.pure[slot] or not self.first_of_class(row * stride, i):
                continue
            state = self.memo.after(self.seen.rows[row * stride], kind)
            if state != NONE:
                self.follow(row, state, 1 + (slot >> 6), ONE << (slot & 63), NONE, word, bit, spent)
        for k in range(self.crashed):
            if self.seen.rows[row * stride + 1 + self.masks + k] == 0:
                continue
            state = self.memo.after(self.seen.rows[row * stride], self.crashed_kind[k])
            if state == NONE or state == self.seen.rows[row * stride]:
                continue
            if spent == self.allowance:
                self.denied = True
                continue
            self.follow(row, state, 0, 0, 1 + self.masks + k, word, bit, spent + 1)
        return 0

    def follow(
        self, row: int, state: int, place: int, done: int, crashed: int, word: int, bit: int, spent: int
    ) -> int:
        """The configuration after one more operation: the pending one at a bit, or one of a class of crashed ones."""
        stride = self.stride
        for k in range(stride):
            self.tmp[k] = self.seen.rows[row * stride + k]
        self.tmp[0] = state
        if crashed == NONE:
            self.tmp[place] |= done
        else:
            self.tmp[crashed] -= 1
        self.arrive(word, bit, spent)
        return 0

    def first_of_class(self, row: int, place: int) -> bool:
        """Whether a pending operation is not linearized, but all of its class that end earlier are."""
        slot = self.queue[place]
        if self.seen.rows[row + 1 + (slot >> 6)] & (ONE << (slot & 63)):
            return False
        first = True
        for i in range(place):
            other = self.queue[i]
            if self.kind[other] == self.kind[slot] and not self.seen.rows[row + 1 + (other >> 6)] & (
                ONE << (other & 63)
            ):
                first = False
        return first

    def allow_reads(self) -> int:
        """Linearize the pending reads that the state of the configuration in ``tmp`` allows."""
        for i in range(self.pending):
            slot = self.queue[i]
            if self.pure[slot]:
                word = 1 + (slot >> 6)
                bit = ONE << (slot & 63)
                if not self.tmp[word] & bit and self.memo.after(self.tmp[0], self.kind[slot]) != NONE:
                    self.tmp[word] |= bit
        return 0

    def held(self) -> int:
        """Bytes of the configurations and of the steps that are known."""
        return self.now.held() + self.seen.held() + self.out.held() + self.memo.held()

    # ---- whole keys

    def decide(
        self,
        key: int,
        start: Sequence[int],
        begin: Sequence[int],
        end: Sequence[int],
        kinds: Sequence[int],
        reads: Sequence[int],
        status: MutableSequence[int],
        position: MutableSequence[int],
    ) -> None:
        """Decide the keys from ``key`` on. ``current`` is the key in hand, ``proved`` the position before which its
        operations are known to have an order. The initial state is number 0. ``reads``, by class: never changes it.
        """
        self.reads = reads
        keys = len(start) - 1
        while key < keys:
            self.current = key
            self.proved = NONE
            first = start[key]
            last = start[key + 1]
            some = 1000 + 10 * WIDTH * (last - first)
            if not self.attempt(begin, end, kinds, first, last, True, some):
                self.attempt(begin, end, kinds, first, last, False, UNBOUNDED)
            found = self.verdict
            if found == NONE:
                status[key] = VALID
            else:
                status[key] = INVALID
                position[key] = found
            key += 1

    def attempt(
        self,
        begin: Sequence[int],
        end: Sequence[int],
        kinds: Sequence[int],
        first: int,
        last: int,
        thrift: bool,
        effort: int,
    ) -> bool:
        """Whether the attempt decided the key; ``verdict`` is then where it is impossible, or NONE."""
        self.limit = UNBOUNDED if effort == UNBOUNDED else self.explored + effort
        self.thrift = thrift
        try:
            self.verdict = self.key(begin, end, kinds, first, last)
        except EffortError:
            return False
        finally:
            self.limit = UNBOUNDED
            self.proved = max(self.proved, self.at)
        return self.verdict == NONE or not self.narrowed

    def key(
        self, begin: Sequence[int], end: Sequence[int], kinds: Sequence[int], first: int, last: int
    ) -> int:
        """Search the operations from ``first`` to before ``last``; the position of the completion at which no
        configuration is left, or NONE.
        """
        self.reset(0)
        i = first
        while True:
            if self.pending and (i == last or self.until[self.queue[0]] < begin[i]):
                slot = self.queue[0]
                self.at = self.until[slot]
                if not self.completes(slot):
                    return self.at
                continue
            if i == last:
                return NONE
            self.at = begin[i]
            if end[i] == CRASHED:
                self.crashes(kinds[i])
            else:
                self.begins(kinds[i], self.reads[kinds[i]] != 0, end[i])
            i += 1

    # ---- one key, while its history goes on

    def advance(self, slot: int, effort: int) -> bool:
        """As ``completes``; when it takes more than the effort, from then on crashed operations are used only in need
        (``narrowed``: that no configuration is left proves nothing).
        """
        self.limit = UNBOUNDED if self.thrift else self.explored + effort
        try:
            return self.completes(slot)
        except EffortError:
            self.limit = UNBOUNDED
            self.thrift = True
            self.narrowed = True
            return self.completes(slot)
        finally:
            self.limit = UNBOUNDED

    def twin(self) -> Table:
        """One that goes on by itself."""
        other = Table(self.look, self.step, keep_all, UNBOUNDED)
        other.resume(self)
        other.stride = self.stride
        other.pure = longer(self.pure, len(self.pure))
        other.crashed = self.crashed
        other.crashed_kind = longer(self.crashed_kind, len(self.crashed_kind))
        other.tmp = words(len(self.tmp))
        other.now.shape(self.stride, 1 + self.masks)
        other.seen.shape(self.stride, 1 + self.masks)
        other.out.shape(self.stride, 1 + self.masks)
        for i in range(self.now.count):
            if not self.now.gone[i]:
                other.now.add(self.now.rows, i * self.stride)
        return other

    def states(self) -> list[int]:
        """Of all configurations, each once."""
        return list({self.now.rows[i * self.stride]: None for i in range(self.now.count)})


def keep_all(states: list[int], classes: list[int]) -> None:
    """Of a twin: what is in use is for the first to say."""
    del states, classes
