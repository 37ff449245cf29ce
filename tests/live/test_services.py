"""The services: each as weak as its name says, and no weaker."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.live.services import KeyValue, LastWriteWins, Linear, Sequential, TimestampOracle, services
from harness.streams import Stream, Streams


def test_every_service_has_its_address() -> None:
    assert sorted(services(Streams(1))) == ["lin-kv", "lin-tso", "lww-kv", "seq-kv"]


def test_the_linearizable_store_answers_as_documented() -> None:
    kv = KeyValue(Linear())

    def ask(**body: Any) -> dict[str, Any]:
        return kv("n0", body)

    assert ask(type="read", key="x")["code"] == 20
    assert ask(type="cas", key="x", **{"from": 1, "to": 2})["code"] == 20
    assert ask(type="cas", key="x", create_if_not_exists=True, **{"from": 1, "to": 2}) == {"type": "cas_ok"}
    assert ask(type="cas", key="x", **{"from": 1, "to": 3})["code"] == 22
    assert ask(type="cas", key="x", **{"from": 2, "to": None}) == {"type": "cas_ok"}
    assert ask(type="read", key="x") == {"type": "read_ok", "value": None}
    assert ask(type="write", key=["a", {"b": 1, "c": 2}], value=[1]) == {"type": "write_ok"}
    assert ask(type="read", key=["a", {"c": 2, "b": 1}]) == {"type": "read_ok", "value": [1]}
    assert ask(type="write", key="x")["code"] == 12
    assert ask(type="append", key="x")["code"] == 10
    assert ask(type=["x"])["code"] == 10
    assert ask(type="write", key="1", value="text") == {"type": "write_ok"}
    assert ask(type="read", key=1)["code"] == 20
    assert ask(type="write", key="t", value=True) == {"type": "write_ok"}
    assert ask(type="cas", key="t", **{"from": 1, "to": 2})["code"] == 22


def test_timestamps_increase() -> None:
    oracle = TimestampOracle()
    got = [oracle("n0", {"type": "ts"})["ts"] for _ in range(5)]
    assert got == sorted(set(got))
    assert oracle("n0", {"type": "read"})["code"] == 10


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60))
def test_no_client_of_the_sequential_store_goes_back(seed: int, steps: list[tuple[int, bool]]) -> None:
    """Values are the numbers of the updates: what a client reads never falls, nor below its own writes."""
    kv = KeyValue(Sequential(Stream(seed)))
    seen = [-1, -1, -1]
    for number, (client, write) in enumerate(steps):
        if write:
            kv(f"n{client}", {"type": "write", "key": "x", "value": number})
            seen[client] = number
        else:
            value = kv(f"n{client}", {"type": "read", "key": "x"}).get("value", -1)
            assert value >= seen[client]
            seen[client] = value


def test_the_sequential_store_is_weaker_than_linearizable_and_converges() -> None:
    kv = KeyValue(Sequential(Stream(1)))
    stale = 0
    for number in range(200):
        kv("n0", {"type": "write", "key": "x", "value": number})
        stale += kv("n1", {"type": "read", "key": "x"}).get("value") != number
    assert stale > 10
    last = [kv("n1", {"type": "read", "key": "x"})["value"] for _ in range(200)]
    assert last[-1] == 199


def test_a_failed_cas_of_the_sequential_store_changes_nothing() -> None:
    kv = KeyValue(Sequential(Stream(1)))
    kv("n0", {"type": "write", "key": "x", "value": 1})
    assert kv("n1", {"type": "cas", "key": "x", "from": 5, "to": 6})["code"] == 22
    assert kv("n1", {"type": "cas", "key": "x", "from": 1, "to": 2})["type"] == "cas_ok"
    assert kv("n1", {"type": "read", "key": "x"})["value"] == 2


def test_last_write_wins_loses_updates_but_replicas_converge() -> None:
    kv = KeyValue(LastWriteWins(Stream(3)))
    wins = [
        kv("n0", {"type": "cas", "key": "x", "from": 0, "to": i, "create_if_not_exists": True})
        for i in (0, 1, 2)
    ]
    for i in range(50):
        kv("n0", {"type": "write", "key": "y", "value": i})
    first = [kv("n0", {"type": "read", "key": "y"}).get("value") for _ in range(50)]
    assert len(set(first)) > 1
    for _ in range(500):
        kv("n0", {"type": "read", "key": "y"})
    last = {kv("n0", {"type": "read", "key": "y"})["value"] for _ in range(100)}
    assert len(last) == 1
    assert len(wins) == 3
