"""A cluster in the hands of an adversary: numbers decide what happens next to cores, messages and disks.

Each number is one event: most deliver a message (any of those in flight), others drop or double one, fire a timer
(a stale one too), store, ask, kill, cut the power, start. Two judges watch: ``raft_invariants`` by the
trace (with ``state_divergence`` and ``agreement``), and ``check`` here, by looking at the cores' own logs.
"""

from __future__ import annotations

from checkers.record import TraceEvent
from checkers.replicas.agreement import Agreement
from checkers.replicas.raft_invariants import RaftInvariants
from checkers.replicas.state_divergence import StateDivergence
from nodes import kernel
from nodes.kernel import Now, Persist, Receive, Reply, Request, Send, SetTimer, Start, Stored, Timer
from nodes.raft.core import LEADER
from nodes.systems import build_raft

NOW = Now(0, 0)
FLIGHT_MAX = 40

SHARES = {
    "deliver": 70, "store": 34, "ask": 6, "election": 4, "any_heartbeat": 2, "heartbeat": 6, "drop": 6,
    "double": 5, "kill": 1, "power_loss": 2, "start": 12,
}  # fmt: skip
WHAT = [kind for kind, share in SHARES.items() for _ in range(share)]


class Chaos:
    def __init__(self, n, bug=None, **config):
        self.names = tuple(f"n{i}" for i in range(n))
        self.bug, self.config = bug, config
        self.cores: dict = {}
        self.disk: dict = {name: [] for name in self.names}
        self.unsynced: dict = {name: [] for name in self.names}
        self.held: dict = {name: [] for name in self.names}
        self.stored: dict = dict.fromkeys(self.names, 0)
        self.flight: list = []
        self.replies: list = []
        self.asked = 0
        self.events = 0
        options = {"nodes": self.names}
        self.judges = [RaftInvariants(options), StateDivergence(options), Agreement(options)]
        self.leaders: dict = {}
        self.committed: list = []
        self.committed_term: list = []
        self.states: dict = {}
        self.wrong: list = []
        for name in self.names:
            self.start(name)

    # --- the adversary ------------------------------------------------------------------------------------

    def act(self, number):
        """One event, of any number."""
        kind, rest = WHAT[number % len(WHAT)], number // len(WHAT)
        getattr(self, "do_" + kind)(rest, self.names[rest % len(self.names)])
        self.check()

    def do_deliver(self, rest, _node):
        self.deliver(rest)

    def do_store(self, _rest, node):
        self.store(node)

    def do_ask(self, _rest, node):
        self.ask(node)

    def do_election(self, _rest, node):
        self.timer(node, "election")

    def do_any_heartbeat(self, _rest, node):
        self.timer(node, "heartbeat")

    def do_heartbeat(self, _rest, _node):
        for leader in [name for name, core in self.cores.items() if core.role is LEADER]:
            self.timer(leader, "heartbeat")

    def do_drop(self, rest, _node):
        if self.flight:
            del self.flight[rest % len(self.flight)]

    def do_double(self, rest, _node):
        if self.flight:
            self.flight.append(self.flight[rest % len(self.flight)])

    def do_kill(self, _rest, node):
        self.crash(node, keep_unsynced=True)

    def do_power_loss(self, _rest, node):
        self.crash(node, keep_unsynced=False)

    def do_start(self, _rest, _node):
        for name in self.names:
            self.start(name)

    def deliver(self, which):
        if self.flight:
            src, dst, message = self.flight.pop(which % len(self.flight))
            if dst in self.cores:
                self.feed(dst, Receive(src, message))

    def store(self, name):
        if name not in self.cores or not self.unsynced[name]:
            return
        token = self.unsynced[name][-1][0]
        self.disk[name] += [r for _, records in self.unsynced[name] for r in records]
        self.unsynced[name] = []
        self.stored[name] = token
        held, self.held[name] = self.held[name], []
        for effect in held:
            self.perform(name, effect)
        self.feed(name, Stored(token))

    def ask(self, name):
        if name in self.cores:
            self.asked += 1
            body = {"type": "txn", "txn": [["append", "k", self.asked]]}
            self.feed(name, Request(f"c{self.asked}", 1, body))

    def timer(self, name, timer):
        if name in self.cores:
            self.feed(name, Timer(timer))

    def crash(self, name, *, keep_unsynced):
        if name not in self.cores:
            return
        if keep_unsynced:
            self.disk[name] += [r for _, records in self.unsynced[name] for r in records]
        del self.cores[name]
        self.unsynced[name], self.held[name] = [], []
        self.trace(name, "killed" if keep_unsynced else "power_lost", {})

    def start(self, name):
        if name not in self.cores:
            self.stored[name] = 0
            self.cores[name] = build_raft(name, self.names, self.bug, self.config)
            self.feed(name, Start(tuple(self.disk[name])))

    # --- the host -----------------------------------------------------------------------------------------

    def feed(self, name, event):
        for effect in self.cores[name].handle(event, NOW):
            self.perform(name, effect)

    def perform(self, name, effect):
        if isinstance(effect, Persist):
            self.unsynced[name].append((effect.token, effect.records))
        elif isinstance(effect, kernel.Trace):
            self.trace(name, effect.kind, effect.data)
        elif isinstance(effect, Send | Reply):
            if effect.after is not None and effect.after > self.stored[name]:
                self.held[name].append(effect)
            elif isinstance(effect, Reply):
                self.replies.append((effect.client, effect.body))
            else:
                self.flight.append((name, effect.to, effect.message))
                if len(self.flight) > FLIGHT_MAX:
                    del self.flight[0]
        else:
            assert isinstance(effect, SetTimer | kernel.CancelTimer)

    def trace(self, name, kind, data):
        self.events += 1
        event = TraceEvent(self.events, self.events * 1_000_000, name, kind, data)
        for judge in self.judges:
            judge.observe_trace(event)
        if kind == "role" and data["role"] == LEADER:
            self.came_to_power(name, data["term"])

    # --- the second judge ---------------------------------------------------------------------------------

    def came_to_power(self, name, term):
        if self.leaders.setdefault(term, name) != name:
            self.wrong.append(f"{self.leaders[term]} and {name} led term {term}")
        log = self.log(name)
        held = [i for i, t in enumerate(self.committed_term) if t < term]
        if held and log[: held[-1] + 1] != self.committed[: held[-1] + 1]:
            self.wrong.append(f"{name} leads term {term} without a committed entry")

    def log(self, name):
        core = self.cores[name]
        return [(core.log.term_at(i), core.log[i].identity) for i in range(1, core.log.last_index + 1)]

    def check(self):
        """Committed prefixes agree, states agree, and logs match."""
        logs = {name: self.log(name) for name in self.names if name in self.cores}
        for name, log in logs.items():
            core = self.cores[name]
            shared = min(core.commit, len(self.committed))
            if log[:shared] != self.committed[:shared]:
                self.wrong.append(f"{name} committed something else before index {shared}")
            for entry in log[len(self.committed) : core.commit]:
                self.committed.append(entry)
                self.committed_term.append(core.term)
            if self.states.setdefault(core.commit, core.machine.digest) != core.machine.digest:
                self.wrong.append(f"{name} reached another state at index {core.commit}")
        for one in logs.values():
            for other in logs.values():
                for i in range(min(len(one), len(other)) - 1, -1, -1):
                    if one[i][0] == other[i][0]:
                        if one[: i + 1] != other[: i + 1]:
                            self.wrong.append(f"logs do not match up to index {i + 1}")
                        break

    def verdicts(self):
        """(anomalies of the checker, what the second judge found), both sorted."""
        found = {a.type for judge in self.judges for a in judge.result().anomalies}
        return sorted(found), sorted(set(self.wrong))

    # --- healing ------------------------------------------------------------------------------------------

    def heal(self):
        """Break no more: start all, deliver all, let time-outs pass in turn; True once a new request is done."""
        for name in self.names:
            self.start(name)
        for turn in range(12 * len(self.names)):
            leaders = [n for n in self.names if self.cores[n].role is LEADER]
            newest = max(leaders, key=lambda n: self.cores[n].term, default=None)
            if newest is None or (turn % 4 == 3 and not self._follows(newest)):
                self.timer(self.names[turn % len(self.names)], "election")
                newest = None
            self.quiet()
            if newest is not None:
                self.ask(newest)
                client = f"c{self.asked}"
                self.timer(newest, "heartbeat")
                self.quiet()
                self.timer(newest, "heartbeat")
                self.quiet()
                if any(c == client and body["type"] == "txn_ok" for c, body in self.replies):
                    for name in self.names * 2:
                        self.timer(name, "heartbeat")
                        self.quiet()
                    return True
        return False

    def _follows(self, leader):
        return any(self.cores[n].leader == leader for n in self.names if n != leader)

    def quiet(self):
        for _ in range(400):
            if not self.flight and not any(self.unsynced.values()):
                break
            for name in self.names:
                self.store(name)
            for _ in range(len(self.flight)):
                self.deliver(0)
        self.check()
