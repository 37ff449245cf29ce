"""Planted bugs: named, deliberate defects, each one guard removed or weakened. Off by default.

The harness is judged by them: each must be caught, by the checker that should, and the sound build must raise
nothing. Numbers are those of the project's catalogue of mutants.
"""

from __future__ import annotations

import msgspec

from nodes.raft.core import Raft
from nodes.raft.messages import Entry
from nodes.wal import Wal


class VoteNotPersisted(Raft):
    def _save_hard_state(self) -> None:
        pass


class CommitsEarlierTerms(Raft):
    def _may_commit(self, index: int) -> bool:  # noqa: ARG002
        return True


class AlwaysTruncates(Raft):
    def _first_new(self, prev_index: int, entries: tuple[Entry, ...]) -> int:  # noqa: ARG002
        return 0


class IndexBeforeTerm(Raft):
    def _is_up_to_date(self, last_index: int, last_term: int) -> bool:
        return (last_index, last_term) >= (self.log.last_index, self.log.last_term)


class ShortReadQuorum(Raft):
    def _read_quorum(self) -> int:
        return self.quorum - 1


class ReadsBeforeOwnCommit(Raft):
    def _may_read(self) -> bool:
        return True


class NoSessions(Raft):
    def _is_duplicate(self, client: str, msg_id: int) -> bool:  # noqa: ARG002
        return False


class AcknowledgesBeforeSync(Raft):
    def _durable(self, token: int) -> int | None:  # noqa: ARG002
        return None


class NoChecksums(Wal):
    def _intact(self, frame: bytes, crc: int) -> bool:  # noqa: ARG002
        return True


class RotTakenForATornTail(Wal):
    def _expects(self, at: int, marker: int) -> bool:  # noqa: ARG002
        return False


class Bug(msgspec.Struct, frozen=True):
    """``caught_by``: (checker, anomaly), all of which should show it; ``fault``: the families that expose it.

    ``client_symptom``: the history alone, without the trace, must show it.
    """

    name: str
    number: int
    defect: str
    core: type[Raft]
    caught_by: tuple[tuple[str, str], ...]
    fault: str
    client_symptom: bool
    log: type[Wal] = Wal


NO_ORDER = ("linearizability", "nonlinearizable")
TWO_LEADERS = ("raft-invariants", "ElectionSafety")
INCOMPLETE_LEADER = ("raft-invariants", "LeaderCompleteness")
DIVERGED = ("state-divergence", "state-divergence")
NOT_DURABLE = ("raft-invariants", "CommittedIsDurable")

BUGS: dict[str, Bug] = {
    bug.name: bug
    for bug in (
        Bug("vote-not-persisted", 1, "term and vote are not written to disk", VoteNotPersisted,
            (TWO_LEADERS, NO_ORDER), "kill, power-loss", client_symptom=True),
        Bug("commits-earlier-terms", 2, "entries of earlier terms are committed by counting replicas (Figure 8)",
            CommitsEarlierTerms, (INCOMPLETE_LEADER,), "kill, partition", client_symptom=False),
        Bug("always-truncates", 5, "AppendEntries always truncates the log at its first entry",
            AlwaysTruncates, (NOT_DURABLE,), "link", client_symptom=False),
        Bug("index-before-term", 6, "a vote compares the last index before the last term",
            IndexBeforeTerm, (INCOMPLETE_LEADER,), "partition", client_symptom=False),
        Bug("short-read-quorum", 7, "a read asks one node fewer than a majority",
            ShortReadQuorum, (NO_ORDER,), "partition", client_symptom=True),
        Bug("reads-before-own-commit", 8, "a new leader serves reads before it committed in its own term",
            ReadsBeforeOwnCommit, (NO_ORDER,), "kill, partition", client_symptom=True),
        Bug("no-sessions", 18, "a repeated request is executed again",
            NoSessions, (NO_ORDER,), "link, partition", client_symptom=True),
        Bug("acknowledges-before-sync", 19, "entries are acknowledged before they are synced",
            AcknowledgesBeforeSync, (NO_ORDER, NOT_DURABLE), "power-loss", client_symptom=True),
        Bug("no-checksums", 21, "the log is read without checking its checksums",
            Raft, (DIVERGED,), "disk", client_symptom=False, log=NoChecksums),
        Bug("rot-as-torn-tail", 22, "a damaged record that was synced is taken for a torn tail",
            Raft, (NOT_DURABLE,), "disk", client_symptom=False, log=RotTakenForATornTail),
    )
}  # fmt: skip
