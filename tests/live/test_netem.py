"""Link faults by the kernel: the text of the rules, and the tree in networks of its own.

A kernel without netem has leaves of another kind here (pfifo): then everything runs but the leaf's own doing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.live.docker import Containers, check
from harness.live.faults.netem import CLEAR, Netem, altered, netem, together, tree, trouble
from harness.live.remote.local import LocalRemote
from harness.live.remote.port import SECONDS, Done, RemoteError
from harness.spec import RunSpec
from nemeses.port import LinkRule

ADDRESSES = {"n0": "127.0.0.2", "n1": "127.0.0.3", "n2": "127.0.0.4"}
PORT = 7100


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (LinkRule(delay_us=20_000), "netem limit 10000 delay 20000us 0us"),
        (LinkRule(delay_us=20_000, jitter_us=30_000), "netem limit 10000 delay 35000us 15000us"),
        (LinkRule(loss_ppm=300_000), "netem limit 10000 loss 30%"),
        (LinkRule(duplicate_ppm=1_500), "netem limit 10000 duplicate 0.15%"),
        (LinkRule(corrupt_ppm=300_000), "netem limit 10000 corrupt 30%"),
        (
            LinkRule(reorder_ppm=400_000, reorder_us_max=50_000),
            "netem limit 10000 delay 25000us 25000us reorder 60%",
        ),
        (
            LinkRule(delay_us=1_000, reorder_ppm=400_000, reorder_us_max=50_000, loss_ppm=10_000),
            "netem limit 10000 delay 26000us 25000us loss 1%",
        ),
        (LinkRule(rate_bytes_s=10_000), "netem limit 10000"),
    ],
)
def test_the_leaf_of_a_rule(rule: LinkRule, text: str) -> None:
    assert netem(rule) == text


def test_the_tree_has_a_class_a_leaf_and_a_filter_for_each_peer() -> None:
    assert tree("eth0", {11: ("match ip dst 10.0.0.9/32", 10_000, "netem loss 1%")}).splitlines() == [
        "qdisc add dev eth0 root handle 5b17: htb default 0",
        "class add dev eth0 parent 5b17: classid 5b17:b htb rate 80000bit quantum 15140",
        "qdisc add dev eth0 parent 5b17:b handle 100b: netem loss 1%",
        "filter add dev eth0 parent 5b17: protocol ip prio 1 u32 match ip dst 10.0.0.9/32 flowid 5b17:b",
    ]


def test_rules_that_overlap_add_up() -> None:
    slow, lossy = LinkRule(delay_us=5, rate_bytes_s=100), LinkRule(loss_ppm=500_000, delay_us=7)
    assert together([slow, lossy, lossy]) == LinkRule(delay_us=19, loss_ppm=750_000, rate_bytes_s=100)


def test_what_the_kernel_counted_is_evidence() -> None:
    assert altered(LinkRule(loss_ppm=1), sent=100, dropped=3) == 3
    assert altered(LinkRule(delay_us=1), sent=100, dropped=3) == 103
    assert altered(LinkRule(duplicate_ppm=1), sent=100, dropped=0) == 100


class Fake:
    """A machine without netem."""

    name = "fake"

    def __init__(self, output: str, status: int) -> None:
        self.done = Done(status, output.encode())
        self.scripts: list[str] = []

    def run(self, script: str, *, timeout_s: float = SECONDS, repeatable: bool = False) -> Done:
        assert timeout_s > 0
        assert repeatable
        self.scripts.append(script)
        return self.done

    def put(self, source: Path, target: str, *, mode: int = 0o644) -> None: ...
    def get(self, source: str, target: Path) -> None: ...
    def close(self) -> None: ...


def test_whether_it_can_be_is_tried_in_a_network_of_its_own() -> None:
    lacks = Fake("Error: Specified qdisc kind is unknown.\nCommand failed -:3\n", 1)
    assert trouble(lacks) == "Error: Specified qdisc kind is unknown."
    assert lacks.scripts[0].startswith("set -e; unshare --net ")
    assert lacks.scripts[0].count("duplicate 50%") == 2
    assert trouble(Fake("", 0)) == ""


# --- on this machine's kernel ---------------------------------------------------------------------------------


def leaf(rule: LinkRule) -> str:
    """Of a kind that every kernel has. A loss of everything is a queue for one packet."""
    return f"pfifo limit {1 if rule.loss_ppm else 1000}"


@pytest.fixture
def remotes() -> Iterator[dict[str, LocalRemote]]:
    """A network for each node, in which it reaches all the others by its loopback."""
    if os.geteuid() or not shutil.which("tc"):
        pytest.skip("needs root and tc")
    made = {name: LocalRemote(name, ["unshare", "--net"]) for name in ADDRESSES}
    for remote in made.values():
        remote.run("ip link set lo up")
    yield made
    for remote in made.values():
        remote.close()


def dial(remote: LocalRemote, address: str, times: int, port: int = PORT) -> None:
    """Packets to an address, where nobody answers."""
    script = (
        "python3 - <<'END'\nimport socket\n"
        f"for _ in range({times}):\n    socket.socket().connect_ex(('{address}', {port}))\nEND\n"
    )
    assert remote.run(script).status == 0


def roots(remote: LocalRemote) -> str:
    return remote.run("tc qdisc show dev lo").text


def test_the_tree_is_in_force_counts_one_direction_of_one_link_and_goes(
    remotes: dict[str, LocalRemote],
) -> None:
    assert trouble(remotes["n0"], leaf) == ""

    async def main() -> None:
        shaper = Netem(remotes, ADDRESSES, PORT, leaf)
        first = await shaper.shape([("n0", "n1"), ("n1", "n0")], LinkRule(delay_us=5_000))
        second = await shaper.shape([("n0", "n2")], LinkRule(rate_bytes_s=1_000_000))
        dial(remotes["n0"], ADDRESSES["n1"], 7)
        dial(remotes["n0"], ADDRESSES["n1"], 5, PORT + 1)
        counted = await shaper.altered()
        assert counted == {("n0", "n1"): 7, ("n0", "n2"): 0, ("n1", "n0"): 0}
        assert "rate 8Mbit" in remotes["n0"].run("tc class show dev lo").text
        await shaper.release(first)
        dial(remotes["n0"], ADDRESSES["n1"], 3)
        dial(remotes["n0"], ADDRESSES["n2"], 2)
        assert "htb" not in roots(remotes["n1"])
        await shaper.release(second)
        assert (await shaper.altered()) == {("n0", "n1"): 7, ("n0", "n2"): 2, ("n1", "n0"): 0}
        assert all("5b17:" not in roots(remote) for remote in remotes.values())

    asyncio.run(main())


def test_a_network_that_is_a_new_one_gets_the_rules_in_force(remotes: dict[str, LocalRemote]) -> None:
    async def main() -> None:
        shaper = Netem(remotes, ADDRESSES, PORT, leaf)
        handle = await shaper.shape([("n0", "n1")], LinkRule(delay_us=5_000))
        dial(remotes["n0"], ADDRESSES["n1"], 2)
        await shaper.altered()
        shaper.gone("n0")
        remotes["n0"].run("tc qdisc del dev lo root")
        await shaper.rebuilt("n0")
        dial(remotes["n0"], ADDRESSES["n1"], 3)
        assert await shaper.altered() == {("n0", "n1"): 5}
        await shaper.release(handle)

    asyncio.run(main())


def test_what_is_not_ours_is_left_alone_and_what_is_is_swept(remotes: dict[str, LocalRemote]) -> None:
    foreign = "qdisc tbf 7: root"

    async def main() -> None:
        remotes["n0"].run("tc qdisc add dev lo root handle 7: tbf rate 1gbit burst 100k latency 10ms")
        shaper = Netem(remotes, ADDRESSES, PORT, leaf)
        with pytest.raises(RemoteError, match="n0: "):
            await shaper.shape([("n0", "n1")], LinkRule(delay_us=1))
        assert remotes["n0"].run(CLEAR).status == 0
        assert foreign in roots(remotes["n0"])
        await Netem(remotes, ADDRESSES, PORT, leaf).shape([("n1", "n0")], LinkRule(delay_us=1))
        assert "htb 5b17:" in roots(remotes["n1"])
        assert remotes["n1"].run(CLEAR).status == 0
        assert "5b17:" not in roots(remotes["n1"])

    asyncio.run(main())


def test_who_asks_for_netem_gets_it_or_a_line() -> None:
    """Before any container is made."""
    spec = RunSpec(env="docker", nodes=1, options={"link_faults": "netem"})
    place = Containers.__new__(Containers)
    place._spec = spec
    missing = trouble(LocalRemote("here"))
    if not missing:
        assert place._by_kernel()
        return
    with pytest.raises(UsageError, match="netem cannot be had on this machine: ") as refused:
        place._by_kernel()
    assert missing in str(refused.value)
    place._spec = RunSpec(env="docker", nodes=1)
    assert not place._by_kernel()


def test_netem_with_an_ordinary_latency_is_refused_before_the_run() -> None:
    options = {"link_faults": "netem", "latency": {"mean_us": 5}}
    with pytest.raises(UsageError, match="an ordinary latency is drawn by proxies"):
        check(RunSpec(env="docker", options=options))
