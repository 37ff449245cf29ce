from __future__ import annotations

from typing import Any

import pytest

from checkers.runs.bite import EVIDENCE, Bite
from tests.checkers.histories import History, types

DEAD = {"was_up": True, "incarnation_before": 1, "incarnation_after": 1, "exit_status": -9, "up": False}

# family -> evidence that bites, and the smallest change after which it does not
SLOW = {"syncs": 4, "sync_us": 26_000, "sync_us_before": 1_000}
DAMAGED = {"was_up": True, "incarnation_before": 1, "incarnation_after": 2, "damaged": 1}


def one(state: dict[str, Any]) -> dict[str, Any]:
    return {"nodes": {"n1": state}}


EVIDENCE_PAIRS: dict[str, list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]] = {
    "partition": [({}, {"refused": {"n0>n1": 0, "n1>n0": 1}}, {"refused": {"n0>n1": 0, "n1>n0": 0}})],
    "link": [({}, {"altered": {"n0>n1": 5}}, {"altered": {}})],
    "kill": [
        ({}, {"nodes": {"n1": DEAD}}, {"nodes": {"n1": {**DEAD, "was_up": False}}}),
        ({}, {"nodes": {"n1": DEAD}}, {"nodes": {"n1": {**DEAD, "up": True}}}),
        ({}, {"nodes": {"n1": DEAD}}, {"nodes": {"n1": {**DEAD, "exit_status": None}}}),
        (
            {},
            {"nodes": {"n1": {**DEAD, "up": True, "incarnation_after": 2}}},
            {"nodes": {"n1": {**DEAD, "up": True}}},
        ),
    ],
    "power-loss": [({}, {"nodes": {"n1": DEAD}}, {"nodes": {}})],
    "pause": [
        (
            {},
            {"nodes": {"n1": {"paused": True, "stalled": 1}}},
            {"nodes": {"n1": {"paused": True, "stalled": 0}}},
        ),
        (
            {},
            {"nodes": {"n1": {"paused": True, "stalled": 1}}},
            {"nodes": {"n1": {"paused": False, "stalled": 1}}},
        ),
    ],
    "clock": [
        (
            {"offset_ns": 5_000_000, "rate_ppm": 0},
            {
                "nodes": {
                    "n1": {"offset_ns": 5000, "offset_ns_before": 0, "rate_ppm": 0, "rate_ppm_before": 0}
                }
            },
            {
                "nodes": {
                    "n1": {"offset_ns": 4999, "offset_ns_before": 0, "rate_ppm": 0, "rate_ppm_before": 0}
                }
            },
        ),
        (
            {"offset_ns": 0, "rate_ppm": 200},
            {
                "nodes": {
                    "n1": {"offset_ns": 99, "offset_ns_before": 0, "rate_ppm": 200, "rate_ppm_before": 0}
                }
            },
            {
                "nodes": {
                    "n1": {"offset_ns": 99, "offset_ns_before": 0, "rate_ppm": 200, "rate_ppm_before": 200}
                }
            },
        ),
        (
            {},
            {"nodes": {"n1": {"offset_ns": -7, "offset_ns_before": 0}}},
            {"nodes": {"n1": {"offset_ns": -7, "offset_ns_before": -7}}},
        ),
    ],
    "disk": [
        ({"delay_us": 50_000}, one(SLOW), one({**SLOW, "sync_us": 25_999})),
        ({"delay_us": 50_000}, one(SLOW), one({**SLOW, "syncs": 0})),
        ({}, one({"refused": 1}), one({"refused": 0})),
        ({}, one(DAMAGED), one({**DAMAGED, "damaged": 0})),
        ({}, one(DAMAGED), one({**DAMAGED, "was_up": False})),
        ({}, one(DAMAGED), one({**DAMAGED, "incarnation_after": 1})),
    ],
    "resource": [
        ({}, one({"throttled_ns": 1, "waited": 1}), one({"throttled_ns": 0, "waited": 1})),
        ({}, one({"throttled_ns": 1, "waited": 1}), one({"throttled_ns": 1, "waited": 0})),
        ({}, one({"throttled_ns": 1}), one({"throttled_ns": 0})),
        ({}, one(DEAD), one({**DEAD, "up": True})),
    ],
}


def add(h: History, number: int, family: str, evidence: Any, detail: Any = None) -> None:
    common = {"fault": number, "targets": ["n1"]}
    h.nemesis(family, {**common, "phase": "start", "detail": detail or {}})
    h.nemesis(family, {**common, "phase": "stop", "evidence": evidence})


def test_every_family_is_tried() -> None:
    assert sorted(EVIDENCE_PAIRS) == sorted(EVIDENCE)


@pytest.mark.parametrize(
    ("family", "pair"), [(family, pair) for family, pairs in EVIDENCE_PAIRS.items() for pair in pairs]
)
def test_evidence(family: str, pair: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]) -> None:
    detail, good, bad = pair
    for evidence, verdict in ((good, "valid"), (bad, "unknown"), ({}, "unknown"), (None, "unknown")):
        h = History()
        add(h, 0, family, evidence, detail)
        result = h.judge(Bite(), nemesis=[f"{family}:shape"])
        assert result.verdict == verdict
        assert types(result) == ([] if verdict == "valid" else ["did-not-bite"])
        assert result.coverage["families"][family]["bit"] == (verdict == "valid")


def test_planned_without_faults() -> None:
    result = History().judge(Bite(), nemesis=[])
    assert (result.verdict, result.why) == ("valid", "planned without faults")


def test_every_planned_family_must_bite() -> None:
    h = History()
    add(h, 0, "partition", {"refused": {"n0>n1": 3}})
    assert h.judge(Bite(), nemesis=["partition"]).verdict == "valid"
    result = h.judge(Bite(), nemesis=["partition", "kill"])
    assert result.verdict == "unknown"
    assert result.why == "no kill fault bit (none was applied)"


def test_unfired_is_told_from_not_bitten() -> None:
    h = History()
    h.nemesis("kill", {"fault": 0, "phase": "unfired"})
    result = h.judge(Bite(), nemesis=["kill"])
    assert result.why == "no kill fault bit (1 unfired)"
    assert result.anomalies == []


@pytest.mark.parametrize(("missed", "verdict"), [(2, "valid"), (3, "unknown")])
def test_at_most_half_may_miss(missed: int, verdict: str) -> None:
    h = History()
    for i in range(2 + missed):
        add(h, i, "link", {"altered": {"n0>n1": 1 if i < 2 else 0}})
    result = h.judge(Bite(), nemesis=["link"])
    assert result.verdict == verdict
    assert len(result.anomalies) == missed


def test_a_start_is_no_evidence() -> None:
    h = History()
    evidence = {"refused": {"n0>n1": 3}}
    value = {"fault": 0, "phase": "start", "targets": [], "detail": {}, "evidence": evidence}
    h.nemesis("partition", value)
    assert h.judge(Bite(), nemesis=["partition"]).verdict == "unknown"
    h.nemesis("partition", {"fault": 0, "phase": "stop", "targets": [], "evidence": evidence})
    assert h.judge(Bite(), nemesis=["partition"]).verdict == "valid"


@pytest.mark.parametrize(
    "value", [None, 3, {"fault": "0", "phase": "start"}, {"phase": "start"}, {"fault": 1}]
)
def test_ops_of_other_nemeses_are_not_ours(value: Any) -> None:
    h = History()
    h.nemesis("partition", value)
    assert h.judge(Bite()).coverage["faults"] == 0


def overlap(killed: list[str], clocks: list[str], *, bit: bool = True) -> History:
    """A clock that does not move while a node is killed, and one that does when that is over."""
    h = History()
    h.nemesis("kill", {"fault": 0, "phase": "start", "targets": killed, "detail": {}})
    h.nemesis("clock", {"fault": 1, "phase": "start", "targets": clocks, "detail": {"offset_ns": 9}})
    h.nemesis("clock", {"fault": 1, "phase": "stop", "targets": clocks, "evidence": {"nodes": {}}})
    state = DEAD if bit else {**DEAD, "up": True}
    h.nemesis("kill", {"fault": 0, "phase": "stop", "targets": killed, "evidence": one(state)})
    add(h, 2, "clock", {"nodes": {"n1": {"offset_ns": 7, "offset_ns_before": 0}}})
    h.nemesis("clock", {"fault": 3, "phase": "start", "targets": clocks, "detail": {"offset_ns": 9}})
    h.nemesis("clock", {"fault": 3, "phase": "stop", "targets": clocks, "evidence": {"nodes": {}}})
    return h


def clocks_of(h: History) -> dict[str, int]:
    row: dict[str, int] = h.judge(Bite(), nemesis=["clock"]).coverage["families"]["clock"]
    return {name: count for name, count in row.items() if count}


def test_what_another_fault_hides_is_no_miss() -> None:
    """The second that does not bite has nobody to hide behind."""
    assert clocks_of(overlap(["n1", "n2"], ["n1"])) == {"bit": 1, "hidden": 1, "did_not_bite": 1}


def test_what_hides_covers_every_node_and_has_bitten() -> None:
    assert clocks_of(overlap(["n1"], ["n1", "n2"])) == {"bit": 1, "did_not_bite": 2}
    assert clocks_of(overlap(["n1"], ["n1"], bit=False)) == {"bit": 1, "did_not_bite": 2}


def test_a_family_of_which_all_was_hidden_has_shown_nothing() -> None:
    h = History()
    h.nemesis("kill", {"fault": 0, "phase": "start", "targets": ["n1"], "detail": {}})
    add(h, 1, "clock", {"nodes": {}})
    h.nemesis("kill", {"fault": 0, "phase": "stop", "targets": ["n1"], "evidence": one(DEAD)})
    result = h.judge(Bite(), nemesis=["clock", "kill"])
    assert result.verdict == "unknown"
    assert "no clock fault bit" in result.why
