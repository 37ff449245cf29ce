"""What a trace told so far: of each node, and of the entries of all logs, with how to name them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from checkers.requests import named
from checkers.words import seconds

ENTRIES_MAX = 3
"""entries that an anomaly names"""

INDEX_BITS = 40
"""(index, term) as one integer: term << INDEX_BITS | index"""


class Entries:
    """An entry is known by its index and term (LogMatching); committed ones are ``committed[index - 1]``, a term."""

    __slots__ = ("commits", "committed", "ids", "prevs")

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}  # (index, term) -> identity of the entry
        self.prevs: dict[int, int] = {}  # (index, term) -> term of the entry before it
        self.committed: list[int] = []
        self.commits: list[tuple[int, int, int, str]] = []  # up to an index: trace index, time, node; rising

    def name(self, index: int, term: int) -> str:
        """``entry 57 of term 3 (c4:12: process 4's 12th operation)``."""
        return f"entry {index} of term {term} ({named(self.ids.get(term << INDEX_BITS | index, ''))})"

    def identities(self, *entries: tuple[int, int]) -> list[str]:
        """Of entries, each an index and a term, those that clients asked for."""
        found = [self.ids.get(term << INDEX_BITS | index, "") for index, term in entries]
        return [i for i in dict.fromkeys(found) if i]

    def span(self, first: int, last: int) -> tuple[str, list[str]]:
        """Committed entries in words, and the identities of the first few that clients asked for."""
        committed, ids = self.committed, self.ids
        own = [i for i in range(first, last + 1) if ids.get(committed[i - 1] << INDEX_BITS | i)]
        shown = own[0] if own else first
        one = self.name(shown, committed[shown - 1])
        told = one if first == last else f"entries {first} to {last}, among them {one},"
        return told, [ids[committed[i - 1] << INDEX_BITS | i] for i in own[:ENTRIES_MAX]]

    def committed_by(self, index: int) -> tuple[int, str]:
        """Trace index of the event that first committed an index, and ``n0 at 1.2 s``."""
        _, event, time, node = self.commits[bisect_left(self.commits, (index,))]
        return event, f"{node} at {seconds(time)}"

    def has(self, terms: Sequence[int], index: int) -> bool:
        """Whether a log, the terms of its entries, has the committed entry of an index."""
        return len(terms) >= index and terms[index - 1] == self.committed[index - 1]

    def held(self, terms: Sequence[int], upto: int) -> int:
        """How many of the first ``upto`` committed entries a log has."""
        held = min(upto, len(terms))
        while held and terms[held - 1] != self.committed[held - 1]:
            held -= 1
        return held


NO_VOTE = ("", -1)
"""in the place of a vote: candidate, trace index"""


class Mirror:
    """What the trace said of one node: its log is ``terms``, those of its entries."""

    __slots__ = (
        "commit",
        "lead_term",
        "lost_votes",
        "name",
        "owed",
        "owed_at",
        "owed_time",
        "term",
        "terms",
        "votes",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.terms: list[int] = []  # of the entries 1, 2, ... of its log
        self.term = 0
        self.commit = 0
        self.lead_term = 0  # the term it leads now, else 0
        self.votes: dict[int, tuple[str, int]] = {}  # term -> candidate, trace index
        self.lost_votes: dict[int, tuple[str, int]] = {}  # votes that a restart did not bring back
        self.owed = 0  # committed entries up to here were truncated and not yet put back
        self.owed_at = self.owed_time = 0  # trace index and time of that
