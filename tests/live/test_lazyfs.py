"""Power losses of foreign systems: folders over FUSE, what they lose, and that no mount outlives its harness."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.live.errors import StartError
from harness.live.faults import lazyfs
from harness.live.faults.lazyfs import Lossy, mounts, settle, sweep
from harness.run import check_spec
from harness.spec import RunSpec
from tests.live.test_foreign import bit, needs, result, run

DEADLINE_S = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if why := lazyfs.missing():
        pytest.skip(why)
    made = tmp_path / "n0" / "data"
    made.mkdir(parents=True)
    return made


def until(holds: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def mounted(folder: Path) -> bool:
    return any(at == folder for at, _ in mounts())


WRITER = """
import mmap, os, sys
os.chdir(sys.argv[1])
def make(name, flags=0): return os.open(name, os.O_RDWR | os.O_CREAT | flags)
log, pages, unsynced, direct = make("log"), make("pages"), make("unsynced"), make("direct", os.O_DSYNC)
os.write(log, b"synced;"); os.fsync(log); os.write(log, b"written")
os.ftruncate(pages, 8192)
mapped = mmap.mmap(pages, 8192)
mapped[:6] = b"synced"; mapped.flush(); mapped[4096:4103] = b"written"
os.write(unsynced, b"x" * 100_000)
os.write(direct, b"at once")
os.rename("old", "new"); os.unlink("other")
print("ready", *sorted(os.listdir()), flush=True)
sys.stdin.read()
"""


def write_and_die(folder: Path) -> str:
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = writer.stdout.readline()
        writer.kill()
    return said


async def lose_while_writing(folder: Path) -> tuple[str, dict[str, int]]:
    disk = Lossy("n0", folder)
    await disk.open()
    try:
        said = await asyncio.to_thread(write_and_die, folder)
        lost = await disk.lose(1)
        assert mounted(folder)
    finally:
        await disk.close()
    return said, lost


def test_a_killed_process_leaves_what_it_synced_and_no_more(folder: Path) -> None:
    for name in ("old", "other"):
        (folder / name).write_text(name)
    said, lost = asyncio.run(lose_while_writing(folder))
    assert said.split() == ["ready", "direct", "log", "new", "pages", "unsynced"]
    assert not mounted(folder)
    assert not (folder.parent / "limbo").exists()
    assert (folder / "log").read_bytes() in [b"synced;" + b"written"[:n] for n in range(8)]
    assert (folder / "pages").read_bytes()[:6] == b"synced"
    assert (folder / "direct").read_bytes() == b"at once"
    assert lost["lost_bytes"] > 0
    assert lost["syncs"] >= 3
    # the rename and the unlink were in the journal that the O_DSYNC write did not ask for, or just made it
    assert sorted(p.name for p in folder.iterdir() if p.name in ("old", "other", "new")) in [
        ["new"],
        ["old", "other"],
    ]


def test_what_a_member_is_given_is_durable(folder: Path) -> None:
    async def main() -> dict[str, int]:
        disk = Lossy("n0", folder)
        await disk.open()
        try:
            (folder / "sub").mkdir()
            (folder / "sub" / "server.conf").write_text("port 1")
            settle(folder)
            return await disk.lose(3)
        finally:
            await disk.close()

    assert asyncio.run(main())["lost_bytes"] == 0
    assert (folder / "sub" / "server.conf").read_text() == "port 1"


HARNESS = """
import asyncio, sys
from pathlib import Path
from harness.live.faults.lazyfs import Lossy
async def main():
    disk = Lossy("n0", Path(sys.argv[1]))
    await disk.open()
    print(disk._process.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.parametrize("server_too", [False, True])
def test_no_mount_outlives_a_killed_harness(folder: Path, *, server_too: bool) -> None:
    (folder / "kept").write_text("data")
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with harness:
        assert harness.stdout is not None
        server = int(harness.stdout.readline())
        assert mounted(folder)
        assert sweep() == 0  # its harness is there
        assert mounted(folder)
        if server_too:
            os.kill(server, signal.SIGKILL)
        harness.kill()
    if server_too:
        until(lambda: sweep() == 1)
    until(lambda: not mounted(folder))
    assert (folder / "kept").read_text() == "data"
    until(lambda: not (folder.parent / "limbo").exists())


def test_it_is_refused_in_one_line_where_something_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("redis-server", root=False)
    spec = RunSpec(system="redis", workload="g-set", env="process", nemesis=["power-loss"], nodes=3)
    monkeypatch.setattr(lazyfs, "DEVICE", Path("/dev/nothing"))
    with pytest.raises(UsageError, match=r"\(/dev/nothing cannot be opened\)"):
        check_spec(spec)


def test_a_folder_that_cannot_be_mounted_is_said_so(folder: Path) -> None:
    async def main() -> None:
        disk = Lossy("n0", folder.with_name("nothing"))
        try:
            await disk.open()
        finally:
            await disk.close()

    with pytest.raises(StartError, match="node n0: its folder cannot be mounted over FUSE: "):
        asyncio.run(main())


def test_redis_that_does_not_sync_loses_acknowledged_writes(tmp_path: Path) -> None:
    needs("redis-server")
    if why := lazyfs.missing():
        pytest.skip(why)
    outcome = run(
        tmp_path,
        system="redis",
        workload="g-set",
        nemesis=["power-loss:all"],
        interval=8,
        time_limit=6,
        quiet=10,
        options={"config": {"appendfsync": "no"}},
    )
    assert outcome.verdict == "invalid", outcome.results
    assert bit(outcome) == {"power-loss"}
    assert "lost" in {a.type for a in result(outcome, "set-full").anomalies}
    assert not [at for at, _ in mounts() if at.is_relative_to(tmp_path)]
