from __future__ import annotations

from typing import Any

import pytest

from checkers.runs.stats import Stats, error_code
from checkers.words import quantiles_ms
from tests.checkers.histories import History


def history(ok: int, fail: int = 0, error: Any = None, f: str = "write") -> History:
    h = History()
    for i in range(ok + fail):
        h.invoke(0, f, i)
        if i < ok:
            h.ok(0, f, i)
        else:
            h.op(0, "fail", f, i, error=error)
    return h


def test_counts_and_latencies() -> None:
    result = history(3, 1).judge(Stats())
    row = result.coverage["by_f"]["write"]
    assert result.verdict == "valid"
    assert (row["invoke"], row["ok"], row["fail"], row["info"]) == (4, 3, 1, 0)
    assert row["latency_ms"] == {"p50": 1.0, "p95": 1.0, "p99": 1.0, "max": 1.0}


@pytest.mark.parametrize(("ok", "verdict"), [(10, "valid"), (9, "unknown")])
def test_too_few_ok(ok: int, verdict: str) -> None:
    assert history(ok, 100 - ok).judge(Stats()).verdict == verdict


@pytest.mark.parametrize(("least", "verdict"), [(0.5, "valid"), (0.51, "unknown")])
def test_the_fraction_is_an_option(least: float, verdict: str) -> None:
    assert history(50, 50).judge(Stats(), min_ok_fraction=least).verdict == verdict


@pytest.mark.parametrize(("error", "verdict"), [([22, "is 1"], "valid"), ([11, "no leader"], "unknown")])
def test_a_mismatch_is_an_answer(error: Any, verdict: str) -> None:
    assert history(1, 99, error, "cas").judge(Stats()).verdict == verdict


def test_an_f_without_ok_is_unknown() -> None:
    h = history(5)
    h.invoke(0, "read")
    assert "no read" in h.judge(Stats()).why
    h.ok(0, "read", 1)
    assert h.judge(Stats()).verdict == "valid"


def test_nothing_invoked_is_unknown() -> None:
    assert "nothing" in History().judge(Stats()).why


def test_quantiles_are_nearest_rank() -> None:
    found = quantiles_ms([n * 1_000_000 for n in range(100, 0, -1)])
    assert found == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    assert quantiles_ms([]) == {}


@pytest.mark.parametrize(
    ("error", "code"), [(22, 22), ([22, "x"], 22), ({"code": 22}, 22), ("timeout", None), (None, None)]
)
def test_error_code(error: Any, code: int | None) -> None:
    assert error_code(error) == code
