"""The nemesis driver: plays a schedule on a cluster, and records what it did and what was observed."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.ledger import Ledger
from harness.runtime import Mailbox, Runtime
from harness.streams import Streams
from harness.watch import Watch
from nemeses.fault import Fault, Trigger
from nemeses.port import FaultPort
from nemeses.registry import get
from nemeses.schedule import Schedule

MS = 1_000_000


class Waiting(msgspec.Struct):
    """A fault that waits for its event: ``left`` more of them have to come."""

    trigger: Trigger
    mailbox: Mailbox
    left: int


class Triggers:
    """Tells waiting faults of trace events. ``observe`` is one of the world's observers."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    def wait_for(self, trigger: Trigger, mailbox: Mailbox) -> None:
        self._waiting.append(Waiting(trigger, mailbox, trigger.nth))

    def observe(self, index: int, time: int, node: str, kind: str, data: dict[str, Any]) -> None:
        del index, time
        for waiting in self._waiting:
            if waiting.trigger.matches(kind, data):
                waiting.left -= 1
                if not waiting.left:
                    waiting.mailbox.put(node)
        if self._waiting:
            self._waiting = [w for w in self._waiting if w.left > 0]


class NemesisDriver:
    """Plays each fault beside the others: waits for its start or trigger, applies it, heals it at its stop."""

    def __init__(
        self,
        schedule: Schedule,
        runtime: Runtime,
        port: FaultPort,
        recorder: Ledger,
        streams: Streams,
        triggers: Triggers,
        watch: Watch,
    ) -> None:
        self._schedule = schedule
        self._runtime = runtime
        self._port = port
        self._recorder = recorder
        self._streams = streams
        self._triggers = triggers
        self._watch = watch
        self._origin_ns = 0

    async def run(self, origin_ns: int) -> None:
        """Play the schedule, whose times count from ``origin_ns``; returns when every fault has been healed.

        When a violation was seen (``watch``) the rest is left out, and what is applied is healed at once.
        """
        self._origin_ns = origin_ns
        done = self._runtime.mailbox()
        for number, fault in enumerate(self._schedule.faults):
            self._runtime.spawn(self._play(number, fault, done))
        for _ in self._schedule.faults:
            await self._runtime.receive(done, None)

    async def _play(self, number: int, fault: Fault, done: Mailbox) -> None:
        try:
            await self._watch.sleep_until(self._runtime, self._origin_ns + fault.start_ms * MS)
            fired = self._watch.over() or fault.trigger is None or await self._triggered(fault)
            if self._watch.over():
                return
            if not fired:
                self._note(fault, {"fault": number, "phase": "unfired"})
                return
            stream = self._streams.stream("nemesis", str(number))
            since = self._runtime.now()
            async with get(fault.family).applied(fault, self._port, stream) as effect:
                targets = list(effect.targets)
                value = {"fault": number, "phase": "start", "targets": targets, "detail": effect.detail}
                begun = self._runtime.now()
                self._note(fault, value | ({"since": since} if since < begun else {}))
                await self._watch.sleep_until(self._runtime, self._stop_ns(fault, begun))
            self._note(
                fault,
                {"fault": number, "phase": "stop", "targets": targets, "evidence": effect.evidence},
            )
        finally:
            done.put(number)

    def _stop_ns(self, fault: Fault, begun_ns: int) -> int:
        """When to heal it. What it takes to apply a fault to real machines is not taken from the fault's length."""
        planned = self._origin_ns + fault.stop_ms * MS
        return planned if fault.trigger else max(planned, begun_ns + (fault.stop_ms - fault.start_ms) * MS)

    async def _triggered(self, fault: Fault) -> bool:
        trigger = fault.trigger
        assert trigger is not None
        mailbox = self._runtime.mailbox()
        self._triggers.wait_for(trigger, mailbox)
        fired = await self._watch.receive(self._runtime, mailbox, self._origin_ns + fault.stop_ms * MS)
        if fired is not None:
            await self._runtime.sleep_until(self._runtime.now() + trigger.delay_ms * MS)
        return fired is not None

    def _note(self, fault: Fault, value: dict[str, Any]) -> None:
        self._recorder.nemesis(self._runtime.now(), fault.family, value)
