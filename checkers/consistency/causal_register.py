"""A causal register ("causal-register"), after Jepsen's test of that name: one site issues read-init, write 1, read,
write 2, read to a key, and they must appear to execute in this order.

The value of an op is the register's value, or a map of ``value``, ``position`` (of this operation in the store's
order) and ``link`` (the position that the site had seen last, or "init").

| anomaly | meaning |
|---|---|
| broken-link | the operation does not follow the last position that was seen |
| unexpected-write | the value written is not the next one: 1, 2, ... |
| unexpected-read | the value read is not the one last written (0 before any write) |
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import msgspec

from checkers.history import Op
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.words import canonical, identity, seconds, who

READS = frozenset({"read", "read-init"})


class _Register(msgspec.Struct):
    value: Any = 0
    counter: int = 0
    position: Any = None
    last: Op | None = None


class CausalRegister(Running):
    """No options. Memory: one value per key."""

    name = "causal-register"
    anomalies = ("broken-link", "unexpected-write", "unexpected-read")

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._registers: dict[Hashable, _Register] = {}
        self._checked = 0

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        if op.type != "ok" or (invoke.f != "write" and invoke.f not in READS):
            return
        self._checked += 1
        register = self._registers.setdefault(identity(invoke.key), _Register())
        linked = isinstance(op.value, dict) and "value" in op.value
        value = op.value["value"] if linked else op.value
        if linked:
            link = op.value.get("link")
            if link not in ("init", register.position):
                text = f"links to {link!r}, but the last position seen is {register.position!r}"
                self._tell("broken-link", register, invoke, op, text)
            register.position = op.value.get("position")
        if invoke.f == "write":
            register.counter += 1
            if value != register.counter:
                text = f"wrote {canonical(value).decode()} where {register.counter} was due"
                self._tell("unexpected-write", register, invoke, op, text)
            register.value = value
        elif value is not None and value != register.value:
            text = f"read {canonical(value).decode()}, but the value is {canonical(register.value).decode()}"
            self._tell("unexpected-read", register, invoke, op, text)
        register.last = op

    def _tell(self, kind: str, register: _Register, invoke: Op, op: Op, what: str) -> None:
        if self.found.room(kind):
            key = "" if invoke.key is None else f"key {canonical(invoke.key).decode()}: "
            before = [] if register.last is None else [register.last.index]
            text = f"{key}{who(op)} at {seconds(op.time)} {what}"
            self.found.keep(kind, [*before, invoke.index, op.index], text)

    def result(self) -> Result:
        coverage = {"keys": len(self._registers), "operations": self._checked}
        unknown = "" if self._checked else "no operation was ok"
        return conclude(self.name, self.anomalies, self.found, coverage, unknown)
