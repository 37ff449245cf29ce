"""Raft's peer messages (Figure 2 of the paper; thesis section 6.4 for reads), reads that wait, and persisted
records.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from nodes.kernel import Message, Record


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One log entry. ``body`` is the client's request; None in the empty entry of a new leader."""

    term: int
    client: str
    msg_id: int
    body: dict[str, Any] | None

    @property
    def identity(self) -> str:
        """How the trace names the entry."""
        return f"{self.client}:{self.msg_id}" if self.client else ""


class RequestVote(Message, frozen=True, tag="request_vote", gc=False):
    term: int
    last_index: int
    last_term: int


class Vote(Message, frozen=True, tag="vote", gc=False):
    term: int
    granted: bool


class Append(Message, frozen=True, tag="append_entries", gc=False):
    term: int
    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit: int


class Appended(Message, frozen=True, tag="append_entries_ok", gc=False):
    """``ok``: the log is durable and matches the leader's up to ``index``.

    Otherwise ``index`` is where the leader should try next from: no match can exist after it.
    """

    term: int
    ok: bool
    index: int


class Heartbeat(Message, frozen=True, tag="heartbeat", gc=False):
    """Keeps followers, tells them what is committed, and confirms leadership for reads of ``round``."""

    term: int
    round: int
    commit: int


class HeartbeatReply(Message, frozen=True, tag="heartbeat_ok", gc=False):
    term: int
    round: int


class Forward(Message, frozen=True, tag="forward", gc=False):
    """A client's request, passed on to the leader by the node that got it."""

    client: str
    client_msg_id: int
    body: dict[str, Any]


class Forwarded(Message, frozen=True, tag="forward_ok", gc=False):
    client: str
    client_msg_id: int
    reply: dict[str, Any]


RaftMessage: TypeAlias = (
    RequestVote | Vote | Append | Appended | Heartbeat | HeartbeatReply | Forward | Forwarded
)


class PendingRead(msgspec.Struct, frozen=True, gc=False):
    client: str
    msg_id: int
    body: dict[str, Any]
    origin: str | None
    """the node that forwarded it, None when the client spoke to us"""


class HardState(Record, frozen=True, tag="hard", gc=False):
    """currentTerm and votedFor of Figure 2."""

    term: int
    vote: str | None


class Entries(Record, frozen=True, tag="entries", gc=False):
    """Entries from ``first`` on; whatever the log held at ``first`` and after is replaced."""

    first: int
    entries: tuple[Entry, ...]


RaftRecord: TypeAlias = HardState | Entries
