"""The kernel carries cores that are nothing like Raft, in the same simulated world."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from harness.sim.cluster import SimCluster
from harness.spec import RunSpec
from harness.streams import Streams
from nodes.systems import System
from tests.kernel.toys import Gossip, Liar, Nothing, Rumor, Sealer, Signed, SignedEcho

SECOND = 1_000_000_000


class Events:
    def __init__(self):
        self.all = []

    def observe(self, _index, time, node, kind, data):
        self.all.append((time, node, kind, data))

    def of(self, kind):
        return [e for e in self.all if e[2] == kind]

    def digest(self):
        return sha256(repr(self.all).encode()).hexdigest()


def gossip(seed, nodes=1000):
    system = System("gossip", lambda i, ids, *_: Gossip(i, ids), Rumor, Nothing, frozenset({"tell"}))
    events = Events()
    cluster = SimCluster(RunSpec(nodes=nodes, seed=seed), system, Streams(seed), None, [events.observe])

    async def main():
        await cluster.start_all()
        await cluster.call("c0", "n0", {"type": "tell", "text": "news"}, 1, SECOND)
        await cluster.sleep_until(6 * SECOND)

    cluster.drive(main())
    return cluster, events


def test_a_rumor_reaches_a_thousand_nodes_in_about_log_n_rounds():
    cluster, events = gossip(1)
    heard = events.of("heard")
    assert {node for _, node, _, _ in heard} == set(cluster.nodes)
    # phases are random, so the count of rounds of the catalogue (4.9 on average) bounds it loosely
    assert max(time for time, *_ in heard) < 12 * 200_000_000


def test_gossip_is_the_same_for_a_seed_and_not_for_another():
    assert gossip(1, 200)[1].digest() == gossip(1, 200)[1].digest()
    assert gossip(1, 200)[1].digest() != gossip(2, 200)[1].digest()


def echo(liars=(), forger=None):
    keys = {f"n{i}": bytes([i]) * 16 for i in range(4)}

    def build(node_id, node_ids, *_):
        core = SignedEcho(node_id, node_ids)
        if node_id in liars:
            core = Liar(core, frozenset(n for n in node_ids[2:] if n != node_id))
        key = keys[node_id] if node_id != forger else b"made-up"
        return Sealer(core, key, keys.__getitem__)

    events = Events()
    system = System("echo", build, Signed, Nothing, frozenset({"echo"}))
    cluster = SimCluster(RunSpec(nodes=4), system, Streams(7), None, [events.observe])
    replies = []

    async def main():
        await cluster.start_all()
        for i in range(5):
            body = {"type": "echo", "echo": f"w{i}"}
            replies.append(await cluster.call("c0", f"n{i % 3}", body, i + 1, SECOND))

    cluster.drive(main())
    return events, replies


def test_echo_without_a_liar_accuses_nobody():
    events, replies = echo()
    assert [r["echo"] for r in replies] == [f"w{i}" for i in range(5)]
    assert not events.of("equivocation")
    assert not events.of("forged")


def test_a_liar_cannot_make_the_honest_echo_a_lie_nor_sign_for_another():
    events, replies = echo(liars=("n3",))
    assert [r["echo"] for r in replies] == [f"w{i}" for i in range(5)]
    assert {data["by"] for _, _, _, data in events.of("equivocation")} == {"n3"}
    assert not events.of("forged"), "the liar signs its lies with its own key"


def test_a_node_that_seals_with_a_wrong_key_is_noticed():
    events, replies = echo(forger="n3")
    assert [r["echo"] for r in replies] == [f"w{i}" for i in range(5)]
    assert {data["claims"] for _, _, _, data in events.of("forged")} == {"n3"}


def test_messages_are_frozen():
    word = Signed("n0", "c0", 1, "x", "")
    try:
        word.text = "y"
    except AttributeError:
        pass
    else:
        raise AssertionError("a message was changed")
    assert msgspec.json.decode(msgspec.json.encode(word), type=Signed) == word
