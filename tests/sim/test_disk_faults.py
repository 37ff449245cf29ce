"""Bad disks and too little of a machine, on simulated nodes: what they do, what is seen of it, and that it ends."""

from __future__ import annotations

import pytest

from harness.sim.disk import SimFiles
from nemeses.port import Damage, DiskTrouble
from tests.sim.puppet import MS, Stage

REFUSING = ["full", "read-only", "failed-sync"]


async def _ask(stage, replies, **order):
    replies.append(await stage.ask("n0", "write", **order))


def test_a_slow_disk_holds_back_what_depends_on_it_and_the_syncs_tell():
    stage = Stage()
    times = []

    async def scene(cluster):
        for trouble in (DiskTrouble(), DiskTrouble(delay_us=40_000), DiskTrouble()):
            await cluster.set_disk("n0", trouble)
            begun = cluster.now()
            before = (await cluster.observe())["n0"]
            assert await stage.ask("n0", "write", text="a")
            after = (await cluster.observe())["n0"]
            assert after.syncs == before.syncs + 1
            times.append((cluster.now() - begun, after.sync_ns - before.sync_ns))

    stage.play(scene)
    (fast, synced), (slow, synced_slowly), (again, _) = times
    assert synced == 5 * MS
    assert synced_slowly == 45 * MS
    assert fast < 10 * MS < 45 * MS < slow
    assert again < 10 * MS


@pytest.mark.parametrize("refuses", REFUSING)
def test_a_node_that_cannot_store_stops_and_answers_nothing(refuses):
    stage = Stage()
    replies = []

    async def scene(cluster):
        assert await stage.ask("n0", "write", text="kept")
        await cluster.set_disk("n0", DiskTrouble(refuses=refuses))
        cluster.spawn(_ask(stage, replies, text="lost", to="n1"))
        await stage.sleep(50)
        state = (await cluster.observe())["n0"]
        assert (state.up, state.exit_status, state.refused, state.disk) == (False, 70, 1, refuses)
        await cluster.set_disk("n0", DiskTrouble())
        await cluster.start("n0")
        assert await stage.ask("n0", "write", text="after")
        await stage.sleep(300)

    stage.play(scene)
    assert replies == [None]
    assert not stage.heard("n1")
    (panic,) = stage.of("panic", "n0")
    assert panic[3]["why"].startswith("OSError: [Errno ")
    # what the failed sync had written is there: no one was told of it, and a kill loses nothing
    kept = ["kept", "lost"] if refuses == "failed-sync" else ["kept"]
    assert stage.of("started", "n0")[1][3]["notes"] == kept


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Damage("bit-flip", 999_000), "a record that was synced fails its checksum"),
        (Damage("bit-flip", 0), "not the header of a write-ahead log"),
        (Damage("lost-sector", 999_000), "a record that was synced fails its checksum"),
        (Damage("truncated", 900_000), "bytes were synced"),
    ],
)
def test_damage_is_refused_and_once_mended_it_is_forgotten(damage, words):
    stage = Stage()

    async def scene(cluster):
        for i in range(20):
            assert await stage.ask("n0", "write", text=f"{i}" * 30)
        assert await cluster.damage("n0", damage) > 0
        assert await cluster.damage("n0", damage) == 0, "it is down"
        await cluster.start("n0")
        state = (await cluster.observe())["n0"]
        assert (state.up, state.exit_status) == (False, 70)
        assert state.damaged > 0
        await cluster.mend("n0")
        await cluster.start("n0")
        state = (await cluster.observe())["n0"]
        assert (state.up, state.damaged) == (True, 0)

    stage.play(scene)
    assert words in stage.of("panic", "n0")[0][3]["why"]
    assert stage.of("started", "n0")[1][3]["notes"] == [f"{i}" * 30 for i in range(20)]


def test_what_a_node_went_on_with_stays_as_it_is():
    files = SimFiles()
    files.append("wal", bytes(2_000))
    assert files.damage(Damage("bit-flip", 500_000)) == 1
    files.append("wal", b"more")
    damaged = files.read("wal")
    files.mend(down=True)
    assert files.read("wal") == damaged
    assert files.damage(Damage("truncated", 250_000)) == 1_503
    files.mend(down=False)
    assert len(files.read("wal")) == 501
    assert files.damage(Damage("lost-sector", 0)) == 0, "it was zero before"
    assert SimFiles().damage(Damage("bit-flip", 0)) == 0


def test_a_share_of_a_processor_is_a_share_of_each_period():
    stage = Stage()
    shares = []

    async def scene(cluster):
        for percent in (100, 40, 5, 100):
            await cluster.limit_cpu("n0", percent)
            before = (await cluster.observe())["n0"]
            for _ in range(100):
                cluster.spawn(_ask(stage, [], text="x"))
                await stage.sleep(10)
            after = (await cluster.observe())["n0"]
            assert after.limits == ("" if percent == 100 else "cpu")
            shares.append((after.throttled_ns - before.throttled_ns, after.waited > before.waited))
            assert not after.paused
        assert await stage.ask("n0", "write", text="x")

    stage.play(scene)
    assert shares == [(0, False), (600 * MS, True), (950 * MS, True), (0, False)]


def test_out_of_memory_a_node_is_killed():
    stage = Stage()

    async def scene(cluster):
        await cluster.limit_memory("n0", 2)
        cluster.spawn(_ask(stage, [], text="x" * 1_000))
        await stage.sleep(50)
        assert (await cluster.observe())["n0"].up
        cluster.spawn(_ask(stage, [], text="x" * 2_000))
        await stage.sleep(50)
        state = (await cluster.observe())["n0"]
        assert (state.up, state.exit_status, state.limits) == (False, -9, "memory")
        await cluster.limit_memory("n0", None)
        await cluster.start("n0")
        assert await stage.ask("n0", "write", text="x" * 9_000)

    stage.play(scene)
    assert stage.of("killed", "n0")[0][3] == {"why": "out of memory"}
