"""Faults that another fault hid: with their nodes dead, standing still or cut off, there was nothing to see.

Hidden is not bitten: it only tells a fault that could not bite from one that could have. Whoever hides another has
bitten itself, in force where and when the hidden one's evidence was taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from checkers.faults import Fault

STILL = frozenset({"kill", "power-loss", "pause"})
"""families under which a node does nothing, and answers nothing"""
SILENT = STILL | {"partition"}
"""families under which nothing passes that could be late or lost"""

# family of the hidden fault -> families that hide it
HIDES: dict[str, frozenset[str]] = {
    "link": SILENT,
    "partition": STILL | {"partition"},
    "kill": frozenset({"kill", "power-loss", "disk", "resource"}),
    "power-loss": frozenset({"kill", "power-loss", "disk", "resource"}),
    "pause": STILL | {"partition"},
    "clock": STILL | {"clock", "disk", "resource"},
    "disk": STILL | {"partition"},
    "resource": STILL | {"partition"},
}


def hidden(fault: Fault, others: Sequence[Fault]) -> bool:
    """Whether each node that the fault acted on was hit, while it was in force, by one of the others that bit."""
    if fault.start is None or fault.stop is None or not fault.targets:
        return False
    hides = HIDES.get(fault.family, frozenset())
    hit: set[str] = set()
    for other in others:
        if other is fault or other.family not in hides or other.start is None:
            continue
        ended = other.stop.time if other.stop is not None else fault.stop.time
        if other.start.time < fault.stop.time and ended > fault.start.time:
            hit.update(other.targets)
    return hit.issuperset(fault.targets)
