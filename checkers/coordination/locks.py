"""Locks, with and without fencing tokens ("lock").

Per key: ``acquire`` is ok when the lock was obtained, its value may be a fencing token; ``release`` gives it
back. A process holds a lock for certain from the completion of its ``acquire`` to the beginning of a ``release``
that may have happened. Two such spans that overlap break mutual exclusion, whatever the order of the rest:
where none overlap, an order exists (each lock changes hands in the gaps). What a token protects is an operation
of any other name whose value is a map with the token in its field ``token`` (Kleppmann, How to do distributed
locking, 2016: storage must refuse a token older than one it has seen).

| anomaly | meaning |
|---|---|
| two-holders | two processes held the lock at one moment (not judged with the option ``leases``) |
| release-without-acquire | a release was ok though the process held nothing |
| duplicate-token | one token was given out twice |
| token-not-monotonic | a lock obtained later by real time came with a smaller token |
| stale-token-accepted | a protected operation was accepted after one with a greater token had been |
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import msgspec

from checkers.history import MalformedHistoryError, Op
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.words import canonical, identity, seconds, who


class Hold(msgspec.Struct):
    invoke: Op
    done: Op
    token: int | None


class _Lock(msgspec.Struct):
    """``holders``: who certainly holds it now. ``leaving``: whose release is under way, with who obtained the
    lock meanwhile: should the release fail, they held it together. ``greatest`` and ``accepted``: the operation
    with the greatest token that has ended, of those that obtained the lock and of those it protects.
    """

    holders: dict[int | str, Hold] = {}
    leaving: dict[int | str, tuple[Hold, list[Hold]]] = {}
    given: dict[int, Hold] = {}
    greatest: Hold | None = None
    accepted: Hold | None = None


class Lock(Running):
    """Options: ``leases`` (default false): a lock may expire, so that only tokens tell who holds it.

    Memory grows with the tokens given out, so as to tell when one comes twice; else it is one entry per lock.
    """

    name = "lock"
    anomalies = (
        "two-holders",
        "release-without-acquire",
        "duplicate-token",
        "token-not-monotonic",
        "stale-token-accepted",
    )

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._leases = self.flag("leases", default=False)
        self._locks: dict[Hashable, _Lock] = {}
        self._started: dict[int | str, Hold | None] = {}
        self._acquired = 0
        self._released = 0
        self._protected = 0

    def _lock(self, op: Op) -> _Lock:
        return self._locks.setdefault(identity(op.key), _Lock())

    def began(self, op: Op, position: int) -> None:  # noqa: ARG002
        lock = self._lock(op)
        if op.f == "acquire":
            self._started[op.process] = lock.greatest
        elif op.f == "release":
            held = lock.holders.pop(op.process, None)
            if held is not None:
                lock.leaving[op.process] = held, []
        else:
            self._started[op.process] = lock.accepted

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        lock, process = self._lock(invoke), op.process
        before = self._started.pop(process, None)
        if invoke.f == "release":
            held = lock.leaving.pop(process, None)
            if op.type == "fail" and held is not None:
                lock.holders[process] = held[0]
                for other in held[1]:
                    self._overlap(other, held[0])
            elif op.type == "ok":
                self._released += 1
                if held is None:
                    self._tell(
                        "release-without-acquire", invoke, op, None, "released a lock that it did not hold"
                    )
        elif op.type == "ok" and invoke.f == "acquire":
            self._acquired += 1
            self._acquire(lock, Hold(invoke, op, _token(op)), before)
        elif op.type == "ok" and isinstance(invoke.value, dict) and "token" in invoke.value:
            self._protected += 1
            self._accept(lock, Hold(invoke, op, _token(invoke)), before)

    def _overlap(self, hold: Hold, other: Hold) -> None:
        if not self._leases:
            text = (
                f"obtained the lock though {who(other.done)} had held it since {seconds(other.done.time)} and had "
                "not released it"
            )
            self._tell("two-holders", hold.invoke, hold.done, other, text)

    def _hold(self, lock: _Lock, hold: Hold, process: int | str) -> None:
        for holder, other in lock.holders.items():
            if holder != process:
                self._overlap(hold, other)
        for _, meanwhile in lock.leaving.values():
            meanwhile.append(hold)
        lock.holders[process] = hold

    def _acquire(self, lock: _Lock, hold: Hold, before: Hold | None) -> None:
        token = hold.token
        self._hold(lock, hold, hold.done.process)
        if token is None:
            return
        twin = lock.given.setdefault(token, hold)
        if twin is not hold:
            text = (
                f"obtained token {token}, which {who(twin.done)} had been given at {seconds(twin.done.time)}"
            )
            self._tell("duplicate-token", hold.invoke, hold.done, twin, text)
        elif before is not None and before.token is not None and token < before.token:
            text = (
                f"obtained token {token} in an acquire begun at {seconds(hold.invoke.time)}, after "
                f"{who(before.done)} had been given {before.token} at {seconds(before.done.time)}"
            )
            self._tell("token-not-monotonic", hold.invoke, hold.done, before, text)
        if lock.greatest is None or lock.greatest.token is None or token > lock.greatest.token:
            lock.greatest = hold

    def _accept(self, lock: _Lock, hold: Hold, before: Hold | None) -> None:
        token = hold.token
        if token is None:
            return
        if before is not None and before.token is not None and token < before.token:
            text = (
                f"was allowed to {hold.invoke.f} with token {token}, begun at {seconds(hold.invoke.time)}, after "
                f"{who(before.done)} had been with token {before.token} at {seconds(before.done.time)}"
            )
            self._tell("stale-token-accepted", hold.invoke, hold.done, before, text)
        if lock.accepted is None or lock.accepted.token is None or token > lock.accepted.token:
            lock.accepted = hold

    def _tell(self, kind: str, invoke: Op, done: Op, other: Hold | None, what: str) -> None:
        if self.found.room(kind):
            lock = "" if invoke.key is None else f"lock {canonical(invoke.key).decode()}: "
            ops = [invoke.index, done.index]
            if other is not None:
                ops += [other.invoke.index, other.done.index]
            self.found.keep(kind, ops, f"{lock}{who(done)} at {seconds(done.time)} {what}")

    def result(self) -> Result:
        coverage = {
            "locks": len(self._locks),
            "acquired": self._acquired,
            "released": self._released,
            "tokens": sum(len(lock.given) for lock in self._locks.values()),
            "protected": self._protected,
        }
        unknown = "" if self._acquired or self._protected else "no acquire was ok"
        return conclude(self.name, self.anomalies, self.found, coverage, unknown)


def _token(op: Op) -> int | None:
    value = op.value.get("token") if isinstance(op.value, dict) else op.value
    if value is None or type(value) is int:
        return value
    raise MalformedHistoryError(f"op {op.index}: a fencing token is an integer, not {value!r}")
