"""Power losses for real files: what was synced stays, what was not may go, in every way."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.host import Draws
from nodes.power import SECTOR, PoweredFiles, lose_power
from nodes.raft.messages import Entries, Entry, RaftRecord
from nodes.wal import Wal


def records(first: int, count: int = 1) -> list[Entries]:
    entries = tuple(Entry(1, "c1", n, {"type": "write", "key": n, "value": "v" * 100}) for n in range(count))
    return [Entries(first, entries)]


def test_what_was_synced_survives_every_power_loss_and_the_rest_goes_in_every_way(tmp_path: Path) -> None:
    fates = set()
    for seed in range(60):
        folder = tmp_path / str(seed)
        files = PoweredFiles(folder)
        wal = Wal(files, RaftRecord)
        assert wal.recover() == []
        wal.append(records(1))
        wal.sync()
        wal.mark_synced()
        synced = wal.end
        wal.append(records(2))
        wal.append(records(3, 20))
        written = wal.end
        files.close()
        before = (folder / "wal").read_bytes()
        lost = lose_power(folder, Draws(seed))
        after = (folder / "wal").read_bytes()
        assert after[:synced] == before[:synced]
        assert (lost == 0) == (after == before)
        assert len(after) <= written
        recovered = Wal(PoweredFiles(folder), RaftRecord).recover()
        assert recovered[0] == records(1)[0]
        assert recovered == (records(1) + records(2) + records(3, 20))[: len(recovered)]
        fates.add((lost > 0, len(after) == written, len(recovered)))
    assert {(True, False, 1), (False, True, 3)} <= fates
    assert any(torn and whole_length for torn, whole_length, _ in fates)
    assert any(n == 2 for *_, n in fates)


def test_a_kill_loses_nothing_and_what_it_left_is_synced_before_it_counts(tmp_path: Path) -> None:
    files = PoweredFiles(tmp_path)
    wal = Wal(files, RaftRecord)
    wal.recover()
    wal.append(records(1))
    files.close()
    files = PoweredFiles(tmp_path)
    assert Wal(files, RaftRecord).recover() == records(1)
    files.close()
    assert lose_power(tmp_path, Draws(1)) == 0
    assert Wal(PoweredFiles(tmp_path), RaftRecord).recover() == records(1)


def test_a_repaired_log_is_as_durable_as_it_says(tmp_path: Path) -> None:
    """Recovery replaces a log with a torn tail; a power loss right after must not take what was kept."""
    files = PoweredFiles(tmp_path)
    wal = Wal(files, RaftRecord)
    wal.recover()
    wal.append(records(1))
    wal.sync()
    wal.mark_synced()
    files.append("wal", b"\xff" * 3 * SECTOR)
    files.close()
    files = PoweredFiles(tmp_path)
    assert Wal(files, RaftRecord).recover() == records(1)
    assert files.list() == ["wal"]
    files.close()
    for seed in range(8):
        assert lose_power(tmp_path, Draws(seed)) == 0
    assert Wal(PoweredFiles(tmp_path), RaftRecord).recover() == records(1)


def test_a_file_never_synced_may_vanish_whole_and_one_without_an_account_does_not(tmp_path: Path) -> None:
    (tmp_path / "before").write_bytes(b"written by another")
    files = PoweredFiles(tmp_path)
    files.append("before", b"!")
    files.append("new", b"x" * 5000)
    files.remove("new")
    files.append("new", b"y" * 5000)
    files.close()
    seen = set()
    for seed in range(30):
        (tmp_path / "new").write_bytes(b"y" * 5000)
        (tmp_path / "before").write_bytes(b"written by another!")
        lose_power(tmp_path, Draws(seed))
        seen.add((tmp_path / "new").stat().st_size)
        assert (tmp_path / "before").read_bytes() in (
            b"written by another",
            b"written by another!",
            b"written by another\0",
        )
    assert {0, 5000} <= seen


@pytest.mark.parametrize("length", [0, 3])
def test_an_account_cut_off_by_the_kill_accuses_nobody(tmp_path: Path, length: int) -> None:
    (tmp_path / "wal").write_bytes(b"data")
    (tmp_path / "wal.synced").write_bytes(bytes(length))
    assert lose_power(tmp_path, Draws(1)) == 0
