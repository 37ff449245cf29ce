from __future__ import annotations

from typing import Any

import pytest

from checkers.collections.echo import Echo, UniqueIds
from tests.checkers.histories import History, types


@pytest.mark.parametrize(
    ("sent", "got", "verdict"),
    [
        ("please", "please", "valid"),
        ("please", "Please", "invalid"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "valid"),
        (1, "1", "invalid"),
        (1, True, "invalid"),
        ([1, 2], [2, 1], "invalid"),
    ],
)
def test_echo(sent: Any, got: Any, verdict: str) -> None:
    h = History()
    h.invoke(0, "echo", sent)
    h.ok(0, "echo", got)
    assert h.judge(Echo()).verdict == verdict


def test_no_echo_is_unknown() -> None:
    h = History()
    h.invoke(0, "echo", "a")
    assert h.judge(Echo()).verdict == "unknown"


@pytest.mark.parametrize(("second", "verdict"), [("b", "valid"), ("a", "invalid")])
def test_unique_ids(second: str, verdict: str) -> None:
    h = History()
    for process, value in enumerate(["a", second]):
        h.invoke(process, "generate")
        h.ok(process, "generate", value)
    result = h.judge(UniqueIds())
    assert result.verdict == verdict
    if verdict == "invalid":
        assert types(result) == ["duplicate-id"]
        assert result.anomalies[0].op_indexes == [0, 1, 2, 3]


def test_no_ids_is_unknown() -> None:
    assert History().judge(UniqueIds()).verdict == "unknown"
