"""The same history told otherwise: other names, other times, neighbours that have no order changed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from checkers.history import NEMESIS, Op

Names = Callable[[Any], Any]


def numbered(ops: list[Op]) -> list[Op]:
    """Index and time by place: an op a microsecond after the one before."""
    return [msgspec.structs.replace(op, index=i, time=i * 1000) for i, op in enumerate(ops)]


def processes(ops: list[Op]) -> list[Op]:
    """Other processes: numbers far apart, in another order, and a name."""

    def other(process: int | str) -> int | str:
        if not isinstance(process, int):
            return process
        return "client" if process == 1 else 10**12 - 7 * process

    return [msgspec.structs.replace(op, process=other(op.process)) for op in ops]


def keys(ops: list[Op], name: Names) -> list[Op]:
    return [op if op.key is None else msgspec.structs.replace(op, key=name(op.key)) for op in ops]


def values(ops: list[Op], renamed: Names) -> list[Op]:
    return [
        op if op.process == NEMESIS else msgspec.structs.replace(op, value=renamed(op.value)) for op in ops
    ]


def later(ops: list[Op]) -> list[Op]:
    """The clock began an hour before."""
    return [msgspec.structs.replace(op, time=op.time + 3600 * 10**9) for op in ops]


def neighbours(ops: list[Op], below: Callable[[int], int]) -> list[Op]:
    """Invocations that follow each other change places, and so do completions: which operation had ended before which
    began stays.
    """
    ops = list(ops)
    for _ in range(3 * len(ops)):
        at = below(len(ops) - 1)
        one, two = ops[at], ops[at + 1]
        strangers = NEMESIS not in (one.process, two.process) and one.process != two.process
        if strangers and (one.type == "invoke") == (two.type == "invoke"):
            ops[at], ops[at + 1] = two, one
    return numbered(ops)


def crashed(ops: list[Op], op: Op, below: Callable[[int], int]) -> list[Op]:
    """With an operation of a new process that nobody hears of again, begun somewhere."""
    at = below(len(ops) + 1)
    return numbered([*ops[:at], msgspec.structs.replace(op, process=10**6, type="invoke"), *ops[at:]])


def followed(ops: list[Op], *operations: tuple[str, Any, Any, Any]) -> list[Op]:
    """After all that, by a new process: (f, key, what was asked for, what was answered)."""
    more = []
    for f, key, asked, answer in operations:
        more.append(Op(0, 0, 10**6, "invoke", f, key, asked))
        more.append(Op(0, 0, 10**6, "ok", f, key, answer))
    return numbered([*ops, *more])


def mixed(one: list[Op], two: list[Op], below: Callable[[int], int]) -> list[Op]:
    """Both at the same time, each in its own order."""
    left, right, ops = list(one), list(two), []
    while left or right:
        ops.append((left if not right or (left and below(2)) else right).pop(0))
    return numbered(ops)


# --- what values are made of ----------------------------------------------------------------------------------


def elements(name: Names) -> Names:
    """Every number in a value is a name."""

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return name(value) if type(value) is int else value

    return renamed


def micro(key: Names, value: Names) -> Names:
    """Of transactions: the second of each micro-operation is a key, the third a value or a list of them."""

    def renamed(txn: Any) -> Any:
        return [[f, key(k), value(v)] for f, k, v in txn]

    return renamed


def logs(key: Names, offset: Names, value: Names) -> Names:
    """Of kafka's operations."""

    def pairs(messages: list[list[Any]]) -> list[list[Any]]:
        return [[offset(at), value(message)] for at, message in messages]

    def one(part: list[Any]) -> list[Any]:
        if part[0] == "send":
            told = part[2]
            return ["send", key(part[1]), pairs([told])[0] if isinstance(told, list) else value(told)]
        return [part[0], *({key(k): pairs(messages) for k, messages in of.items()} for of in part[1:])]

    def renamed(asked: Any) -> Any:
        if isinstance(asked, dict):
            return {key(k): offset(at) for k, at in asked.items()}
        if isinstance(asked, list):
            return [one(part) if isinstance(part, list) else key(part) for part in asked]
        return asked

    return renamed
