"""The gate: each demand has something it accepts and, minimally different, something it rejects."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from harness.entry import Entry
from harness.gate import Gate, judge
from harness.hunt import hunts
from tests.cli.entries import entry

NO_ORDER = "linearizability:nonlinearizable"
NOT_DURABLE = "raft-invariants:CommittedIsDurable"

DEMANDS: list[tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]], int]] = [
    # gate, runs that meet it, runs that do not, exit code then
    ({}, [{}], [{"verdict": "invalid"}], 1),
    ({}, [{}], [{"verdict": "unknown"}], 2),
    ({}, [{}], [{"verdict": "unknown"}, {"verdict": "invalid"}], 1),
    ({}, [{}], [{"verdict": "unknown", "failed": True}], 255),
    ({}, [{}], [], 2),
    ({"invalid": 1}, [{"verdict": "invalid"}], [{"verdict": "invalid"}, {"verdict": "invalid"}], 1),
    ({"unknown": 1}, [{"verdict": "unknown"}], [{"verdict": "unknown"}, {"verdict": "unknown"}], 2),
    ({"min_ok_fraction": 0.9}, [{"ok": 90}], [{"ok": 89}], 2),
    ({"min_ok_fraction": 0.0}, [{"ok": 0}], [], 2),
    ({"max_recovery_s": 1.5}, [{"max_recovery_s": 1.5}], [{"max_recovery_s": 1.501}], 1),
    ({"min_bite": 0.75}, [{}], [{}, {"bite": {"kill": {"bit": 0, "did_not_bite": 1}}}], 2),
    ({"min_bite": {"kill": 0.75}}, [{}], [{"bite": {}}], 2),
    (
        {"min_bite": {"pause": 0.5}},
        [{"bite": {"pause": {"bit": 1}}}],
        [{"bite": {"pause": {"unfired": 1}}}],
        2,
    ),
]


@pytest.mark.parametrize(("gate", "accepted", "rejected", "code"), DEMANDS)
def test_demands(
    gate: dict[str, Any], accepted: list[dict[str, Any]], rejected: list[dict[str, Any]], code: int
) -> None:
    def runs(fields: list[dict[str, Any]]) -> list[Entry]:
        made = [entry(n, **f) for n, f in enumerate(fields)]
        return [msgspec.convert(msgspec.to_builtins(e), Entry) for e in made]

    held = msgspec.convert(gate, Gate)
    good = judge(held, runs(accepted), [], 0)
    assert (good.passed, good.code) == (True, 0), good
    bad = judge(held, runs(rejected), [], 0)
    assert (bad.passed, bad.code) == (False, code), bad
    assert any(line.startswith("NOT MET: ") for line in bad.lines)
    assert all(line.startswith("met: ") for line in good.lines)


def test_a_missing_run_is_never_green() -> None:
    assert judge(Gate(), [entry()], [], 0).code == 0
    assert judge(Gate(), [entry()], [], 1).code == 255


def test_the_baseline_must_be_valid() -> None:
    assert judge(Gate(), [entry()], [entry(-1)], 0).code == 0
    assert judge(Gate(), [entry()], [entry(-1, verdict="invalid")], 0).code == 1
    assert judge(Gate(), [entry()], [entry(-1, verdict="unknown")], 0).code == 2


def test_what_must_be_caught() -> None:
    hunt: dict[str, Any] = {"expect": "invalid", "bug": "no-sessions", "wanted": [NO_ORDER]}
    missed = entry(0, **hunt)
    by_another = entry(1, **hunt, verdict="invalid", anomalies=["stats:nothing-succeeded"])
    caught = entry(1, **hunt, verdict="invalid", anomalies=[NO_ORDER], caught=True, caught_by=[NO_ORDER])
    assert judge(Gate(), [missed, caught], [], 0).code == 0
    assert judge(Gate(), [missed, by_another], [], 0).code == 1
    assert judge(Gate(), [missed], [], 0).code == 1
    # a second cell is not served by the first one's catch
    other = entry(2, cell=2, expect="invalid", bug="always-truncates", wanted=[NOT_DURABLE])
    assert judge(Gate(), [missed, caught, other], [], 0).code == 1


def test_all_that_is_wanted_of_a_bug_must_be_seen() -> None:
    hunt: dict[str, Any] = {"expect": "invalid", "verdict": "invalid", "wanted": [NO_ORDER, NOT_DURABLE]}
    by_trace = entry(0, **hunt, caught=True, caught_by=[NOT_DURABLE])
    by_history = entry(1, **hunt, caught=True, caught_by=[NO_ORDER])
    both = judge(Gate(), [by_trace, by_history], [], 0)
    assert both.code == 0
    assert both.lines == [
        (
            "met: raft caught by linearizability:nonlinearizable with seed 2, "
            "raft-invariants:CommittedIsDurable with seed 1, in 2 runs"
        )
    ]
    half = judge(Gate(), [by_trace, entry(1, **hunt, caught=True, caught_by=[NOT_DURABLE])], [], 0)
    assert half.code == 1
    assert half.lines == [
        (
            "NOT MET: raft: linearizability:nonlinearizable seen in none of 2 runs "
            "(but raft-invariants:CommittedIsDurable with seed 1)"
        )
    ]
    (hunted,) = hunts([by_history, by_trace])
    assert hunted.caught
    assert hunted.seeds == {NO_ORDER: 2, NOT_DURABLE: 1}


def test_unknown_runs_on_the_way_to_a_catch_do_not_count() -> None:
    on_the_way = entry(0, expect="invalid", verdict="unknown")
    caught = entry(1, expect="invalid", verdict="invalid", caught=True)
    assert judge(Gate(), [on_the_way, caught], [], 0).code == 0
