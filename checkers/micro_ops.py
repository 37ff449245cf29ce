"""What an op did to keys, in order: transactions of reads, writes and appends, and plain registers alike."""

from __future__ import annotations

from typing import Any

from checkers.history import MalformedHistoryError, Op

R, W, APPEND = "r", "w", "append"
KINDS = {"r": R, "read": R, "w": W, "write": W, "append": APPEND}
PLAIN = {"read": R, "r": R, "write": W, "w": W, "put": W, "append": APPEND, "get": R}

MicroOp = tuple[str, Any, Any]
"""(R, W or APPEND; key; value)"""


def micro_ops(op: Op) -> list[MicroOp]:
    """Of an invocation or a completion; empty for an operation of another kind.

    A ``cas`` with value [from, to] reads the one and writes the other; that is so only where it is ok.
    Raises MalformedHistoryError for a transaction that is none.
    """
    value = op.value
    if op.f == "cas":
        if isinstance(value, list | tuple) and len(value) == 2:
            return [(R, op.key, value[0]), (W, op.key, value[1])]
        return []
    plain = PLAIN.get(op.f)
    if plain is None and op.f != "txn":
        return []
    if op.f == "txn" or _is_txn(value):
        return _transaction(op)
    return [(plain or R, op.key, value)]


def outcome(invoke: Op, op: Op) -> list[MicroOp]:
    """Of an operation that is ok: reads as completed; plain writes as invoked, whatever the completion carries."""
    plain = PLAIN.get(invoke.f)
    if invoke.f == "cas" or (plain not in (None, R) and not _is_txn(op.value)):
        return micro_ops(invoke)
    if plain == R and not _is_txn(op.value):
        return [(R, invoke.key, op.value)]
    return micro_ops(op)


def _is_txn(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(
            isinstance(m, list | tuple) and len(m) == 3 and isinstance(m[0], str) and m[0] in KINDS
            for m in value
        )
    )


def _transaction(op: Op) -> list[MicroOp]:
    if op.value is None:
        return []
    found: list[MicroOp] = []
    for micro in op.value if isinstance(op.value, list | tuple) else (op.value,):
        kind = KINDS.get(micro[0]) if isinstance(micro, list | tuple) and len(micro) == 3 else None
        if kind is None:
            raise MalformedHistoryError(
                f"op {op.index}: a transaction is a list of [r | w | append, key, value], not {op.value!r}"
            )
        found.append((kind, micro[1], micro[2]))
    return found
