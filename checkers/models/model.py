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

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
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


class Role(IntEnum):
    """An operation's part in the life of a register: which state it needs, and which it leaves."""

    OTHER = 0
    """none of these: the model's step alone knows it"""
    READ = 1
    """needs the value that it answered"""
    WRITE = 2
    """leaves the value that was asked for"""
    CAS = 3
    """asked for [from, to]: needs the one, leaves the other"""
    DELETE = 4
    """leaves the initial value"""
    MISMATCH = 5
    """asked for [from, to], and was told that the state is not ``from``"""


@dataclass(frozen=True, slots=True)
class Model:
    """``reads``: the ``f`` that never change the state.

    ``roles``, where a model has them, say that its object is a register, and each ``f``'s role; only what has a role
    goes to the engines of registers. ``engines``: names (engines.py), in the order in which they are asked.
    ``refusals``: ``f`` -> the name under which its definite failures are given to the step, as completed, if their
    error says that a precondition did not hold; other failures did not happen. ``owned``: the step's ``invoked`` is
    (process, invoked).
    """

    name: str
    initial: Any
    step: Step
    reads: frozenset[str] = frozenset()
    roles: Mapping[str, Role] | None = None
    engines: tuple[str, ...] = ("table",)
    refusals: Mapping[str, str] | None = None
    owned: bool = False

    def known(self) -> list[str]:
        """What clients may ask for, of a model with roles."""
        return [f for f, role in (self.roles or {}).items() if role != Role.MISMATCH]


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
    """The JSON value of a frozen one, and of states that are made of such: sets become lists."""
    if isinstance(frozen, frozenset):
        return sorted((thaw(item) for item in frozen), key=repr)
    if not isinstance(frozen, tuple):
        return frozen
    if len(frozen) == 2 and frozen[0] == "bool" and isinstance(frozen[1], bool):
        return frozen[1]
    if len(frozen) == 2 and frozen[0] == "object":
        return {name: thaw(item) for name, item in frozen[1]}
    return [thaw(item) for item in frozen]


def effect(model: Model, f: str, invoked: Any, completed: Any) -> tuple[Any, Any]:
    """(the state that an operation of a register needs, or ANY; the state that it leaves, or KEEP).

    Raises ModelError for an ``f`` without a role and for a compare-and-set that is not of two values.
    """
    role = (model.roles or {}).get(f, Role.OTHER)
    if role == Role.READ:
        return completed, KEEP
    if role == Role.WRITE:
        return ANY, invoked
    if role == Role.DELETE:
        return ANY, freeze(model.initial)
    if role == Role.OTHER:
        raise ModelError(f"the model {model.name} has no operation {f!r}, only {', '.join(model.known())}")
    if not isinstance(invoked, tuple) or len(invoked) != 2:
        raise ModelError(f"the value of a cas is [from, to], not {thaw(invoked)!r}")
    return invoked if role == Role.CAS else (ANY, KEEP)


_ENGINES = ("zones", "search")


def register_model(
    name: str,
    roles: Mapping[str, Role],
    *,
    initial: Any = None,
    engines: tuple[str, ...] = _ENGINES,
    refusals: Mapping[str, str] | None = None,
) -> Model:
    """A register whose operations have these roles."""

    def step(state: Any, f: str, invoked: Any, completed: Any, known: bool) -> Any:
        need, put = effect(model, f, invoked, completed)
        role = roles[f]
        if role == Role.READ and not known:
            return state
        if role == Role.MISMATCH:
            return INCONSISTENT if invoked[0] == state else state
        if need is not ANY and need != state:
            return INCONSISTENT
        return state if put is KEEP else put

    reads = frozenset(f for f, role in roles.items() if role in (Role.READ, Role.MISMATCH))
    model = Model(name, initial, step, reads, roles, engines, refusals)
    return model


REGISTER = register_model("register", {"read": Role.READ, "write": Role.WRITE})
CAS_REGISTER = register_model("cas-register", {"read": Role.READ, "write": Role.WRITE, "cas": Role.CAS})
CAS_REGISTER_STRICT = register_model(
    "cas-register-strict",
    {**(CAS_REGISTER.roles or {}), "refused cas": Role.MISMATCH},
    engines=("zones", "table"),
    refusals={"cas": "refused cas"},
)

REGISTERS: dict[str, Model] = {model.name: model for model in (REGISTER, CAS_REGISTER, CAS_REGISTER_STRICT)}


def beginning(model: Model, initial: Any) -> Model:
    """A register that begins with another value than nothing. Raises ModelError for other objects and values."""
    if type(initial) not in (int, str):
        raise ModelError(f"expected a number or a text as the option initial, got {initial!r:.40}")
    if REGISTERS.get(model.name) is not model or model.roles is None:
        raise ModelError(f"the option initial is for {', '.join(REGISTERS)}; {model.name} begins as it does")
    return register_model(
        model.name, model.roles, initial=initial, engines=model.engines, refusals=model.refusals
    )
