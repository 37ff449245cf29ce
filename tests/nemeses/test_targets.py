from __future__ import annotations

import pytest

from harness.streams import Streams
from nemeses.targets import LEADERS, NAMES, check, minority, resolve
from tests.nemeses.fake import FakePort, run


def resolved(target: str | tuple[str, ...], port: FakePort, seed: int = 1) -> tuple[str, ...]:
    return run(resolve(target, port, Streams(seed).stream("t"))).nodes


SIZES = {
    "one": 1,
    "leader": 1,
    "follower": 1,
    "followers": 4,
    "minority": 2,
    "leader-minority": 2,
    "half": 2,
    "first-half": 2,
    "majority": 3,
    "all": 5,
}


@pytest.mark.parametrize("target", SIZES)
def test_sizes_of_five(target: str) -> None:
    for seed in range(9):
        found = resolved(target, FakePort(), seed)
        assert len(found) == len(set(found)) == SIZES[target]
        assert list(found) == sorted(found)


def test_every_target_has_a_size_here() -> None:
    assert {*SIZES, "random"} == set(NAMES)


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("target", NAMES)
def test_never_empty(target: str, n: int) -> None:
    for leader in ("n0", None):
        found = resolved(target, FakePort(n, leader))
        assert 1 <= len(found) <= n


def test_leader_and_followers() -> None:
    port = FakePort(leader="n3")
    for seed in range(9):
        assert resolved("leader", port, seed) == ("n3",)
        assert "n3" not in resolved("follower", port, seed)
        assert resolved("followers", port, seed) == ("n0", "n1", "n2", "n4")
        assert "n3" in resolved("leader-minority", port, seed)


def test_draws_differ_by_seed_and_random_by_size() -> None:
    assert len({resolved("one", FakePort(), seed) for seed in range(40)}) == 5
    assert {len(resolved("random", FakePort(), seed)) for seed in range(60)} == {1, 2, 3, 4, 5}


def test_nodes_that_can_be_hit_come_first() -> None:
    port = FakePort(leader=None)
    for name in ("n0", "n1", "n2"):
        port.states[name].up = False
    port.states["n3"].paused = True
    for seed in range(9):
        assert resolved("one", port, seed) == ("n4",)
        assert "n4" in resolved("minority", port, seed)
        for target in LEADERS:
            run(resolve(target, port, Streams(seed).stream("t")))


def test_minority_leaves_a_majority() -> None:
    assert [minority(n) for n in range(1, 8)] == [1, 1, 1, 1, 2, 2, 3]


def test_bad_targets() -> None:
    check(("n1",), ("n0", "n1"))
    with pytest.raises(
        ValueError, match="no target 'leeder', expected a list of nodes or one of one, leader"
    ):
        check("leeder")
    with pytest.raises(ValueError, match="no node 'n9'; the nodes are n0, n1"):
        check(("n9",), ("n0", "n1"))
    with pytest.raises(ValueError, match="named twice"):
        check(("n1", "n1"))
    with pytest.raises(ValueError, match="no node at all"):
        check(())
