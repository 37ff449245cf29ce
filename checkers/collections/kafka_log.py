"""Logs of messages: what sends and polls say about which message is at which offset of which key."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable
from typing import Any, NamedTuple

import msgspec

from checkers.history import MalformedHistoryError, Op
from checkers.words import identity

SEND, POLL = "send", "poll"


class Message(NamedTuple):
    """A message that an op sent or polled; ``offset`` is None where a send was not told it."""

    kind: str
    key: str
    offset: int | None
    value: Any


def messages(op: Op) -> list[Message]:
    """Of a send, a poll or a txn, in order. Keys are told apart by their text, because keys of JSON maps are texts.

    Invoked: ``["send", key, value]``, ``["poll"]`` or ``["poll", [key, ...]]``; ok:
    ``["send", key, [offset, value]]``, ``["poll", {key: [[offset, value], ...]}]``. Raises MalformedHistoryError.
    """
    found: list[Message] = []
    for micro in op.value if isinstance(op.value, list | tuple) else (op.value,):
        kind = micro[0] if isinstance(micro, list | tuple) and micro else None
        if kind == SEND and len(micro) == 3:
            found.append(_sent(op, micro))
        elif kind == POLL and len(micro) <= 2:
            found += _polled(op, micro[1] if len(micro) == 2 else None)
        else:
            raise MalformedHistoryError(
                f'op {op.index}: expected a list of ["send", key, value] and ["poll"], not {op.value!r}'
            )
    return found


def _sent(op: Op, micro: Any) -> Message:
    key, value = str(micro[1]), micro[2]
    if op.type == "ok" and isinstance(value, list | tuple) and len(value) == 2:
        offset = value[0]
        if offset is not None and type(offset) is not int:
            raise MalformedHistoryError(f"op {op.index}: an offset is an integer, not {offset!r}")
        return Message(SEND, key, offset, value[1])
    return Message(SEND, key, None, value)


def told(invoke: Op, op: Op) -> list[Message]:
    """The sends of an operation of unknown outcome whose offsets it learned all the same: ``[offset, value]``."""
    asked, micros = messages(invoke), op.value if isinstance(op.value, list | tuple) else ()
    answers = [m for m in micros if isinstance(m, list | tuple) and len(m) == 3 and m[0] == SEND]
    sends = [m for m in asked if m.kind == SEND]
    if len(answers) != len(sends):
        return []
    return [
        Message(SEND, send.key, answer[2][0], send.value)
        for send, answer in zip(sends, answers, strict=True)
        if isinstance(answer[2], list | tuple)
        and len(answer[2]) == 2
        and type(answer[2][0]) is int
        and answer[2][1] == send.value
        and str(answer[1]) == send.key
    ]


def _polled(op: Op, got: Any) -> list[Message]:
    if got is None or (op.type != "ok" and isinstance(got, list | tuple)):
        return []
    try:
        found = [
            Message(POLL, str(key), offset, value) for key, rows in got.items() for offset, value in rows
        ]
    except (AttributeError, TypeError, ValueError) as e:
        raise MalformedHistoryError(
            f"op {op.index}: a poll returns a map of key to [[offset, value], ...], not {got!r}"
        ) from e
    for message in found:
        if type(message.offset) is not int:
            raise MalformedHistoryError(f"op {op.index}: an offset is an integer, not {message.offset!r}")
    return found


def peeked(op: Op) -> list[Message]:
    """What an operation that was not ok polled, as far as it says so."""
    micros = op.value if isinstance(op.value, list | tuple) else ()
    polls = [m for m in micros if isinstance(m, list | tuple) and len(m) == 2 and m[0] == POLL]
    return [message for m in polls if isinstance(m[1], dict) for message in _polled(op, m[1])]


class Sighting(NamedTuple):
    """An operation that showed or sent a message."""

    invoke: Op
    done: Op


class Send(msgspec.Struct, eq=False):
    """Who sent a value. ``type`` is of the completion, ``info`` while there is none."""

    value: Any
    invoke: Op
    done: Op | None = None
    type: str = "info"
    sure: bool = False
    """it was sent, though nobody was told: its offset is known, and a message of its operation was polled"""


class Log(msgspec.Struct, eq=False):
    """One key. ``at``: offset -> the values that were seen there; ``offsets``: of each value, where it was seen."""

    key: str
    at: dict[int, dict[Hashable, Sighting]] = {}
    offsets: dict[Hashable, dict[int, Sighting]] = {}
    sends: dict[Hashable, Send] = {}
    polls: dict[Hashable, Sighting] = {}
    """value -> the poll that returned it first"""
    polled_to: tuple[int, Sighting] | None = None
    """the greatest offset polled"""

    def offset(self, value: Any) -> int | None:
        """The first offset of a value, as far as one is known."""
        return min(self.offsets.get(identity(value), ()), default=None)

    def between(self, ordered: list[int], low: int, high: int) -> list[int]:
        """Known offsets strictly between two; ``ordered`` are all of them."""
        return ordered[bisect_right(ordered, low) : bisect_right(ordered, high - 1)]
