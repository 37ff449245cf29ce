"""Each checker accepts one record and rejects its twin, which differs in one place, for the right reason."""

from __future__ import annotations

import pytest

from checkers import registry, selftest
from checkers.record import Record
from checkers.result import Anomaly, Result

PENDING: frozenset[str] = frozenset()


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_anomaly_has_a_pair_and_every_pair_is_judged_rightly(name: str) -> None:
    if name in PENDING and not selftest.cases(name):
        pytest.xfail("its pairs are not written yet")
    assert [o for o in selftest.run(name) if o.problem] == []


class Lenient:
    name = "lenient"
    anomalies = ("stale",)

    def check(self, record: Record) -> Result:
        return Result("valid", self.name, coverage={"operations": len(record.history)})


class Careless:
    name = "careless"
    anomalies = ("stale",)

    def check(self, record: Record) -> Result:
        found = [Anomaly("stale"), Anomaly("lost", [0], explanation="x")]
        return Result("invalid", self.name, found if len(record.history) > 1 else found[:0])


CASE = selftest.Case(ops=[[0, "invoke", "read", None, None]], anomaly="stale", twin={0: None})


@pytest.mark.parametrize(
    ("checker", "words"),
    [(Lenient, "valid instead of invalid"), (Careless, "the accepted record is invalid")],
)
def test_a_checker_that_judges_wrongly_is_found_out(
    checker: type, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "create", lambda _: checker())
    assert words in selftest.problem_of("x", CASE)


def test_a_checker_without_pairs_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "create", lambda _: Lenient())
    assert [o.problem for o in selftest.run("no-such-checker")] == ["has no pair"]
