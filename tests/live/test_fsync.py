"""Five nodes under strace: nothing is said before what it depends on is on the disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.live import calls
from tests.live.calls import Call

ROOT = Path(__file__).parents[2]
WRITES = 10

HARNESS = """
import asyncio, sys
from pathlib import Path
from tests.live.clusters import Client, live

async def main(cluster):
    client, written, attempts = Client(cluster), 0, 0
    while written < int(sys.argv[3]):
        attempts += 1
        assert attempts < 500
        value = f"mark-{attempts}-end"
        reply = await client.once("n0", type="write", key=attempts, value=value)
        if reply is not None and reply["type"] == "write_ok":
            written += 1
            print(client.msg_id, value, flush=True)
        else:
            await asyncio.sleep(0.05)

live(main, Path(sys.argv[1]), nodes=5, bug=sys.argv[2] or None)
"""


class Node(NamedTuple):
    """One node's calls."""

    name: str
    log: list[Call]
    """writes, rewrites and syncs of its write-ahead log"""
    said: list[Call]
    """writes to its standard output"""
    tree: list[Call]
    """renames, and syncs of its folder"""
    index: dict[str, int]
    """entry's identity -> its place in this node's log, as the trace has it"""

    def written(self, value: str) -> Call | None:
        """The log's write that holds ``value``."""
        mark = value.encode()
        return next((c for c in self.log if c.name == "write" and mark in c.data), None)

    def synced_after(self, call: Call) -> int:
        """Where the first fdatasync that began after it was finished."""
        syncs = [c for c in self.log if c.name == "fdatasync" and c.done and c.begin > call.end]
        return min((c.end for c in syncs), default=1 << 60)


class Observed(NamedTuple):
    nodes: list[Node]
    written: list[tuple[int, str]]
    """(msg_id, value) of every acknowledged write"""


def observe(folder: Path, bug: str = "") -> Observed:
    """Let one client write to five nodes, all of them traced."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = folder / "calls"
    command = [*calls.COMMAND, "-o", str(log), sys.executable, "-c", HARNESS]
    arguments = [str(folder / "run"), bug, str(WRITES)]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = [(int(line.split()[0]), line.split()[1]) for line in done.stdout.splitlines()]
    assert len(written) == WRITES
    made = calls.read(log)
    return Observed([node(f"n{i}", folder / "run", made) for i in range(5)], written)


def node(name: str, folder: Path, made: list[Call]) -> Node:
    data = f"/nodes/{name}/data"
    log = [c for c in made if c.of(f"{data}/wal")]
    main = next(c.task for c in log if c.name == "write")
    tree = [c for c in made if c.of(data) or (c.name.startswith("rename") and data in c.arguments)]
    index: dict[str, int] = {}
    for line in (folder / "nodes" / name / "trace-1.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["kind"] == "append":
            first = event["data"]["index"]
            index.update((e[1], first + i) for i, e in enumerate(event["data"]["entries"]))
    said = [c for c in made if c.task == main and c.name == "write" and c.arguments.startswith("1<")]
    return Node(name, log, said, tree, index)


def messages(call: Call) -> list[dict[str, Any]]:
    """What a write to standard output carries; a line that the pipe cut in two is left out."""
    found = []
    for line in call.data.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def early_acknowledgements(observed: Observed) -> list[str]:
    """What was acknowledged before it was durable: entries to the leader, and writes to the client."""
    found: list[str] = []
    for msg_id, value in observed.written:
        synced = []
        for node in observed.nodes:
            write = node.written(value)
            if write is None:
                continue
            at = node.synced_after(write)
            synced.append(at)
            index = node.index[f"c1:{msg_id}"]
            if any(write.end < call.begin < at and acknowledges(call, index) for call in node.said):
                found.append(f"{node.name} acknowledged {value} before it was synced")
        reply = next(c for c in observed.nodes[0].said if answers(c, msg_id))
        if sum(at < reply.begin for at in synced) < 3:
            found.append(f"the client heard of {value} before a majority had synced it")
    return found


def acknowledges(call: Call, index: int) -> bool:
    bodies = [m["body"] for m in messages(call)]
    return any(b["type"] == "append_entries_ok" and b["ok"] and b["index"] >= index for b in bodies)


def answers(call: Call, msg_id: int) -> bool:
    return any(m["dest"] == "c1" and m["body"].get("in_reply_to") == msg_id for m in messages(call))


def test_entries_are_synced_between_their_write_and_what_depends_on_it(tmp_path: Path) -> None:
    observed = observe(tmp_path)
    assert early_acknowledgements(observed) == []
    # it is about something: acknowledgements of these very entries were seen, after the sync
    seen = 0
    for msg_id, value in observed.written:
        for node in observed.nodes:
            write = node.written(value)
            if write is not None:
                at = node.synced_after(write)
                index = node.index[f"c1:{msg_id}"]
                seen += any(call.begin > at and acknowledges(call, index) for call in node.said)
    assert seen >= WRITES * 2


def test_a_build_that_does_not_wait_is_seen(tmp_path: Path) -> None:
    assert early_acknowledgements(observe(tmp_path, "acknowledges-before-sync")) != []


def test_the_folder_is_synced_after_the_rename_and_before_the_first_word(tmp_path: Path) -> None:
    for node in observe(tmp_path).nodes:
        (rename,) = [c for c in node.tree if c.name.startswith("rename") and ".synced" not in c.arguments]
        assert "wal.tmp" in rename.arguments
        assert rename.done
        sync = next((c for c in node.tree if c.name == "fsync" and c.begin > rename.end), None)
        assert sync is not None
        assert sync.done
        assert sync.end < node.said[0].begin
        assert b"init_ok" in node.said[0].data
