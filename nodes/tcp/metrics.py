"""What a node counts, and how Prometheus reads it (text format 0.0.4). Rates are Prometheus' to derive.

Counters are plain attributes: whoever counts adds to them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

import msgspec

from nodes.kernel import Trace

BUCKETS_US = (50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 102_400, 409_600, 1_638_400)
"""upper bounds of the histogram of syncs"""


class LinkCounters(msgspec.Struct):
    """One peer, both directions."""

    sent_frames: int = 0
    sent_bytes: int = 0
    lost_frames: int = 0
    """not sent: the peer was not there, or did not read"""
    received_frames: int = 0
    received_bytes: int = 0
    forged_frames: int = 0
    replayed_frames: int = 0
    dials: int = 0
    connections: int = 0
    """handshakes that succeeded, of ours"""
    refusals: int = 0
    """handshakes that failed, of ours"""
    queue_frames: int = 0
    queue_bytes: int = 0


class Metrics:
    """Of one node. ``observe`` hears its trace."""

    def __init__(self, peers: Iterable[str]) -> None:
        self.links = {peer: LinkCounters() for peer in peers}
        self.role = "starting"
        self.term = 0
        self.commit_index = 0
        self.apply_index = 0
        self.accepted = 0
        """links from peers whose handshake succeeded"""
        self.refused = 0
        """handshakes of others that failed"""
        self.client_connections = 0
        self.client_requests = 0
        self.client_replies = 0
        self.client_bytes_in = 0
        self.client_bytes_out = 0
        self.turns = 0
        self.events = 0
        self._syncs = [0] * (len(BUCKETS_US) + 1)
        self._sync_ns = 0

    def observe(self, trace: Trace) -> None:
        kind, data = trace.kind, trace.data
        if kind == "apply":
            self.apply_index = data["index"]
        elif kind == "commit":
            self.commit_index = data["index"]
        elif kind == "role":
            self.role, self.term = data["role"], data["term"]
        elif kind == "started":
            self.role, self.term = "follower", data.get("term", 0)

    def synced(self, took_ns: int) -> None:
        self._sync_ns += took_ns
        self._syncs[bisect_left(BUCKETS_US, took_ns // 1000)] += 1

    def render(self, **gauges: int) -> str:
        """``gauges``: further ones by their name, without the prefix."""
        lines: list[str] = []
        for name, kind, samples in self._families(gauges):
            lines.append(f"# TYPE splitbrain_{name} {kind}")
            lines += (f"splitbrain_{name}{suffix} {value}" for suffix, value in samples)
        return "\n".join(lines) + "\n"

    def _families(
        self, gauges: dict[str, int]
    ) -> Iterator[tuple[str, str, Iterable[tuple[str, int | float]]]]:
        yield "role", "gauge", [(f'{{role="{self.role}"}}', 1)]
        for name in ("term", "commit_index", "apply_index", "client_connections"):
            yield name, "gauge", [("", getattr(self, name))]
        for name, value in gauges.items():
            yield name, "gauge", [("", value)]
        for name in ("queue_frames", "queue_bytes"):
            yield f"link_{name}", "gauge", self._by_peer(name)
        for name in LinkCounters.__struct_fields__:
            if not name.startswith("queue_"):
                yield f"link_{name}_total", "counter", self._by_peer(name)
        for name in (
            "accepted",
            "refused",
            "client_requests",
            "client_replies",
            "client_bytes_in",
            "client_bytes_out",
            "turns",
            "events",
        ):
            yield f"{name}_total", "counter", [("", getattr(self, name))]
        yield "fsync_seconds", "histogram", list(self._histogram())

    def _by_peer(self, name: str) -> list[tuple[str, int | float]]:
        return [(f'{{peer="{peer}"}}', getattr(link, name)) for peer, link in self.links.items()]

    def _histogram(self) -> Iterator[tuple[str, int | float]]:
        total = 0
        for bound, count in zip((*BUCKETS_US, 0), self._syncs, strict=True):
            total += count
            yield f'_bucket{{le="{bound / 1e6 if bound else "+Inf"}"}}', total
        yield "_sum", self._sync_ns / 1e9
        yield "_count", total
