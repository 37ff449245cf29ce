"""Other people's systems in containers: of an image made here, and of any image that somebody names."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.live import engine
from harness.run import check_spec
from harness.spec import RunSpec
from tests.live.engines import held_engine
from tests.live.test_foreign import ROOT, bit, heredocs, needs, result, run

IMAGE = "splitbrain-test-kvd"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with held_engine(tmp_path_factory) as found:
        yield found


def ours(client: Any, owner: str = "") -> list[str]:
    """Containers and networks of a harness, this one if no other is named."""
    mark = {"label": f"{engine.LABEL}={owner or engine.owner()}"}
    found = [c.name for c in client.containers.list(all=True, filters=mark, ignore_removed=True)]
    return found + [n.name for n in client.networks.list(filters=mark)]


def test_etcd_in_containers_is_sound_under_faults_and_leaves_nothing(tmp_path: Path, client: Any) -> None:
    needs()
    if shutil.which("apt-get") is None:
        pytest.skip("the image is made of Debian's packages")
    faults = ["partition", "kill", "pause"]
    outcome = run(
        tmp_path, env="docker", system="etcd", nemesis=faults, interval=3, time_limit=9, seed=2, quiet=4
    )
    assert outcome.verdict == "valid", outcome.results
    assert bit(outcome) == set(faults)
    assert outcome.summary["ok"] > 25
    assert ours(client) == []


@pytest.fixture
def brought(tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The worked example of docs/systems.md as an image, and its client; what its reader would write."""
    files = heredocs("systems.md")
    for name in ("kvd.py", "Dockerfile", "mine.py"):
        (tmp_path / name).write_text(files[name])
    path = tmp_path / "mine.py"
    path.write_text(path.read_text().replace('"kvd"', f'"{IMAGE}"'))
    client.images.build(path=str(tmp_path), tag=IMAGE, rm=True)
    monkeypatch.chdir(tmp_path)
    yield "./mine.py"
    client.images.remove(IMAGE, force=True)


def test_any_image_and_a_dozen_lines_are_a_system(tmp_path: Path, brought: str) -> None:
    more: dict[str, Any] = {"env": "docker", "system": brought, "quiet": 0.2, "time_limit": 3}
    alone = run(tmp_path / "one", nodes=1, nemesis=["pause"], **more)
    assert alone.verdict == "valid", alone.results
    assert alone.summary["ok"] > 30
    two = run(tmp_path / "two", nodes=2, **more)
    assert result(two, "linearizability").verdict == "invalid"


def test_memory_that_a_kill_takes_is_missed(tmp_path: Path, brought: str) -> None:
    outcome = run(
        tmp_path / "run",
        env="docker",
        system=brought,
        nodes=1,
        nemesis=["kill"],
        interval=2,
        time_limit=6,
        quiet=0.5,
        seed=3,
    )
    assert result(outcome, "linearizability").verdict == "invalid"
    assert bit(outcome) == {"kill"}


HARNESS = """
import asyncio, sys
from pathlib import Path
from harness.live import run
from harness.live.engine import owner
from harness.spec import RunSpec
from harness.streams import Streams

async def main(cluster):
    await cluster.start_all()
    await cluster.cut([("n0", "n1"), ("n1", "n0")])
    print(owner(), flush=True)
    await asyncio.sleep(600)

run(main, RunSpec(env="docker", system=sys.argv[2], nodes=2), Path(sys.argv[1]), Streams(1))
"""


def test_a_sweep_removes_what_a_killed_harness_left(tmp_path: Path, client: Any, brought: str) -> None:
    needs()
    command = [sys.executable, "-c", HARNESS, str(tmp_path / "run"), brought]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as harness:
        assert harness.stdout is not None
        who = harness.stdout.readline().strip()
        assert len(ours(client, who)) == 5  # a pod and a container for each member, and their network
        harness.send_signal(signal.SIGKILL)
        harness.wait()
    engine.sweep(client)
    assert ours(client, who) == []


def test_what_containers_cannot_do_is_said_in_one_line(client: Any, tmp_path: Path) -> None:
    del client
    with pytest.raises(
        UsageError, match=r"^docker: no image 'splitbrain-nowhere'; docker pull or docker build"
    ):
        run(tmp_path, env="docker", system="etcd", options={"image": "splitbrain-nowhere"})
    with pytest.raises(UsageError, match=r"^options\.image: an image is for env: docker$"):
        check_spec(RunSpec(env="process", system="etcd", options={"image": "x"}))
    with pytest.raises(UsageError, match=r"'clock' cannot be done in environment 'docker'"):
        check_spec(RunSpec(env="docker", system="etcd", nemesis=["clock"]))
