"""What a trace says of the logs of replicas: which value stands at which index of which node.

Entries below a floor that every replica has passed are forgotten, so the memory follows how far replicas are apart
and not how long they ran. Where a disk brought back another log than the last one, its entries are not known, and
``value`` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checkers.history import MalformedHistoryError
from checkers.record import TraceEvent
from checkers.stepwise import integer

UNKNOWN = object()
"""in the place of a value: the trace does not say what stands there"""

FORGET_EVERY = 256
"""steps between two looks at what can be forgotten"""


def entries_of(event: TraceEvent) -> Sequence[Sequence[Any]]:
    """Of an ``append``: a list of [term, identity]; raises MalformedHistoryError."""
    entries = event.data.get("entries")
    if not isinstance(entries, list | tuple):
        raise MalformedHistoryError(
            f"trace event {event.index}: append of {event.node}: expected a list of entries, got {entries!r}"
        )
    for entry in entries:
        if not (
            isinstance(entry, list | tuple)
            and len(entry) == 2
            and type(entry[0]) is int
            and isinstance(entry[1], str)
        ):
            raise MalformedHistoryError(
                f"trace event {event.index}: append of {event.node}: expected entries [term, id], got {entry!r}"
            )
    return entries


class Log:
    """One node's: ``entries[index]`` is (term, identity)."""

    __slots__ = ("entries", "last")

    def __init__(self) -> None:
        self.entries: dict[int, tuple[int, str]] = {}
        self.last = 0

    def take(self, event: TraceEvent) -> None:
        """An event of one of the kinds below."""
        if event.kind == "append":
            self._append(event)
        elif event.kind == "truncate":
            self._cut(integer(event, "after"))
        else:
            self._start(event)

    def _append(self, event: TraceEvent) -> None:
        first = at = integer(event, "index")
        if at <= self.last:
            self._cut(at - 1)
        for entry in entries_of(event):
            self.entries[at] = (entry[0], entry[1])
            at += 1
        self.last = max(at - 1, first - 1)

    def _cut(self, after: int) -> None:
        entries = self.entries
        for index in range(after + 1, self.last + 1):
            entries.pop(index, None)
        self.last = min(self.last, after)

    def _start(self, event: TraceEvent) -> None:
        """A new life: an earlier log of this node, known by its last entry."""
        data = event.data
        if "last_index" not in data:
            return  # its storage is no log of this form
        last = integer(event, "last_index")
        held = self.entries.get(last)
        if held is not None and held[0] == data.get("last_term"):
            self._cut(last)
        else:
            self.entries.clear()
            self.last = last

    def value(self, index: int) -> Any:
        """The identity of the entry at an index, or UNKNOWN."""
        held = self.entries.get(index)
        return UNKNOWN if held is None else held[1]

    def forget(self, floor: int) -> None:
        """Entries up to an index are of no interest any more."""
        entries = self.entries
        for index in [i for i in entries if i <= floor]:
            del entries[index]


KINDS = frozenset({"append", "truncate", "started"})


class Positions:
    """How far each replica is; ``floor``: every one of the ``listed`` replicas has passed it in its present life.

    Nothing is passed by all where it is not known who all are.
    """

    __slots__ = ("_steps", "at", "floor", "listed")

    def __init__(self, listed: tuple[str, ...]) -> None:
        self.listed = bool(listed)
        self.at = dict.fromkeys(listed, 0)
        self.floor = 0
        self._steps = 0

    def reached(self, node: str, index: int) -> bool:
        """``node`` is at ``index``; whether the floor has risen."""
        self.at[node] = index
        self._steps += 1
        if self._steps % FORGET_EVERY or not self.listed:
            return False
        floor = min(self.at.values())
        if floor <= self.floor:
            return False
        self.floor = floor
        return True
