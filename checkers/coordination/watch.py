"""What a watch promises ("watch"): changes of keys, each once, in order, none left out, to be resumed anywhere.

Client operations (docs/formats.md); a revision is an integer that grows with every write of the store:

| f | invocation | ok |
|---|---|---|
| put, write | key, value | ``{revision}`` |
| delete | key | ``{revision}`` |
| txn | ``[["put", key, value], ["delete", key], ...]``, at one revision | ``{revision}`` |
| watch | key (null: all), ``{watch, from, prefix}`` | ``{events, bookmark}`` |

A watch is a row of ``watch`` operations with one id: each answers with what came since the one before. One that says
``from`` begins anew there. An event is ``{revision, key, value}``, with ``type: delete`` where the key went and
perhaps ``previous``, the value before. A ``bookmark`` says that all up to that revision was delivered.

The guarantees are etcd's (its documentation, "API guarantees"; its robustness tests hold it to them):

| anomaly | guarantee | what was seen |
|---|---|---|
| unordered | ordered | an event after one of a later revision |
| duplicate-event | unique | an event twice |
| missed-event | reliable | an acknowledged write between what was delivered, and no event of it |
| resume-gap | resumable | the same, between where a watch was resumed and the first event after it |
| before-start | resumable | an event before the revision that was asked for |
| split-revision | atomic | events of one revision in two answers |
| broken-bookmark | bookmarkable | an event at or before a bookmark that came earlier |
| wrong-previous | prev-kv | a previous value that is not the one delivered before |
| wrong-event | | an event that is not the write acknowledged at its revision |
| phantom-event | | an event of a write that nobody had asked for, or that failed |
| conflicting-event | | two watches that deliver different changes of one key at one revision |

Memory: an entry per acknowledged write and per event of each watch.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import msgspec

from checkers.history import MalformedHistoryError, Op
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.words import canonical, identity, seconds, who

WRITES = frozenset({"put", "write", "delete", "txn"})

DELETED: Hashable = ("deleted",)
"""the content of a key that went"""


class _Change(msgspec.Struct, frozen=True):
    """What a write does to a key; ``content``: the identity of its value, or DELETED."""

    key: Hashable
    content: Hashable


class _Written(msgspec.Struct, gc=False):
    change: _Change
    name: Any
    op: Op


class _Stream(msgspec.Struct):
    """A watch from where it last began. ``low`` is None until it is known what its first revision is; ``upto``: all
    up to this revision should have come; ``delivered``: (revision, key).
    """

    name: Any
    key: Any
    prefix: str | None
    low: int | None
    resumed: bool
    last: int = -1
    last_op: int = -1
    upto: int = -1
    bookmark: int = -1
    bookmark_op: int = -1
    first: int | None = None
    delivered: dict[tuple[int, Hashable], int] = {}
    values: dict[Hashable, Hashable] = {}

    def wants(self, name: Any) -> bool:
        if self.prefix is not None:
            return isinstance(name, str) and name.startswith(self.prefix)
        return self.key is None or identity(self.key) == identity(name)


class Watch(Running):
    """Takes no options."""

    name = "watch"
    anomalies = (
        "unordered",
        "duplicate-event",
        "missed-event",
        "resume-gap",
        "before-start",
        "split-revision",
        "broken-bookmark",
        "wrong-previous",
        "wrong-event",
        "phantom-event",
        "conflicting-event",
    )

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._streams: list[_Stream] = []
        self._current: dict[Hashable, _Stream] = {}
        self._revisions: list[int] = []
        self._written: dict[int, dict[Hashable, _Written]] = {}  # acknowledged: revision -> key
        self._possible: dict[_Change, int] = {}  # writes that are open, or whose outcome is unknown
        self._seen: dict[tuple[int, Hashable], tuple[_Change, int]] = {}  # events: change, op
        self._unexplained: dict[_Change, list[tuple[int, int, Any]]] = {}  # revision, op, name of the key
        self._begun: dict[int | str, _Stream] = {}
        self._answers = self._events = self._compared = 0

    # --- in -----------------------------------------------------------------------------------------------

    def began(self, op: Op, position: int) -> None:
        del position
        if op.f in WRITES:
            for change, _ in _changes(op):
                self._possible[change] = self._possible.get(change, 0) + 1
        elif op.f == "watch":
            self._begun[op.process] = self._stream(op)

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:
        del begin, end
        if invoke.f in WRITES:
            if op.type == "ok":
                self._acknowledge(invoke, op)
            elif op.type == "fail":
                for change, name in _changes(invoke):
                    self._failed(change, name, op)
        elif invoke.f == "watch":
            stream = self._begun.pop(invoke.process)
            if op.type == "ok":
                self._answer(stream, op)

    def _stream(self, op: Op) -> _Stream:
        asked = op.value
        if not isinstance(asked, dict) or "watch" not in asked:
            raise MalformedHistoryError(
                f"op {op.index}: expected a watch to be a map with watch, got {asked!r}"
            )
        name, start, prefix = identity(asked["watch"]), asked.get("from"), asked.get("prefix")
        if not (start is None or type(start) is int) or not (prefix is None or isinstance(prefix, str)):
            raise MalformedHistoryError(f"op {op.index}: expected from as an integer and prefix as a string")
        known = self._current.get(name)
        if known is not None and start is None:
            return known
        stream = _Stream(asked["watch"], op.key, prefix, start, known is not None, delivered={}, values={})
        if start is not None:
            stream.upto = start - 1
        self._streams.append(stream)
        self._current[name] = stream
        return stream

    # --- writes -------------------------------------------------------------------------------------------

    def _acknowledge(self, invoke: Op, op: Op) -> None:
        revision = op.value.get("revision") if isinstance(op.value, dict) else None
        if type(revision) is not int:
            raise MalformedHistoryError(
                f"op {op.index}: expected a {op.f} to answer with a map with an integer revision, got {op.value!r}"
            )
        at = self._written.get(revision)
        if at is None:
            at = self._written[revision] = {}
            insort(self._revisions, revision)
        for change, name in _changes(invoke):
            self._possible[change] -= 1
            at[change.key] = written = _Written(change, name, op)
            waiting = self._unexplained.get(change)
            if waiting:
                self._unexplained[change] = [w for w in waiting if w[0] != revision]
            seen = self._seen.get((revision, change.key))
            if seen is not None and seen[0] != change:
                self._wrong(revision, written, seen[0], seen[1])
            for stream in self._streams:
                if stream.low is not None and stream.low <= revision <= stream.upto:
                    self._delivered(stream, revision, written, stream.last_op)
            self._ghosts(change)

    def _failed(self, change: _Change, name: Any, op: Op) -> None:
        del name, op
        self._possible[change] -= 1
        self._ghosts(change)

    def _ghosts(self, change: _Change) -> None:
        """Events that no write is left to explain."""
        if self._possible.get(change):
            return
        for revision, index, name in self._unexplained.pop(change, ()):
            self._phantom(revision, change, name, index)

    def _phantom(self, revision: int, change: _Change, name: Any, index: int) -> None:
        if self.found.room("phantom-event"):
            self.found.keep(
                "phantom-event",
                [index],
                f"an event of revision {revision} says {_told(change, name)}, and no write of that was "
                "acknowledged at "
                "this revision or was under way",
                revision=revision,
                key=name,
            )

    def _wrong(self, revision: int, written: _Written, change: _Change, index: int) -> None:
        if self.found.room("wrong-event"):
            self.found.keep(
                "wrong-event",
                [written.op.index, index],
                f"an event of revision {revision} says {_told(change, written.name)}; the write acknowledged at this "
                f"revision (op {written.op.index}) said {_told(written.change, written.name)}",
                revision=revision,
                key=written.name,
            )

    # --- watches ------------------------------------------------------------------------------------------

    def _answer(self, stream: _Stream, op: Op) -> None:
        value = op.value if isinstance(op.value, dict) else {}
        events, bookmark = value.get("events", ()), value.get("bookmark")
        if not isinstance(events, list | tuple) or not (bookmark is None or type(bookmark) is int):
            raise MalformedHistoryError(
                f"op {op.index}: expected a watch to answer with a map of events, a list, and perhaps an "
                "integer bookmark"
            )
        self._answers += 1
        before = stream.last
        for event in events:
            self._event(stream, event, op, before)
        high = max(stream.last, stream.upto)
        if bookmark is not None:
            if stream.low is None:
                stream.low = bookmark + 1
            high = max(high, bookmark)
            if bookmark > stream.bookmark:
                stream.bookmark, stream.bookmark_op = bookmark, op.index
        stream.last_op = op.index
        if stream.low is not None and high > stream.upto:
            low, stream.upto = max(stream.low - 1, stream.upto), high
            for at in range(bisect_right(self._revisions, low), bisect_right(self._revisions, high)):
                revision = self._revisions[at]
                for written in self._written[revision].values():
                    self._delivered(stream, revision, written, op.index)

    def _event(self, stream: _Stream, event: Any, op: Op, before: int) -> None:
        revision, name, change = _event_of(event, op)
        self._events += 1
        at = (revision, change.key)
        if at in stream.delivered:
            self._tell(
                "duplicate-event",
                stream,
                op,
                f"revision {revision} of {_key(name)} came again",
                stream.delivered[at],
            )
            return
        if stream.low is None:
            stream.low = revision
        if stream.first is None:
            stream.first = revision
        stream.delivered[at] = op.index
        if revision < stream.low:
            self._tell(
                "before-start",
                stream,
                op,
                f"revision {revision} came, and {stream.low} was the first to come",
            )
        elif revision <= stream.bookmark:
            text = f"revision {revision} of {_key(name)} came after a bookmark of revision {stream.bookmark}"
            self._tell("broken-bookmark", stream, op, text, stream.bookmark_op)
        elif revision < stream.last:
            self._tell(
                "unordered", stream, op, f"revision {revision} came after {stream.last}", stream.last_op
            )
        elif revision == before and stream.last_op != op.index and stream.last_op >= 0:
            self._tell(
                "split-revision", stream, op, f"revision {revision} came in two answers", stream.last_op
            )
        stream.last = max(stream.last, revision)
        self._previous(stream, event, change, name, op)
        self._explained(revision, change, name, op)

    def _previous(self, stream: _Stream, event: dict[str, Any], change: _Change, name: Any, op: Op) -> None:
        known = stream.values.get(change.key)
        if "previous" in event and known is not None:
            told = DELETED if event["previous"] is None else identity(event["previous"])
            if told != known:
                text = (
                    f"revision {event['revision']} of {_key(name)} came with the previous value "
                    f"{canonical(event['previous']).decode()}, and the event before said {_content(known)}"
                )
                self._tell("wrong-previous", stream, op, text)
        stream.values[change.key] = change.content

    def _explained(self, revision: int, change: _Change, name: Any, op: Op) -> None:
        """Hold an event against the writes, and against what other watches delivered."""
        written = self._written.get(revision, {}).get(change.key)
        seen = self._seen.setdefault((revision, change.key), (change, op.index))
        if written is not None:
            if written.change != change:
                self._wrong(revision, written, change, op.index)
        elif seen[0] != change:
            if self.found.room("conflicting-event"):
                self.found.keep(
                    "conflicting-event",
                    [seen[1], op.index],
                    f"at revision {revision} one answer says {_told(seen[0], name)} (op {seen[1]}), another "
                    f"{_told(change, name)} (op {op.index})",
                    revision=revision,
                    key=name,
                )
        elif seen[1] == op.index:
            if self._possible.get(change):
                self._unexplained.setdefault(change, []).append((revision, op.index, name))
            else:
                self._phantom(revision, change, name, op.index)

    def _delivered(self, stream: _Stream, revision: int, written: _Written, index: int) -> None:
        if not stream.wants(written.name):
            return
        self._compared += 1
        if (revision, written.change.key) in stream.delivered:
            return
        gap = stream.resumed and (stream.first is None or revision < stream.first)
        text = (
            f"{_told(written.change, written.name)} was acknowledged at revision {revision} "
            f"({seconds(written.op.time)}), and no event of it came, though all up to revision "
            f"{stream.upto} should have"
        )
        if gap:
            text += f"; it was resumed from revision {stream.low}"
        self._tell("resume-gap" if gap else "missed-event", stream, written.op, text, index)

    def _tell(self, kind: str, stream: _Stream, op: Op, text: str, *others: int) -> None:
        if self.found.room(kind):
            asked = f"watch {canonical(stream.name).decode()}"
            by = f" ({who(op)} at {seconds(op.time)})" if op.f == "watch" else ""
            self.found.keep(
                kind, [op.index, *(i for i in others if i >= 0)], f"{asked}{by}: {text}", watch=stream.name
            )

    def result(self) -> Result:
        coverage: dict[str, Any] = {
            "watches": len(self._current),
            "answers": self._answers,
            "events": self._events,
            "writes": len(self._written),
            "compared": self._compared,
        }
        why = ""
        if not self._answers:
            why = "no watch was answered"
        elif not self._events and not self._compared:
            why = "no watch delivered an event, or covered an acknowledged write"
        return conclude(self.name, self.anomalies, self.found, coverage, why)


def _changes(op: Op) -> Iterator[tuple[_Change, Any]]:
    """What a write does, with the names of the keys."""
    if op.f != "txn":
        yield _change(op.key, op.value, deleted=op.f == "delete"), op.key
        return
    for part in op.value if isinstance(op.value, list | tuple) else ():
        if not isinstance(part, list | tuple) or len(part) < 2 or part[0] not in ("put", "delete"):
            raise MalformedHistoryError(
                f'op {op.index}: expected ["put", key, value] or ["delete", key] in a txn, got {part!r}'
            )
        yield _change(part[1], part[2] if len(part) > 2 else None, deleted=part[0] == "delete"), part[1]


def _change(key: Any, value: Any, *, deleted: bool) -> _Change:
    return _Change(identity(key), DELETED if deleted else identity(value))


def _event_of(event: Any, op: Op) -> tuple[int, Any, _Change]:
    revision = event.get("revision") if isinstance(event, dict) else None
    if not isinstance(event, dict) or type(revision) is not int or "key" not in event:
        raise MalformedHistoryError(
            f"op {op.index}: expected events to be maps with an integer revision and a key, got {event!r}"
        )
    return (
        revision,
        event["key"],
        _change(event["key"], event.get("value"), deleted=event.get("type") == "delete"),
    )


def _content(content: Hashable) -> str:
    if content == DELETED:
        return "that it went"
    return content.decode() if isinstance(content, bytes) else canonical(content).decode()


def _key(name: Any) -> str:
    return f"key {canonical(name).decode()}"


def _told(change: _Change, name: Any) -> str:
    if change.content == DELETED:
        return f"the deletion of {_key(name)}"
    return f"the write of {_content(change.content)} to {_key(name)}"
