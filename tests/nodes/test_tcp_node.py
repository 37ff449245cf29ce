"""Whole nodes over TCP, as processes: started by hand, watched, drained; and what they refuse, in one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

PATIENCE_S = 30
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("SPLITBRAIN_")}


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Node:
    def __init__(self, name: str, folder: Path, book: str, *extra: str, **variables: str) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir(exist_ok=True)
        self.ports_file = self.folder / "ports.json"
        self.ports_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "nodes", "raft", "--tcp", "--node", name, "--peers", book]
        command += ["--data", str(self.folder / "data"), "--ports-file", str(self.ports_file)]
        command += ["--metrics-port", "0", *extra]
        with (self.folder / "log").open("ab") as log:
            environment = {**ENVIRONMENT, "SPLITBRAIN_KEY": "secret", **variables}
            self.process = subprocess.Popen(command, stderr=log, env=environment)

    @property
    def ports(self) -> dict[str, int]:
        for _ in range(PATIENCE_S * 100):
            if self.ports_file.exists():
                return json.loads(self.ports_file.read_text())
            assert self.process.poll() is None, self.log()
            time.sleep(0.01)
        raise AssertionError("it never listened")

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == name]

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['metrics']}{path}") as page:
            return page.read().decode()

    def health(self) -> dict[str, Any]:
        return json.loads(self.page("/healthz"))

    def connect(self) -> Client:
        return Client(self.ports["client"])

    def end(self, number: int = signal.SIGTERM) -> int:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


class Client:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.file = self.socket.makefile("rb")

    def send(self, *messages: object) -> None:
        self.socket.sendall(b"".join(json.dumps(m).encode() + b"\n" for m in messages))

    def receive(self) -> Any:
        return json.loads(self.file.readline())

    def call(self, **body: Any) -> Any:
        self.send(body)
        return self.receive()


@contextmanager
def cluster(folder: Path, *extra: str, **variables: str) -> Iterator[list[Node]]:
    names = ("n0", "n1", "n2")
    book = ",".join(f"{n}=127.0.0.1:{p}" for n, p in zip(names, free_ports(3), strict=True))
    nodes = [Node(name, folder, book, *extra, **variables) for name in names]
    try:
        yield nodes
    finally:
        for node in nodes:
            node.process.kill()
            node.process.wait()


def leader(nodes: list[Node]) -> Node:
    for _ in range(PATIENCE_S * 20):
        for node in nodes:
            if node.process.poll() is None and node.health()["role"] == "leader":
                return node
        time.sleep(0.05)
    raise AssertionError("nobody leads")


def metric(node: Node, name: str) -> float:
    lines = [line for line in node.page("/metrics").splitlines() if line.startswith(f"splitbrain_{name}")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_three_nodes_serve_many_clients_on_one_connection_and_say_how_they_are(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        led = leader(nodes)
        follower = next(n for n in nodes if n is not led)
        client = led.connect()
        # many clients, pipelined, in envelopes; replies name their client
        client.send(
            *(
                {
                    "src": f"c{n}",
                    "dest": led.name,
                    "body": {"type": "write", "msg_id": 1, "key": n, "value": n},
                }
                for n in range(50)
            )
        )
        replies = [client.receive() for _ in range(50)]
        assert sorted(r["dest"] for r in replies) == sorted(f"c{n}" for n in range(50))
        assert all(r["body"] == {"type": "write_ok", "in_reply_to": 1} for r in replies)
        # a body alone, at a node that passes it on
        alone = follower.connect()
        assert alone.call(type="read", msg_id=7, key=49) == {"type": "read_ok", "value": 49, "in_reply_to": 7}
        # what is no request is answered, and harms nobody
        assert alone.call(type="read")["code"] == 12
        alone.socket.sendall(b'hello\n\n[1]\n{"src":1,"body":{}}\n')
        assert [alone.receive()["code"] for _ in range(3)] == [12, 12, 12]
        assert alone.call(type="echo", msg_id=8, echo="still here")["echo"] == "still here"
        init = {"type": "init", "msg_id": 9, "node_id": led.name, "node_ids": ["n2", "n1", "n0"]}
        assert client.call(**init)["type"] == "init_ok"
        assert client.call(**{**init, "msg_id": 10, "node_id": "n7"})["code"] == 12
        # metrics
        assert led.health()["commit_index"] >= 51
        assert metric(led, "commit_index") == metric(led, "apply_index") >= 51
        assert metric(led, "role{") == 1
        assert 'splitbrain_role{role="leader"} 1' in led.page("/metrics")
        assert metric(led, "client_requests_total") >= 52
        assert metric(led, "client_connections") == 1
        peer = f'{{peer="{follower.name}"}}'
        sent = metric(led, f"link_sent_frames_total{peer}")
        assert sent > 0
        assert metric(led, "fsync_seconds_count") == metric(led, 'fsync_seconds_bucket{le="+Inf"}') > 0
        # fifty requests in one write were few turns, and few syncs
        assert metric(led, "fsync_seconds_count") < 30
        with pytest.raises(HTTPError, match="404"):
            led.page("/nothing")
        started = led.events("listening")[0]
        assert started["level"] == "info"
        assert started["client"] == led.ports["client"]


def test_sigterm_answers_what_is_under_way_and_refuses_the_rest(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        led = leader(nodes)
        client = led.connect()
        client.call(type="write", msg_id=1, key="x", value=1)
        client.send(*({"type": "write", "msg_id": n, "key": "x", "value": n} for n in range(2, 302)))
        led.process.send_signal(signal.SIGTERM)
        replies = [json.loads(line) for line in client.file]
        assert led.process.wait(PATIENCE_S) == 0
        assert [r["in_reply_to"] for r in replies if r["type"] == "write_ok"] == list(
            range(2, 2 + sum(r["type"] == "write_ok" for r in replies))
        )
        assert all(r["type"] == "write_ok" or r["code"] == 11 for r in replies)
        assert led.events("drained")[0]["abandoned"] == 0
        # what was acknowledged is there
        rest = [n for n in nodes if n is not led]
        value = leader(rest).connect().call(type="read", msg_id=1, key="x")["value"]
        assert value == max([1, *(r["in_reply_to"] for r in replies if r["type"] == "write_ok")])
        for node in rest:
            assert node.end() == 0


def test_a_node_of_another_key_takes_no_part_and_both_logs_say_why(tmp_path: Path) -> None:
    names, ports = ("n0", "n1", "n2"), free_ports(3)
    book = ",".join(f"{n}=127.0.0.1:{p}" for n, p in zip(names, ports, strict=True))
    nodes = [Node(n, tmp_path, book, SPLITBRAIN_KEY="wrong" if n == "n2" else "secret") for n in names]
    try:
        assert leader(nodes[:2]).connect().call(type="write", msg_id=1, key=1, value=1)["type"] == "write_ok"
        for _ in range(PATIENCE_S * 20):
            if nodes[2].events("peer_refused") and nodes[0].events("peer_refused"):
                break
            time.sleep(0.05)
        assert "wrong key: n0 does not hold" in str(nodes[2].events("peer_refused"))
        assert (
            nodes[0].events("peer_refused")[0]["reason"]
            == "wrong key: n2 does not hold the key of this cluster"
        )
        assert nodes[2].health()["commit_index"] == 0
        assert metric(nodes[0], "refused_total") > 0
    finally:
        for node in nodes:
            node.process.kill()
            node.process.wait()


def certificates(folder: Path, names: dict[str, str]) -> None:
    """An authority, and for each file's stem a certificate that names a node."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    authority = ("-subj", "/CN=authority", "-addext", "keyUsage=critical,keyCertSign")
    openssl(*new, *authority, "-keyout", "ca.key", "-out", "ca.pem")
    for stem, name in names.items():
        subject = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=CA:FALSE")
        openssl(*new, *subject, *signed, "-keyout", f"{stem}.key", "-out", f"{stem}.pem")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_mutual_tls_stands_in_for_the_secret_and_a_certificate_names_its_node(tmp_path: Path) -> None:
    certificates(tmp_path, {"n0": "n0", "n1": "n1", "n2": "n1"})
    names, ports = ("n0", "n1", "n2"), free_ports(3)
    book = ",".join(f"{n}=127.0.0.1:{p}" for n, p in zip(names, ports, strict=True))

    def tls(name: str) -> list[str]:
        return [
            f"--tls-cert={tmp_path}/{name}.pem",
            f"--tls-key={tmp_path}/{name}.key",
            f"--tls-ca={tmp_path}/ca.pem",
        ]

    nodes = [Node(n, tmp_path, book, *tls(n), SPLITBRAIN_KEY="") for n in names]
    try:
        assert leader(nodes[:2]).connect().call(type="write", msg_id=1, key=1, value=1)["type"] == "write_ok"
        for _ in range(PATIENCE_S * 20):
            if nodes[0].events("peer_refused") and nodes[0].events("handshake_refused"):
                break
            time.sleep(0.05)
        assert "certificate is not valid for 'n2'" in nodes[0].events("peer_refused")[0]["reason"]
        assert "its certificate is not one of n2" in str(nodes[0].events("handshake_refused"))
        assert nodes[2].health()["commit_index"] == 0
    finally:
        for node in nodes:
            node.process.kill()
            node.process.wait()


def test_a_node_goes_on_where_a_kill_left_it_and_its_peers_dial_it_again(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        led = leader(nodes)
        led.connect().call(type="write", msg_id=1, key="x", value=1)
        victim = next(n for n in nodes if n is not led)
        port = victim.ports["peer"]
        victim.end(signal.SIGKILL)
        led.connect().call(type="write", msg_id=1, key="x", value=2)
        book = ",".join(f"{n.name}=127.0.0.1:{n.ports['peer'] if n is not victim else port}" for n in nodes)
        again = Node(victim.name, tmp_path, book)
        nodes[nodes.index(victim)] = again
        assert again.connect().call(
            type="init", msg_id=1, node_id=again.name, node_ids=["n0", "n1", "n2"]
        ) == {
            "type": "init_ok",
            "in_reply_to": 1,
        }
        for _ in range(PATIENCE_S * 20):
            if again.health()["commit_index"] == leader(nodes).health()["commit_index"]:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("it never caught up")


ALONE = ("--node", "n0", "--peers", "n0=127.0.0.1:0", "--data", "/nowhere/at/all")


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (("--peers", "n0=h:1", "--data", "d"), {}, "--tcp: who is this? expected --node NAME"),
        (("--node", "n0", "--data", "d"), {}, "--peers: n0 is not in it; expected it there, or --peer-port"),
        (("--node", "n0", "--peers", "n0", "--data", "d"), {}, "--peers: expected NAME=HOST:PORT, got 'n0'"),
        (("--node", "n0", "--peers", "n0=h:1,n0=h:2", "--data", "d"), {}, "--peers: n0 is in it twice"),
        (
            ("--node", "n0", "--peers", "n0=h:1,n1=h:0", "--data", "d"),
            {},
            "--peers: n1: port 0 cannot be dialled",
        ),
        (ALONE, {"SPLITBRAIN_KEY": ""}, "links need a secret that all members share: in SPLITBRAIN_KEY"),
        ((*ALONE, "--key-file", "/no/such/file"), {}, "--key-file: /no/such/file: No such file"),
        ((*ALONE, "--tls-cert", "a.pem"), {}, "--tls-cert, --tls-key and --tls-ca go together"),
        ((*ALONE, "--listen", "h:1"), {}, "--listen: not with --tcp"),
        (ALONE, {"SPLITBRAIN_CLIENT_PORT": "many"}, "SPLITBRAIN_CLIENT_PORT: invalid literal for int()"),
        (
            ALONE,
            {"SPLITBRAIN_CLIENT_PORT": "70000"},
            "SPLITBRAIN_CLIENT_PORT: expected a port from 0 to 65535",
        ),
        ((*ALONE, "--client-port", "-1"), {}, "argument --client-port: invalid port value: '-1'"),
        ((*ALONE, "--listen", "h:x"), {}, "--listen: expected HOST:PORT, got 'h:x'"),
        (ALONE, {"SPLITBRAIN_BUG": "none-such"}, "SPLITBRAIN_BUG: expected one of"),
        (ALONE, {"SPLITBRAIN_REPLAYS": "maybe"}, "SPLITBRAIN_REPLAYS: expected 0 or 1, got 'maybe'"),
    ],
)
def test_wrong_settings_are_one_line(
    arguments: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nodes", "raft", "--tcp", *arguments],
        env={**ENVIRONMENT, "SPLITBRAIN_KEY": "secret", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_everything_can_be_said_by_the_environment(tmp_path: Path) -> None:
    done = subprocess.Popen(
        [sys.executable, "-m", "nodes", "raft"],
        env={
            **ENVIRONMENT,
            "SPLITBRAIN_TCP": "1",
            "SPLITBRAIN_NODE": "n0",
            "SPLITBRAIN_PEERS": "n0=127.0.0.1:0",
            "SPLITBRAIN_KEY": "secret",
            "SPLITBRAIN_DATA": str(tmp_path / "{node}"),
            "SPLITBRAIN_PORTS_FILE": str(tmp_path / "ports"),
        },
        stderr=subprocess.PIPE,
    )
    try:
        for _ in range(PATIENCE_S * 100):
            if (tmp_path / "ports").exists():
                break
            time.sleep(0.01)
        client = Client(json.loads((tmp_path / "ports").read_text())["client"])
        number = 0
        while True:
            number += 1
            reply = client.call(type="write", msg_id=number, key=1, value=1)
            if reply["type"] == "write_ok":
                break
        assert (tmp_path / "n0" / "wal").exists()
    finally:
        done.terminate()
        _, said = done.communicate(timeout=PATIENCE_S)
    assert done.returncode == 0, said


@pytest.mark.parametrize("taken", ["port", "data"])
def test_what_keeps_a_node_from_starting_is_the_last_line(tmp_path: Path, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1] if taken == "port" else 0
        data = tmp_path / "data"
        if taken == "data":
            data.mkdir()
            (data / "wal").write_bytes(b"not a log")
        command = [
            sys.executable,
            "-m",
            "nodes",
            "raft",
            "--tcp",
            "--node",
            "n0",
            "--peers",
            "n0=127.0.0.1:0",
        ]
        done = subprocess.run(
            [*command, "--client-port", str(port), "--data", str(data)],
            env={**ENVIRONMENT, "SPLITBRAIN_KEY": "secret"},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
    assert done.returncode == 70
    last = json.loads(done.stderr.splitlines()[-1])
    assert last["event"] == "cannot_start"
    assert ("in use" if taken == "port" else "refusing to start") in last["reason"]
