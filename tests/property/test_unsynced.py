"""What survives a power loss and what does not: the model of the file system beside a dumb twin that copies all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from harness.live.faults.unsynced import BLOCK, PAGE, Disk, Lost
from harness.streams import Streams

GONE, SURVIVES = 1, 0


class Fates:
    """``names``: whether the journal survives; ``torn``: whether a part of each file does, all else being gone."""

    def __init__(self, names: int = GONE, torn: int = 0) -> None:
        self.fates = {(0, 2): names, (0, 1): torn}

    def between(self, low: int, high: int) -> int:
        return self.fates[low, high]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return fresh(tmp_path)


def fresh(place: Path) -> Disk:
    (place / "data").mkdir()
    return Disk(str(place / "data"), place / "limbo")


def put(disk: Disk, path: str, data: bytes, *, at: int = 0, sync: bool = False, flags: int = 0) -> None:
    fd = disk.open(path, os.O_RDWR | os.O_CREAT | flags)
    disk.write(fd, data, at)
    if sync:
        disk.sync(fd)
    disk.close(fd)


def contents(disk: Disk) -> dict[str, bytes]:
    root = Path(disk.root)
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_what_was_fsynced_survives_and_what_was_not_is_gone(disk: Disk) -> None:
    put(disk, "log", b"synced", sync=True)
    put(disk, "log", b"more", at=6)
    put(disk, "log", b"S")
    assert contents(disk) == {"log": b"Syncedmore"}
    lost = disk.lose(Fates())
    assert contents(disk) == {"log": b"synced"}
    assert lost == Lost(lost_bytes=5, lost_writes=2, lost_names=0, torn=0, syncs=1)


@pytest.mark.parametrize("flag", [os.O_SYNC, os.O_DSYNC])
def test_synchronous_writes_survive(disk: Disk, flag: int) -> None:
    put(disk, "log", b"at once", flags=flag)
    disk.lose(Fates())
    assert contents(disk) == {"log": b"at once"}


def test_a_file_that_was_cut_short_is_whole_again(disk: Disk) -> None:
    put(disk, "db", b"x" * 3 * PAGE, sync=True)
    fd = disk.open("db", os.O_RDWR | os.O_TRUNC)
    disk.write(fd, b"new", 5)
    disk.close(fd)
    assert disk.lose(Fates()).lost_bytes == 3 * PAGE
    assert contents(disk) == {"db": b"x" * 3 * PAGE}


def test_what_was_reserved_and_not_written_is_no_loss(disk: Disk) -> None:
    for name in ("wal", "next"):
        put(disk, name, b"log", sync=name == "wal")
        fd = disk.open(name, os.O_RDWR)
        disk.truncate(fd, 64 << 20)
        disk.write(fd, b"more", 1 << 20)
        disk.close(fd)
    assert disk.lose(Fates()).lost_bytes == 4 + 3 + 4


def test_a_new_file_is_gone_with_its_name_or_empty_if_that_survives(tmp_path: Path) -> None:
    for names, left in ((GONE, {}), (SURVIVES, {"new": b""})):
        place = tmp_path / str(names)
        place.mkdir()
        disk = fresh(place)
        put(disk, "new", b"unsynced")
        lost = disk.lose(Fates(names))
        assert contents(disk) == left
        assert lost.lost_bytes == 8
        assert lost.lost_names == (names == GONE)


def test_a_rename_is_durable_with_its_folder_and_undone_without(disk: Disk) -> None:
    put(disk, "current", b"old", sync=True)
    put(disk, "next", b"new", sync=True)
    disk.rename("next", "current")
    assert contents(disk) == {"current": b"new"}
    disk.lose(Fates())
    assert contents(disk) == {"current": b"old", "next": b"new"}
    disk.rename("next", "current")
    disk.sync_folder("/")
    disk.lose(Fates())
    assert contents(disk) == {"current": b"new"}


def test_fsync_of_a_renamed_file_writes_its_name(disk: Disk) -> None:
    put(disk, "next", b"new", sync=True)
    disk.rename("next", "current")
    fd = disk.open("current", os.O_RDONLY)
    disk.sync(fd, data_only=True)
    disk.close(fd)
    disk.lose(Fates())
    assert contents(disk) == {"next": b"new"}
    disk.rename("next", "current")
    fd = disk.open("current", os.O_RDONLY)
    disk.sync(fd)
    disk.close(fd)
    disk.lose(Fates())
    assert contents(disk) == {"current": b"new"}


def test_an_unlinked_file_comes_back_and_a_removed_folder_too(disk: Disk) -> None:
    disk.mkdir("snap", 0o755)
    put(disk, "snap/0", b"zero", sync=True)
    disk.unlink("snap/0")
    disk.rmdir("snap")
    assert contents(disk) == {}
    disk.lose(Fates())
    assert contents(disk) == {"snap/0": b"zero"}


def test_fdatasync_of_an_overwrite_writes_no_names(disk: Disk) -> None:
    put(disk, "db", b"page", sync=True)
    put(disk, "other", b"")
    fd = disk.open("db", os.O_RDWR)
    disk.write(fd, b"PAGE", 0)
    disk.sync(fd, data_only=True)
    disk.close(fd)
    disk.lose(Fates())
    assert contents(disk) == {"db": b"PAGE"}


def test_a_torn_append_ends_at_a_block_and_a_torn_overwrite_changes_blocks(disk: Disk) -> None:
    old, new = b"o" * 4 * BLOCK, b"n" * 20 * BLOCK
    torn = 0
    for seed in range(40):
        put(disk, f"f{seed}", old, sync=True)
        put(disk, f"f{seed}", new)
        torn += disk.lose(Streams(seed).stream("test")).torn
        left = contents(disk)[f"f{seed}"]
        assert len(old) <= len(left) <= len(new)
        assert len(left) % BLOCK == 0
        blocks = [left[at : at + BLOCK] for at in range(0, len(left), BLOCK)]
        assert all(b in (old[:BLOCK], new[:BLOCK]) for b in blocks)
        assert all(b == new[:BLOCK] for b in blocks[4:])
    assert 5 < torn < 35


NAMES = st.sampled_from(["a", "b", "d/a", "e/a"])
FOLDERS = st.sampled_from(["d", "e", "d/c"])


class Twin(RuleBasedStateMachine):
    """The folder and a copy of all that is durable: paths, each with an inode, and each inode's contents."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.disk = fresh(Path(self.place.name))
        self.count = 0
        self.tree: dict[str, int | None] = {}
        """as seen: path -> inode, None of a folder"""
        self.data: dict[int, bytes] = {}
        self.durable_tree: dict[str, int | None] = {}
        self.durable_data: dict[int, bytes] = {}
        self.part: set[int | str] = set()
        """inodes and folders with a part in the journal"""

    @initialize()
    def begin(self) -> None:
        """Most of what is interesting takes files with something durable in them."""
        self.mkdir("d")
        for path in ("a", "b", "d/a"):
            self.write(path, 0, 9000, 1)
            self.sync(path)

    def teardown(self) -> None:
        self.place.cleanup()

    def parent(self, path: str) -> str:
        return path.rpartition("/")[0]

    def there(self, path: str) -> bool:
        return self.parent(path) in ("", *(p for p, inode in self.tree.items() if inode is None))

    def commit(self) -> None:
        self.durable_tree = dict(self.tree)
        self.part.clear()

    @rule(path=NAMES, at=st.integers(0, 9000), size=st.integers(1, 6000), byte=st.integers(1, 255))
    def write(self, path: str, at: int, size: int, byte: int) -> None:
        if not self.there(path):
            return
        put(self.disk, path, bytes([byte]) * size, at=at)
        if path not in self.tree:
            self.count += 1
            self.tree[path] = self.count
            self.data[self.count] = self.durable_data[self.count] = b""
            self.part |= {self.count, self.parent(path)}
        inode = self.tree[path]
        assert inode is not None
        before = self.data[inode].ljust(at, b"\0")
        self.data[inode] = before[:at] + bytes([byte]) * size + before[at + size :]

    @rule(path=NAMES, length=st.integers(0, 12000))
    def truncate(self, path: str, length: int) -> None:
        inode = self.tree.get(path)
        if inode is None:
            return
        fd = self.disk.open(path, os.O_RDWR)
        self.disk.truncate(fd, length)
        self.disk.close(fd)
        self.data[inode] = self.data[inode][:length].ljust(length, b"\0")

    @rule(path=NAMES)
    def sync(self, path: str) -> None:
        inode = self.tree.get(path)
        if inode is None:
            return
        # whether contents changed to what they were is nothing that the twin can see: it asks for a change
        fd = self.disk.open(path, os.O_RDWR)
        self.disk.write(fd, b"!", 0)
        self.disk.sync(fd)
        self.disk.close(fd)
        self.data[inode] = self.durable_data[inode] = b"!" + self.data[inode][1:]
        self.commit()

    @rule(folder=FOLDERS)
    def mkdir(self, folder: str) -> None:
        if folder in self.tree or not self.there(folder):
            return
        self.disk.mkdir(folder, 0o755)
        self.tree[folder] = None
        self.part |= {folder, self.parent(folder)}

    @rule(folder=st.sampled_from(["", "d", "e", "d/c"]))
    def sync_folder(self, folder: str) -> None:
        if folder and folder not in self.tree:
            return
        self.disk.sync_folder(folder)
        if folder in self.part:
            self.commit()

    @rule(path=NAMES)
    def unlink(self, path: str) -> None:
        if self.tree.get(path) is not None:
            self.disk.unlink(path)
            del self.tree[path]
            self.part.add(self.parent(path))

    @rule(folder=FOLDERS)
    def rmdir(self, folder: str) -> None:
        if folder in self.tree and not any(p.startswith(folder + "/") for p in self.tree):
            self.disk.rmdir(folder)
            del self.tree[folder]
            self.part.discard(folder)
            self.part.add(self.parent(folder))

    @rule(old=NAMES, new=NAMES)
    def rename(self, old: str, new: str) -> None:
        inode = self.tree.get(old)
        if inode is None or not self.there(new) or inode == self.tree.get(new):
            return
        self.disk.rename(old, new)
        del self.tree[old]
        self.tree[new] = inode
        self.part |= {inode, self.parent(old), self.parent(new)}

    @rule(old=NAMES, new=NAMES)
    def link(self, old: str, new: str) -> None:
        inode = self.tree.get(old)
        if inode is None or not self.there(new) or new in self.tree:
            return
        self.disk.link(new, old)
        self.tree[new] = inode
        self.part |= {inode, self.parent(new)}

    @rule(names=st.sampled_from([GONE, SURVIVES]))
    def lose(self, names: int) -> None:
        self.disk.lose(Fates(names))
        if names == SURVIVES:
            self.commit()
        self.tree = dict(self.durable_tree)
        self.data = dict(self.durable_data)
        self.part.clear()

    @invariant()
    def what_is_seen_is_there(self) -> None:
        expected = {path: self.data[inode] for path, inode in self.tree.items() if inode is not None}
        assert contents(self.disk) == expected
        root = Path(self.disk.root)
        folders = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_dir()}
        assert folders == {path for path, inode in self.tree.items() if inode is None}


Twin.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestTwin = Twin.TestCase
