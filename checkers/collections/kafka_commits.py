"""Committed offsets of logs: what a read of them may return.

A commit is current from some moment of its own until another takes effect. A read may return the offset of any commit
that was not certainly replaced, by one that began after it had ended, before the read began. Per key this is a few.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from checkers.collections.kafka_log import Sighting
from checkers.history import MalformedHistoryError, Op

Tell = Callable[[str, Sighting, str], None]


class _Commit(msgspec.Struct, eq=False):
    offset: int
    begin: int
    end: int | None = None
    failed: bool = False


class _Key(msgspec.Struct):
    current: list[_Commit] = []
    acknowledged: bool = False
    greatest: int = -1
    """of all commits that did not fail when it was asked"""


class _Read(msgspec.Struct, eq=False):
    """``floor``: of each key, the commits that could be current when it began; only keys with one acknowledged."""

    may: dict[str, list[_Commit]]


class Commits:
    """``tell`` is given what is wrong as it is found. Memory: the commits that may be current."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._keys: dict[str, _Key] = {}
        self._open: dict[int | str, list[tuple[str, _Commit]]] = {}
        self._reads: dict[int | str, _Read] = {}
        self._time = 0
        self.counts = {"commits": 0, "commits_read": 0}

    def began(self, op: Op) -> None:
        self._time += 1
        if op.f == "commit":
            mine = self._open[op.process] = []
            for key, offset in _offsets(op).items():
                commit = _Commit(offset, self._time)
                state = self._keys.setdefault(key, _Key())
                state.current.append(commit)
                state.greatest = max(state.greatest, offset)
                mine.append((key, commit))
                for read in self._reads.values():
                    if key in read.may:
                        read.may[key].append(commit)
        elif op.f == "committed":
            self._reads[op.process] = _Read(
                {key: list(state.current) for key, state in self._keys.items() if state.acknowledged}
            )

    def ended(self, invoke: Op, op: Op) -> None:
        self._time += 1
        if invoke.f == "commit":
            for key, commit in self._open.pop(op.process, []):
                state = self._keys[key]
                if op.type == "fail":
                    commit.failed = True
                    state.current.remove(commit)
                elif op.type == "ok":
                    self.counts["commits"] += 1
                    state.acknowledged = True
                    commit.end = self._time
                    state.current = [
                        c for c in state.current if c is commit or c.end is None or c.end > commit.begin
                    ]
        elif invoke.f == "committed":
            read = self._reads.pop(op.process)
            if op.type == "ok":
                self._judge(read, invoke, op)

    def _judge(self, read: _Read, invoke: Op, op: Op) -> None:
        by = Sighting(invoke, op)
        got = _offsets(op)
        asked = {str(key) for key in invoke.value} if isinstance(invoke.value, list | tuple) else None
        for key, may in read.may.items():
            if asked is not None and key not in asked:
                continue
            self.counts["commits_read"] += 1
            low = min((c.offset for c in may if not c.failed), default=-1)
            if got.get(key, -1) < low:
                shown = f"offset {got[key]}" if key in got else "no offset"
                self._tell(
                    "lost-commit", by, f"was told {shown} for key {key}, but {low} or more was committed"
                )
        for key, offset in got.items():
            state = self._keys.get(key)
            if state is None or offset > state.greatest:
                most = "nothing" if state is None else f"no more than {state.greatest}"
                self._tell(
                    "unexpected-commit",
                    by,
                    f"was told offset {offset} for key {key}, but {most} was committed",
                )


def _offsets(op: Op) -> dict[str, int]:
    value: Any = op.value if op.value is not None else {}
    if not isinstance(value, dict) or any(type(offset) is not int for offset in value.values()):
        raise MalformedHistoryError(f"op {op.index}: expected a map of key to offset, not {value!r}")
    return {str(key): offset for key, offset in value.items()}
