"""The budget of a search: wall-clock seconds and an estimate of its memory."""

from __future__ import annotations

from time import perf_counter

CONFIGURATION_BYTES = 300
"""of one configuration in the search's sets, with its masks and hash entry; measured generously"""


class BudgetExceededError(Exception):
    """The search gave up. ``args[0]`` says which budget ran out; ``position`` how far the history was
    decided.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.position = -1


class Budget:
    """Spend it with ``charge``; the clock is read at most once a thousand configurations."""

    def __init__(self, seconds: float, megabytes: float, configurations_max: int | None = None) -> None:
        self.configurations_max = configurations_max
        self.seconds = seconds
        self.of = seconds
        """the whole budget, of which ``seconds`` may be a share: what messages name"""
        self.megabytes = megabytes
        self.most = int(megabytes * 1_000_000 / CONFIGURATION_BYTES)
        self.configurations = 0
        self._deadline = perf_counter() + seconds
        self._next_look = 0

    def share(self, parts: int) -> Budget:
        """For one of so many parts still to do: an equal share of the time that is left."""
        if self.configurations_max is not None:
            return Budget(0.0, self.megabytes, (self.configurations_max - self.configurations) // parts)
        part = Budget(max(self._deadline - perf_counter(), 0.0) / parts, self.megabytes)
        part.of = self.of
        return part

    def charge(self, explored: int, held: int) -> None:
        """Count configurations explored; ``held`` are in memory now. Raises BudgetExceededError."""
        self.configurations += explored
        if held > self.most:
            raise BudgetExceededError(f"the memory budget of {self.megabytes:g} MB ran out")
        if self.configurations_max is not None:
            if self.configurations > self.configurations_max:
                raise BudgetExceededError(f"{self.configurations_max} configurations were explored")
        elif self.configurations >= self._next_look:
            self._next_look = self.configurations + 1000
            if perf_counter() > self._deadline:
                raise BudgetExceededError(f"the time budget of {self.of:g} s ran out")


def effort(configurations_max: int, megabytes: float = 1000.0) -> Budget:
    """A budget that is counted instead of timed: the same work on every machine."""
    return Budget(0.0, megabytes, configurations_max)
