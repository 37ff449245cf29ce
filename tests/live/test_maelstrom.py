"""Maelstrom's own demo nodes, unmodified, as systems under test. MAELSTROM_DIR: a checkout of its repository."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.live.cluster import LiveCluster
from tests.live.clusters import Client, live

pytestmark = pytest.mark.external


def demo(name: str) -> str:
    folder = os.environ.get("MAELSTROM_DIR")
    if not folder:
        pytest.skip("MAELSTROM_DIR is not set")
    path = Path(folder) / "demo" / name
    interpreter = {".py": "python3", ".js": "node"}[path.suffix]
    if shutil.which(interpreter) is None:
        pytest.skip(f"{interpreter} is not installed")
    return str(path)


def test_echo(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        for node in cluster.nodes:
            reply = await Client(cluster).patient(node, type="echo", echo={"deep": [1, None]})
            assert (reply["type"], reply["echo"]) == ("echo_ok", {"deep": [1, None]})

    live(main, tmp_path / "run", bin=demo("python/echo.py"))


def test_broadcast_reaches_everybody_after_a_partition(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        topology = {a: [b for b in cluster.nodes if b != a] for a in cluster.nodes}
        for node in cluster.nodes:
            await client.patient(node, type="topology", topology=topology)
        links = [(a, b) for a in cluster.nodes for b in cluster.nodes if "n0" in (a, b) and a != b]
        handle = await cluster.cut(links)
        for value in range(10):
            await client.patient("n0", type="broadcast", message=value)
        assert (await client.patient("n1", type="read"))["messages"] == []
        await cluster.release(handle)

        async def everybody() -> list[Any]:
            return [sorted((await client.patient(node, type="read"))["messages"]) for node in cluster.nodes]

        for _ in range(800):
            if await everybody() == [list(range(10))] * 3:
                return
            await asyncio.sleep(0.05)
        assert await everybody() == [list(range(10))] * 3

    live(main, tmp_path / "run", bin=demo("python/broadcast.py"))


def test_raft_serves_reads_writes_and_cas(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        assert (await client.patient("n0", type="write", key=1, value=5))["type"] == "write_ok"
        assert (await client.patient("n1", type="cas", key=1, **{"from": 5, "to": 6}))["type"] == "cas_ok"
        assert (await client.patient("n2", type="cas", key=1, **{"from": 5, "to": 7}))["code"] == 22
        assert (await client.patient("n2", type="read", key=1))["value"] == 6

    live(main, tmp_path / "run", bin=demo("python/raft.py"))


def test_a_transactor_that_keeps_its_state_in_services(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        for number, node in enumerate(cluster.nodes):
            await Client(cluster, f"c{number}").patient(node, type="txn", txn=[["append", 1, number]])
        reply = await Client(cluster, "c9").patient("n0", type="txn", txn=[["r", 1, None], ["append", 2, 0]])
        assert reply["txn"] == [["r", 1, [0, 1, 2]], ["append", 2, 0]]

    live(main, tmp_path / "run", bin=demo("js/multi_key_txn.js"))
