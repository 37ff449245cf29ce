"""The replicated log in memory. Indexes start at 1, as in the paper; index 0 has term 0."""

from __future__ import annotations

from collections.abc import Iterable

from nodes.raft.messages import Entries, Entry, HardState, RaftRecord


class Log:
    """Entries 1..last_index. Snapshots will move ``first``; nothing outside may assume it is 1."""

    __slots__ = ("_entries", "last_index")

    def __init__(self) -> None:
        self._entries: list[Entry] = [Entry(0, "", 0, None)]
        self.last_index = 0

    def __getitem__(self, index: int) -> Entry:
        return self._entries[index]

    def term_at(self, index: int) -> int:
        return self._entries[index].term

    @property
    def last_term(self) -> int:
        return self._entries[-1].term

    def slice(self, first: int, limit: int) -> tuple[Entry, ...]:
        """At most ``limit`` entries from ``first`` on."""
        return tuple(self._entries[first : first + limit])

    def extend(self, entries: Iterable[Entry]) -> None:
        self._entries.extend(entries)
        self.last_index = len(self._entries) - 1

    def append(self, entry: Entry) -> None:
        self._entries.append(entry)
        self.last_index += 1

    def truncate(self, after: int) -> None:
        """Remove every entry with an index larger than ``after``."""
        del self._entries[after + 1 :]
        self.last_index = after


def recover(records: Iterable[RaftRecord]) -> tuple[int, str | None, Log]:
    """Term, vote and log as the write-ahead log tells them, oldest record first."""
    term, vote, log = 0, None, Log()
    for record in records:
        match record:
            case HardState():
                term, vote = record.term, record.vote
            case Entries():
                assert record.first <= log.last_index + 1, "a hole in the write-ahead log"
                log.truncate(record.first - 1)
                log.extend(record.entries)
    return term, vote, log
