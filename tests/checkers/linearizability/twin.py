"""The dumb twin: every order of operations that respects real time, crashed ones left out or not."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.checkers.linearizability.specs import REFUSED, SILENT, UNKNOWN, Spec


class Step(NamedTuple):
    """An operation of some kind; positions of its invocation and completion, None when it crashed."""

    kind: int
    begin: int
    end: int | None


class Twin:
    """Judges by one spec. ``kinds``: (f, asked, answer), as they are numbered."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.kinds: list[tuple[str, Any, Any]] = []
        self._numbers: dict[str, int] = {}
        self._after: dict[Any, list[Any]] = {}

    def number(self, f: str, asked: Any, answer: Any) -> int:
        """Of a kind."""
        found = self._numbers.setdefault(repr((f, asked, answer)), len(self.kinds))
        if found == len(self.kinds):
            self.kinds.append((f, asked, answer))
        return found

    def after(self, state: Any, kind: int, known: bool) -> list[Any]:
        """All states after an operation."""
        name = (state, kind, known)
        found = self._after.get(name)
        if found is None:
            f, asked, answer = self.kinds[kind]
            if not known:
                answer = UNKNOWN
            found = self._after[name] = [
                then
                for said, then in self.spec.apply(state, f, asked)
                if answer == UNKNOWN
                or (answer == SILENT and said != REFUSED)
                or (type(said) is type(answer) and said == answer)
            ]
        return found

    def linearizable(self, steps: list[Step]) -> bool:
        n = len(steps)
        before = [0] * n
        wanted = 0
        for j, (_, _, end) in enumerate(steps):
            if end is not None:
                wanted |= 1 << j
                for i in range(n):
                    if end < steps[i][1]:
                        before[i] |= 1 << j
        moves = [(1 << i, before[i], s.kind, s.end is not None) for i, s in enumerate(steps)]
        todo = [(0, self.spec.initial)]
        seen = set(todo)
        while todo:
            done, state = todo.pop()
            if done & wanted == wanted:
                return True
            for bit, first, kind, known in moves:
                if done & bit or first & ~done:
                    continue
                for then in self.after(state, kind, known):
                    further = (done | bit, then)
                    if further not in seen:
                        seen.add(further)
                        todo.append(further)
        return False
