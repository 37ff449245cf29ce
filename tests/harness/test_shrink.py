"""The smallest schedule that still fails."""

from __future__ import annotations

from harness.shrink import smallest
from nemeses.fault import Fault
from nemeses.schedule import Schedule


def numbered(*starts: int) -> Schedule:
    return Schedule(
        faults=[
            Fault(start_ms=start, stop_ms=start + 100, family="kill", shape="one", target="one")
            for start in starts
        ]
    )


def test_only_the_faults_that_it_takes_stay() -> None:
    assert smallest(numbered(*range(8)), lambda s: {2, 5} <= {f.start_ms for f in s.faults}) == numbered(2, 5)


def test_faults_that_stand_for_each_other_are_not_both_kept() -> None:
    assert smallest(numbered(1, 2, 3), lambda s: len(s.faults) >= 2) == numbered(1, 2)


def test_what_fails_without_any_fault_keeps_none() -> None:
    assert smallest(numbered(1, 2), lambda _: True) == Schedule()
