"""Driving a live run: the trace is merged at its end, triggers hear of it while it happens."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers.record import TraceEvent
from harness.live import drive
from harness.live.cluster import LiveCluster
from harness.live.trace import Event, Tail, merged
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


def test_a_merge_is_in_order_and_leaves_out_what_a_kill_cut_off(tmp_path: Path) -> None:
    def told(node: str, incarnation: int, text: str) -> None:
        (tmp_path / node).mkdir(exist_ok=True)
        (tmp_path / node / f"trace-{incarnation}.jsonl").write_text(text)

    def line(time: int, kind: str) -> str:
        return json.dumps({"time": time, "kind": kind, "data": {}}) + "\n"

    told("n0", 1, line(100, "started") + line(130, "b") + line(130, "c") + line(150, "d")[:-1])
    told("n0", 2, line(200, "started") + line(210, "e"))
    told("n0", 10, line(300, "started"))
    told("n1", 1, line(90, "started") + line(130, "f") + line(250, "g"))
    world = [Event(160, "n0", 1, 1 << 60, "killed", {}), Event(130, "n1", 1, 1 << 60, "paused", {})]
    folders = {name: tmp_path / name for name in ("n1", "n0")}
    found = [(i, e.time, e.node, e.kind) for i, e in merged(folders, world, 100)]
    assert found == [
        (0, 0, "n1", "started"),
        (1, 0, "n0", "started"),
        (2, 30, "n0", "b"),
        (3, 30, "n0", "c"),
        (4, 30, "n1", "f"),
        (5, 30, "n1", "paused"),
        (6, 60, "n0", "killed"),
        (7, 100, "n0", "started"),
        (8, 110, "n0", "e"),
        (9, 150, "n1", "g"),
        (10, 200, "n0", "started"),
    ]
    births = [e.data["incarnation"] for _, e in merged(folders, world, 100) if e.kind == "started"]
    assert births == [1, 1, 2, 10]
