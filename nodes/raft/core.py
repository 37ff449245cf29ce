"""The Raft core: a state machine of events to effects. Section numbers are the extended paper's (2014).

What must be durable before it is said: term and vote before a vote or a candidacy (5.1, 5.2), entries before
they are acknowledged (5.3). Every such effect names the token of the write it depends on. A leader sends its
entries while it still writes them itself (thesis 10.2.1) and counts itself only once they are stored.

The small methods under "guards" are the rules on which safety rests, one rule each: nodes/bugs.py weakens
them one at a time to measure what a harness can see.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from nodes import kernel
from nodes.kernel import Effect, Now, Persist, Reply, Send, SetTimer, Trace
from nodes.kv import KeyValue
from nodes.raft.config import RaftConfig
from nodes.raft.log import Log, recover
from nodes.raft.messages import (
    Append,
    Appended,
    Entries,
    Entry,
    Forward,
    Forwarded,
    HardState,
    Heartbeat,
    HeartbeatReply,
    PendingRead,
    RequestVote,
    Vote,
)

MS = 1_000_000
FOLLOWER, CANDIDATE, LEADER = "follower", "candidate", "leader"


def _is_request(event: kernel.Event) -> bool:
    kind = type(event)
    return kind is kernel.Request or (kind is kernel.Receive and type(event.message) is Forward)  # type: ignore[union-attr]


class Raft:
    """One member. ``node_ids`` holds every member, this one included."""

    def __init__(self, node_id: str, node_ids: tuple[str, ...], config: RaftConfig) -> None:
        self.id = node_id
        self.config = config
        self.peers = tuple(n for n in node_ids if n != node_id)
        self.quorum = len(node_ids) // 2 + 1
        # persistent
        self.term = 0
        self.vote: str | None = None
        self.log = Log()
        # volatile
        self.role = FOLLOWER
        self.leader: str | None = None
        self.commit = 0
        self.machine = KeyValue()
        self.sessions: dict[str, tuple[int, dict[str, Any]]] = {}
        self.token = 0
        self.stored = 0
        self.term_token = 0
        # candidate
        self.votes: set[str] = set()
        # leader
        self.next: dict[str, int] = {}
        self.match: dict[str, int] = {}
        self.match_at_tick: dict[str, int] = {}
        self.last_at_tick = 0
        self.unstored: deque[tuple[int, int]] = deque()
        self.unsaved = 0
        """the first of our own entries that is not written yet; 0: none"""
        self.term_start = 0
        self.pending: dict[tuple[str, int], str | None] = {}
        self.round = 0
        self.round_acks: set[str] = set()
        self.reads: list[PendingRead] = []
        self.next_reads: list[PendingRead] = []
        self._out: list[Effect] = []
        heartbeat_ns = config.heartbeat_ms * MS
        self._heartbeat_timer = SetTimer("heartbeat", heartbeat_ns, heartbeat_ns)
        self._election_timer = SetTimer("election", config.election_ms_min * MS, config.election_ms_max * MS)
        self._receivers: dict[type, Any] = {
            RequestVote: self._on_request_vote,
            Vote: self._on_vote,
            Append: self._on_append,
            Appended: self._on_appended,
            Heartbeat: self._on_heartbeat,
            HeartbeatReply: self._on_heartbeat_reply,
            Forward: self._on_forward,
            Forwarded: self._on_forwarded,
        }

    def handle(self, event: kernel.Event, now: Now) -> list[Effect]:
        return self.handle_all((event,), now)

    def handle_all(self, events: Iterable[kernel.Event], now: Now) -> list[Effect]:  # noqa: ARG002  no lease: no clock read
        """Requests that come together are written, sent and read together (thesis 10.2.2)."""
        out: list[Effect] = []
        self._out = out
        for event in events:
            if self.unsaved and not _is_request(event):
                self._save_own()
            self._handle(event)
        if self.unsaved:
            self._save_own()
        if self.next_reads and not self.reads and self._may_read():
            self._start_round()
        return out

    def _handle(self, event: kernel.Event) -> None:
        match event:
            case kernel.Receive():
                self._receivers[type(event.message)](event.src, event.message)
            case kernel.Stored():
                self._on_stored(event.token)
            case kernel.Request():
                self._on_request(event.client, event.msg_id, event.body, None)
            case kernel.Timer():
                self._on_timer(event.name)
            case kernel.Start():
                self._on_start(event.recovered)

    # --- guards -------------------------------------------------------------------------------------------

    def _durable(self, token: int) -> int | None:
        """What depends on ``token`` leaves after it is stored."""
        return token if token > self.stored else None

    def _own_match(self) -> int:
        """The leader's own log counts up to what it has stored."""
        return self.match[self.id]

    def _save_hard_state(self) -> None:
        """Term and vote survive a crash (Figure 2: updated on stable storage before responding)."""
        self.term_token = self._persist((HardState(self.term, self.vote),))

    def _is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """Section 5.4.1: the candidate's log is at least as up-to-date as ours; terms decide first."""
        return (last_term, last_index) >= (self.log.last_term, self.log.last_index)

    def _may_commit(self, index: int) -> bool:
        """Section 5.4.2: only entries of the leader's own term are committed by counting replicas."""
        return self.log.term_at(index) == self.term

    def _first_new(self, prev_index: int, entries: tuple[Entry, ...]) -> int:
        """Figure 2, AppendEntries 3 and 4: how many of ``entries`` the log already holds.

        Only a conflict (same index, different term) removes what the log has.
        """
        index, last = prev_index, self.log.last_index
        for n, entry in enumerate(entries):
            index += 1
            if index > last or self.log.term_at(index) != entry.term:
                return n
        return len(entries)

    def _read_quorum(self) -> int:
        """Thesis 6.4: a read needs the word of a majority that we lead still."""
        return self.quorum

    def _may_read(self) -> bool:
        """Thesis 6.4, step 1: a new leader knows what is committed once it committed in its own term."""
        return self.commit >= self.term_start

    def _is_duplicate(self, client: str, msg_id: int) -> bool:
        """Section 8: a command whose session has seen its serial number is not executed again."""
        return client in self.sessions and self.sessions[client][0] >= msg_id

    # --- events -------------------------------------------------------------------------------------------

    def _on_start(self, recovered: tuple[Any, ...]) -> None:
        self.term, self.vote, self.log = recover(recovered)
        self._trace(
            "started",
            {
                "term": self.term,
                "vote": self.vote,
                "last_index": self.log.last_index,
                "last_term": self.log.last_term,
            },
        )
        self._reset_election_timer()

    def _on_timer(self, name: str) -> None:
        # a paused host hands over a timer that has been cancelled meanwhile: the role decides, not the name
        if name == "heartbeat":
            if self.role is LEADER:
                self._tick()
        elif self.role is not LEADER:
            self._campaign()

    def _on_stored(self, token: int) -> None:
        self.stored = token
        if self.role is LEADER:
            self._count_stored(token)

    # --- elections (5.2) ----------------------------------------------------------------------------------

    def _campaign(self) -> None:
        self._fail_clients()
        self.term += 1
        self.vote = self.id
        self.leader = None
        self.role = CANDIDATE
        self.votes = {self.id}
        self._save_hard_state()
        self._trace("role", {"role": CANDIDATE, "term": self.term})
        self._trace("vote", {"term": self.term, "for": self.id})
        self._reset_election_timer()
        request = RequestVote(self.term, self.log.last_index, self.log.last_term)
        for peer in self.peers:
            self._out.append(Send(peer, request, self._durable(self.term_token)))
        if len(self.votes) >= self.quorum:
            self._lead()

    def _on_request_vote(self, src: str, m: RequestVote) -> None:
        if m.term > self.term:
            self._follow(m.term, None)
        granted = (
            m.term == self.term
            and self.vote in (None, src)
            and self._is_up_to_date(m.last_index, m.last_term)
        )
        if granted and self.vote is None:
            self.vote = src
            self._save_hard_state()
            self._trace("vote", {"term": self.term, "for": src})
        if granted:
            self._reset_election_timer()
        self._out.append(Send(src, Vote(self.term, granted), self._durable(self.term_token)))

    def _on_vote(self, src: str, m: Vote) -> None:
        if m.term > self.term:
            self._follow(m.term, None)
        elif m.term == self.term and m.granted and self.role is CANDIDATE:
            self.votes.add(src)
            if len(self.votes) >= self.quorum:
                self._lead()

    def _follow(self, term: int, leader: str | None) -> None:
        """Become a follower, of ``leader`` if it is known, in ``term`` (never smaller than our own)."""
        assert term >= self.term
        if self.role is LEADER:
            self._out.append(kernel.CancelTimer("heartbeat"))
            self._fail_clients()
        changed = self.role is not FOLLOWER or term > self.term
        self.role = FOLLOWER
        self.leader = leader
        if term > self.term:
            self.term = term
            self.vote = None
            self._save_hard_state()
        if changed:
            self._trace("role", {"role": FOLLOWER, "term": term})
        self._reset_election_timer()

    def _lead(self) -> None:
        self.role = LEADER
        self.leader = self.id
        self._trace("role", {"role": LEADER, "term": self.term})
        self._out.append(kernel.CancelTimer("election"))
        last = self.log.last_index
        self.next = dict.fromkeys(self.peers, last + 1)
        self.match = dict.fromkeys((*self.peers, self.id), 0)
        self.match_at_tick = dict.fromkeys(self.peers, -1)  # the first tick repeats nothing
        self.unstored.clear()
        self.term_start = last + 1
        self.round_acks = set()
        self._append_own(Entry(self.term, "", 0, None))
        self._save_own()
        self._tick()

    def _reset_election_timer(self) -> None:
        self._out.append(self._election_timer)

    # --- replication (5.3) --------------------------------------------------------------------------------

    def _append_own(self, entry: Entry) -> None:
        self.log.append(entry)
        if not self.unsaved:
            self.unsaved = self.log.last_index

    def _save_own(self) -> None:
        """Write what was appended and send it to the peers that have all before it."""
        first, last = self.unsaved, self.log.last_index
        self.unsaved = 0
        entries = self.log.slice(first, last - first + 1)
        self._trace("append", {"index": first, "entries": [(e.term, e.identity) for e in entries]})
        self.unstored.append((self._persist((Entries(first, entries),)), last))
        for peer in self.peers:
            if self.next[peer] == first:
                while self.next[peer] <= last:
                    self._replicate(peer)

    def _replicate(self, peer: str) -> None:
        """Send what ``peer`` lacks, and go on as if it had arrived: a rejection or a tick corrects that."""
        first = self.next[peer]
        entries = self.log.slice(first, self.config.append_entries_max)
        prev = first - 1
        self._out.append(Send(peer, Append(self.term, prev, self.log.term_at(prev), entries, self.commit)))
        self.next[peer] = first + len(entries)

    def _tick(self) -> None:
        """The leader's heartbeat. A peer that made no progress on what it lacked at the last tick gets it again."""
        for peer in self.peers:
            match = self.match[peer]
            if match == self.match_at_tick[peer] and match < self.last_at_tick:
                self.next[peer] = max(match + 1, min(self.next[peer], self.term_start))
                self._replicate(peer)
            self.match_at_tick[peer] = match
            self._out.append(Send(peer, Heartbeat(self.term, self.round, min(match, self.commit))))
        self.last_at_tick = self.log.last_index
        self._out.append(self._heartbeat_timer)

    def _on_append(self, src: str, m: Append) -> None:
        if m.term < self.term:
            self._out.append(Send(src, Appended(self.term, ok=False, index=0)))
            return
        if m.term > self.term or self.role is not FOLLOWER or self.leader != src:
            assert self.role is not LEADER or m.term > self.term, "two leaders in one term"
            self._follow(m.term, src)
        else:
            self._reset_election_timer()
        log, prev = self.log, m.prev_index
        if prev > log.last_index or log.term_at(prev) != m.prev_term:
            self._out.append(Send(src, Appended(m.term, ok=False, index=self._match_below(prev))))
            return
        known = self._first_new(prev, m.entries)
        if known < len(m.entries):
            first = prev + known + 1
            fresh = m.entries[known:] if known else m.entries
            if first <= log.last_index:
                log.truncate(first - 1)
                self._trace("truncate", {"after": first - 1})
            log.extend(fresh)
            self._trace("append", {"index": first, "entries": [(e.term, e.identity) for e in fresh]})
            self._persist((Entries(first, fresh),))
        matched = prev + len(m.entries)
        if m.commit > self.commit:
            self._commit_to(min(m.commit, matched))
        self._out.append(Send(src, Appended(m.term, ok=True, index=matched), self._durable(self.token)))

    def _match_below(self, prev: int) -> int:
        """Where a leader whose ``prev`` we lack should go on: a whole conflicting term is skipped (5.3)."""
        if prev > self.log.last_index:
            return self.log.last_index
        conflict = self.log.term_at(prev)
        while prev > self.commit and self.log.term_at(prev) == conflict:
            prev -= 1
        return prev

    def _on_appended(self, src: str, m: Appended) -> None:
        if m.term > self.term:
            self._follow(m.term, None)
        if self.role is not LEADER or m.term < self.term:
            return
        match = self.match[src]
        if m.ok:
            if m.index > match:
                self.match[src] = m.index
                self._advance_commit()
            if self.next[src] <= self.log.last_index:
                self.next[src] = max(self.next[src], self.match[src] + 1)
                self._replicate(src)
        elif match <= m.index < self.next[src] - 1:
            self.next[src] = m.index + 1
            self._replicate(src)

    def _count_stored(self, token: int) -> None:
        while self.unstored and self.unstored[0][0] <= token:
            self.match[self.id] = self.unstored.popleft()[1]
        self._advance_commit()

    def _advance_commit(self) -> None:
        matches = [self.match[p] for p in self.peers]
        matches.append(self._own_match())
        matches.sort(reverse=True)
        index = matches[self.quorum - 1]
        if index > self.commit and self._may_commit(index):
            self._commit_to(index)

    # --- applying (5.3) -----------------------------------------------------------------------------------

    def _commit_to(self, index: int) -> None:
        if index <= self.commit:
            return
        first, self.commit = self.commit + 1, index
        self._trace("commit", {"index": index, "term": self.term, "entry_term": self.log.term_at(index)})
        for i in range(first, index + 1):
            entry = self.log[i]
            if entry.body is not None:
                self._apply(entry.client, entry.msg_id, entry.body)
        self._trace("apply", {"index": index, "state": self.machine.digest})

    def _apply(self, client: str, msg_id: int, body: dict[str, Any]) -> None:
        if not self._is_duplicate(client, msg_id):
            self.sessions[client] = (msg_id, self.machine.apply(body))
        if (client, msg_id) in self.pending:
            origin = self.pending.pop((client, msg_id))
            self._answer(client, msg_id, self._remembered(client, msg_id), origin)

    def _remembered(self, client: str, msg_id: int) -> dict[str, Any]:
        seen, reply = self.sessions[client]
        return reply if seen == msg_id else kernel.error(kernel.TIMEOUT, "the session has moved on")

    # --- reads (thesis 6.4) -------------------------------------------------------------------------------

    def _start_round(self) -> None:
        """Ask the peers whether we lead still, on behalf of all reads that wait."""
        self.reads, self.next_reads = self.next_reads, []
        self.round += 1
        self.round_acks = {self.id}
        for peer in self.peers:
            self._out.append(Send(peer, Heartbeat(self.term, self.round, min(self.match[peer], self.commit))))
        self._finish_round()

    def _finish_round(self) -> None:
        if not self.reads or len(self.round_acks) < self._read_quorum():
            return
        for read in self.reads:
            self._answer(read.client, read.msg_id, self.machine.read(read.body), read.origin)
        self.reads = []

    def _on_heartbeat(self, src: str, m: Heartbeat) -> None:
        if m.term < self.term:
            self._out.append(Send(src, HeartbeatReply(self.term, 0)))
            return
        if m.term > self.term or self.role is not FOLLOWER or self.leader != src:
            assert self.role is not LEADER or m.term > self.term, "two leaders in one term"
            self._follow(m.term, src)
        else:
            self._reset_election_timer()
        if m.commit > self.commit:
            self._commit_to(m.commit)
        self._out.append(Send(src, HeartbeatReply(m.term, m.round), self._durable(self.term_token)))

    def _on_heartbeat_reply(self, src: str, m: HeartbeatReply) -> None:
        if m.term > self.term:
            self._follow(m.term, None)
        elif self.role is LEADER and m.term == self.term and m.round == self.round and self.reads:
            self.round_acks.add(src)
            self._finish_round()

    # --- clients (section 8) ------------------------------------------------------------------------------

    def _on_request(self, client: str, msg_id: int, body: dict[str, Any], origin: str | None) -> None:
        refusal = self.machine.refuse(body)
        if refusal is not None:
            self._answer(client, msg_id, refusal, origin)
        elif self.role is LEADER:
            self._serve(client, msg_id, body, origin)
        elif origin is not None:
            # the sender may have repeated this message: what became of the first copy is not known here
            refusal = kernel.error(kernel.TIMEOUT, f"{self.id} does not lead")
            self._out.append(Send(origin, Forwarded(client, msg_id, refusal)))
        elif self.leader is not None:
            self._out.append(Send(self.leader, Forward(client, msg_id, body)))
        else:
            self._answer(
                client, msg_id, kernel.error(kernel.TEMPORARILY_UNAVAILABLE, "no leader is known"), None
            )

    def _serve(self, client: str, msg_id: int, body: dict[str, Any], origin: str | None) -> None:
        if self.machine.is_read(body):
            self.next_reads.append(PendingRead(client, msg_id, body, origin))
        elif self._is_duplicate(client, msg_id):
            self._answer(client, msg_id, self._remembered(client, msg_id), origin)
        else:
            self.pending[client, msg_id] = origin
            self._append_own(Entry(self.term, client, msg_id, body))

    def _answer(self, client: str, msg_id: int, reply: dict[str, Any], origin: str | None) -> None:
        if origin is None:
            self._out.append(Reply(client, msg_id, reply))
        else:
            self._out.append(Send(origin, Forwarded(client, msg_id, reply)))

    def _fail_clients(self) -> None:
        """A leader that steps down tells its clients: writes may yet happen, reads were not done."""
        unknown = kernel.error(kernel.TIMEOUT, f"{self.id} leads no more; the outcome is unknown")
        for (client, msg_id), origin in self.pending.items():
            self._answer(client, msg_id, unknown, origin)
        self.pending = {}
        undone = kernel.error(kernel.TEMPORARILY_UNAVAILABLE, f"{self.id} leads no more")
        for read in self.reads + self.next_reads:
            self._answer(read.client, read.msg_id, undone, read.origin)
        self.reads, self.next_reads = [], []

    def _on_forward(self, src: str, m: Forward) -> None:
        self._on_request(m.client, m.client_msg_id, m.body, src)

    def _on_forwarded(self, src: str, m: Forwarded) -> None:  # noqa: ARG002  every receiver has this shape
        self._out.append(Reply(m.client, m.client_msg_id, m.reply))

    # --- helpers ------------------------------------------------------------------------------------------

    def _persist(self, records: tuple[Any, ...]) -> int:
        self.token += 1
        self._out.append(Persist(self.token, records))
        return self.token

    def _trace(self, kind: str, data: dict[str, Any]) -> None:
        self._out.append(Trace(kind, data))
