"""Live clusters for tests: a cluster from a specification, and small nodes to put behind ``bin``."""

from __future__ import annotations

import asyncio
import stat
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from harness.live import run
from harness.live.cluster import LiveCluster
from harness.spec import SECOND, RunSpec
from harness.streams import Streams
from workloads.port import CallTimeoutError

PATIENCE_S = 30


def live(main: Callable[[LiveCluster], Awaitable[Any]], folder: Path, **spec: Any) -> LiveCluster:
    """Run ``main`` on a started cluster."""

    async def whole(cluster: LiveCluster) -> None:
        await cluster.start_all()
        await main(cluster)

    return run(whole, RunSpec(env="process", **{"nodes": 3, **spec}), folder, Streams(1))


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_S * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never happened")


class Client:
    """Calls nodes under one name; repeats what was refused or not answered."""

    def __init__(self, cluster: LiveCluster, name: str = "c1") -> None:
        self.cluster = cluster
        self.name = name
        self.msg_id = 0

    async def once(self, node: str, seconds: float = 1.0, **body: Any) -> dict[str, Any] | None:
        self.msg_id += 1
        try:
            return await self.cluster.call(self.name, node, body, self.msg_id, int(seconds * SECOND))
        except CallTimeoutError:
            return None

    async def patient(self, node: str, **body: Any) -> dict[str, Any]:
        for _ in range(PATIENCE_S * 10):
            reply = await self.once(node, **body)
            if reply is not None and reply.get("code") not in (0, 11, 13):
                return reply
            await asyncio.sleep(0.05)
        raise AssertionError(f"{node} never answered {body}")


def script(folder: Path, code: str, interpreter: str = "/usr/bin/env python3") -> str:
    """An executable file; its path."""
    path = folder / "node.py"
    path.write_text(f"#!{interpreter}\n{textwrap.dedent(code)}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


ECHO = """
import json, sys
for line in sys.stdin:
    m = json.loads(line)
    body = m["body"]
    kind = body["type"]
    extra = {"echo": body["echo"]} if kind == "echo" else {}
    if kind == "shout":
        print("this is no message", flush=True)
    print(json.dumps({"src": m["dest"], "dest": m["src"],
                      "body": {"type": kind + "_ok", "in_reply_to": body["msg_id"], **extra}}), flush=True)
"""
