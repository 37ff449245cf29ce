"""The smallest schedule that still fails: faults are left out one by one, the latest first, as long as it does."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from nemeses.fault import Fault
from nemeses.schedule import Schedule


def smallest(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """A schedule of some of the faults, from which no single one can be left out so that it still ``fails``.

    Targets stay as they were written: who leads is found out when the schedule is played. ``schedule`` itself is
    taken to fail.
    """
    found = schedule
    while True:
        for position in reversed(range(len(found.faults))):
            fewer = msgspec.structs.replace(found, faults=_without(found, position))
            if fails(fewer):
                found = fewer
                break
        else:
            return found


def _without(schedule: Schedule, position: int) -> list[Fault]:
    return schedule.faults[:position] + schedule.faults[position + 1 :]
