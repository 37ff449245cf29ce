"""The search for any model: just-in-time linearization over (state, linearized, used), without foresight.

It takes ops in real-time order and needs to know of an operation only how it ended, so it also serves
online. See ``_register_search`` for the words. Reductions here: pending pure reads are linearized at once
where they fit; of equal crashed operations the first unused one is taken; of configurations with one state
and mask those that used fewer crashed operations remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple

from checkers._budget import Budget, BudgetExceededError
from checkers.models import INCONSISTENT, Model

Configuration = tuple[Any, int, int]


class Deed(NamedTuple):
    """An operation as the search sees it: what the model's step is given, frozen; ``end`` is None when it
    crashed.
    """

    f: str
    invoked: Any
    completed: Any
    begin: int
    end: int | None


class StateFrontier:
    """All configurations of one object after the ops so far. Operations are called by any number not in
    use.
    """

    def __init__(self, model: Model, budget: Budget) -> None:
        self.model = model
        self.budget = budget
        self.configurations: list[Configuration] = [(model.initial, 0, 0)]
        self._classes: dict[tuple[str, Any, Any, bool], int] = {}
        self._arguments: list[tuple[str, Any, Any, bool]] = []
        self._steps: list[dict[Any, Any]] = []
        self._reads: dict[int, tuple[int, int]] = {}  # number -> (bit, class)
        self._changes: dict[int, tuple[int, int]] = {}
        self._crashed: list[tuple[int, int]] = []  # (crash bit, class)
        self._free: list[int] = []
        self._high = 1

    def copy(self) -> StateFrontier:
        """One that goes on by itself. The memo of the model's steps is shared."""
        twin = copy(self)
        twin.configurations = list(self.configurations)
        for name in ("_reads", "_changes", "_crashed", "_free"):
            setattr(twin, name, copy(getattr(self, name)))
        return twin

    def invoke(self, number: int, deed: Deed) -> None:
        known = deed.end is not None
        name = (deed.f, deed.invoked, deed.completed, known)
        kind = self._classes.get(name)
        if kind is None:
            kind = self._classes[name] = len(self._steps)
            self._arguments.append(name)
            self._steps.append({})
        if not known:
            if deed.f not in self.model.reads:
                self._crashed.append((1 << len(self._crashed), kind))
            return
        bit = self._free.pop() if self._free else self._high
        if bit == self._high:
            self._high <<= 1
        (self._reads if deed.f in self.model.reads else self._changes)[number] = (bit, kind)

    def complete(self, number: int) -> bool:
        """Linearize the operation in every configuration; false when none survives."""
        pending = self._reads if number in self._reads else self._changes
        bit = pending[number][0]
        done = {c: None for c in self.configurations if c[1] & bit}
        todo = [c for c in self.configurations if not c[1] & bit]
        if todo:
            self._linearize(todo, bit, done)
        del pending[number]
        self._free.append(bit)
        self.configurations = _undominated({(s, mask & ~bit, crash): None for s, mask, crash in done})
        return bool(done)

    def _linearize(self, todo: list[Configuration], target: int, done: dict[Configuration, None]) -> None:
        """Move configurations to ``done``: level by level, so that dominated ones are dropped before they
        branch.
        """
        level = _undominated({self._settled(*c): None for c in todo})
        seen = dict.fromkeys(level)
        while level:
            found: dict[Configuration, None] = {}
            for configuration in level:
                if configuration[1] & target:
                    done[configuration] = None
                    continue
                successors = self._successors(*configuration)
                self.budget.charge(1 + len(successors), len(seen) + len(found) + len(done))
                for successor in successors:
                    if successor not in seen:
                        found[successor] = None
            level = []
            best: dict[tuple[Any, int], list[int]] = {}
            for state, mask, crash in seen:
                best.setdefault((state, mask), []).append(crash)
            for state, mask, crash in _undominated(found):
                if not any(other & ~crash == 0 for other in best.get((state, mask), ())):
                    level.append((state, mask, crash))
                    seen[(state, mask, crash)] = None

    def _step(self, kind: int, state: Any) -> Any:
        table = self._steps[kind]
        try:
            return table[state]
        except KeyError:
            after = table[state] = self.model.step(state, *self._arguments[kind])
            return after

    def _settled(self, state: Any, mask: int, crash: int) -> Configuration:
        for bit, kind in self._reads.values():
            if not mask & bit and self._step(kind, state) is not INCONSISTENT:
                mask |= bit
        return state, mask, crash

    def _successors(self, state: Any, mask: int, crash: int) -> list[Configuration]:
        out = []
        for bit, kind in self._changes.values():
            if not mask & bit:
                after = self._step(kind, state)
                if after is not INCONSISTENT:
                    out.append(self._settled(after, mask | bit, crash))
        taken: set[int] = set()
        for bit, kind in self._crashed:
            if crash & bit or kind in taken:
                continue
            taken.add(kind)
            after = self._step(kind, state)
            if after is not INCONSISTENT and after != state:
                out.append(self._settled(after, mask, crash | bit))
        return out


def _undominated(configurations: dict[Configuration, None]) -> list[Configuration]:
    """Without those that another one with the same state and mask reaches with fewer crashed operations."""
    if len(configurations) < 2:
        return list(configurations)
    groups: dict[tuple[Any, int], list[int]] = {}
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


def search(model: Model, deeds: Sequence[Deed], budget: Budget) -> tuple[int | None, list[Any]]:
    """(position of the first completion that no configuration survives, or None; the states possible before
    it).

    Raises BudgetExceededError with the position reached.
    """
    events = [(deed.begin, number, False) for number, deed in enumerate(deeds)]
    events += [(deed.end, number, True) for number, deed in enumerate(deeds) if deed.end is not None]
    events.sort()
    frontier = StateFrontier(model, budget)
    position = -1
    try:
        for position, number, completes in events:
            if not completes:
                frontier.invoke(number, deeds[number])
                continue
            before = frontier.configurations
            if not frontier.complete(number):
                return position, list(dict.fromkeys(state for state, _, _ in before))
    except BudgetExceededError as e:
        e.position = position
        raise
    return None, []
