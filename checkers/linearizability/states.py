"""A model's states as small numbers that are never used again; the initial one is 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from checkers.models import INCONSISTENT, Model

NONE = -1

Call = tuple[str, Any, Any, bool]
"""what a model's step is given besides the state: function, invoked, completed, known"""


class States:
    """Grows as the model's step is asked."""

    def __init__(self, model: Model) -> None:
        self._step = model.step
        self._states: dict[int, Any] = {0: model.initial}
        self._numbers: dict[Any, int] = {model.initial: 0}
        self._next = 1

    def __len__(self) -> int:
        return len(self._states)

    def __getitem__(self, number: int) -> Any:
        return self._states[number]

    def step(self, number: int, call: Call) -> int:
        """The number of the state after an operation, or NONE."""
        found = self._step(self._states[number], *call)
        if found is INCONSISTENT:
            return NONE
        after = self._numbers.get(found)
        if after is None:
            after = self._numbers[found] = self._next
            self._states[after] = found
            self._next += 1
        return after

    def keep(self, numbers: Iterable[int]) -> None:
        """Forget all others."""
        self._states = {number: self._states[number] for number in sorted({*numbers})}
        self._numbers = {state: number for number, state in self._states.items()}
