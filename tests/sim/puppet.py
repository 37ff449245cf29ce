"""A core that does what its client asks, on a simulated cluster of which every event is remembered."""

from __future__ import annotations

from typing import Any

from harness.sim.cluster import SimCluster
from harness.spec import RunSpec
from harness.streams import Streams
from nodes import kernel
from nodes.kernel import Message, Persist, Record, Reply, Send, SetTimer, Trace
from nodes.systems import System
from workloads.port import CallTimeoutError

MS = 1_000_000
SECOND = 1_000_000_000


class Word(Message, frozen=True, tag="word"):
    text: str


class Note(Record, frozen=True, tag="note"):
    text: str


class Puppet:
    """Requests are orders:

    | type | does |
    |---|---|
    | say | sends ``text`` to ``to``, ``times`` times |
    | write | persists ``text``; answers, and tells ``to``, once it is stored (``hasty``: at once) |
    | wait | sets the timer ``name`` for ``ms`` (to ``ms_max``) |
    | clock | answers what its clocks show |
    | fail | raises |
    """

    def __init__(self, node_id: str) -> None:
        self.id = node_id
        self.token = 0

    def handle(self, event: kernel.Event, now: kernel.Now) -> list[kernel.Effect]:
        match event:
            case kernel.Start():
                notes = [r.text for r in event.recovered]
                return [Trace("started", {"notes": notes})]
            case kernel.Receive():
                return [Trace("heard", {"from": event.src, "text": event.message.text})]
            case kernel.Timer():
                return [Trace("rang", {"name": event.name, "monotonic": now.monotonic_ns})]
            case kernel.Stored():
                return [Trace("stored", {"token": event.token})]
            case kernel.Request():
                return getattr(self, "do_" + event.body["type"])(event, now)

    def do_say(self, request, _now):
        body = request.body
        said = [Send(body["to"], Word(f"{body['text']}{i}")) for i in range(body.get("times", 1))]
        return [*said, Reply(request.client, request.msg_id, {"type": "say_ok"})]

    def do_write(self, request, _now):
        self.token += 1
        after = None if request.body.get("hasty") else self.token
        out: list[Any] = [Persist(self.token, (Note(request.body["text"]),))]
        if "to" in request.body:
            out.append(Send(request.body["to"], Word(request.body["text"]), after))
        return [*out, Reply(request.client, request.msg_id, {"type": "write_ok"}, after)]

    def do_wait(self, request, _now):
        low = request.body["ms"]
        high = request.body.get("ms_max", low)
        return [
            SetTimer(request.body["name"], low * MS, high * MS),
            Reply(request.client, request.msg_id, {"type": "wait_ok"}),
        ]

    def do_cancel(self, request, _now):
        return [kernel.CancelTimer(request.body["name"])]

    def do_clock(self, request, now):
        shown = {"type": "clock_ok", "monotonic": now.monotonic_ns, "wall": now.wall_ns}
        return [Reply(request.client, request.msg_id, shown)]

    def do_fail(self, _request, _now):
        raise ValueError("told to fail")


SYSTEM = System("puppet", lambda name, *_: Puppet(name), Word, Note, frozenset())
FAST = {"dist": "constant", "mean_us": 1_000, "min_us": 1_000}
DISK = {"min_us": 5_000, "max_us": 5_000, "slow_ppm": 0}


class Stage:
    """``play(scene)`` runs the coroutine function on a started cluster; ``seen`` holds (time, node, kind, data)."""

    def __init__(self, nodes=2, seed=1, latency=None, disk=None):
        self.seen = []
        options = {"latency": latency or FAST, "disk": disk or DISK}
        spec = RunSpec(nodes=nodes, seed=seed, options=options)
        self.cluster = SimCluster(spec, SYSTEM, Streams(seed), None, [self._observe])
        self.asked = 0

    def _observe(self, _index, time, node, kind, data):
        self.seen.append((time, node, kind, data))

    def of(self, kind, node=None):
        return [e for e in self.seen if e[2] == kind and node in (None, e[1])]

    def heard(self, node):
        return [data["text"] for _, _, _, data in self.of("heard", node)]

    def play(self, scene):
        async def main():
            await self.cluster.start_all()
            await scene(self.cluster)

        self.cluster.drive(main())
        return self

    async def ask(self, node, kind, timeout_ms=200, **body):
        """The reply, or None after the time-out."""
        self.asked += 1
        try:
            return await self.cluster.call("c1", node, {"type": kind, **body}, self.asked, timeout_ms * MS)
        except CallTimeoutError:
            return None

    async def sleep(self, ms):
        await self.cluster.sleep_until(self.cluster.now() + ms * MS)
