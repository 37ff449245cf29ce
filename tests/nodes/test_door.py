"""The door: a Raft node as a process, spoken to in Maelstrom's protocol."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nodes

ROOT = Path(nodes.__file__).parent.parent


class Node:
    """A node process, and one client that waits for each answer."""

    def __init__(self, *arguments: str, prefix: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "nodes", "raft", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        self.msg_id = 0

    def say(self, text: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + b"\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())["body"]  # type: ignore[no-any-return]

    def request(self, **body: Any) -> dict[str, Any]:
        self.msg_id += 1
        self.say(json.dumps({"src": "c1", "dest": "n0", "body": {**body, "msg_id": self.msg_id}}).encode())
        return self.hear()

    def init(self, node_ids: tuple[str, ...] = ("n0",)) -> dict[str, Any]:
        return self.request(type="init", node_id="n0", node_ids=node_ids)

    def patient(self, **body: Any) -> dict[str, Any]:
        """Repeat while there is no leader yet."""
        for _ in range(200):
            reply = self.request(**body)
            if reply.get("code") != 11:
                return reply
            time.sleep(0.02)
        raise AssertionError("no leader")

    def end(self) -> tuple[int, list[str]]:
        """Close its input; status and log."""
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err.decode().splitlines()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node("--data", str(tmp_path / "data"), "--trace", str(tmp_path / "trace.jsonl"))
    yield node
    node.kill()


def test_what_was_acknowledged_survives_sigkill(node: Node, tmp_path: Path) -> None:
    assert node.init() == {"type": "init_ok", "in_reply_to": 1}
    assert node.patient(type="write", key=1, value=5)["type"] == "write_ok"
    node.kill()
    again = Node("--data", str(tmp_path / "data"))
    again.init()
    assert again.patient(type="read", key=1)["value"] == 5
    assert again.end() == (0, [])


def test_a_corrupt_log_is_refused_in_one_line_and_status_70(node: Node, tmp_path: Path) -> None:
    node.init()
    node.patient(type="write", key=1, value=5)
    node.kill()
    wal = tmp_path / "data" / "wal"
    content = bytearray(wal.read_bytes())
    content[530] ^= 1
    wal.write_bytes(content)
    again = Node("--data", str(tmp_path / "data"))
    again.say(b'{"src":"c1","dest":"n0","body":{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"]}}')
    status, log = again.end()
    assert status == 70
    assert len(log) == 1
    assert re.fullmatch(r".*/data/wal: corrupt at byte 512: .*; refusing to start", log[0])


def test_two_nodes_do_not_share_a_directory(node: Node, tmp_path: Path) -> None:
    node.init()
    second = Node("--data", str(tmp_path / "data"))
    second.say(b'{"src":"c1","dest":"n0","body":{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"]}}')
    status, log = second.end()
    assert (status, len(log)) == (70, 1)
    assert log[0].endswith("in use by another process")


def test_the_folder_may_be_named_after_the_node(tmp_path: Path) -> None:
    """One command line serves all nodes, as Maelstrom itself starts them."""
    node = Node("--data", str(tmp_path / "of-{node}"))
    node.init()
    node.kill()
    assert (tmp_path / "of-n0" / "wal").exists()


def test_malformed_lines_are_answered_where_a_client_can_be_named_and_ignored_otherwise(node: Node) -> None:
    node.init(("n0", "n1"))
    node.say(b'{"src":"c7","dest":"n0","body":{"msg_id":9,"type":"read"}')
    node.say(b"\xff\xfe")
    node.say(b"[" * 100_000)
    node.say(b'{"src":"n1","dest":"n0","body":{"type":"no such message"}}')
    node.say(b'{"src":"n1","dest":"n0","body":{"type":"vote","term":"seven"}}')
    node.say(b'{"src":"c7","dest":5,"body":{"msg_id":9,"type":"read"}}')
    answer = node.hear()
    assert (answer["type"], answer["code"], answer["in_reply_to"]) == ("error", 12, 9)
    assert node.request(type="splitbrain_clock", offset_ns="x")["code"] == 12
    assert node.request(type="init", node_id="n0", node_ids=["n0"])["code"] == 12
    assert node.request(type="splitbrain_clock")["type"] == "splitbrain_clock_ok"
    status, log = node.end()
    assert status == 0
    assert len([line for line in log if line.startswith("ignored a malformed line")]) == 6


def test_a_request_before_init_and_an_init_that_makes_no_sense_are_refused(node: Node) -> None:
    assert node.request(type="read", key=1)["code"] == 14
    assert node.request(type="init", node_id="n0")["code"] == 12
    assert node.request(type="init", node_id="n0", node_ids=["n1"])["code"] == 12
    assert node.init()["type"] == "init_ok"


def test_the_clock_is_set_and_read(node: Node) -> None:
    node.init()
    before = node.request(type="splitbrain_clock")
    assert abs(before["wall_ns"] - before["real_wall_ns"]) < 10**9
    after = node.request(type="splitbrain_clock", offset_ns=3_600 * 10**9, rate_ppm=0)
    assert abs(after["wall_ns"] - after["real_wall_ns"] - 3_600 * 10**9) < 10**9


def test_the_trace_is_there_before_the_answer_that_follows_from_it(node: Node, tmp_path: Path) -> None:
    node.init()
    node.patient(type="write", key=1, value=5)
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
    assert kinds[0] == "started"
    assert {"role", "append", "commit", "apply"} <= set(kinds)


def test_a_client_that_does_not_read_does_not_stop_the_node(node: Node) -> None:
    """Ten thousand answers overfill the pipe many times over; the node takes every request meanwhile."""
    node.init()
    line = b'{"src":"c1","dest":"n0","body":{"type":"splitbrain_clock","msg_id":1}}'
    for _ in range(100):
        node.say(b"\n".join([line] * 100))
    for _ in range(10_000):
        assert node.hear()["type"] == "splitbrain_clock_ok"


def test_over_tcp(tmp_path: Path) -> None:
    node = Node("--data", str(tmp_path), "--listen", "127.0.0.1:0")
    assert node.process.stderr is not None
    port = int(node.process.stderr.readline().rpartition(b":")[2])
    socket.create_connection(("127.0.0.1", port)).close()  # a probe
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rwb") as stream:
        stream.write(
            b'{"src":"c1","dest":"n0","body":{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"]}}\n'
        )
        stream.flush()
        assert json.loads(stream.readline())["body"]["type"] == "init_ok"
    assert node.process.wait(20) == 0
    node.kill()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nosuch", "--data", "x"], "argument system: invalid choice: 'nosuch'"),
        (["raft"], "the following arguments are required: --data"),
        (["raft", "--data", "x", "--bug", "nosuch"], "argument --bug: invalid choice: 'nosuch'"),
        (["raft", "--data", "x", "--config", "{"], "--config: expected a JSON object, got '{'"),
        (
            ["raft", "--data", "x", "--config", '{"colour": 1}'],
            "raft's config: Object contains unknown field `colour`",
        ),
        (["raft", "--data", "x", "--listen", "here"], "--listen: expected HOST:PORT, got 'here'"),
    ],
)
def test_bad_usage_is_one_line(arguments: list[str], expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nodes", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert expected in done.stderr


def test_the_disk_is_synced_between_the_write_and_the_answer(tmp_path: Path) -> None:
    """Under strace: write of the log, fdatasync begun and finished, answer; and rename, fsync of the directory."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    calls = tmp_path / "calls"
    what = "trace=write,pwrite64,fdatasync,fsync,rename,renameat,renameat2"
    node = Node(
        "--data",
        str(tmp_path / "data"),
        prefix=("strace", "-f", "-y", "-s", "300", "-o", str(calls), "-e", what),
    )
    node.init()
    assert node.patient(type="write", key=1, value=4711)["type"] == "write_ok"
    node.end()
    lines = calls.read_text().splitlines()

    def first(pattern: str, start: int = 0) -> int:
        return next(i for i in range(start, len(lines)) if re.search(pattern, lines[i]))

    rename = first(r"rename\w*\(.*wal\.tmp")
    assert first(r"fdatasync\(.*wal\.tmp>\) += 0") < rename
    assert first(r"fsync\(\d+<[^>]*/data>\) += 0", rename) > rename
    written = first(r"write\(\d+<[^>]*/wal>.*value")
    synced = _sync_after(lines, written)
    answered = first(r"write\(1<.*write_ok")
    assert written < synced < answered


def _sync_after(lines: list[str], start: int) -> int:
    """The line on which the first fdatasync that began after ``start`` is finished."""
    for i in range(start, len(lines)):
        whole = re.match(r"(\d+) +fdatasync\(.*\) += 0", lines[i])
        begun = re.match(r"(\d+) +fdatasync\(.*<unfinished", lines[i])
        if whole:
            return i
        if begun:
            done = re.compile(rf"{begun[1]} +<\.\.\. fdatasync resumed>.*= 0")
            return next(j for j in range(i, len(lines)) if done.match(lines[j]))
    raise AssertionError("no fdatasync")


def test_sigkill_is_the_status_that_is_seen(node: Node) -> None:
    node.init()
    os.kill(node.process.pid, signal.SIGKILL)
    assert node.process.wait(20) == -signal.SIGKILL
