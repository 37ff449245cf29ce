"""Families of faults: what one is made of, how its faults are planned, and what applying one yields.

Applying is a context manager: entering resolves targets and acts, leaving reads the evidence from the
affected side and then heals. A fault that was left has been healed, whatever happened inside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeAlias

import msgspec

from nemeses.draws import Draws, weighted
from nemeses.fault import Fault, Trigger
from nemeses.port import FaultPort

LENGTH_MS_MIN = 200
"""shortest fault that is planned, but for the pulses of a series"""
BRIEF = (20, 45)
"""percent of the interval, for shapes that take most of the cluster away"""
NEW_LEADER = {"role": "leader"}
"""the trace's ``role`` event of a node that became leader"""


class Effect(msgspec.Struct):
    """A fault in force. ``evidence`` is filled on leaving (docs/formats.md)."""

    targets: list[str]
    detail: dict[str, Any]
    evidence: dict[str, Any] = {}


class Parameter(msgspec.Struct, frozen=True):
    """An integer from ``low`` to ``high``, or one of ``choices``. ``draw`` makes one for a planned fault."""

    name: str
    low: int
    high: int
    draw: Callable[[Draws], int | str]
    choices: tuple[str, ...] = ()

    def wrong(self, value: object) -> str:
        """What is wrong with a value, in one line; empty if nothing is."""
        if self.choices:
            return "" if value in self.choices else f"{value!r}, expected one of {', '.join(self.choices)}"
        if type(value) is int and self.low <= value <= self.high:
            return ""
        return f"{value!r}, expected an integer from {self.low} to {self.high}"


class Slot(msgspec.Struct, frozen=True):
    """Where in time a bout may go, and what it may draw from."""

    start_ms: int
    length_ms: int
    nodes: tuple[str, ...]
    stream: Draws


Bout: TypeAlias = Callable[[str, "Shape", Slot], list[Fault]]
"""(family, shape, slot) -> the faults of one go, in order, without overlap"""


def single(family: str, shape: Shape, slot: Slot) -> list[Fault]:
    """One fault that fills the slot."""
    return [
        Fault(
            start_ms=slot.start_ms,
            stop_ms=slot.start_ms + slot.length_ms,
            family=family,
            shape=shape.name,
            target=weighted(slot.stream, shape.targets),
            parameters=shape.draw(slot.stream),
        )
    ]


class Shape(msgspec.Struct, frozen=True):
    """One form a fault of a family can have.

    ``weight``: its share where only the family is named; 0: never planned, written by hand only.
    ``targets``: (way, weight). ``percent``: its length when planned, from and to, of the interval.
    ``blackout``: no node is up meanwhile, so that nothing else would have anything to act on. ``by_name``: planned
    only where it is named itself.
    """

    name: str
    doc: str
    weight: int
    targets: tuple[tuple[str, int], ...] = (("one", 1),)
    parameters: tuple[Parameter, ...] = ()
    nodes_min: int = 1
    percent: tuple[int, int] = (30, 120)
    blackout: bool = False
    by_name: bool = False
    bout: Bout = single

    def draw(self, stream: Draws) -> dict[str, int | str]:
        return {p.name: p.draw(stream) for p in self.parameters}


class Family(msgspec.Struct, frozen=True):
    """``name`` is also the capability an environment must have. ``applied(fault, port, stream)`` acts and
    heals.
    """

    name: str
    doc: str
    shapes: tuple[Shape, ...]
    applied: Callable[[Fault, FaultPort, Draws], AbstractAsyncContextManager[Effect]]

    def shape(self, name: str) -> Shape | None:
        return next((s for s in self.shapes if s.name == name), None)


def on_new_leader(prelude: Callable[[Slot], Fault], wait_ms: int) -> Bout:
    """A prelude that brings about an election, then the fault, on the node that wins it, just after it has.

    ``wait_ms``: how long after the prelude an election may still be on its way.
    """

    def bout(family: str, shape: Shape, slot: Slot) -> list[Fault]:
        first = prelude(slot)
        trigger = Trigger(
            kind="role",
            where=dict(NEW_LEADER),
            delay_ms=slot.stream.between(0, 40),
            hold_ms=max(LENGTH_MS_MIN, slot.length_ms),
        )
        return [first, on_trigger(family, shape, slot, trigger, first.stop_ms, first.stop_ms + wait_ms)]

    return bout


def on_trigger(family: str, shape: Shape, slot: Slot, trigger: Trigger, start_ms: int, stop_ms: int) -> Fault:
    """The shape's fault as it acts when its event comes."""
    return Fault(
        start_ms=start_ms,
        stop_ms=stop_ms,
        family=family,
        shape=shape.name,
        target=weighted(slot.stream, shape.targets),
        parameters=shape.draw(slot.stream),
        trigger=trigger,
    )


async def linger(fault: Fault, port: FaultPort, since_ns: int) -> None:
    """A triggered fault that came late still stays for its ``hold_ms``."""
    if fault.trigger is not None:
        await port.sleep_until(since_ns + fault.trigger.hold_ms * 1_000_000)


async def each(port: FaultPort, nodes: Iterable[str], act: Callable[[str], Awaitable[None]]) -> None:
    """Do it to every node, whatever becomes of the others; then raise the first error there was."""
    await port.at_once([partial(act, node) for node in nodes])


async def one_by_one(acts: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """``FaultPort.at_once`` where nothing takes time."""
    first: Exception | None = None
    for act in acts:
        try:
            await act()
        except Exception as e:  # noqa: BLE001  one node that cannot be healed must not keep others broken
            first = first or e
    if first is not None:
        raise first
