"""Containers of Raft: who stands between them, what cuts do there; what goes wrong is one line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from harness.cli import main as command_line
from harness.errors import UsageError
from harness.live import run
from harness.live.cluster import LiveCluster
from harness.live.engine import LABEL, owner, sweep
from harness.live.image import BASE, DOCKERFILE
from harness.live.trace import merged
from harness.spec import RunSpec
from harness.streams import Streams
from nemeses.schedule import Schedule
from tests.live.clusters import Client, until
from tests.live.engines import held_engine
from tests.live.played import RULES, bites, fault, link_faults, valid
from tests.live.test_tcp import counters

OWN = f"{LABEL}={owner()}"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with held_engine(tmp_path_factory) as client:
        yield client


def labelled(engine: Any) -> list[Any]:
    return engine.containers.list(all=True, filters={"label": OWN})  # type: ignore[no-any-return]


def nothing_left(engine: Any) -> bool:
    return not labelled(engine) and not engine.networks.list(filters={"label": OWN})


def test_where_namespaces_cannot_be_entered_proxies_on_this_machine_do_it_all(
    engine: Any, tmp_path: Path
) -> None:
    faults = [
        *link_faults(),
        fault(1000, 1600, "partition:isolated-leader", "leader"),
        fault(5000, 5700, "kill:one", "one"),
    ]
    outcome = valid("docker", tmp_path / "run", faults, time_limit=6.5, options={"links": "gateway"})
    assert bites(outcome) == {"link": (len(RULES), len(RULES)), "partition": (1, 1), "kill": (1, 1)}
    assert nothing_left(engine)


def test_the_same_schedule_plays_in_simulation_in_processes_and_in_containers(
    engine: Any, tmp_path: Path
) -> None:
    del engine
    faults = [
        fault(500, 1300, "partition:isolated-leader", "leader"),
        fault(1700, 2500, "kill:one", "one"),
        fault(3500, 4100, "link:loss", "all", loss_ppm=300_000),
        fault(4300, 5000, "power-loss:minority", "minority"),
    ]
    Schedule(faults=faults).dump(tmp_path / "schedule.yaml")
    for env in ("sim", "process", "docker"):
        read = Schedule.load(tmp_path / "schedule.yaml").faults
        outcome = valid(env, tmp_path / env, read, nodes=3, time_limit=6)
        assert bites(outcome) == dict.fromkeys(("partition", "kill", "link", "power-loss"), (1, 1))


# --- the port -------------------------------------------------------------------------------------------------


def test_a_node_that_restarts_behind_a_cut_hears_nothing_before_the_cut_heals(
    engine: Any, tmp_path: Path
) -> None:
    async def main(cluster: LiveCluster) -> None:
        await cluster.start_all()
        assert len(labelled(engine)) == 3
        client = Client(cluster)
        await client.patient("n0", type="write", key=1, value=1)
        links = [(a, b) for a in cluster.nodes for b in cluster.nodes if a != b and "n2" in (a, b)]
        handle = await cluster.cut(links)
        await cluster.kill("n2")
        await client.patient("n0", type="write", key=1, value=2)
        await cluster.start("n2")
        reply = await client.once("n2", 0.5, type="read", key=1)
        assert reply is None or reply["code"] == 11
        await cluster.refresh()
        assert cluster.links()["n2", "n0"].refused + cluster.links()["n2", "n1"].refused > 0
        await cluster.release(handle)
        assert (await client.patient("n2", type="read", key=1))["value"] == 2

    cluster = run(main, RunSpec(env="docker", nodes=3), tmp_path, Streams(1))
    assert nothing_left(engine)
    events = [e for _, e in merged(cluster.folders, cluster.world, cluster.runtime.origin_ns)]
    assert len([e for e in events if e.kind == "started"]) == 4


def test_a_cut_is_one_way(engine: Any, tmp_path: Path) -> None:
    """n1 hears n0 no more, and n0 hears n1 as before: acknowledgements pass."""
    del engine

    async def main(cluster: LiveCluster) -> None:
        await cluster.start_all()
        client = Client(cluster)
        await client.patient("n0", type="write", key=1, value=1)
        handle = await cluster.cut([("n0", "n1")])
        await asyncio.sleep(1)
        heard = counters(cluster, "n0")["received_frames>n1"]
        deaf = counters(cluster, "n1")["received_frames>n0"]
        await until(lambda: counters(cluster, "n0")["received_frames>n1"] >= heard + 5)
        assert counters(cluster, "n1")["received_frames>n0"] == deaf
        await cluster.refresh()
        assert cluster.links()["n0", "n1"].refused > 0
        assert cluster.links()["n1", "n0"].refused == 0
        await cluster.release(handle)
        await client.patient("n1", type="write", key=1, value=2)
        await until(lambda: cluster.leader() is not None)

    run(main, RunSpec(env="docker", nodes=2), tmp_path, Streams(1))


def test_a_node_without_memory_dies_of_it_and_a_lifted_limit_lets_it_live(
    engine: Any, tmp_path: Path
) -> None:
    async def main(cluster: LiveCluster) -> None:
        await cluster.start_all()
        client = Client(cluster)
        await client.patient("n0", type="write", key=0, value="small")
        await cluster.limit_memory("n0", 256)
        for key in range(LARGE_VALUES):
            await client.once("n0", 2, type="write", key=key, value=str(key) * 200_000)
            if not cluster._seats["n0"].member.up:
                break
        await until(lambda: not cluster._seats["n0"].member.up)
        [contained] = labelled(engine)
        assert contained.attrs["HostConfig"]["Memory"] < 1 << 30
        await cluster.limit_memory("n0", None)
        await cluster.start("n0")
        for key in range(LARGE_VALUES):
            await client.patient("n0", type="write", key=key, value=str(key) * 200_000)
        assert (await cluster.observe())["n0"].limits == ""

    run(main, RunSpec(env="docker", nodes=1), tmp_path, Streams(1))
    assert nothing_left(engine)


LARGE_VALUES = 40
"""more than a limited node has room for"""


# --- what goes wrong ------------------------------------------------------------------------------------------


def test_what_a_dead_harness_left_is_swept_and_what_a_living_one_has_is_not(engine: Any) -> None:
    from harness.live.keeper import start_time  # noqa: PLC0415

    left = engine.containers.create(BASE, ["true"], labels={LABEL: "1:1"})
    kept = engine.containers.create(BASE, ["true"], labels={LABEL: f"1:{start_time(1)}"})
    network = engine.networks.create("splitbrain-left", labels={LABEL: "1:1"})
    try:
        swept = sweep(engine)
        assert swept.containers >= 1
        assert swept.networks >= 1
        ids = {thing.id for thing in (*engine.containers.list(all=True), *engine.networks.list())}
        assert ids & {left.id, kept.id, network.id} == {kept.id}
    finally:
        for thing in (left, kept):
            with contextlib.suppress(docker.errors.NotFound):
                thing.remove(force=True)
        with contextlib.suppress(docker.errors.NotFound):
            network.remove()


async def nothing(cluster: LiveCluster) -> None:
    del cluster


def test_a_missing_base_image_is_one_line(engine: Any, tmp_path: Path) -> None:
    del engine
    spec = RunSpec(env="docker", nodes=3, options={"base_image": "no-such-image"})
    with pytest.raises(UsageError, match="no image 'no-such-image'; make it with"):
        run(nothing, spec, tmp_path, Streams(1))


def test_an_image_that_cannot_be_built_is_one_line(engine: Any, tmp_path: Path) -> None:
    """On a base without Python."""
    engine.api.import_image_from_data(EMPTY, repository="splitbrain-test-empty")
    try:
        spec = RunSpec(env="docker", nodes=3, options={"base_image": "splitbrain-test-empty"})
        with pytest.raises(UsageError, match=r"image cannot be built on 'splitbrain-test-empty': .+") as e:
            run(nothing, spec, tmp_path, Streams(1))
        assert "\n" not in str(e.value)
    finally:
        engine.images.remove("splitbrain-test-empty", force=True)
    assert nothing_left(engine)


EMPTY = bytes(10240)
"""a tar file with nothing in it"""


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"DOCKER_HOST": "unix:///no/such/socket"}, "docker: no engine answers at "),
        ({"DOCKER_CONTEXT": "nowhere"}, "docker: context: there is no context 'nowhere'"),
        ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, "docker: no engine answers at tcp://127.0.0.1:1: "),
        (
            {"DOCKER_HOST": "ssh://somebody@192.0.2.1"},
            "docker: the engine at ssh://somebody@192.0.2.1 publishes ports",
        ),
    ],
)
def test_no_engine_is_one_line(
    variables: dict[str, str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert command_line(["test", "--env", "docker", "--store", str(tmp_path / "store")]) == 254
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert words in said
    assert not (tmp_path / "store").exists()


def test_the_dockerfile_beside_the_sources_is_the_one_that_is_used() -> None:
    beside = (Path(__file__).parents[2] / "compose" / "Dockerfile").read_text().splitlines()
    used = [line.replace("ARG BASE_IMAGE", f"ARG BASE_IMAGE={BASE}") for line in DOCKERFILE.splitlines()]
    assert [line for line in beside if not line.startswith("#")] == used
