"""Whatever happens to messages, timers, disks and nodes, the safety properties hold; then it heals and goes on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.streams import Streams
from tests.property.chaos import Chaos

EVENTS = st.lists(st.integers(0, (1 << 20) - 1), min_size=20, max_size=250)
TRIES_MAX = 400


def drawn(seed, count=400):
    stream = Streams(seed).stream("chaos")
    return [stream.below(1 << 20) for _ in range(count)]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(events=EVENTS, n=st.sampled_from([3, 4, 5]), batch=st.sampled_from([1, 64]))
def test_safety_holds_and_the_cluster_recovers(events, n, batch):
    chaos = Chaos(n, append_entries_max=batch)
    for event in events:
        chaos.act(event)
    assert chaos.verdicts() == ([], [])
    assert chaos.heal(), "a healed cluster makes progress"
    assert chaos.verdicts() == ([], [])
    assert len({tuple(chaos.log(name)) for name in chaos.names}) == 1
    assert len({chaos.cores[name].machine.digest for name in chaos.names}) == 1


@pytest.mark.parametrize("seed", range(12))
def test_safety_holds_in_long_runs_that_elect_and_commit(seed):
    chaos = Chaos(3 + 2 * (seed % 2))
    for event in drawn(seed, 4000):
        chaos.act(event)
    assert chaos.verdicts() == ([], [])
    assert len(chaos.leaders) >= 2, "leaders changed"
    assert len(chaos.committed) >= (10 if len(chaos.names) == 3 else 2)
    assert chaos.heal()
    assert chaos.verdicts() == ([], [])


@pytest.mark.parametrize("bug", ["vote-not-persisted", "always-truncates", "acknowledges-before-sync"])
def test_the_same_events_expose_a_removed_guard(bug):
    """Both judges: the checker of the trace, and the one that looks at the logs (an IndexError is a death)."""
    by_trace = by_logs = None
    for seed in range(TRIES_MAX):
        chaos = Chaos(3, bug=bug)
        try:
            for event in drawn(seed):
                chaos.act(event)
        except (IndexError, AssertionError):
            pass
        anomalies, wrong = chaos.verdicts()
        by_trace = by_trace or anomalies
        by_logs = by_logs or wrong
        if by_trace and by_logs:
            break
    assert by_trace
    assert by_logs
