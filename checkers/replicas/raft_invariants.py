"""Raft's safety properties, watched on every event of the trace ("raft-invariants").

The names are those of the paper's Figure 3 and of etcd's TLA+ specification:

| property | what must hold |
|---|---|
| ElectionSafety | at most one leader in a term |
| SingleVote | a node votes for at most one candidate in a term, restarts included |
| LeaderAppendOnly | a leader never removes entries of its own log |
| LogMatching | entries with the same index and term are the same, and so is all before them |
| LeaderCompleteness | a new leader holds every entry committed in earlier terms |
| StateMachineSafety | no two nodes commit different entries at an index (states: state_divergence.py) |
| CommittedIsDurable | a majority of logs holds every committed entry; no log gives one up but by a crash |
| CurrentTermCommit | a leader counts replicas only for entries of its own term (section 5.4.2, Figure 8) |
| MonotonicTerm, MonotonicCommit | neither goes back within one incarnation of a node |

A mirror of each node's log (the terms of its entries) is built from ``append``, ``truncate`` and
``started``. LogMatching lets a pair (index, term) stand for a whole prefix, which makes every check O(1) per
entry. The trace tells what a node has in memory; a restart tells what its disk kept. A vote that was not yet
on disk when the node died never left the node, so a vote lost in a restart counts as given only when its
candidate could not have won without it.

An entry is named by its identity, ``client:msg_id``, and where the history is at hand by the operation that it
is (checkers/requests.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from checkers.history import MalformedHistoryError
from checkers.record import Record, TraceEvent
from checkers.replicas.raft_mirror import INDEX_BITS, NO_VOTE, Entries, Mirror
from checkers.replicas.replica_logs import entries_of
from checkers.requests import named
from checkers.result import Result
from checkers.stepwise import Stepwise, integer, names
from checkers.words import listing, seconds

INTEGERS: dict[str, tuple[tuple[str, int], ...]] = {
    "started": (("term", 0), ("last_index", 0), ("last_term", 0)),
    "role": (("term", 0),),
    "vote": (("term", 0),),
    "append": (("index", 1),),
    "truncate": (("after", 0),),
    "commit": (("index", 1), ("term", 0)),
    "apply": (("index", 0),),
    "killed": (),
    "power_lost": (),
}
"""kind -> what it has to say, as integers, and the least"""


class RaftInvariants(Stepwise):
    """Options: ``nodes``: all members of the cluster; ``one_clock`` (true): the trace tells which of two nodes did
    something first, to the last ns. Without it whether a majority held an entry at the moment of its commit is not
    judged; entries that are given up later are found all the same.
    """

    name = "raft-invariants"
    anomalies = (
        "MonotonicTerm",
        "SingleVote",
        "ElectionSafety",
        "LeaderCompleteness",
        "LogMatching",
        "LeaderAppendOnly",
        "CommittedIsDurable",
        "MonotonicCommit",
        "CurrentTermCommit",
        "StateMachineSafety",
    )

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        nodes = names(self.options, "nodes")
        self._one_clock = self.options.get("one_clock", True) is True
        self._nodes = {name: Mirror(name) for name in nodes}
        self._all = list(self._nodes.values())
        self._majority = len(nodes) // 2 + 1
        self._leaders: dict[int, tuple[str, int, int]] = {}  # term -> node, trace index, time
        self._entries = entries = Entries()
        self._ids, self._prevs = entries.ids, entries.prevs
        self._committed, self._commits = entries.committed, entries.commits
        self._committed_at: dict[int, int] = {}  # term of the node that said so -> highest committed index
        self._events = 0
        self._gap = ""
        self._handlers: dict[str, Callable[[Mirror, int, int, dict[str, Any]], None]] = {
            "started": self._started,
            "role": self._role,
            "vote": self._vote,
            "append": self._append,
            "truncate": self._truncate,
            "commit": self._commit,
            "apply": self._apply,
            "killed": self._died,
            "power_lost": self._died,
        }

    # --- in and out ---------------------------------------------------------------------------------------

    def observe_trace(self, event: TraceEvent) -> None:
        kind = event.kind
        handler = self._handlers.get(kind)
        node = self._nodes.get(event.node)
        if handler is not None and node is not None:
            self._events += 1
            data = event.data
            for name, least in INTEGERS[kind]:
                if integer(event, name) < least:
                    raise MalformedHistoryError(
                        f"trace event {event.index}: {kind} of {event.node}: expected {name} of at least {least}"
                    )
            if kind == "append":
                entries_of(event)
            elif kind in ("vote", "started"):
                voted = data.get("for" if kind == "vote" else "vote")
                if not isinstance(voted, str) and (kind == "vote" or voted is not None):
                    raise MalformedHistoryError(
                        f"trace event {event.index}: {kind} of {event.node}: expected a vote's node, got {voted!r}"
                    )
            handler(node, event.index, event.time, data)

    def result(self) -> Result:
        """The verdict so far. A trace without events of a Raft core is unknown, and so is one with holes."""
        for n in self._all:
            if n.owed:
                self._settle(n)
        coverage = {
            "events": self._events,
            "nodes": len(self._all),
            "terms": len(self._leaders),
            "entries": len(self._ids),
            "committed": len(self._committed),
            "anomalies": dict(sorted(self._counts.items())),
        }
        if not self._one_clock:
            coverage["not_judged"] = "majorities at the moment of a commit: the nodes' clocks are not one"
        if self._found:
            why = "violated: " + ", ".join(sorted(self._counts))
            return Result("invalid", self.name, list(self._found), why, coverage)
        if self._gap:
            return Result("unknown", self.name, why=self._gap, coverage=coverage)
        if not self._events:
            return Result(
                "unknown", self.name, why="the trace has no event of a Raft core", coverage=coverage
            )
        return Result("valid", self.name, coverage=coverage)

    def check(self, record: Record) -> Result:
        """Judge ``record.trace``; where the record does not say who the members are, it is those who tell of it."""
        nodes = record.nodes or tuple(sorted({e.node for e in record.trace if e.kind in self._handlers}))
        return super().check(Record(record.history, record.trace, nodes, record.options))

    def _note(self, kind: str, trace_indexes: list[int], explanation: str, **data: Any) -> None:
        self._report(kind, [], [i for i in trace_indexes if i >= 0], explanation, **data)

    # --- elections ----------------------------------------------------------------------------------------

    def _raise_term(self, n: Mirror, term: int, index: int, time: int) -> None:
        if term < n.term:
            self._note(
                "MonotonicTerm",
                [index],
                f"{n.name} was in term {n.term} and at {seconds(time)} acts in term {term}",
                node=n.name,
                term=term,
            )
        n.term = term

    def _role(self, n: Mirror, index: int, time: int, data: dict[str, Any]) -> None:
        if n.owed:
            self._settle(n)
        term = data["term"]
        if term != n.term:
            self._raise_term(n, term, index, time)
        if data.get("role") != "leader":
            n.lead_term = 0
            return
        n.lead_term = term
        known = self._leaders.get(term)
        if known is None:
            self._leaders[term] = (n.name, index, time)
        elif known[0] != n.name:
            self._note(
                "ElectionSafety",
                [known[1], index],
                f"{n.name} became leader of term {term} at {seconds(time)}, and so had {known[0]} at "
                f"{seconds(known[2])}: two leaders in one term",
                term=term,
                nodes=[known[0], n.name],
            )
        self._check_election(term, n.name, time)
        self._check_completeness(n, term, index, time)

    def _check_completeness(self, n: Mirror, term: int, index: int, time: int) -> None:
        needed = max((i for t, i in self._committed_at.items() if t < term), default=0)
        terms, committed = n.terms, self._committed
        if needed and (len(terms) < needed or terms[needed - 1] != committed[needed - 1]):
            first = self._entries.held(n.terms, needed) + 1
            have = (
                f"its log ends at index {len(terms)}"
                if len(terms) < first
                else f"its log has {self._entries.name(first, terms[first - 1])} at index {first}"
            )
            lost, entries = self._entries.span(first, needed)
            event, by = self._entries.committed_by(first)
            self._note(
                "LeaderCompleteness",
                [event, index],
                f"{n.name} became leader of term {term} at {seconds(time)} without {lost} which {by} had "
                f"committed in an earlier term: {have}",
                node=n.name,
                term=term,
                index=first,
                entries=entries,
            )

    def _vote(self, n: Mirror, index: int, time: int, data: dict[str, Any]) -> None:
        term, candidate = data["term"], data["for"]
        if term != n.term:
            self._raise_term(n, term, index, time)
        vote = (candidate, index)
        before = n.votes.setdefault(term, vote)
        if before[0] != candidate:
            self._double_vote(n, term, before, vote, time)
        elif n.lost_votes and term in n.lost_votes and term in self._leaders:
            self._check_election(term, self._leaders[term][0], time)

    def _check_election(self, term: int, leader: str, time: int) -> None:
        """Nodes that now vote for another, though their lost vote was needed by ``leader``, voted twice."""
        suspects = []
        support = 0
        for n in self._all:
            vote, lost = n.votes.get(term, NO_VOTE)[0], n.lost_votes.get(term, NO_VOTE)[0]
            if lost == leader and vote not in ("", leader):
                suspects.append(n)
            elif leader in (vote, lost):
                support += 1
        if suspects and support < self._majority:
            for n in suspects:
                self._double_vote(n, term, n.lost_votes[term], n.votes[term], time)

    def _double_vote(
        self, n: Mirror, term: int, first: tuple[str, int], second: tuple[str, int], time: int
    ) -> None:
        self._note(
            "SingleVote",
            [first[1], second[1]],
            f"{n.name} voted twice in term {term}: for {first[0]} and for {second[0]} (seen at {seconds(time)})",
            node=n.name,
            term=term,
            candidates=[first[0], second[0]],
        )

    # --- the log ------------------------------------------------------------------------------------------

    def _append(self, n: Mirror, index: int, time: int, data: dict[str, Any]) -> None:
        at = data["index"]
        terms = n.terms
        if at != len(terms) + 1:
            if at > len(terms) + 1:
                self._gap = self._gap or (
                    f"trace event {index}: {n.name} appends at {at}, but its log is known to {len(terms)} "
                    f"only"
                )
                return
            self._cut(n, at - 1, index, time)
        ids, prevs = self._ids, self._prevs
        prev = terms[-1] if terms else 0
        for term, entry_id in data["entries"]:
            key = term << INDEX_BITS | at
            if ids.setdefault(key, entry_id) != entry_id or prevs.setdefault(key, prev) != prev:
                self._mismatch(n, at, term, entry_id, prev, index, time)
            terms.append(term)
            prev = term
            at += 1
        if n.owed:
            self._settle(n)

    def _mismatch(
        self, n: Mirror, at: int, term: int, entry_id: str, prev: int, index: int, time: int
    ) -> None:
        key = term << INDEX_BITS | at
        known, known_prev = self._ids[key], self._prevs.setdefault(key, prev)
        self._note(
            "LogMatching",
            [index],
            f"{n.name} appended at {seconds(time)} an entry at index {at} of term {term} ({named(entry_id)}) after "
            f"an entry of term {prev}; elsewhere the entry of that index and term ({named(known)}) comes after an "
            f"entry of term {known_prev}",
            node=n.name,
            index=at,
            term=term,
            entries=[i for i in dict.fromkeys((entry_id, known)) if i],
        )

    def _truncate(self, n: Mirror, index: int, time: int, data: dict[str, Any]) -> None:
        self._cut(n, data["after"], index, time)

    def _cut(self, n: Mirror, after: int, index: int, time: int) -> None:
        if n.owed:
            self._settle(n)
        terms, committed = n.terms, self._committed
        if after >= len(terms):
            return
        if n.lead_term:
            self._note(
                "LeaderAppendOnly",
                [index],
                f"{n.name}, leader of term {n.lead_term}, removed the entries after index {after} from "
                f"its own log at "
                f"{seconds(time)}",
                node=n.name,
                term=n.lead_term,
                index=after + 1,
            )
        held = min(len(terms), len(committed))
        # a conflicting tail may be longer than the log that was committed: look for what is really held
        while held > after and terms[held - 1] != committed[held - 1]:
            held -= 1
        if held > after:
            n.owed, n.owed_at, n.owed_time = held, index, time
        del terms[after:]

    def _settle(self, n: Mirror) -> None:
        """Committed entries that were truncated must be back with the append that follows at once."""
        owed, n.owed = n.owed, 0
        terms, committed = n.terms, self._committed
        if len(terms) >= owed and terms[owed - 1] == committed[owed - 1]:
            return
        first = self._entries.held(n.terms, owed) + 1
        lost, entries = self._entries.span(first, owed)
        event, by = self._entries.committed_by(first)
        self._note(
            "CommittedIsDurable",
            [event, n.owed_at],
            f"{n.name} removed {lost} from its log at {seconds(n.owed_time)} and did not put it back, though "
            f"{by} had committed it",
            node=n.name,
            index=first,
            entries=entries,
        )

    # --- commit and apply ---------------------------------------------------------------------------------

    def _commit(self, n: Mirror, index: int, time: int, data: dict[str, Any]) -> None:
        at, term = data["index"], data["term"]
        if n.owed:
            self._settle(n)
        if term != n.term:
            self._raise_term(n, term, index, time)
        if at < n.commit:
            self._note(
                "MonotonicCommit",
                [index],
                f"the commit index of {n.name} went back from {n.commit} to {at} at {seconds(time)}",
                node=n.name,
                index=at,
            )
        n.commit = at
        terms, committed = n.terms, self._committed
        if at > len(terms):
            self._note(
                "StateMachineSafety",
                [index],
                f"{n.name} committed index {at} at {seconds(time)}, but its log ends at {len(terms)}",
                node=n.name,
                index=at,
            )
            return
        known = len(committed)
        shared = min(at, known)
        if shared and terms[shared - 1] != committed[shared - 1]:
            first = self._entries.held(n.terms, shared) + 1
            event, by = self._entries.committed_by(first)
            self._note(
                "StateMachineSafety",
                [event, index],
                f"{n.name} committed {self._entries.name(first, terms[first - 1])} at {seconds(time)}, where "
                f"{by} had committed {self._entries.name(first, committed[first - 1])}",
                node=n.name,
                index=first,
                entries=self._entries.identities((first, terms[first - 1]), (first, committed[first - 1])),
            )
            return
        if n.lead_term == term and terms[at - 1] != term:
            self._note(
                "CurrentTermCommit",
                [index],
                f"{n.name}, leader of term {term}, counted replicas at {seconds(time)} to commit "
                f"{self._entries.name(at, terms[at - 1])}: that entry is not of its own term, so a later leader may "
                "still overwrite it (Figure 8)",
                node=n.name,
                term=term,
                index=at,
                entries=self._entries.identities((at, terms[at - 1])),
            )
        if self._committed_at.get(term, 0) < at:
            self._committed_at[term] = at
        if at > known:
            committed.extend(terms[known:at])
            self._commits.append((at, index, time, n.name))
            if self._one_clock:
                self._check_majority(index, time, "when it was committed")

    def _check_majority(self, index: int, time: int, moment: str) -> None:
        at = len(self._committed)
        if not at:
            return
        term = self._committed[at - 1]
        holders = 0
        for n in self._all:
            terms = n.terms
            if len(terms) >= at and terms[at - 1] == term:
                holders += 1
        if holders < self._majority:
            names = [n.name for n in self._all if len(n.terms) >= at and n.terms[at - 1] == term]
            # a crash may have taken more than the last: the first entry that lost its majority tells most
            first = at
            while (
                first > 1 and sum(self._entries.has(n.terms, first - 1) for n in self._all) < self._majority
            ):
                first -= 1
            lost, entries = self._entries.span(first, at)
            event, by = self._entries.committed_by(first)
            self._note(
                "CommittedIsDurable",
                [event] if event == index else [event, index],
                f"{lost} which {by} had committed, was in {holders} of {len(self._all)} logs "
                f"({listing(names) or 'none'}) {moment}, at {seconds(time)}; a majority is {self._majority}",
                index=first,
                term=self._committed[first - 1],
                entries=entries,
            )

    def _apply(self, n: Mirror, index: int, time: int, data: dict[str, Any]) -> None:  # noqa: ARG002  one shape of handlers
        at = data["index"]
        if at > len(n.terms):
            self._gap = self._gap or (
                f"trace event {index}: {n.name} applies {at}, but its log is known to {len(n.terms)} only"
            )

    # --- lives --------------------------------------------------------------------------------------------

    def _died(self, n: Mirror, index: int, time: int, data: dict[str, Any]) -> None:  # noqa: ARG002  one shape of handlers
        n.lead_term = 0

    def _started(self, n: Mirror, index: int, time: int, data: dict[str, Any]) -> None:
        if n.owed:
            self._settle(n)
        n.lead_term = 0
        n.commit = 0
        n.term = term = data["term"]
        kept = data.get("vote")
        for voted in [t for t in n.votes if t > term or (t == term and kept != n.votes[t][0])]:
            n.lost_votes[voted] = n.votes.pop(voted)
        if kept is not None:
            n.votes.setdefault(term, (kept, index))
        before = len(n.terms)
        self._recover(n, data["last_index"], data["last_term"], index)
        if len(n.terms) < before:
            self._check_majority(
                index, time, f"after {n.name} came back with {len(n.terms)} of {before} entries"
            )

    def _recover(self, n: Mirror, last: int, last_term: int, index: int) -> None:
        """Set the mirror to what the disk brought back: an earlier log of this node, known by its last
        entry.
        """
        terms = n.terms
        tail: list[int] = []
        term = last_term
        at = last
        while at and not (at <= len(terms) and terms[at - 1] == term):
            prev = self._prevs.get(term << INDEX_BITS | at)
            if prev is None:
                self._gap = self._gap or (
                    f"trace event {index}: {n.name} started with an entry of index {at} and term {term} "
                    f"that no "
                    "node appended"
                )
                return
            tail.append(term)
            term = prev
            at -= 1
        del terms[at:]
        terms.extend(reversed(tail))
