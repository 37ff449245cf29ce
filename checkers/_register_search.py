"""The search for registers: just-in-time linearization that knows which values will be observed.

Every operation of a register, read, write or cas, *needs* the state to equal a value (or any) and *puts*
another (or keeps it). A configuration is (state, linearized, used): the state's value, a bit mask of the
open operations that have been linearized, and a mask of the crashed operations that were made use of. Ops
are taken in real-time order; when an operation completes, each configuration in which it is not yet
linearized is replaced by all those that linearize pending operations up to and including it (Lowe, "Testing
for linearizability", 2017). No configuration left: no order exists.

The history is known to its end, so *observers* (operations that need a value) still to come can be counted.
Four reductions follow; each drops only configurations that another one can imitate:

- a pending read of the present state is linearized at once: it changes nothing;
- a state that nothing will observe is DEAD, and all dead states are one;
- a pending write whose remaining observers are all pending reads is linearized, with these reads, whenever
  the state is dead or about to be overwritten: there it disturbs nobody;
- a state that must still be observed, and that nothing can write again, is not left.

A crashed operation is under no duty to happen: it is linearized only straight before a pending operation
that needs its value, and is forgotten with that value's last observer. So unobserved crashed writes cost
nothing.

With unique values these leave a configuration or two per op (the zones of Gibbons and Korach 1997 in another
dress).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from checkers._budget import Budget, BudgetExceededError

NONE: Final = -1
"""as ``need``: any state will do; as ``put``: the state stays"""
DEAD: Final = -2
INITIAL: Final = 0
"""the value number of the initial state"""

WIDTHS: Final = (8, 32, 1024, 1 << 62)
"""configurations to keep per op: where few of them lead to an order the rest need not be looked at"""

Configuration = tuple[int, int, int]


class Act(NamedTuple):
    """An operation as the search sees it. Values are small numbers; ``end`` is None when it crashed."""

    need: int
    put: int
    begin: int
    end: int | None


def search(acts: Sequence[Act], budget: Budget) -> int | None:
    """None when an order exists; else the position of a completion before which it was found that none does.

    Because of the foresight that position may be before the first completion at which the ops so far are
    impossible (``first_impossible``). Raises BudgetExceededError with the position reached.
    """
    events = _events(acts)
    reached = 0
    try:
        for width in WIDTHS:
            frontier = _Frontier(acts, budget, width)
            impossible = None
            for position, number, completes in events:
                reached = max(reached, position)
                if not completes:
                    frontier.invoke(number)
                elif not frontier.complete(number):
                    impossible = position
                    break
            if impossible is None or not frontier.narrowed:
                return impossible
    except BudgetExceededError as e:
        e.position = reached  # some order exists for all ops before it
        raise
    raise AssertionError("the last width drops nothing")


def cut(act: Act, position: int) -> Act | None:
    """What was known of an operation at a position: nothing, or open (crashed, a read dropped), or all."""
    if act.end is not None and act.end <= position:
        return act
    return act._replace(end=None) if act.begin <= position and act.put != NONE else None


def prefix(acts: Sequence[Act], position: int) -> list[Act]:
    """The history as it was known at a position."""
    return [known for act in acts if (known := cut(act, position)) is not None]


def first_impossible(acts: Sequence[Act], budget: Budget) -> int | None:
    """The position of the first completion at which the ops so far have no order; None when they all have
    one.
    """
    if search(acts, budget) is None:
        return None
    ends = sorted(act.end for act in acts if act.end is not None)
    low, high = 0, len(ends) - 1  # prefixes are closed: an impossible one stays impossible when it grows
    while low < high:
        middle = (low + high) // 2
        if search(prefix(acts, ends[middle]), budget) is None:
            low = middle + 1
        else:
            high = middle
    return ends[low]


def _events(acts: Sequence[Act]) -> list[tuple[int, int, bool]]:
    """(position, number of the act, whether it completes), in order."""
    events = [(act.begin, number, False) for number, act in enumerate(acts)]
    events += [(act.end, number, True) for number, act in enumerate(acts) if act.end is not None]
    events.sort()
    return events


class _Frontier:
    """All configurations after the ops so far, and what is pending and still to come."""

    def __init__(self, acts: Sequence[Act], budget: Budget, width: int) -> None:
        self.width = width
        self.narrowed = False
        size = 1 + max((max(act.need, act.put) for act in acts), default=0)
        self.acts = acts
        self.budget = budget
        self.configurations: list[Configuration] = [(INITIAL, 0, 0)]
        # still to be invoked, by value
        self.future_observers = [0] * size
        self.future_duties = [0] * size  # observers that did complete, so must be linearized
        self.future_producers = [0] * size
        # pending, by value: masks of bits
        self.reads = [0] * size
        self.cas_from = [0] * size
        self.producers = [0] * size
        # crashed, by value: masks of crash bits
        self.crashed_from = [0] * size
        self.crashed_producers = [0] * size
        self.writes: dict[int, tuple[int, int]] = {}  # number -> (bit, put) of pending writes
        self.cas: list[dict[int, tuple[int, int]]] = [{} for _ in range(size)]  # by need
        self.crashed: dict[int, tuple[int, int, int]] = {}  # number -> (crash bit, need, put)
        self.bits: dict[int, int] = {}
        self.free: list[int] = []
        self.high = 1
        self.crash_high = 1
        for act in acts:
            if act.need != NONE:
                self.future_observers[act.need] += 1
                if act.end is not None:
                    self.future_duties[act.need] += 1
            if act.put != NONE:
                self.future_producers[act.put] += 1

    def invoke(self, number: int) -> None:
        need, put, _, end = self.acts[number]
        if need != NONE:
            self.future_observers[need] -= 1
        if put != NONE:
            self.future_producers[put] -= 1
        if end is None:
            if self.future_observers[put] or self._observed(put):
                bit = self.crash_high
                self.crash_high <<= 1
                self.crashed[number] = (bit, need, put)
                self.crashed_producers[put] |= bit
                if need != NONE:
                    self.crashed_from[need] |= bit
            elif need != NONE:
                self._retire(need)
            return
        bit = self.free.pop() if self.free else self.high
        if bit == self.high:
            self.high <<= 1
        self.bits[number] = bit
        if need != NONE:
            self.future_duties[need] -= 1
        if put == NONE:
            self.reads[need] |= bit
            return
        self.producers[put] |= bit
        if need == NONE:
            self.writes[number] = (bit, put)
        else:
            self.cas_from[need] |= bit
            self.cas[need][number] = (bit, put)

    def _observed(self, value: int) -> int:
        """Whether a pending operation needs the value, linearized or not."""
        return self.reads[value] | self.cas_from[value] | self.crashed_from[value]

    def complete(self, number: int) -> bool:
        """Linearize the operation in every configuration; false when none survives."""
        bit = self.bits.pop(number)
        need, put, _, _ = self.acts[number]
        done = [c for c in self.configurations if c[1] & bit]
        todo = [c for c in self.configurations if not c[1] & bit]
        if todo:
            self._linearize(todo, bit, done)
        if put == NONE:
            self.reads[need] ^= bit
        else:
            self.producers[put] ^= bit
            if need == NONE:
                del self.writes[number]
            else:
                self.cas_from[need] ^= bit
                del self.cas[need][number]
        self.free.append(bit)
        used = -1
        if need != NONE:
            used = ~self._retire(need)
        if len(done) == 1:
            state, mask, crash = done[0]
            self.configurations = [(state, mask & ~bit, crash & used)]
        else:
            self.configurations = _undominated(
                dict.fromkeys((state, mask & ~bit, crash & used) for state, mask, crash in done)
            )
            if len(self.configurations) > self.width:
                self.narrowed = True
                self.configurations = _thinned(self.configurations, self.width)
        return bool(done)

    def _retire(self, value: int) -> int:
        """Forget crashed producers of values that nothing will observe any more; their crash bits."""
        retired = 0
        values = [value]
        while values:
            value = values.pop()
            gone = self.crashed_producers[value]
            if not gone or self.future_observers[value] or self._observed(value):
                continue
            retired |= gone
            self.crashed_producers[value] = 0
            for number in [n for n, (bit, _, _) in self.crashed.items() if bit & gone]:
                bit, need, _ = self.crashed.pop(number)
                if need != NONE:
                    self.crashed_from[need] ^= bit
                    values.append(need)
        return retired

    def _harmless(self, mask: int, crash: int) -> int:
        """Bits of pending writes, with their reads, whose remaining observers are all pending reads."""
        more = 0
        for bit, put in self.writes.values():
            if (
                not mask & bit
                and not self.future_observers[put]
                and not self.cas_from[put] & ~mask
                and not self.crashed_from[put] & ~crash
            ):
                more |= bit | self.reads[put]
        return more

    def _settled(self, state: int, mask: int, crash: int) -> Configuration:
        """The configuration after what can be linearized without disturbing anything."""
        if state != DEAD:
            mask |= self.reads[state]
            if (
                self.future_observers[state]
                or self.cas_from[state] & ~mask
                or self.crashed_from[state] & ~crash
            ):
                return state, mask, crash
        return DEAD, mask | self._harmless(mask, crash), crash

    def _may_leave(self, state: int, mask: int, crash: int) -> bool:
        """Whether what must still observe the state could find it again."""
        if state == DEAD or not (self.future_duties[state] or self.cas_from[state] & ~mask):
            return True
        return bool(
            self.future_producers[state]
            or self.producers[state] & ~mask
            or self.crashed_producers[state] & ~crash
        )

    def _linearize(self, todo: list[Configuration], target: int, done: list[Configuration]) -> None:
        """Move configurations to ``done`` by linearizing pending operations until the target bit is.

        Those that used fewer crashed operations come first, so that dominated ones are seen to be so.
        """
        seen: dict[Configuration, None] = {}
        for configuration in todo:
            settled = self._settled(*configuration)
            if settled[1] & target:
                done.append(settled)
            else:
                seen[settled] = None
        if not seen:
            return
        levels: dict[int, list[Configuration]] = {}
        for configuration in seen:
            levels.setdefault(configuration[2].bit_count(), []).append(configuration)
        least: dict[tuple[int, int], list[int]] = {}
        enough = len(done) + 4 * self.width
        while levels:
            used = min(levels)
            stack = levels[used]
            if not stack:
                del levels[used]
                continue
            configuration = stack.pop()
            state, mask, crash = configuration
            if self.crashed:
                lesser = least.setdefault((state, mask), [])
                if any(other & ~crash == 0 for other in lesser):
                    continue
                lesser.append(crash)
            if mask & target:
                done.append(configuration)
                if len(done) >= enough:
                    self.narrowed = True
                    return
                continue
            successors = self._successors(state, mask, crash)
            self.budget.charge(1 + len(successors), len(seen) + len(done))
            for successor in successors:
                if successor not in seen:
                    seen[successor] = None
                    levels.setdefault(successor[2].bit_count(), []).append(successor)

    def _successors(self, state: int, mask: int, crash: int) -> list[Configuration]:
        out = []
        if self._may_leave(state, mask, crash):
            shadow = 0 if state == DEAD else self._harmless(mask, crash)
            for bit, put in self.writes.values():
                if not mask & bit:
                    out.append(self._settled(put, mask | bit | shadow, crash))
            if self.crashed:
                out += self._crashed_successors(state, mask | shadow, crash)
        if state != DEAD:
            for bit, put in self.cas[state].values():
                if not mask & bit and (put == state or self._may_leave(state, mask | bit, crash)):
                    out.append(self._settled(put, mask | bit, crash))
            if self.crashed_from[state] & ~crash:
                out += self._crashed_cas_successors(state, mask, crash)
        return out

    def _wanted(self, value: int, mask: int, crash: int) -> bool:
        """Whether a pending operation that is not linearized needs the value."""
        return bool((self.reads[value] | self.cas_from[value]) & ~mask or self.crashed_from[value] & ~crash)

    def _crashed_successors(self, state: int, mask: int, crash: int) -> list[Configuration]:
        """By one crashed write; of several of one value the first invoked will do."""
        out = []
        taken: set[int] = set()
        for bit, need, put in self.crashed.values():
            if (
                need != NONE
                or put == state
                or crash & bit
                or put in taken
                or not self._wanted(put, mask, crash)
            ):
                continue
            taken.add(put)
            out.append(self._settled(put, mask, crash | bit))
        return out

    def _crashed_cas_successors(self, state: int, mask: int, crash: int) -> list[Configuration]:
        out = []
        taken: set[int] = set()
        for bit, need, put in self.crashed.values():
            if need != state or put == state or crash & bit or put in taken:
                continue
            taken.add(put)
            if self._wanted(put, mask, crash | bit) and self._may_leave(state, mask, crash | bit):
                out.append(self._settled(put, mask, crash | bit))
        return out


def _thinned(configurations: list[Configuration], width: int) -> list[Configuration]:
    """Of each state and mask first the one that used the fewest crashed operations, then the second..."""
    ranks: dict[tuple[int, int], int] = {}
    ranked = []
    for configuration in sorted(configurations, key=lambda c: c[2].bit_count()):
        rank = ranks[configuration[:2]] = ranks.get(configuration[:2], 0) + 1
        ranked.append((rank, configuration))
    ranked.sort(key=lambda item: item[0])
    return [configuration for _, configuration in ranked[:width]]


def _undominated(configurations: dict[Configuration, None]) -> list[Configuration]:
    """Without those that another one with the same state and mask reaches with fewer crashed operations."""
    if len(configurations) < 2:
        return list(configurations)
    groups: dict[tuple[int, int], list[int]] = {}
    for state, mask, crash in configurations:
        groups.setdefault((state, mask), []).append(crash)
    out = []
    for (state, mask), crashes in groups.items():
        kept: list[int] = []
        for crash in sorted(crashes, key=int.bit_count):
            if not any(other & ~crash == 0 for other in kept):
                kept.append(crash)
                out.append((state, mask, crash))
    return out
