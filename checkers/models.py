"""Sequential specifications: what one object would answer if operations came one after another.

A model is a value: a name, an initial state and a step. Ten lines make a new one::

    def step(state: Any, f: str, invoked: Any, completed: Any, known: bool) -> Any:
        if f == "add":
            return state | {invoked}
        if f == "contains":
            return state if known and completed == (invoked in state) else INCONSISTENT
        raise ModelError(f"a set has no operation {f!r}")

    MODELS["set"] = Model("set", frozenset(), step, reads=frozenset({"contains"}))

States are hashable, values come frozen (``freeze``): lists are tuples. ``known`` is false for a crashed
operation: it has no completion, ``completed`` is None and whatever it would have answered is acceptable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal


class ModelError(ValueError):
    """The history holds what the model does not know. The message is one line."""


class _Sign(Enum):
    INCONSISTENT = "inconsistent"
    ANY = "any"
    KEEP = "keep"

    def __repr__(self) -> str:
        return self.name


INCONSISTENT: Final[Literal[_Sign.INCONSISTENT]] = _Sign.INCONSISTENT
"""What a step returns when the operation cannot have answered that in this state."""
ANY: Final[Literal[_Sign.ANY]] = _Sign.ANY
"""An effect that needs no particular state."""
KEEP: Final[Literal[_Sign.KEEP]] = _Sign.KEEP
"""An effect that leaves the state as it is."""

Step = Callable[[Any, str, Any, Any, bool], Any]
Effect = Callable[[str, Any, Any], tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Model:
    """``reads``: the ``f`` that never change the state.

    ``effect``, where a model has one, says that its object is a register: every operation, (f, invoked,
    completed), needs the state to equal one value (or ANY) and leaves another (or KEEP). Such histories get
    the faster search.
    """

    name: str
    initial: Any
    step: Step
    reads: frozenset[str] = frozenset()
    effect: Effect | None = None


def freeze(value: Any) -> Any:
    """A hashable twin of a JSON value: equal exactly when the values are (True is not 1)."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item) for item in value)
    if isinstance(value, dict):
        return ("object", tuple(sorted((str(name), freeze(item)) for name, item in value.items())))
    return value


def thaw(frozen: Any) -> Any:
    """The JSON value of a frozen one."""
    if not isinstance(frozen, tuple):
        return frozen
    if len(frozen) == 2 and frozen[0] == "bool" and isinstance(frozen[1], bool):
        return frozen[1]
    if len(frozen) == 2 and frozen[0] == "object":
        return {name: thaw(item) for name, item in frozen[1]}
    return [thaw(item) for item in frozen]


def _read(invoked: Any, completed: Any) -> tuple[Any, Any]:
    del invoked
    return completed, KEEP


def _write(invoked: Any, completed: Any) -> tuple[Any, Any]:
    del completed
    return ANY, invoked


def _cas(invoked: Any, completed: Any) -> tuple[Any, Any]:
    del completed
    if not isinstance(invoked, tuple) or len(invoked) != 2:
        raise ModelError(f"the value of a cas is [from, to], not {invoked!r}")
    return invoked


_Effects = dict[str, Callable[[Any, Any], tuple[Any, Any]]]


def _register(name: str, effects: _Effects) -> Model:
    """A register whose operations are these effects. The initial value is nil."""

    def effect(f: str, invoked: Any, completed: Any) -> tuple[Any, Any]:
        found = effects.get(f)
        if found is None:
            raise ModelError(f"the model {name} has no operation {f!r}, only {', '.join(effects)}")
        return found(invoked, completed)

    def step(state: Any, f: str, invoked: Any, completed: Any, known: bool) -> Any:
        need, put = effect(f, invoked, completed)
        if f == "read" and not known:
            return state
        if need is not ANY and need != state:
            return INCONSISTENT
        return state if put is KEEP else put

    return Model(name, None, step, frozenset({"read"}), effect)


REGISTER = _register("register", {"read": _read, "write": _write})
CAS_REGISTER = _register("cas-register", {"read": _read, "write": _write, "cas": _cas})

MODELS: dict[str, Model] = {model.name: model for model in (REGISTER, CAS_REGISTER)}
