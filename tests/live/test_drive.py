"""Driving a live run: the trace is merged at its end, triggers hear of it while it happens."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers.record import TraceEvent
from harness.live import drive
from harness.live.cluster import LiveCluster
from harness.live.trace import Tail
from harness.nemesis import Triggers
from harness.spec import SECOND, RunSpec
from harness.streams import Streams
from nemeses.fault import Trigger
from tests.live.clusters import Client

SPEC = RunSpec(env="process", nodes=3)


class Seen:
    def __init__(self) -> None:
        self.events: list[tuple[int, int, str, str]] = []

    def observe(self, index: int, time: int, node: str, kind: str, data: dict[str, Any]) -> None:
        del data
        self.events.append((index, time, node, kind))


def decoded(trace: io.BytesIO) -> list[TraceEvent]:
    return [msgspec.json.decode(line, type=TraceEvent) for line in trace.getvalue().splitlines()]


def test_observers_see_the_merged_trace_in_order_and_triggers_see_it_live(tmp_path: Path) -> None:
    triggers, seen, trace = Triggers(), Seen(), io.BytesIO()
    fired: list[str] = []

    async def main(cluster: LiveCluster) -> None:
        await cluster.start_all()
        mailbox = cluster.mailbox()
        early = cluster.leader()  # elected while the others were still starting
        triggers.wait_for(Trigger(kind="role", where={"role": "leader"}), mailbox)
        if early is not None:
            await cluster.kill(early)
        fired.append(await cluster.receive(mailbox, cluster.now() + 30 * SECOND))
        await Client(cluster).patient(fired[0], type="write", key=1, value=1)

    figures = drive(SPEC, tmp_path, Streams(1), trace, [seen.observe, triggers.observe], main)
    events = decoded(trace)
    assert figures["events"] == len(events) == len(seen.events)
    assert [e.index for e in events] == list(range(len(events)))
    assert [(e.index, e.time, e.node, e.kind) for e in events] == seen.events
    assert [e.time for e in events] == sorted(e.time for e in events)
    assert fired[0] in [e.node for e in events if e.kind == "role" and e.data["role"] == "leader"]


def test_an_interrupted_run_leaves_its_trace(tmp_path: Path) -> None:
    trace = io.BytesIO()

    async def main(cluster: LiveCluster) -> None:
        await cluster.start_all()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(SPEC, tmp_path, Streams(1), trace, [], main)
    assert len([e for e in decoded(trace) if e.kind == "started"]) == 3


def test_faults_on_one_node_take_turns(tmp_path: Path) -> None:
    """Whatever overlaps: what is asked last of a node is what it is in the end."""

    async def main(cluster: LiveCluster) -> None:
        await cluster.start_all()
        for _ in range(3):
            await asyncio.gather(
                cluster.pause("n0"),
                cluster.kill("n0"),
                cluster.resume("n0"),
                cluster.start("n0"),
                cluster.start("n0"),
                cluster.pause("n0"),
                cluster.resume("n0"),
            )
            state = (await cluster.observe())["n0"]
            assert (state.up, state.paused) == (True, False)
        assert (await cluster.observe())["n0"].incarnation == 4

    drive(SPEC, tmp_path, Streams(1), io.BytesIO(), [], main)


def test_a_tail_gives_whole_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    tail = Tail(path)
    assert tail.read() == []
    with path.open("wb", buffering=0) as file:
        file.write(b'{"time":1,"kind":"a","data":{}}\n{"time":2,"ki')
        assert [line.kind for line in tail.read()] == ["a"]
        assert tail.read() == []
        file.write(b'nd":"b","data":{}}\n')
        assert [line.kind for line in tail.read()] == ["b"]
    tail.close()
