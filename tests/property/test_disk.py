"""The write-ahead log on a simulated disk: whatever a power loss does, no record that was synced is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sim.disk import SimFile, SimFiles
from harness.streams import Streams
from nodes.raft.messages import Entries, Entry, RaftRecord
from nodes.wal import Wal

STEPS = st.lists(
    st.sampled_from(["append", "append", "append", "begin", "finish", "power", "kill"]),
    min_size=1,
    max_size=60,
)


class Host:
    """A log and its disk as SimNode uses them: one sync at a time, the marker after it."""

    def __init__(self, seed):
        self.files = SimFiles()
        self.power = Streams(seed).stream("power")
        self.written = []
        self.synced = 0
        """records known to be durable"""
        self.open()

    def open(self):
        self.files.deferred = False
        self.wal = Wal(self.files, RaftRecord)
        recovered = self.wal.recover()
        self.files.deferred = True
        self.syncing = None
        return recovered

    def append(self, size):
        body = {"type": "write", "key": "k", "value": "x" * size}
        record = Entries(len(self.written) + 1, (Entry(1, "c", len(self.written), body),))
        self.wal.append((record,))
        self.written.append(record)

    def begin(self):
        if self.syncing is None:
            self.wal.sync()
            self.syncing = len(self.written)

    def finish(self):
        if self.syncing is not None:
            self.files.finish_sync("wal")
            self.wal.mark_synced()
            self.synced, self.syncing = self.syncing, None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(steps=STEPS, seed=st.integers(0, 1000), size=st.sampled_from([0, 40, 700]))
def test_power_loss_never_loses_a_synced_record(steps, seed, size):
    host = Host(seed)
    for step in [*steps, "power"]:
        if step == "append":
            host.append(size)
        elif step in ("begin", "finish"):
            getattr(host, step)()
        else:
            if step == "power":
                host.files.lose_power(host.power)
            recovered = host.open()
            assert recovered == host.written[: len(recovered)], (
                "what is found is what was written, from the front"
            )
            assert len(recovered) >= host.synced, "what was synced is found"
            if step == "kill":
                assert recovered == host.written, "the page cache survives a kill"
            host.written = list(recovered)
            host.synced = len(recovered)


def test_power_loss_does_lose_what_was_not_synced():
    lost = kept = torn = 0
    for seed in range(60):
        host = Host(seed)
        host.append(700)
        host.begin()
        host.finish()
        host.append(2000)
        host.append(2000)
        host.files.lose_power(host.power)
        found = len(host.open())
        assert found >= 1
        lost += found == 1
        torn += found == 2
        kept += found == 3
    assert lost
    assert kept
    assert torn


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    durable=st.binary(max_size=1500),
    loose=st.binary(max_size=1500),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_synced_bytes_survive_and_what_is_lost_is_counted(durable, loose, seed, data):
    file = SimFile()
    file.data += durable
    file.begin_sync()
    file.finish_sync()
    file.data += loose
    before = bytes(file.data)
    lost = file.lose_power(Streams(seed).stream("power"))
    after = bytes(file.data)
    assert after[: len(durable)] == durable
    assert len(after) <= len(before)
    differing = sum(a != b for a, b in zip(before, after, strict=False)) + len(before) - len(after)
    assert lost >= differing
    assert file.lose_power(Streams(data.draw(st.integers(0, 9))).stream("power")) == 0, "it is on the platter"
    assert bytes(file.data) == after


def test_a_sync_in_flight_does_not_cover_what_was_written_after_it_began():
    covered = set()
    for seed in range(40):
        file = SimFile()
        file.data += b"one"
        file.begin_sync()
        file.data += b"two"
        file.finish_sync()
        file.lose_power(Streams(seed).stream("power"))
        assert bytes(file.data[:3]) == b"one"
        covered.add(bytes(file.data))
    assert b"one" in covered
    assert b"onetwo" in covered


def test_a_name_is_durable_only_once_the_directory_is_synced():
    for synced in (False, True):
        files = SimFiles()
        files.append("new", b"x")
        files.fdatasync("new")
        if synced:
            files.sync_directory()
        files.lose_power(Streams(1).stream("power"))
        assert files.exists("new") is synced


def test_a_rename_that_was_not_synced_leaves_the_old_file():
    files = SimFiles()
    files.append("wal", b"old")
    files.fdatasync("wal")
    files.sync_directory()
    files.append("wal.tmp", b"new")
    files.fdatasync("wal.tmp")
    files.rename("wal.tmp", "wal")
    files.lose_power(Streams(1).stream("power"))
    assert files.read("wal") == b"old"


def test_an_overwrite_that_was_synced_survives_and_one_that_was_not_may_not():
    found = set()
    for seed in range(40):
        file = SimFile()
        file.data += b"aaaa"
        file.begin_sync()
        file.finish_sync()
        for fresh, synced in ((b"bb", True), (b"cc", False)):
            file.undo.append((0, bytes(file.data[:2])))
            file.data[:2] = fresh
            if synced:
                file.begin_sync()
                file.finish_sync()
        file.lose_power(Streams(seed).stream("power"))
        found.add(bytes(file.data))
    assert found == {b"bbaa", b"ccaa"}
