"""``splitbrain cluster``: up, looked at, spoken to, taken down."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main as command_line
from harness.live.play import CLUSTER
from tests.live.engines import held_engine


@pytest.fixture(params=["docker", "process"])
def env(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Any]]:
    if request.param == "process":
        yield "process", None
        return
    with held_engine(tmp_path_factory) as client:
        yield "docker", client


def test_a_cluster_comes_up_answers_and_goes(
    env: tuple[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, engine = env
    name = f"test-{kind}-{tmp_path.parent.name}"
    common = ["--name", name, "--env", kind, "--store", str(tmp_path)]

    def say(command: str, *more: str) -> tuple[int, str, str]:
        code = command_line(["cluster", command, *common, *more])
        out = capsys.readouterr()
        return code, out.out, out.err

    code, out, _ = say("up", "--nodes", "3")
    assert code == 0
    try:
        rows = [line.split() for line in out.splitlines()[:4]]
        assert rows[0] == ["node", "state", "role", "term", "commit", "applied", "clients", "metrics"]
        assert [row[:2] for row in rows[1:]] == [["n0", "running"], ["n1", "running"], ["n2", "running"]]
        assert [row[2] for row in rows[1:]].count("leader") == 1
        leader = next(row for row in rows[1:] if row[2] == "leader")
        assert asked(leader[6], {"type": "write", "msg_id": 1, "key": "x", "value": 5})["type"] == "write_ok"
        assert asked(leader[6], {"type": "read", "msg_id": 1, "key": "x"})["value"] == 5
        assert say("up", "--nodes", "3")[2].endswith("is up already; splitbrain cluster down removes it\n")
        assert command_line(["cluster", "sweep"]) == 0  # it is nobody's leftover
        capsys.readouterr()
        code, out, _ = say("status")
        assert (code, out.count("running")) == (0, 3)
        code, out, _ = say("watch", "--seconds", "0.6")
        assert (code, out.count("node ") >= 2) == (0, True)
    finally:
        assert say("down")[1] == "3 nodes removed\n"
    code, _, err = say("status")
    assert code == 254
    assert err.count("\n") == 1
    assert "there is no cluster" in err
    if engine is not None:
        mark = {"label": f"{CLUSTER}={name}"}
        assert not engine.containers.list(all=True, filters=mark)
        assert not engine.networks.list(filters=mark)
    else:
        assert list((tmp_path / "clusters").iterdir()) == []


def asked(address: str, body: dict[str, Any]) -> dict[str, Any]:
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(json.dumps(body).encode() + b"\n")
        return json.loads(connection.makefile().readline())  # type: ignore[no-any-return]


def test_without_an_engine_one_line_says_what_else_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    for command in ("up", "status", "watch", "down", "sweep", "image"):
        assert command_line(["cluster", command]) == 254
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "docker: no engine answers at unix:///no/such/socket" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up", "--system", "rafft"], "unknown system 'rafft'; did you mean 'raft'"),
        (["up", "--bug", "no-sesions"], "unknown bug 'no-sesions'"),
        (["up", "--env", "dokcer"], "expected docker or process, got 'dokcer'"),
    ],
)
def test_bad_arguments_are_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(["cluster", *arguments]) == 254
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert words in err
