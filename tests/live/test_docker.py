"""A cluster of three containers: kill, pause, recovery, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from harness.errors import UsageError
from harness.live import run
from harness.live.cluster import LiveCluster
from harness.live.docker import LABEL, sweep
from harness.live.image import BASE, DOCKERFILE
from harness.live.trace import merged
from harness.spec import RunSpec
from harness.streams import Streams
from tests.live.clusters import Client, until

RECIPE = Path(__file__).parents[2] / "compose" / "base-image.sh"


@pytest.fixture
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The engine, with the base image on it: made where it is missing. For one test at a time: they count
    containers.
    """
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as e:
        pytest.skip(f"no container engine: {' '.join(str(e).split())}")
    with (tmp_path_factory.getbasetemp().parent / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            client.images.get(BASE)
        except docker.errors.ImageNotFound:
            make_base()
        yield client
    client.close()


def make_base() -> None:
    """As compose/README.md says; skips where that cannot be done, and fails where it could and did not."""
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        pytest.skip(
            f"there is no image {BASE}, and compose/base-image.sh needs mmdebstrap and root to make it"
        )
    made = subprocess.run([RECIPE], capture_output=True, text=True, check=False)
    assert made.returncode == 0, f"compose/base-image.sh: {made.stderr[-2000:]}"


def labelled(engine: Any) -> list[Any]:
    return engine.containers.list(all=True, filters={"label": LABEL})  # type: ignore[no-any-return]


def test_three_containers_are_killed_paused_and_recover(engine: Any, tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        await cluster.start_all()
        assert len(labelled(engine)) == 3
        client = Client(cluster)
        assert (await client.patient("n0", type="write", key=1, value=5))["type"] == "write_ok"
        await until(lambda: cluster.leader() is not None)
        await cluster.pause("n1")
        state = (await cluster.observe())["n1"]
        assert (state.paused, state.up) == (True, True)
        await asyncio.sleep(0.5)
        assert (await cluster.observe())["n1"].stalled > 0
        await cluster.resume("n1")
        assert not (await cluster.observe())["n1"].paused
        for name in cluster.nodes:
            await cluster.kill(name)
        states = await cluster.observe()
        assert {(s.up, s.exit_status) for s in states.values()} == {(False, -9)}
        for name in cluster.nodes:
            await cluster.start(name)
        assert (await client.patient("n2", type="read", key=1))["value"] == 5

    cluster = run(main, RunSpec(env="docker", nodes=3), tmp_path, Streams(1))
    assert labelled(engine) == []
    events = [e for _, e in merged(cluster.folders, cluster.world, cluster.runtime.origin_ns)]
    assert len([e for e in events if e.kind == "started"]) == 6
    assert "listening on" in (tmp_path / "nodes" / "n0" / "stderr.log").read_text()


def test_what_a_dead_harness_left_is_swept_and_what_a_living_one_has_is_not(engine: Any) -> None:
    from harness.live.keeper import start_time  # noqa: PLC0415

    left = engine.containers.create(BASE, ["true"], labels={LABEL: "1:1"})
    kept = engine.containers.create(BASE, ["true"], labels={LABEL: f"1:{start_time(1)}"})
    try:
        assert sweep(engine) == 1
        assert [c.id for c in labelled(engine)] == [kept.id]
    finally:
        for container in (left, kept):
            with contextlib.suppress(docker.errors.NotFound):
                container.remove(force=True)


def test_a_missing_base_image_is_one_line(engine: Any, tmp_path: Path) -> None:
    del engine

    async def main(cluster: LiveCluster) -> None: ...

    spec = RunSpec(env="docker", nodes=3, options={"base_image": "no-such-image"})
    with pytest.raises(UsageError, match="no image 'no-such-image'; make it with"):
        run(main, spec, tmp_path, Streams(1))


def test_the_dockerfile_beside_the_sources_is_the_one_that_is_used() -> None:
    beside = (Path(__file__).parents[2] / "compose" / "Dockerfile").read_text().splitlines()
    used = [line.replace("ARG BASE_IMAGE", f"ARG BASE_IMAGE={BASE}") for line in DOCKERFILE.splitlines()]
    assert [line for line in beside if not line.startswith("#")] == used
