"""Banks, counters, logs and forks on the sound build under faults: valid; and one defect that a log shows."""

from __future__ import annotations

import pytest

from harness.run import execute
from harness.spec import RunSpec


def outcome(tmp_path, workload, **changes):
    run = RunSpec(
        **{
            "nodes": 3,
            "seed": 3,
            "nemesis": ["partition", "kill"],
            "time_limit": 8.0,
            "workload": workload,
            **changes,
        }
    )
    return execute(run, tmp_path, report=False)


@pytest.mark.parametrize("workload", ["bank", "g-counter", "pn-counter", "kafka", "long-fork"])
def test_the_sound_build_is_valid(tmp_path, workload):
    found = outcome(tmp_path, workload)
    assert found.verdict == "valid", [r.why for r in found.results]
    own = found.results[0]
    assert own.checker == {"g-counter": "pn-counter"}.get(workload, workload)
    assert own.coverage.get("reads", own.coverage.get("messages_polled", 0)) > 100


def test_a_request_that_is_executed_twice_is_a_message_at_two_offsets(tmp_path):
    found = outcome(tmp_path, "kafka", nodes=5, bug="no-sessions", time_limit=10.0)
    assert {a.type for a in found.results[0].anomalies} == {"duplicate"}
