"""Nodes that do not start: one clear line each, and nothing left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.live import capabilities
from harness.live.errors import StartError
from harness.spec import RunSpec
from tests.live.clusters import ECHO, Client, live, script


async def nothing(_: object) -> None: ...


def refused(tmp_path: Path, **spec: object) -> str:
    with pytest.raises(StartError) as caught:
        live(nothing, tmp_path / "run", **spec)
    assert isinstance(caught.value, UsageError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_binary_that_does_not_exist(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere")
    assert refused(tmp_path, bin=path) == f"bin: {path}: no such file"
    assert refused(tmp_path, bin="no-such-program-at-all").endswith("no such file, here or on the PATH")


def test_a_binary_that_is_not_executable_or_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "node"
    path.write_text("")
    assert "not executable" in refused(tmp_path, bin=str(path))
    assert "is a directory" in refused(tmp_path, bin=str(tmp_path))


def test_a_binary_that_the_system_cannot_run(tmp_path: Path) -> None:
    path = tmp_path / "node"
    path.write_bytes(b"\x00\x01\x02")
    path.chmod(0o755)
    assert "cannot be run: Exec format error" in refused(tmp_path, bin=str(path))


def test_a_node_that_exits_at_once(tmp_path: Path) -> None:
    path = script(tmp_path, "import sys\nsys.exit('the reason why')")
    line = refused(tmp_path, bin=path)
    assert line.endswith("exited at once with status 1; last line on stderr: the reason why")


def test_a_node_that_prints_garbage(tmp_path: Path) -> None:
    path = script(tmp_path, "import sys\nprint('Welcome to my node!', flush=True)\nsys.stdin.read()")
    assert "printed b'Welcome to my node!' in place of a message" in refused(tmp_path, bin=path)


def test_a_node_that_never_answers_init(tmp_path: Path) -> None:
    path = script(tmp_path, "import sys\nsys.stdin.read()")
    line = refused(tmp_path, bin=path, options={"init_timeout_s": 0.3})
    assert line.endswith("did not answer init within 0.3 s")


def test_a_node_that_refuses_init(tmp_path: Path) -> None:
    path = script(tmp_path, ECHO.replace('kind + "_ok"', '"error", "text": "not today"'))
    assert refused(tmp_path, bin=path).endswith("refused init: not today")


def test_the_same_node_without_the_defect_starts(tmp_path: Path) -> None:
    async def main(cluster: object) -> None:
        reply = await Client(cluster).patient("n1", type="echo", echo="hello")  # type: ignore[arg-type]
        assert reply == {"type": "echo_ok", "echo": "hello"}

    live(main, tmp_path / "run", bin=script(tmp_path, ECHO))


def test_bad_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="latency"):
        live(nothing, tmp_path / "run", options={"latency": {"mean": 3}})
    with pytest.raises(UsageError, match="init_timeout_s"):
        live(nothing, tmp_path / "run", options={"init_timeout_s": "soon"})


def test_foreign_nodes_keep_their_clocks_and_what_they_wrote() -> None:
    own = capabilities(RunSpec(env="process"))
    assert own == {"partition", "link", "kill", "pause", "clock", "power-loss", "disk", "resource"}
    assert capabilities(RunSpec(env="process", transport="tcp")) == own
    assert capabilities(RunSpec(env="process", bin="x")) == own - {"clock", "power-loss", "disk"}
    assert capabilities(RunSpec(env="docker")) == own


def test_a_power_loss_of_a_node_without_accounts_is_refused(tmp_path: Path) -> None:
    async def main(cluster: object) -> None:
        with pytest.raises(UsageError, match="it keeps no account of what it synced"):
            await cluster.power_loss("n0")  # type: ignore[attr-defined]

    live(main, tmp_path / "run", nodes=1, bin=script(tmp_path, ECHO))


def test_an_error_in_the_middle_passes_through_and_the_nodes_are_gone(tmp_path: Path) -> None:
    pids: list[int] = []

    async def broken() -> None:
        raise ZeroDivisionError

    async def main(cluster: object) -> None:
        pids.extend(s.member._process.pid for s in cluster._seats.values())  # type: ignore[attr-defined]
        cluster.spawn(broken())  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    with pytest.raises(ZeroDivisionError):
        live(main, tmp_path / "run")
    assert len(pids) == 3
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
