"""Leases: held by one at a time, and worth nothing after their time ("leases").

Client operations, times by the harness's clock (docs/formats.md):

| f | invocation | ok |
|---|---|---|
| grant | key: what is leased; ``{ttl_ms}`` | ``{lease}``, its id; ``ttl_ms`` where the system gave another time |
| renew, release | key; ``{lease}`` | |
| any other | key; a map with ``lease``: accepted under that lease; with ``value`` it binds this value to the key | |
| read | key | the value, null where there is none |

When a server granted a lease nobody saw: it was between the invocation and the completion. So a lease is held *for
certain* from the completion until ``ttl`` after the invocation, and over *for certain* ``ttl`` after the completion;
a renewal moves both ends, one of unknown outcome the second only. What lies between is nobody's fault (Gray and
Cheriton 1989: clocks that drift by ``drift_ppm`` make it wider).

| anomaly | what was seen |
|---|---|
| two-holders | two leases of one key, both held for certain at one moment |
| use-after-expiry | an operation under a lease was accepted that began when the lease was over for certain |
| renewed-after-expiry | a lease that was over for certain was renewed |
| outlived-lease | a read that began when the lease was over for certain showed the value bound to it |
| expired-early | a read showed nothing though the value was bound, alone, to a lease held for certain |

Fencing by tokens, without time, is the checker "lock"'s. Memory: an entry per lease and per bound value.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import msgspec

from checkers.history import MalformedHistoryError, Op
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.stepwise import MS, number
from checkers.words import canonical, identity, seconds, who

PPM = 1_000_000


class _Lease(msgspec.Struct, gc=False):
    """``sure``: held for certain in this span, in ns; ``over``: for certain from then on. ``pending``: renewals whose
    outcome is not known yet.
    """

    key: Any
    name: Hashable
    granted: Op
    holder: Op
    ttl: int
    begin: int
    end: int
    over: int
    pending: int = 0
    why: str = "it had run out"
    leaving: int | None = None
    rivals: set[Hashable] = set()
    """leases that were told to have been held together with it"""


class _Binding(msgspec.Struct, eq=False):
    """``done``: the write's completion, its invocation as long as there is none; ``end``: its position, then."""

    value: Hashable
    lease: _Lease
    done: Op
    end: int = -1


class _Write(msgspec.Struct, gc=False):
    """One that is under way: its number on its key, -1 if others were, and what it binds."""

    number: int
    binding: _Binding | None


class _Key(msgspec.Struct):
    """``leases``: those that may still be held. ``current``: what the key must hold, if that is certain."""

    leases: list[_Lease] = []
    bound: dict[Hashable, list[_Binding]] = {}
    plain: set[Hashable] = set()
    writes: int = 0
    """begun so far"""
    open: int = 0
    current: _Binding | None = None


class Leases(Running):
    """Options: ``drift_ppm`` (0): how far clocks may drift; ``grace_ms`` (0): how long after its time the end of a
    lease may show.
    """

    name = "leases"
    anomalies = ("two-holders", "use-after-expiry", "renewed-after-expiry", "outlived-lease", "expired-early")

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._drift = int(number(self.options, "drift_ppm", 0))
        self._grace = int(number(self.options, "grace_ms", 0) * MS)
        self._leases: dict[Hashable, _Lease] = {}
        self._keys: dict[Hashable, _Key] = {}
        self._started: dict[int | str, _Write] = {}
        self._granted = self._judged = self._unknown = 0

    # --- in -----------------------------------------------------------------------------------------------

    def began(self, op: Op, position: int) -> None:
        del position
        if op.f in ("grant", "read"):
            return
        if op.f in ("renew", "release"):
            lease = self._lease(op)
            if lease is not None and op.f == "renew":
                lease.pending += 1
            elif lease is not None:
                lease.leaving, lease.end = lease.end, min(lease.end, op.time)
            return
        key = self._key(op.key)
        key.writes += 1
        key.open += 1
        binding = self._bind(key, op)
        self._started[op.process] = _Write(key.writes if key.open == 1 else -1, binding)

    def _bind(self, key: _Key, op: Op) -> _Binding | None:
        """What a read may show from now on."""
        value = op.value
        lease = (
            self._leases.get(identity(value["lease"]))
            if isinstance(value, dict) and "lease" in value
            else None
        )
        if lease is None:
            key.plain.add(identity(value.get("value") if isinstance(value, dict) else value))
            return None
        if "value" not in value:
            return None
        binding = _Binding(identity(value["value"]), lease, op)
        key.bound.setdefault(binding.value, []).append(binding)
        return binding

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:
        if invoke.f == "grant":
            if op.type == "ok":
                self._grant(invoke, op)
        elif invoke.f == "renew":
            self._renew(invoke, op)
        elif invoke.f == "release":
            self._release(invoke, op)
        elif invoke.f == "read":
            if op.type == "ok":
                self._read(invoke, begin, op)
        else:
            self._write(invoke, op, end)

    def _key(self, key: Any) -> _Key:
        name = identity(key)
        found = self._keys.get(name)
        if found is None:
            found = self._keys[name] = _Key([], {}, set())
        return found

    def _lease(self, op: Op) -> _Lease | None:
        """The lease that an invocation names; None for one that nobody is known to have been granted."""
        if not isinstance(op.value, dict) or "lease" not in op.value:
            raise MalformedHistoryError(
                f"op {op.index}: the {op.f} names no lease: expected a map with lease, got {op.value!r}"
            )
        return self._leases.get(identity(op.value["lease"]))

    def _shortest(self, ttl: int) -> int:
        return ttl - ttl * self._drift // PPM

    def _longest(self, ttl: int) -> int:
        return ttl + ttl * self._drift // PPM

    def _grant(self, invoke: Op, op: Op) -> None:
        asked = invoke.value if isinstance(invoke.value, dict) else {}
        given = op.value if isinstance(op.value, dict) else {}
        ttl_ms = given.get("ttl_ms", asked.get("ttl_ms"))
        if (
            "lease" not in given
            or isinstance(ttl_ms, bool)
            or not isinstance(ttl_ms, int | float)
            or ttl_ms < 0
        ):
            raise MalformedHistoryError(
                f"op {op.index}: expected a grant to answer with lease, and a ttl_ms of at least 0 in it or in the "
                f"invocation, got {invoke.value!r} and {op.value!r}"
            )
        ttl = int(ttl_ms * MS)
        lease = _Lease(
            invoke.key,
            identity(given["lease"]),
            invoke,
            op,
            ttl,
            op.time,
            invoke.time + self._shortest(ttl),
            op.time + self._longest(ttl),
            rivals=set(),
        )
        self._granted += 1
        self._leases[lease.name] = lease
        key = self._key(invoke.key)
        key.leases = [
            other for other in key.leases if self._over(other) >= invoke.time or other.leaving is not None
        ]
        self._conflicts(key, lease, op)
        key.leases.append(lease)

    def _over(self, lease: _Lease) -> int:
        """From when on it is over for certain, as far as is known now."""
        return lease.over + lease.pending * self._longest(lease.ttl)

    def _conflicts(self, key: _Key, lease: _Lease, now: Op) -> None:
        """Others that were held for certain while ``lease`` was; told once a pair, when it becomes certain."""
        for other in key.leases:
            if other is lease or max(lease.begin, other.begin) > min(lease.end, other.end):
                continue
            if other.name in lease.rivals:
                continue
            lease.rivals.add(other.name)
            other.rivals.add(lease.name)
            if self.found.room("two-holders"):
                first, second = sorted((other, lease), key=lambda held: held.holder.index)
                at = max(first.begin, second.begin)
                self.found.keep(
                    "two-holders",
                    [
                        first.granted.index,
                        first.holder.index,
                        second.granted.index,
                        second.holder.index,
                        now.index,
                    ],
                    f"{_shown(lease.key)}: at {seconds(at)} {who(first.granted)} held lease "
                    f"{_named(first)}, granted at "
                    f"{seconds(first.holder.time)} for {seconds(first.ttl)}, for certain until "
                    f"{seconds(first.end)}, and "
                    f"{who(second.granted)} held lease {_named(second)}, granted at {seconds(second.holder.time)}",
                    key=lease.key,
                )

    def _renew(self, invoke: Op, op: Op) -> None:
        lease = self._lease(invoke)
        if lease is None or not lease.pending:
            return
        lease.pending -= 1
        if op.type == "info":
            lease.over += self._longest(lease.ttl)
        if op.type != "ok":
            return
        self._judged += 1
        until, over = invoke.time + self._shortest(lease.ttl), op.time + self._longest(lease.ttl)
        if invoke.time > self._over(lease) + self._grace:
            self._late("renewed-after-expiry", lease, invoke, op, "was renewed by")
            lease.begin, lease.end, lease.over, lease.why = op.time, until, over, "it had run out"
        elif lease.leaving is None:
            lease.end, lease.over = max(lease.end, until), max(lease.over, over)
        self._conflicts(self._key(lease.key), lease, op)

    def _release(self, invoke: Op, op: Op) -> None:
        lease = self._lease(invoke)
        if lease is None or lease.leaving is None:
            return
        if op.type == "ok":
            lease.over, lease.why = min(lease.over, op.time), f"it was released (op {op.index})"
        elif op.type == "fail":
            lease.end = lease.leaving
            self._conflicts(self._key(lease.key), lease, op)
        lease.leaving = None

    def _write(self, invoke: Op, op: Op, end: int) -> None:
        key = self._key(invoke.key)
        started = self._started.pop(invoke.process)
        binding = started.binding
        if op.type == "fail" and binding is not None:
            key.bound[binding.value].remove(binding)
        if op.type != "info":  # what is unknown may still happen: it stays open
            key.open -= 1
        if op.type != "fail":
            key.current = None
        if op.type != "ok" or not isinstance(invoke.value, dict) or "lease" not in invoke.value:
            return
        lease = self._lease(invoke)
        if lease is None:
            self._unknown += 1
            return
        self._judged += 1
        if invoke.time > self._over(lease) + self._grace:
            self._late("use-after-expiry", lease, invoke, op, f"was used for a {invoke.f} by")
        if binding is not None:
            binding.done, binding.end = op, end
            if started.number == key.writes and not key.open:
                key.current = binding

    def _read(self, invoke: Op, begin: int, op: Op) -> None:
        key = self._key(invoke.key)
        current = key.current
        if op.value is None:
            if current is None or key.open or current.end > begin or current.lease.end < op.time:
                return
            self._judged += 1
            if self.found.room("expired-early"):
                lease = current.lease
                self.found.keep(
                    "expired-early",
                    [lease.holder.index, current.done.index, invoke.index, op.index],
                    f"{_shown(invoke.key)}: {who(invoke)} read nothing at {seconds(op.time)}, though lease "
                    f"{_named(lease)} was held for certain until {seconds(lease.end)} and the value had "
                    "been bound to it "
                    f"at {seconds(current.done.time)}",
                    key=invoke.key,
                )
            return
        value = identity(op.value)
        bindings = key.bound.get(value)
        if not bindings or value in key.plain:
            return
        self._judged += 1
        last = max(bindings, key=lambda bound: self._over(bound.lease))
        if invoke.time > self._over(last.lease) + self._grace:
            shown = canonical(op.value).decode()
            self._late("outlived-lease", last.lease, invoke, op, f"still showed its value {shown} to")

    def _late(self, kind: str, lease: _Lease, invoke: Op, op: Op, deed: str) -> None:
        if self.found.room(kind):
            self.found.keep(
                kind,
                [lease.granted.index, lease.holder.index, invoke.index, op.index],
                f"{_shown(lease.key)}: lease {_named(lease)} of {who(lease.granted)} was over for certain at "
                f"{seconds(lease.over)} ({lease.why}), and {deed} {who(invoke)}, who asked at {seconds(invoke.time)}",
                key=lease.key,
            )

    def result(self) -> Result:
        coverage: dict[str, Any] = {
            "leases": self._granted,
            "keys": len(self._keys),
            "judged": self._judged,
            "unknown_leases": self._unknown,
        }
        why = "" if self._granted else "no lease was granted"
        return conclude(self.name, self.anomalies, self.found, coverage, why)


def _shown(key: Any) -> str:
    return f"key {canonical(key).decode()}"


def _named(lease: _Lease) -> str:
    return str(lease.name) if not isinstance(lease.name, bytes) else lease.name.decode()
