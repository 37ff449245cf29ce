"""All states that an object may be in after the ops so far, for histories that go on: no foresight, flat memory.

The search of the batch, op by op: that for registers where the model's operations are all of a register, else that by
the model's step. Numbers of values, states and classes that nothing has to do with any more are given to new ones.
"""

from __future__ import annotations

from array import array
from copy import copy
from typing import Any, NamedTuple

from checkers.kernels import search, table
from checkers.linearizability.budget import CONFIGURATION_BYTES, Budget, BudgetExceededError
from checkers.linearizability.purse import STRIDE
from checkers.linearizability.states import Call, States
from checkers.models import ANY, KEEP, Model, Role, effect

CRASHED = 1 << 62
NONE = -1
WIDTH = 4096
"""configurations to keep, all of them; beyond, those of few crashed operations"""
EFFORT = 200_000
"""configurations to explore for one completion before not everything is tried"""
VALUES = 62
"""of a register, at first; more when more are in use at a time"""
STEPS_MAX = 20_000


class Deed(NamedTuple):
    """An operation as the search sees it: what the model's step is given, frozen; ``end`` is None when it
    crashed.
    """

    f: str
    invoked: Any
    completed: Any
    begin: int
    end: int | None


class _Look:
    """What the search asks now and then. Its budget may be exchanged; how it ended is told as that of the search."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._explored = 0

    def __call__(self, explored: int, held: int) -> int:
        if explored:
            new, self._explored = explored - self._explored, explored
            self.budget.charge(
                max(new, 0), held // CONFIGURATION_BYTES
            )  # less than none: of a twin, charged then
        most = self.budget.configurations_max
        return STRIDE if most is None else max(1, min(STRIDE, most - self.budget.configurations + 1))


class Frontier:
    """Operations are called by any number not in use. What ``complete`` cannot decide within the budget, and what it
    can only refute among the configurations that it kept, raises BudgetExceededError.
    """

    def __init__(self, model: Model, budget: Budget) -> None:
        strange = {Role.OTHER, Role.MISMATCH}
        registers = model.roles is not None and strange.isdisjoint(model.roles.values())
        self._look = _Look(budget)
        self._kind: _Registers | _States = (_Registers if registers else _States)(model, self._look)
        self._slots: dict[int, int] = {}

    @property
    def budget(self) -> Budget:
        return self._look.budget

    @budget.setter
    def budget(self, budget: Budget) -> None:
        self._look.budget = budget

    def copy(self) -> Frontier:
        """One that goes on by itself. What the model said is shared."""
        twin = copy(self)
        twin._kind = self._kind.twin()  # noqa: SLF001 - its own kind
        twin._slots = dict(self._slots)  # noqa: SLF001 - its own kind
        return twin

    def invoke(self, number: int, deed: Deed) -> None:
        """Raises ModelError for an operation that the model does not know."""
        slot = self._kind.begins(deed)
        if slot != NONE:
            self._slots[number] = slot

    def complete(self, number: int) -> bool:
        """Linearize the operation in every configuration; false when none survives."""
        slot = self._slots.pop(number, NONE)
        if slot == NONE or self._kind.advance(slot):
            return True
        if self._kind.narrowed():
            raise BudgetExceededError("crashed operations left too many possibilities")
        return False


class _Registers:
    def __init__(self, model: Model, look: _Look) -> None:
        self._model = model
        self._search = search.Search(look)
        self._search.reset(VALUES, True)
        self._numbers: dict[Any, int] = {model.initial: 0}
        self._free = list(range(VALUES - 1, 0, -1))
        self._values = VALUES

    def begins(self, deed: Deed) -> int:
        need, put = effect(self._model, deed.f, deed.invoked, deed.completed)
        if deed.end is None and (put is KEEP or deed.f in self._model.reads):
            return NONE
        if len(self._free) < 2:
            self._sweep()
        needs = NONE if need is ANY else self._number(need)
        puts = NONE if put is KEEP else self._number(put)
        if deed.end is None:
            self._search.crashes(needs, puts)
            return NONE
        return self._search.begins(needs, puts, deed.end)

    def _number(self, value: Any) -> int:
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = self._free.pop()
        return found

    def _sweep(self) -> None:
        """Numbers that nothing has to do with become free; if few do, there are to be more."""
        used = array("q", bytes(8 * (self._values + 1)))
        self._search.live(used)
        self._numbers = {value: number for value, number in self._numbers.items() if used[number]}
        self._free = [number for number in range(self._values - 1, 0, -1) if not used[number]]
        if 2 * len(self._free) < self._values:
            more = 2 * self._values
            self._search.more_values(more)
            self._free = [*range(more - 1, self._values - 1, -1), *self._free]
            self._values = more

    def advance(self, slot: int) -> bool:
        return bool(self._search.advance(slot, EFFORT, WIDTH))

    def narrowed(self) -> bool:
        return bool(self._search.narrowed)

    def twin(self) -> _Registers:
        twin = copy(self)
        twin._search = self._search.twin()  # noqa: SLF001 - its own kind
        twin._numbers = dict(self._numbers)  # noqa: SLF001 - its own kind
        twin._free = list(self._free)  # noqa: SLF001 - its own kind
        return twin


class _States:
    def __init__(self, model: Model, look: _Look) -> None:
        self._steps = _Steps(model)
        self._reads = model.reads
        self._table = table.Table(look, self._steps.after, self._steps.keep, STEPS_MAX)
        self._table.reset(0)

    def begins(self, deed: Deed) -> int:
        pure = deed.f in self._reads
        if deed.end is None:
            if not pure:
                self._table.crashes(self._steps.kind((deed.f, deed.invoked, None, False)))
            return NONE
        kind = self._steps.kind((deed.f, deed.invoked, deed.completed, True))
        return self._table.begins(kind, pure, deed.end)

    def advance(self, slot: int) -> bool:
        return bool(self._table.advance(slot, EFFORT))

    def narrowed(self) -> bool:
        return bool(self._table.narrowed)

    def twin(self) -> _States:
        twin = copy(self)
        twin._table = self._table.twin()  # noqa: SLF001 - its own kind
        return twin


class _Steps:
    """A model's states and classes of operations as numbers that are never used again. State 0 is the initial one."""

    def __init__(self, model: Model) -> None:
        self._states = States(model)
        self._kinds: dict[Call, int] = {}
        self._classes: dict[int, Call] = {}
        self._next_kind = 0

    def kind(self, operation: Call) -> int:
        found = self._kinds.get(operation)
        if found is None:
            found = self._kinds[operation] = self._next_kind
            self._classes[found] = operation
            self._next_kind += 1
        return found

    def after(self, state: int, kind: int) -> int:
        return self._states.step(state, self._classes[kind])

    def keep(self, states: list[int], classes: list[int]) -> None:
        self._states.keep(states)
        self._classes = {number: self._classes[number] for number in sorted({*classes})}
        self._kinds = {operation: number for number, operation in self._classes.items()}
