"""The network between simulated nodes: one object for each directed link.

A frame is judged where it arrives: a link that is cut then refuses it, so frames in flight are lost too, as
behind a firewall rule. A frame under a rule may overtake others and be overtaken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from harness.sim.world import World
from harness.streams import Stream, mix
from nemeses.port import LinkCount, LinkRule

US = 1_000
SECOND = 1_000_000_000

_encode = msgspec.msgpack.Encoder().encode


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ordinary one-way delay of every link, in microseconds.

    ``dist``: ``constant`` (mean), ``uniform`` (from min to 2 * mean - min), ``exponential`` (min plus an
    exponential of mean - min, cut off at six times that). Frames of a link stay in order, as on a connection,
    unless a rule says otherwise.
    """

    dist: str = "uniform"
    mean_us: int = 1_000
    min_us: int = 300

    def __post_init__(self) -> None:
        if self.dist not in ("constant", "uniform", "exponential"):
            raise ValueError(f"latency: dist is {self.dist!r}, expected constant, uniform or exponential")
        if not 0 <= self.min_us <= self.mean_us:
            raise ValueError("latency: expected 0 <= min_us <= mean_us")


def exponential(bits: int, mean_ns: int) -> int:
    """An exponential variate of integer arithmetic only: -ln(u) by the leading zeros and a quadratic.

    ``bits`` are 64 uniform bits. ln(u) = ln(2) * log2(u); the fraction of log2 is approximated by
    f + 0.346 f (1 - f), within 0.9 % of a bit.
    """
    bits |= 1
    length = bits.bit_length()
    fraction = ((bits << (64 - length)) & ((1 << 63) - 1)) >> 31  # 32 bits below the leading one
    fraction += (fraction * ((1 << 32) - fraction) >> 32) * 346 // 1000
    log2_fp32 = ((length - 1) << 32) + fraction
    minus_log2_fp32 = (64 << 32) - log2_fp32
    return (minus_log2_fp32 * mean_ns * 693_147 // 1_000_000) >> 32


class SimLink:
    """A directed link. ``deliver(src, message)`` is the far node's door."""

    __slots__ = (
        "_busy_until",
        "_exponential",
        "_last",
        "_min",
        "_rule_stream",
        "_span",
        "_stream",
        "_world",
        "altered",
        "cuts",
        "deliver",
        "delivered",
        "doubled",
        "dst",
        "lost",
        "refused",
        "rules",
        "src",
    )

    def __init__(
        self,
        world: World,
        src: str,
        dst: str,
        latency: Latency,
        deliver: Callable[[str, Any], None],
    ) -> None:
        self._world = world
        self.src = src
        self.dst = dst
        self.deliver = deliver
        self._stream: Stream = world.streams.stream("link", f"{src}>{dst}")
        self._rule_stream: Stream = world.streams.stream("link-rule", f"{src}>{dst}")
        self._min = (latency.mean_us if latency.dist == "constant" else latency.min_us) * US
        spread = (latency.mean_us - latency.min_us) * US
        self._exponential = spread if latency.dist == "exponential" else 0
        self._span = 2 * spread + 1 if latency.dist == "uniform" else 1
        self._last = 0
        self._busy_until = 0
        """when the latest frame arrives"""
        self.cuts = 0
        self.rules: tuple[LinkRule, ...] = ()
        self.delivered = 0
        self.refused = 0
        self.altered = 0
        self.lost = 0
        """frames that a rule lost"""
        self.doubled = 0
        """frames that a rule added"""

    def send(self, message: Any) -> None:
        world, bits = self._world, self._stream.bits()
        delay = self._min + (bits * self._span >> 64)
        if self._exponential:
            delay += min(exponential(bits, self._exponential), 6 * self._exponential)
        if self.rules:
            self._send_by_rules(message, delay)
        else:
            time = world.time + delay
            time = max(time, self._last)
            self._last = time
            world.at(time, self._arrive, message)

    def _send_by_rules(self, message: Any, delay: int) -> None:
        """Each rule may lose, delay, hold back and double the frame."""
        draw = self._rule_stream
        copies, altered = 1, False
        for rule in self.rules:
            lost = rule.loss_ppm and draw.chance(rule.loss_ppm)
            # a damaged frame fails its tag at the far end: it is as good as lost
            if lost or (rule.corrupt_ppm and draw.chance(rule.corrupt_ppm)):
                self.altered += 1
                self.lost += copies
                self.doubled += copies - 1
                return
            extra = rule.delay_us + (draw.below(rule.jitter_us + 1) if rule.jitter_us else 0)
            if rule.reorder_ppm and draw.chance(rule.reorder_ppm):
                extra += 1 + draw.below(max(rule.reorder_us_max, 1))
            if rule.rate_bytes_s:
                extra += self._queue(message, rule.rate_bytes_s)
            if rule.duplicate_ppm and draw.chance(rule.duplicate_ppm):
                copies += 1
                altered = True
            altered = altered or extra > 0
            delay += extra * US
        self.altered += altered
        self.doubled += copies - 1
        world = self._world
        for copy in range(copies):
            gap = mix(draw.count + copy) % (delay + 1) if copy else 0
            world.at(world.time + delay + gap, self._arrive, message)

    def _queue(self, message: Any, rate_bytes_s: int) -> int:
        """How long, in us, until the message has passed a link of that rate, behind what it still carries."""
        now = self._world.time
        took = len(_encode(message)) * SECOND // rate_bytes_s
        self._busy_until = max(self._busy_until, now) + took
        return (self._busy_until - now) // US

    def _arrive(self, message: Any, _: Any) -> None:
        if self.cuts:
            self.refused += 1
        else:
            self.delivered += 1
            self._world.delivered += 1
            self.deliver(self.src, message)

    def count(self) -> LinkCount:
        return LinkCount(self.delivered, self.refused, self.altered)
