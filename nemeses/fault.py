"""Faults: one value describes one disturbance. Closed data, written to ``schedule.yaml`` and read back."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]
Target: TypeAlias = str | tuple[str, ...]
"""a way to choose (nemeses/targets.py), or the names of nodes"""


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Act when a trace event comes: of this ``kind``, with these fields in its data (docs/formats.md).

    Of the events since ``start_ms`` it is the ``nth`` that counts.
    ``delay_ms`` later the fault acts, and then stays for ``hold_ms`` at least, though its ``stop_ms`` has
    passed.
    """

    kind: str
    where: dict[str, Any] = {}
    nth: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    delay_ms: Milliseconds = 0
    hold_ms: Milliseconds = 0

    def matches(self, kind: str, data: dict[str, Any]) -> bool:
        """Is this the event that is waited for?"""
        return kind == self.kind and all(data.get(name) == value for name, value in self.where.items())


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One entry of a schedule. Times are ms since the start of the run.

    Without a trigger it acts from ``start_ms`` to ``stop_ms``; what took time to apply stays for as long, and
    is healed later. With one it waits from ``start_ms`` on, is unfired if nothing came by ``stop_ms``, and is
    healed at ``stop_ms``, or ``hold_ms`` after it acted if that is later.
    """

    start_ms: Milliseconds
    stop_ms: Milliseconds
    family: str
    shape: str
    target: Target
    parameters: dict[str, int | str] = {}
    trigger: Trigger | None = None

    @property
    def end_ms(self) -> int:
        """No trace of it later than this."""
        return self.stop_ms + (self.trigger.delay_ms + self.trigger.hold_ms if self.trigger else 0)

    def __str__(self) -> str:
        where = self.target if isinstance(self.target, str) else ",".join(self.target)
        when = f" on {self.trigger.kind}" if self.trigger else ""
        return f"{self.start_ms}-{self.stop_ms} ms {self.family}:{self.shape} {where}{when}"
