"""Models of values: one key of a store, several registers at once, a list, a counter, a set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checkers.models.model import INCONSISTENT, Model, ModelError, Role, freeze
from checkers.models.tabled import shown, tabled

# --- one key of a store


def _get(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del invoked
    return state if not known or completed == state else INCONSISTENT


def _put(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del state, completed, known
    return invoked


def _cas(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del completed, known
    if not isinstance(invoked, tuple) or len(invoked) != 2:
        raise ModelError(f"the value of a cas is [from, to], not {shown(invoked)}")
    return invoked[1] if invoked[0] == state else INCONSISTENT


def _append(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del completed, known
    if isinstance(state, str) or (state is None and isinstance(invoked, str)):
        if not isinstance(invoked, str):
            raise ModelError(f"what is appended to a string is a string, not {shown(invoked)}")
        return (state or "") + invoked
    if state is None or isinstance(state, tuple):
        return (*(state or ()), invoked)
    raise ModelError(
        f"append {shown(invoked)}: expected a string, a list or nothing to append to, not {shown(state)}"
    )


def kv(name: str, initial: Any) -> Model:
    """One key of a store: get, put, cas [from, to], append, delete. ``initial`` is the value of an absent key.

    Strings are appended to strings; to nothing a string starts a string, anything else a list.
    """
    absent = freeze(initial)
    roles = {
        "get": Role.READ,
        "put": Role.WRITE,
        "cas": Role.CAS,
        "delete": Role.DELETE,
        "append": Role.OTHER,
    }
    functions = {
        "get": _get,
        "put": _put,
        "cas": _cas,
        "delete": lambda *_: absent,
        "append": _append,
    }
    engines = ("zones", "append", "search", "table")
    return tabled(name, absent, functions, reads=("get",), roles=roles, engines=engines)


KV = kv("kv", None)
APPEND_KV = kv("append-kv", "")


# --- several registers, read and written together


def multi_register(initial: Mapping[Any, Any] | None = None, name: str = "multi-register") -> Model:
    """Registers that one operation reads and writes together: its value is a list of [f, register, value], f being
    read or write. Knossos gives such a model the registers' first values.

    Where ``initial`` is None nobody knows them: what the first read of a register sees, before any write, is taken
    for its first value, and every later read must agree with that.
    """
    start = None if initial is None else frozenset((freeze(k), freeze(v)) for k, v in initial.items())

    def transact(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
        registers = dict(state)
        asked, answered = _micro_ops(invoked), _micro_ops(completed if known else invoked)
        if len(asked) != len(answered) or any(a[:2] != b[:2] for a, b in zip(asked, answered, strict=False)):
            raise ModelError(
                f"{shown(completed)} is no answer to {shown(invoked)}: other operations or registers"
            )
        for f, register, value in answered:
            if f == "write":
                registers[register] = value
            elif not known:
                continue
            elif register not in registers and start is None:
                registers[register] = value
            elif registers.get(register) != value:
                return INCONSISTENT
        return frozenset(registers.items())

    return tabled(name, start or frozenset(), dict.fromkeys(("txn", "read", "write"), transact))


_MICRO = {"read": "read", "write": "write", "r": "read", "w": "write"}


def _micro_ops(value: Any) -> list[tuple[str, Any, Any]]:
    if not isinstance(value, tuple):
        raise ModelError(f"the value of a transaction is a list of [f, register, value], not {shown(value)}")
    found = []
    for part in value:
        if not isinstance(part, tuple) or len(part) != 3 or part[0] not in _MICRO:
            raise ModelError(
                f"a part of a transaction is [read or write, register, value], not {shown(part)}"
            )
        found.append((_MICRO[part[0]], part[1], part[2]))
    return found


MULTI_REGISTER = multi_register()


# --- a list that grows


def _append_to_list(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del completed, known
    return (*state, invoked)


def _read_list(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del invoked
    if not known:
        return state
    if completed is not None and not isinstance(completed, tuple):
        raise ModelError(f"a read of a list answers a list, not {shown(completed)}")
    return state if (completed or ()) == state else INCONSISTENT


APPEND_LIST = tabled(
    "append-list",
    (),
    {"append": _append_to_list, "read": _read_list},
    reads=("read",),
    engines=("append", "table"),
)
"""append adds an element at the end, read answers the whole list (nil: the empty one)"""


# --- a number


def _amount(invoked: Any, sign: int) -> int | float:
    if invoked is None:
        return sign
    if not isinstance(invoked, (int, float)):
        raise ModelError(f"what is added to a counter is a number, not {shown(invoked)}")
    return sign * invoked


def _add(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del completed, known
    return state + _amount(invoked, 1)


def _subtract(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del completed, known
    return state + _amount(invoked, -1)


COUNTER = tabled(
    "counter",
    0,
    {"add": _add, "inc": _add, "dec": _subtract, "read": _get},
    reads=("read",),
    engines=("counter", "table"),
)
"""add, inc and dec by a number (nil: 1), read; starts at 0"""


# --- a set


def _changes(completed: Any, invoked: Any, change: bool) -> bool:
    """Whether an answer fits: true and false say whether the set changed, anything else says nothing."""
    says = isinstance(completed, tuple) and completed[:1] == ("bool",) and completed != invoked
    return not says or completed[1] == change


def _add_element(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del known
    return state | {invoked} if _changes(completed, invoked, invoked not in state) else INCONSISTENT


def _remove_element(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del known
    return state - {invoked} if _changes(completed, invoked, invoked in state) else INCONSISTENT


def _contains(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    if not known:
        return state
    if isinstance(completed, tuple) and len(completed) == 2 and completed[0] == invoked and invoked != "bool":
        completed = completed[1]  # as [element, answer]
    if completed not in (("bool", True), ("bool", False)):
        raise ModelError(f"contains {shown(invoked)} answers true or false, not {shown(completed)}")
    return state if completed[1] == (invoked in state) else INCONSISTENT


def _read_set(state: Any, invoked: Any, completed: Any, known: bool) -> Any:
    del invoked
    if not known:
        return state
    if completed is not None and not isinstance(completed, tuple):
        raise ModelError(f"a read of a set answers a list, not {shown(completed)}")
    return state if frozenset(completed or ()) == state else INCONSISTENT


SET = tabled(
    "set",
    frozenset(),
    {"add": _add_element, "remove": _remove_element, "contains": _contains, "read": _read_set},
    reads=("contains", "read"),
    engines=("set", "table"),
)
"""add and remove (true or false, where answered: whether the set changed), contains, and read, of all elements"""
