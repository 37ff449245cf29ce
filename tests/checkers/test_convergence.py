from __future__ import annotations

from typing import Any

import pytest

from checkers.convergence import Convergence
from tests.checkers.histories import History, types


def final(*reads: tuple[int, Any], key: Any = None) -> History:
    h = History()
    h.done(0, "read", None, [7])
    h.phase("final")
    for process, value in reads:
        h.invoke(process, "read", key=key)
        h.ok(process, "read", value, key=key)
    return h


@pytest.mark.parametrize(
    ("reads", "verdict"),
    [
        ([(0, [1, 2]), (1, [2, 1])], "valid"),
        ([(0, [1, 2]), (1, [1])], "invalid"),
        ([(0, [1, 1]), (1, [1])], "invalid"),
        ([(0, [1]), (1, 1)], "invalid"),
        ([(0, 5), (1, 5), (2, 5)], "valid"),
        ([(0, 5), (1, 5), (2, 6)], "invalid"),
        ([(0, [1]), (1, [1, 2]), (0, [1, 2])], "valid"),  # the last final read of a node counts
        ([(0, [1])], "unknown"),
        ([], "unknown"),
    ],
)
def test_final_reads(reads: list[tuple[int, Any]], verdict: str) -> None:
    result = final(*reads).judge(Convergence())
    assert result.verdict == verdict
    assert types(result) == (["divergence"] if verdict == "invalid" else [])


def test_order_counts_if_asked() -> None:
    h = final((0, [1, 2]), (1, [2, 1]))
    assert h.judge(Convergence(), ordered_reads=True).verdict == "invalid"
    assert h.judge(Convergence(), ordered_reads=False).verdict == "valid"


def test_reads_before_the_final_phase_do_not_count() -> None:
    h = final((0, [1]), (1, [1]))  # n0 read [7] in the main phase
    assert h.judge(Convergence()).verdict == "valid"


def test_keys_are_compared_apart() -> None:
    h = final((0, 1), (1, 1), key="x")
    for process in (0, 1):
        h.invoke(process, "read", key="y")
        h.ok(process, "read", process, key="y")
    result = h.judge(Convergence())
    assert [a.explanation.split(":")[0] for a in result.anomalies] == ['key "y"']


def test_without_a_final_phase_unknown() -> None:
    h = History()
    h.done(0, "read", None, [1])
    h.done(1, "read", None, [2])
    assert h.judge(Convergence()).verdict == "unknown"


def test_the_explanation_names_nodes_and_elements() -> None:
    (anomaly,) = final((0, [1, 2]), (1, [1, 2]), (2, [1])).judge(Convergence()).anomalies
    assert anomaly.explanation == (
        "in the final phase n0, n1 answered 2 elements (0.005000 s); "
        "n2 answered 1 elements (without 2) (0.009000 s)"
    )
    assert anomaly.data["groups"] == [["n0", "n1"], ["n2"]]
