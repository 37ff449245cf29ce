"""How the models of this package are written: a table of functions, one for each operation.

A function is given (state, invoked, completed, known), as in a model's step, and returns the state after, or
INCONSISTENT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from checkers.models.model import Model, ModelError, Role, thaw

Function = Callable[[Any, Any, Any, bool], Any]


def tabled(
    name: str,
    initial: Any,
    functions: Mapping[str, Function],
    *,
    reads: Iterable[str] = (),
    roles: Mapping[str, Role] | None = None,
    engines: tuple[str, ...] = ("table",),
    owned: bool = False,
) -> Model:
    """A model by its table."""

    def step(state: Any, f: str, invoked: Any, completed: Any, known: bool) -> Any:
        function = functions.get(f)
        if function is None:
            raise ModelError(f"the model {name} has no operation {f!r}, only {', '.join(functions)}")
        return function(state, invoked, completed, known)

    return Model(name, initial, step, frozenset(reads), roles=roles, engines=engines, owned=owned)


def shown(frozen: Any) -> str:
    """A frozen value, for a message."""
    text = repr(thaw(frozen))
    return text if len(text) <= 80 else text[:77] + "..."
