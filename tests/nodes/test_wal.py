"""The write-ahead log: nothing that was fsynced is ever lost in silence."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.files import DirectoryInUseError, RealFiles
from nodes.kernel import Record
from nodes.wal import SECTOR, Wal, WalCorruptError


class Term(Record, frozen=True):
    term: int
    vote: str | None


class Entry(Record, frozen=True):
    index: int
    command: bytes


Records = Term | Entry

SYNCED: list[Record] = [Term(1, "n0"), Entry(1, b"x"), Entry(2, b"y" * 40), Term(2, None)]
UNSYNCED: list[Record] = [Entry(3, b"z"), Entry(4, b"w" * 30)]


class Memory:
    """Files in a dict: what is written is there, and every call is noted."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.calls: list[tuple[str, ...]] = []

    def read(self, name: str) -> bytes:
        return self.files[name]

    def append(self, name: str, data: bytes) -> None:
        self.calls.append(("append", name))
        self.files[name] = self.files.get(name, b"") + data

    def pwrite(self, name: str, offset: int, data: bytes) -> None:
        self.calls.append(("pwrite", name))
        old = self.files[name]
        self.files[name] = old[:offset] + data + old[offset + len(data) :]

    def fdatasync(self, name: str) -> None:
        self.calls.append(("fdatasync", name))

    def rename(self, old: str, new: str) -> None:
        self.calls.append(("rename", old, new))
        self.files[new] = self.files.pop(old)

    def sync_directory(self) -> None:
        self.calls.append(("sync_directory",))

    def remove(self, name: str) -> None:
        del self.files[name]

    def list(self) -> list[str]:
        return sorted(self.files)

    def exists(self, name: str) -> bool:
        return name in self.files


def recover(content: bytes) -> list[Record]:
    return Wal(Memory({"wal": content}), Records).recover()


def image(synced: list[Record], unsynced: list[Record]) -> tuple[bytes, int]:
    """The bytes of a log, and where its synced part ends."""
    files = Memory()
    wal = Wal(files, Records)
    wal.recover()
    for record in synced:
        wal.append([record])
    wal.sync()
    wal.mark_synced()
    end = wal.end
    for record in unsynced:
        wal.append([record])
    return files.files["wal"], end


def test_a_missing_file_is_an_empty_log_and_is_created_durably() -> None:
    files = Memory()
    assert Wal(files, Records).recover() == []
    assert files.calls == [
        ("append", "wal.tmp"),
        ("fdatasync", "wal.tmp"),
        ("rename", "wal.tmp", "wal"),
        ("sync_directory",),
    ]


def test_records_come_back_in_order_over_many_incarnations() -> None:
    files = Memory()
    for i in range(4):
        wal = Wal(files, Records)
        assert wal.recover() == SYNCED[:i]
        wal.append([SYNCED[i]])
        wal.sync()
        wal.mark_synced()
    assert Wal(files, Records).recover() == SYNCED


def test_a_file_cut_at_any_byte_recovers_what_was_synced_or_refuses() -> None:
    content, end = image(SYNCED, UNSYNCED)
    for cut in range(len(content)):
        if cut < end:
            with pytest.raises(
                WalCorruptError, match=rf"^wal: corrupt at byte \d+: .*{'' if cut else 'header'}"
            ):
                recover(content[:cut])
        else:
            got = recover(content[:cut])
            assert got == (SYNCED + UNSYNCED)[: len(got)]
            assert len(got) >= len(SYNCED)
    assert recover(content) == SYNCED + UNSYNCED


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_any_byte_flipped_recovers_what_was_synced_or_refuses(mask: int) -> None:
    content, end = image(SYNCED, UNSYNCED)
    refused = 0
    for at in range(len(content)):
        bad = bytearray(content)
        bad[at] ^= mask
        try:
            got = recover(bytes(bad))
        except WalCorruptError:
            refused += 1
            assert at < end
        else:
            assert got == (SYNCED + UNSYNCED)[: len(got)]
            assert len(got) >= len(SYNCED)
    # every byte of the header's fields and of the synced frames is covered by a checksum
    assert refused == 28 + end - SECTOR


def test_every_sector_of_an_unsynced_tail_may_be_missing() -> None:
    tail: list[Record] = [Entry(i, bytes([i]) * 700) for i in range(3, 6)]
    content, end = image(SYNCED, tail)
    first = end // SECTOR
    last = len(content) // SECTOR
    for lost in range(first, last + 1):
        torn = bytearray(content)
        start = max(end, lost * SECTOR)
        stop = min(len(torn), (lost + 1) * SECTOR)
        torn[start:stop] = bytes(stop - start)
        got = recover(bytes(torn))
        assert got[: len(SYNCED)] == SYNCED
        assert got == (SYNCED + tail)[: len(got)]
        assert len(got) < len(SYNCED + tail)


def test_a_lost_marker_loses_no_record() -> None:
    """A power loss can keep the data of the last sync and lose the marker that follows it."""
    content, _ = image(SYNCED, [])
    old, _ = image([], [])
    assert recover(old[:SECTOR] + content[SECTOR:]) == SYNCED


def test_what_recovery_returns_is_durable_first() -> None:
    content, _ = image(SYNCED, UNSYNCED)
    files = Memory({"wal": content})
    Wal(files, Records).recover()
    assert files.calls == [("fdatasync", "wal"), ("pwrite", "wal")]
    content, _ = image(SYNCED, [])
    files = Memory({"wal": content})
    Wal(files, Records).recover()
    assert files.calls == []


def test_a_torn_tail_is_gone_for_good_and_the_log_goes_on() -> None:
    content, end = image(SYNCED, UNSYNCED)
    files = Memory({"wal": content[:-1], "wal.tmp": b"left over"})
    wal = Wal(files, Records)
    assert wal.recover() == SYNCED + UNSYNCED[:1]
    assert files.calls[-3:] == [("fdatasync", "wal.tmp"), ("rename", "wal.tmp", "wal"), ("sync_directory",)]
    wal.append([Term(9, "n2")])
    wal.sync()
    wal.mark_synced()
    assert Wal(files, Records).recover() == [*SYNCED, UNSYNCED[0], Term(9, "n2")]
    assert files.list() == ["wal"]
    assert end < wal.end


def test_the_marker_covers_what_was_appended_before_the_sync_began() -> None:
    files = Memory()
    wal = Wal(files, Records)
    wal.recover()
    wal.append(SYNCED)
    before = wal.end
    original = files.fdatasync

    def slow(name: str) -> None:
        wal.append(UNSYNCED)
        original(name)

    wal._fdatasync = slow
    wal.sync()
    assert wal.synced == before < wal.end


def test_records_of_another_system_are_refused() -> None:
    content, _ = image(SYNCED, [])
    with pytest.raises(WalCorruptError, match="not a record of this system"):
        Wal(Memory({"wal": content}), Term).recover()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.builds(Entry, st.integers(0, 2**40), st.binary(max_size=600)), max_size=3), max_size=6
    ),
    st.data(),
)
def test_any_torn_tail_recovers_a_prefix_of_whole_batches(
    batches: list[list[Entry]], data: st.DataObject
) -> None:
    files = Memory()
    wal = Wal(files, Records)
    wal.recover()
    synced = data.draw(st.integers(0, len(batches)))
    ends = []
    for i, batch in enumerate(batches):
        if i == synced:
            wal.sync()
            wal.mark_synced()
        wal.append(batch)
        ends.append(wal.end)
    if synced == len(batches):
        wal.sync()
        wal.mark_synced()
    content = files.files["wal"]
    cut = data.draw(st.integers(ends[synced - 1] if synced else SECTOR, len(content)))
    whole = sum(end <= cut for end in ends)
    assert recover(content[:cut]) == [record for batch in batches[:whole] for record in batch]


def test_real_files_survive_closing_and_renaming(tmp_path: Path) -> None:
    files = RealFiles(tmp_path / "data")
    wal = Wal(files, Records)
    assert wal.recover() == []
    wal.append(SYNCED)
    wal.sync()
    wal.mark_synced()
    wal.append(UNSYNCED)
    files.close()
    path = tmp_path / "data" / "wal"
    os.truncate(path, path.stat().st_size - 3)
    again = RealFiles(tmp_path / "data")
    wal = Wal(again, Records)
    assert wal.recover() == SYNCED
    wal.append(UNSYNCED)
    wal.sync()
    wal.mark_synced()
    assert again.list() == ["wal"]
    again.close()
    assert recover(path.read_bytes()) == SYNCED + UNSYNCED


def test_a_directory_has_one_owner(tmp_path: Path) -> None:
    files = RealFiles(tmp_path)
    with pytest.raises(DirectoryInUseError, match="in use by another process"):
        RealFiles(tmp_path)
    files.close()
    RealFiles(tmp_path).close()
