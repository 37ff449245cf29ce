"""Raft cores in hand: one alone, or a few with the messages between them, as the tests of the paper use them."""

from __future__ import annotations

from nodes import kernel
from nodes.kernel import (
    CancelTimer,
    Now,
    Persist,
    Receive,
    Reply,
    Request,
    Send,
    SetTimer,
    Start,
    Stored,
    Timer,
)
from nodes.raft.core import Raft
from nodes.raft.messages import Entries, Entry, HardState, Vote
from nodes.systems import build_raft
from tests.interaction.driver import Conversation

NOW = Now(0, 0)


def names(n):
    return tuple(f"n{i}" for i in range(n))


def entry(index, term):
    """The entry of this index and term: the same everywhere, as Log Matching has it."""
    return Entry(term, f"p{term}", index, {"type": "write", "key": "k", "value": 100 * index + term})


def log(*terms):
    return tuple(entry(i, t) for i, t in enumerate(terms, 1))


def records(term, vote=None, terms=()):
    """What a disk holds."""
    return (HardState(term, vote), Entries(1, log(*terms))) if terms else (HardState(term, vote),)


class One:
    """Member ``n0``, fed by hand. What it writes is stored at once, unless ``slow`` holds it back."""

    def __init__(self, n=3, term=0, vote=None, terms=(), bug=None, slow=False, config=None):
        self.core: Raft = build_raft("n0", names(n), bug, config or {})
        self.slow = slow
        self.feed(Start(records(term, vote, terms)))

    def feed(self, event):
        """Handle the event and, if the disk is not slow, the storage it asks for; every effect."""
        effects = self.core.handle(event, NOW)
        for token in [e.token for e in effects if isinstance(e, Persist)] if not self.slow else ():
            effects = [*effects, *self.core.handle(Stored(token), NOW)]
        return effects

    def stored(self):
        return self.core.handle(Stored(self.core.token), NOW)

    def receive(self, src, message):
        return self.feed(Receive(src, message))

    def request(self, body, client="c1", msg_id=1):
        return self.feed(Request(client, msg_id, body))

    def timer(self, name="election"):
        return self.feed(Timer(name))

    def elect(self):
        """Make it leader of the next term, by everybody's vote."""
        effects = self.timer()
        for peer in self.core.peers:
            if self.core.role != "leader":
                effects = self.receive(peer, Vote(self.core.term, granted=True))
        assert self.core.role == "leader"
        return effects

    @property
    def terms(self):
        return terms_of(self.core)


def terms_of(core):
    return tuple(core.log.term_at(i) for i in range(1, core.log.last_index + 1))


def values_of(core):
    """What the log holds, entry by entry, as text."""
    return tuple(repr(core.log[i]) for i in range(1, core.log.last_index + 1))


def sent(effects, kind=object):
    return [e for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


def messages(effects, kind=object):
    return [e.message for e in sent(effects, kind)]


def replies(effects):
    return [e.body for e in effects if isinstance(e, Reply)]


def persisted(effects):
    return [r for e in effects if isinstance(e, Persist) for r in e.records]


def timers(effects):
    return [e.name for e in effects if isinstance(e, SetTimer)]


def cancelled(effects):
    return [e.name for e in effects if isinstance(e, CancelTimer)]


def traced(effects, kind):
    return [e.data for e in effects if isinstance(e, kernel.Trace) and e.kind == kind]


class Cluster(Conversation):
    """Cores and the messages in flight between them, by the commands of tests/interaction."""

    def __init__(self, n=3, bug=None, prepared=(), **settings):
        super().__init__(bug)
        for line in prepared:
            self.do(f"prepared {line}")
        self.do(f"nodes {n} " + " ".join(f"{k}={v}" for k, v in settings.items()))

    def script(self, *lines):
        """Run commands; every line they led to."""
        return [out for line in lines for out in self.do(line)]

    def core(self, name):
        return self.members[name].core

    def elect(self, name, *group):
        self.script(f"timer {name} election", "settle " + " ".join(group))
        assert self.core(name).role == "leader"

    def tick(self, name, *group):
        self.script(f"timer {name} heartbeat", "settle " + " ".join(group))

    def leaders(self):
        return [n for n, m in self.members.items() if m.core and m.core.role == "leader"]
