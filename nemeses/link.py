"""Bad links: messages are late, lost, doubled or overtaken. Evidence: messages altered on each link."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec

from nemeses.draws import Draws
from nemeses.family import Effect, Family, Parameter, Shape, linger
from nemeses.fault import Fault
from nemeses.port import FaultPort, Link, LinkRule
from nemeses.targets import resolve

US_MAX = 60_000_000
PPM = 1_000_000


def _us(name: str, low: int, high: int) -> Parameter:
    return Parameter(name, 0, US_MAX, lambda s: s.between(low, high))


def _ppm(name: str, low: int, high: int) -> Parameter:
    return Parameter(name, 0, PPM, lambda s: s.between(low, high))


@asynccontextmanager
async def applied(fault: Fault, port: FaultPort, stream: Draws) -> AsyncIterator[Effect]:
    side = await resolve(fault.target, port, stream)
    links = [
        (a, b) for a in port.nodes for b in port.nodes if a != b and (a in side.nodes or b in side.nodes)
    ]
    rule = msgspec.convert(fault.parameters, LinkRule)
    effect = Effect(list(side.nodes), {"shape": fault.shape, **side.detail, **fault.parameters})
    before = _altered(port, links)
    since = port.now()
    handle = await port.shape(links, rule)
    try:
        yield effect
        await linger(fault, port, since)
        await port.refresh()
        after = _altered(port, links)
        effect.evidence = {"altered": {name: after[name] - before[name] for name in after}}
    finally:
        await port.release(handle)


def _altered(port: FaultPort, links: Iterable[Link]) -> dict[str, int]:
    counts = port.links()
    return {f"{src}>{dst}": counts[src, dst].altered if (src, dst) in counts else 0 for src, dst in links}


_TARGETS = (("all", 3), ("leader", 2), ("minority", 1), ("one", 1))

FAMILY = Family(
    "link",
    "messages are late, lost, doubled or overtaken",
    (
        Shape(
            "delay",
            "a delay and jitter on top of the ordinary one",
            2,
            _TARGETS,
            (_us("delay_us", 5_000, 250_000), _us("jitter_us", 0, 150_000)),
            2,
        ),
        Shape("loss", "a share of messages is lost", 2, _TARGETS, (_ppm("loss_ppm", 50_000, 700_000),), 2),
        Shape(
            "duplication",
            "a share of messages comes twice",
            1,
            _TARGETS,
            (_ppm("duplicate_ppm", 100_000, 500_000),),
            2,
        ),
        Shape(
            "reordering",
            "a share of messages is held back, and overtaken",
            2,
            _TARGETS,
            (_ppm("reorder_ppm", 100_000, 500_000), _us("reorder_us_max", 20_000, 400_000)),
            2,
        ),
        Shape(
            "mixed",
            "a little of everything",
            2,
            _TARGETS,
            (
                _us("delay_us", 1_000, 100_000),
                _us("jitter_us", 0, 100_000),
                _ppm("loss_ppm", 10_000, 400_000),
                _ppm("duplicate_ppm", 10_000, 200_000),
                _ppm("reorder_ppm", 10_000, 300_000),
                _us("reorder_us_max", 5_000, 200_000),
            ),
            2,
        ),
        Shape(
            "corruption",
            "a share of messages is damaged on the way, and thrown away by whoever checks them",
            1,
            _TARGETS,
            (_ppm("corrupt_ppm", 50_000, 500_000),),
            2,
            by_name=True,
        ),
        Shape(
            "throttle",
            "so many bytes a second pass, what comes faster waits",
            1,
            _TARGETS,
            (Parameter("rate_bytes_s", 1, 1 << 30, lambda s: s.between(2_000, 50_000)),),
            2,
            by_name=True,
        ),
    ),
    applied,
)
