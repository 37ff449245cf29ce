"""Bad disks and too little of a machine, for nodes that are processes: done without root, seen, and undone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.live.cluster import LiveCluster
from harness.live.faults import disk, faketime
from harness.live.remote.local import LocalRemote
from harness.run import check_spec
from harness.spec import RunSpec
from nemeses.port import Damage, DiskTrouble
from nodes.clock import real_ns, wall_ns
from tests.live.clusters import ECHO, Client, live, script, until


@pytest.mark.parametrize("transport", ["stdio", "tcp"])
def test_a_slow_disk_is_seen_by_the_node_and_a_full_one_ends_it(tmp_path: Path, transport: str) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await client.patient("n0", type="write", key="x", value=1)
        before = (await cluster.observe())["n0"]
        await cluster.set_disk("n0", DiskTrouble(delay_us=30_000))
        await client.patient("n0", type="write", key="x", value=2)
        after = (await cluster.observe())["n0"]
        assert after.disk == "slow"
        assert after.sync_ns - before.sync_ns >= 30_000_000 * (after.syncs - before.syncs) / 2 > 0
        await cluster.set_disk("n0", DiskTrouble(refuses="full"))
        await client.once("n0", type="write", key="x", value=3)
        await until(lambda: not cluster._seats["n0"].member.up)
        state = (await cluster.observe())["n0"]
        assert (state.exit_status, state.refused) == (70, 1)
        await cluster.set_disk("n0", DiskTrouble())
        await cluster.start("n0")
        assert (await client.patient("n0", type="read", key="x"))["value"] in (2, 3)
        assert (await cluster.observe())["n0"].disk == ""

    live(main, tmp_path, transport=transport, nodes=1)


def test_damaged_data_is_refused_and_mended(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        for i in range(5):
            await client.patient("n0", type="write", key="x", value=i)
        assert await cluster.damage("n0", Damage("bit-flip", 700_000)) == 1
        await cluster.start("n0")
        state = (await cluster.observe())["n0"]
        assert (state.up, state.exit_status, state.damaged) == (False, 70, 1)
        assert "fails its checksum" in cluster._seats["n0"].member.last_words()
        await cluster.mend("n0")
        await cluster.start("n0")
        assert (await client.patient("n0", type="read", key="x"))["value"] == 4
        assert (await cluster.observe())["n0"].damaged == 0

    live(main, tmp_path, nodes=1)


@pytest.mark.parametrize(("how", "changed"), [("bit-flip", 1), ("lost-sector", 512), ("truncated", 1_250)])
def test_damage_on_a_machine_is_what_it_says(tmp_path: Path, how: str, changed: int) -> None:
    folder, remote = tmp_path / "the data", LocalRemote("here")
    folder.mkdir()
    before = b"\xaa" * 2_500
    (folder / "big").write_bytes(before)
    (folder / "big.synced").write_bytes(bytes(9_000))
    try:
        assert disk.damage(remote, str(folder), Damage(how, 500_000)) == changed
        after = (folder / "big").read_bytes()
        same = sum(map(int.__eq__, before, after))
        assert same == len(before) - changed
        disk.mend(remote, str(folder))
        assert (folder / "big").read_bytes() == before
        disk.damage(remote, str(folder), Damage(how, 500_000))
        with (folder / "big").open("ab") as file:
            file.write(b"more")
        disk.mend(remote, str(folder))
        assert (folder / "big").read_bytes() == after + b"more", "it was gone on with"
    finally:
        remote.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["the data"]


def test_a_share_of_a_processor_stops_the_process_and_lets_it_go_on(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await cluster.limit_cpu("n0", 20)
        for _ in range(5):
            await client.patient("n0", type="echo", echo=1)
            await asyncio.sleep(0.07)
        await until(lambda: cluster._seats["n0"].machine.waited > 0)
        state = (await cluster.observe())["n0"]
        assert state.throttled_ns > 0
        assert (state.limits, state.paused) == ("cpu", False)
        await cluster.kill("n0")
        await cluster.start("n0")
        await client.patient("n0", type="echo", echo=2)
        await cluster.limit_cpu("n0", 100)
        state = (await cluster.observe())["n0"]
        assert state.limits == ""
        assert not await cluster._seats["n0"].member.paused()

    live(main, tmp_path / "run", nodes=1, bin=script(tmp_path, ECHO))


CLOCK = ECHO.replace("import json, sys", "import json, sys, time").replace(
    'extra = {"echo": body["echo"]} if kind == "echo" else {}',
    'extra = {"wall": time.time_ns(), "monotonic": time.monotonic_ns()}',
)
GREEDY = ECHO.replace(
    'kind = body["type"]', 'kind = body["type"]\n    hoard = bytearray(body.get("bytes", 0))'
)


def test_a_node_without_memory_dies_of_it_and_a_lifted_limit_lets_it_live(tmp_path: Path) -> None:
    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        await cluster.limit_memory("n0", 4_096)
        assert await client.once("n0", type="echo", echo=1, bytes=64 << 20) is None
        await until(lambda: not cluster._seats["n0"].member.up)
        await cluster.limit_memory("n0", None)
        await cluster.start("n0")
        assert (await client.patient("n0", type="echo", echo=1, bytes=64 << 20))["echo"] == 1

    live(main, tmp_path / "run", nodes=1, bin=script(tmp_path, GREEDY))


def test_the_wall_clock_of_a_binary_jumps_and_drifts_and_comes_back(tmp_path: Path) -> None:
    binary = script(tmp_path, CLOCK)
    assert faketime.refusal(binary) == ""

    async def main(cluster: LiveCluster) -> None:
        client = Client(cluster)
        clock = cluster._seats["n0"].machine.fake_clock
        assert clock is not None

        async def ahead() -> int:
            reply = await client.patient("n0", type="clock")
            return int(reply["wall"] - reply["monotonic"] - (wall_ns() - real_ns()))

        assert abs(await ahead()) < 50_000_000
        for offset in (5_250_000_000, -3_600_000_000_000):
            await cluster.set_clock("n0", offset, 0)
            assert abs(await ahead() - offset) < 50_000_000
            assert abs((await cluster.observe())["n0"].clock_offset_ns - offset) < 50_000_000
        await cluster.kill("n0")
        await cluster.start("n0")
        assert abs(await ahead() + 3_600_000_000_000) < 50_000_000, "it is the machine's clock that is wrong"
        await cluster.set_clock("n0", 0, 500_000)
        await asyncio.sleep(0.5)
        state = (await cluster.observe())["n0"]
        assert 300_000 < state.clock_rate_ppm < 700_000
        assert await ahead() > 100_000_000
        await cluster.set_clock("n0", 0, 0)
        assert abs(await ahead()) < 50_000_000
        assert abs((await cluster.observe())["n0"].clock_offset_ns) < 50_000_000

    live(main, tmp_path / "run", nodes=1, bin=binary, nemesis=["clock"])


def test_clocks_that_the_library_cannot_set_are_refused(tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_bytes(b"\x7fELF" + b"/lib64/ld-linux-x86-64.so.2" + bytes(100) + faketime.GO)
    static = tmp_path / "static"
    static.write_bytes(b"\x7fELF" + bytes(100))
    assert "written in Go" in faketime.refusal(str(go))
    assert "statically linked" in faketime.refusal(str(static))
    assert "No such file" in faketime.refusal(str(tmp_path / "none"))
    for binary in (str(go), str(static)):
        with pytest.raises(UsageError, match="'clock' cannot be done"):
            check_spec(RunSpec(env="process", bin=binary, workload="echo", nemesis=["clock"]))
