"""Every reachable state of a small cluster, up to a bound, breadth first.

A state is what the cores hold and which messages are in flight. From it, any message may be delivered and any
election time-out may pass, in every order; a message that is never delivered was dropped. Disks are
synchronous. Left out: heartbeats (all dropped), client requests (the empty entries of leaders are entries
enough), what cannot matter without them.

Local states and messages are interned, so that each local transition is computed once: the core is a
function of its state and the event. States are deduplicated by their canonical encoding.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, field

from nodes.kernel import Now, Persist, Receive, Send, Start, Stored, Timer
from nodes.raft.core import LEADER, Raft
from nodes.raft.log import Log
from nodes.raft.messages import Entries, Entry, HardState, Heartbeat, HeartbeatReply
from nodes.systems import build_raft

NOW = Now(0, 0)
ELECTION = Timer("election")


class NoMachine:
    """The state machine is not what is explored."""

    digest = 0

    def apply(self, _body):
        return {}


def _clone(core: Raft) -> Raft:
    """A copy that shares nothing that changes."""
    new = copy.copy(core)
    new.log = Log()
    new.log.extend(core.log[i] for i in range(1, core.log.last_index + 1))
    new.votes = set(core.votes)
    for name in ("next", "match", "match_at_tick", "sessions", "pending"):
        setattr(new, name, dict(getattr(core, name)))
    new.unstored = deque(core.unstored)
    new.round_acks = set(core.round_acks)
    new.reads, new.next_reads = list(core.reads), list(core.next_reads)
    new._receivers = {kind: getattr(new, method.__name__) for kind, method in core._receivers.items()}
    return new


def _canonical(core: Raft):
    """What the core's further conduct depends on."""
    leads = core.role is LEADER
    return (
        core.id, core.term, core.vote, core.role, core.leader, core.commit, _terms(core),
        tuple(sorted(core.votes)) if core.role == "candidate" else (),
        tuple(sorted(core.next.items())) if leads else (),
        tuple(sorted(core.match.items())) if leads else (),
    )  # fmt: skip


def _terms(core: Raft):
    return tuple(core.log.term_at(i) for i in range(1, core.log.last_index + 1))


@dataclass
class Found:
    """``path``: the events from the start to the violation, in words."""

    states: int = 0
    depth: int = 0
    leaders: set = field(default_factory=set)
    commits: set = field(default_factory=set)
    violation: str = ""
    path: list = field(default_factory=list)
    complete: bool = False


class Explorer:
    """``disks``: name -> (term, vote, terms of the log). ``term_max``: no election begins a later one.

    It is one number for all nodes, or one for each.
    """

    def __init__(self, disks, term_max, bug=None, **config):
        self.names = tuple(sorted(disks))
        self.term_max = term_max if isinstance(term_max, dict) else dict.fromkeys(self.names, term_max)
        self.cores: list[Raft] = []
        self.core_ids: dict = {}
        self.messages: list = []
        self.message_ids: dict = {}
        self.steps: dict = {}
        self.logs: dict = {}
        start = []
        for name in self.names:
            core = build_raft(name, self.names, bug, config)
            core.machine = NoMachine()
            term, vote, terms = disks[name]
            entries = tuple(Entry(t, "", 0, None) for t in terms)
            core.handle(Start((HardState(term, vote), Entries(1, entries))), NOW)
            start.append(self._intern(core))
        self.start = (tuple(start), (), (), ())

    def _intern(self, core):
        key = _canonical(core)
        found = self.core_ids.get(key)
        if found is None:
            found = self.core_ids[key] = len(self.cores)
            self.cores.append(core)
        return found

    def _step(self, core_id, event_id):
        """(new core, messages sent, whether it came to power, whether it committed) after the event."""
        key = (core_id, event_id)
        found = self.steps.get(key)
        if found is not None:
            return found
        old = self.cores[core_id]
        core = _clone(old)
        event = ELECTION if event_id < 0 else Receive(*self.messages[event_id][1:])
        sent = []
        effects = core.handle(event, NOW)
        while effects:
            after = []
            for effect in effects:
                if isinstance(effect, Send) and not isinstance(effect.message, Heartbeat | HeartbeatReply):
                    sent.append(self._message(effect.to, core.id, effect.message))
                elif isinstance(effect, Persist):
                    after += core.handle(Stored(effect.token), NOW)
            effects = after
        led = core.role is LEADER and (old.role is not LEADER or old.term != core.term)
        found = self.steps[key] = (self._intern(core), tuple(sent), led, core.commit > old.commit)
        return found

    def _message(self, to, src, message):
        key = (to, src, message)
        found = self.message_ids.get(key)
        if found is None:
            found = self.message_ids[key] = len(self.messages)
            self.messages.append(key)
        return found

    def explore(self, states_max) -> Found:
        """Breadth first until a violation, the bound, or the end."""
        found = Found()
        came_from = {self.start: None}
        frontier = [self.start]
        while frontier:
            following = []
            for state in frontier:
                for event, node in self._events(state):
                    successor, violation = self._successor(state, event, node, found)
                    if successor in came_from:
                        continue
                    came_from[successor] = (state, event, node)
                    if violation:
                        found.violation, found.states = violation, len(came_from)
                        found.path = self._path(came_from, successor)
                        return found
                    following.append(successor)
                    if len(came_from) >= states_max:
                        found.states = len(came_from)
                        return found
            found.depth += 1
            frontier = following
        found.states, found.complete = len(came_from), True
        return found

    def _events(self, state):
        cores, flight, _, _ = state
        for node, core_id in enumerate(cores):
            core = self.cores[core_id]
            if core.role is not LEADER and core.term < self.term_max[core.id]:
                yield -1, node
        for message in flight:
            yield message, self.names.index(self.messages[message][0])

    def _successor(self, state, event, node, found):
        cores, flight, led, committed = state
        new, sent, leads, commits = self._step(cores[node], event)
        cores = (*cores[:node], new, *cores[node + 1 :])
        flight = tuple(sorted({m for m in flight if m != event} | set(sent)))
        core, violation = self.cores[new], ""
        if leads:
            found.leaders.add((core.term, core.id))
            rivals = [name for term, name in led if term == core.term and name != core.id]
            if rivals:
                violation = f"ElectionSafety: {rivals[0]} and {core.id} led term {core.term}"
            elif _terms(core)[: len(committed)] != committed:
                violation = f"LeaderCompleteness: {core.id} leads term {core.term} without {committed}"
            led = (*led, (core.term, core.id))
        if commits and not violation:
            prefix = _terms(core)[: core.commit]
            found.commits.add(prefix)
            shared = min(len(prefix), len(committed))
            if prefix[:shared] != committed[:shared]:
                violation = f"StateMachineSafety: {core.id} commits {prefix}, known was {committed}"
            committed = max(prefix, committed, key=len)
        return (cores, flight, led, committed), violation or self._log_matching(cores)

    def _log_matching(self, cores):
        """In these runs a term names its leader's one entry, so terms are entries."""
        logs = tuple(_terms(self.cores[c]) for c in cores)
        if logs not in self.logs:
            self.logs[logs] = next(
                (f"LogMatching: {a} and {b}" for a in logs for b in logs if _differ(a, b)), ""
            )
        return self.logs[logs]

    def _path(self, came_from, state):
        path = []
        while came_from[state] is not None:
            state, event, node = came_from[state]
            if event < 0:
                path.append(f"{self.names[node]} times out")
            else:
                to, src, message = self.messages[event]
                path.append(f"{to} gets from {src} {message}")
        return path[::-1]


def _differ(one, other):
    """Same index and term, but not the same before it."""
    return any(a == b and one[:i] != other[:i] for i, (a, b) in enumerate(zip(one, other, strict=False)))
