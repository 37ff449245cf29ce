"""Which operation of a client an entry of a replicated log is.

A trace names an entry by its identity, ``client:msg_id`` (docs/formats.md). The client of process 4 is ``c4``, and
its ``msg_id`` counts that process's operations from 1: so ``c4:12`` is process 4's 12th operation, and the history
knows its key, its value and what the client was told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from checkers.history import Op
from checkers.operations import Operation, operations
from checkers.result import Anomaly, Result
from checkers.words import seconds, who

ENTRIES = "entries"
"""``data`` of an anomaly that is about entries: their identities"""

SETUP_CLIENT = "c1000000000"
"""it sends what comes before the first operation; no operation of the history is its"""

_SUFFIX = {1: "st", 2: "nd", 3: "rd"}


def ordinal(n: int) -> str:
    """``1st``, ``12th``, ``23rd``."""
    return f"{n}{'th' if n % 100 in (11, 12, 13) else _SUFFIX.get(n % 10, 'th')}"


def parse(identity: str) -> tuple[int, int] | None:
    """(process, its operation's number from 1); None for what is no client's operation."""
    client, _, number = identity.rpartition(":")
    if not client.startswith("c") or not client[1:].isdecimal() or not number.isdecimal():
        return None
    return (int(client[1:]), int(number)) if client != SETUP_CLIENT else None


def named(identity: str) -> str:
    """``c4:12: process 4's 12th operation``, and words for an entry that no client asked for."""
    if not identity:
        return "the empty entry of a new leader"
    found = parse(identity)
    return f"{identity}: process {found[0]}'s {ordinal(found[1])} operation" if found else identity


def resolve(anomalies: Sequence[Anomaly], history: Sequence[Op]) -> list[Anomaly]:
    """The same anomalies; what they say of entries is followed by the operations that these are, as witnesses.

    An identity that the history does not know is left as it is. Raises MalformedHistoryError.
    """
    wanted = {i for anomaly in anomalies for i in anomaly.data.get(ENTRIES, ())}
    if not wanted or not history:
        return list(anomalies)
    known = _by_identity(operations(history), wanted)
    return [_with_operations(anomaly, known) for anomaly in anomalies]


def resolved(result: Result, history: Sequence[Op]) -> Result:
    """The same result, whose anomalies tell of entries as the operations that they are."""
    if not result.anomalies:
        return result
    return msgspec.structs.replace(result, anomalies=resolve(result.anomalies, history))


def _by_identity(found: Sequence[Operation], wanted: set[str]) -> dict[str, Operation]:
    counts: dict[int | str, int] = {}
    known: dict[str, Operation] = {}
    for operation in found:
        process = operation.invoke.process
        counts[process] = number = counts.get(process, 0) + 1
        identity = f"c{process}:{number}"
        if identity in wanted:
            known[identity] = operation
    return known


def _with_operations(anomaly: Anomaly, known: dict[str, Operation]) -> Anomaly:
    found = [(i, known[i]) for i in anomaly.data.get(ENTRIES, ()) if i in known]
    if not found:
        return anomaly
    told = "".join(f". {_sentence(identity, operation)}" for identity, operation in found)
    indexes = sorted({*anomaly.op_indexes, *(index for _, o in found for index in o.indexes())})
    key = next((o.invoke.key for _, o in found if o.invoke.key is not None), None)
    return msgspec.structs.replace(
        anomaly,
        op_indexes=indexes,
        explanation=f"{anomaly.explanation.removesuffix('.')}{told}",
        data=anomaly.data if key is None else {**anomaly.data, "key": key},
    )


_ENDS = {
    "ok": "and was told at {end} that it succeeded",
    "fail": "and was told at {end} that it failed",
    "info": "and never learned whether that happened",
}


def _sentence(identity: str, operation: Operation) -> str:
    """``Entry c4:12 is a write of 7 to key 3: process 4 at n1 asked for it at 1.2 s and was told ...``."""
    done = operation.completion
    end = _ENDS[operation.type].format(end=seconds(done.time) if done is not None else "")
    asked = seconds(operation.invoke.time)
    return f"Entry {identity} is {deed(operation.invoke)}: {who(operation.invoke)} asked for it at {asked}, {end}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


_DEEDS: dict[str, Callable[[Op], str]] = {
    "write": lambda op: f"the write of {_text(op.value)} to key {_text(op.key)}",
    "cas": lambda op: (
        f"the compare-and-set of key {_text(op.key)} from {_text(op.value[0])} to {_text(op.value[1])}"
    ),
    "txn": lambda op: f"the transaction {_text(op.value)}",
}


def deed(op: Op) -> str:
    """An invocation as a noun, with its key and value."""
    say = _DEEDS.get(op.f)
    if say is not None:
        return say(op)
    return f"the {op.f} of {_text(op.value)}" + ("" if op.key is None else f" at key {_text(op.key)}")
