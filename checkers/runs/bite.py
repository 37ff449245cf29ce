"""Did the faults bite? ("bite")

A fault counts only when the affected side shows it: frames refused on a cut link, an exit status, a clock
reading. What the nemesis says it started is never evidence. Where no fault of a planned family bit, the run
tested nothing of what it was meant to test, and that is unknown, not valid; so is one in which more than half of a
family's faults did not bite, apart from those that another fault hid (checkers/runs/hidden.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from checkers.faults import Fault, faults
from checkers.record import Record
from checkers.result import Anomaly, Result, Verdict
from checkers.runs.hidden import hidden
from checkers.words import listing, plural, seconds

BIT, MISSED, HIDDEN = "bit", "did_not_bite", "hidden"
UNFIRED, UNHEALED = "unfired", "unhealed"
OUTCOMES = (BIT, MISSED, HIDDEN, UNFIRED, UNHEALED)


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def _counted(field: str) -> Callable[[Fault], bool]:
    """Evidence that counts frames by link: any at all."""

    def bit(fault: Fault) -> bool:
        counts = fault.evidence.get(field)
        return isinstance(counts, dict) and any(_number(n) > 0 for n in counts.values())

    return bit


def _node(test: Callable[[dict[str, Any], Fault], bool]) -> Callable[[Fault], bool]:
    """Evidence by node: ``test`` holds on one of them at least."""

    def bit(fault: Fault) -> bool:
        nodes = fault.evidence.get("nodes")
        return isinstance(nodes, dict) and any(isinstance(s, dict) and test(s, fault) for s in nodes.values())

    return bit


def _died(state: dict[str, Any], fault: Fault) -> bool:  # noqa: ARG001  one shape of tests
    down = state.get("up") is False and type(state.get("exit_status")) is int
    before, after = state.get("incarnation_before"), state.get("incarnation_after")
    return state.get("was_up") is True and (down or _number(after) > _number(before))


def _stalled(state: dict[str, Any], fault: Fault) -> bool:  # noqa: ARG001  one shape of tests
    return state.get("paused") is True and _number(state.get("stalled")) > 0


def _clock_moved(state: dict[str, Any], fault: Fault) -> bool:
    """A reading changed by a thousandth of what was asked, or at all where what was asked is not known."""
    for reading in ("offset_ns", "rate_ppm"):
        after, before = state.get(reading), state.get(f"{reading}_before")
        if type(after) is not int or type(before) is not int or after == before:
            continue
        asked = fault.detail.get(reading)
        if asked is None and fault.detail.get("rate_ppm" if reading == "offset_ns" else "offset_ns"):
            continue  # the other clock setting was asked for: this reading only drifts
        if abs(after - before) * 1000 >= abs(_number(asked)) and asked != 0:
            return True
    return False


def _disk_failed(state: dict[str, Any], fault: Fault) -> bool:
    """Damaged data that the node was started on; refusals; or syncs longer by half of what was asked for at least."""
    if "damaged" in state:
        before, after = state.get("incarnation_before"), state.get("incarnation_after")
        return (
            state.get("was_up") is True and _number(state["damaged"]) > 0 and _number(after) > _number(before)
        )
    delay_us = _number(fault.detail.get("delay_us"))
    if not delay_us:
        return _number(state.get("refused")) > 0
    longer = _number(state.get("sync_us")) - _number(state.get("sync_us_before"))
    return _number(state.get("syncs")) > 0 and 2 * longer >= delay_us


def _starved(state: dict[str, Any], fault: Fault) -> bool:
    """It stood still while something waited for it; without a count of that, the system's word that it did is enough.
    Or it died for want of memory.
    """
    if "throttled_ns" in state:
        return _number(state["throttled_ns"]) > 0 and state.get("waited") != 0
    return _died(state, fault)


EVIDENCE: dict[str, Callable[[Fault], bool]] = {
    "partition": _counted("refused"),
    "link": _counted("altered"),
    "kill": _node(_died),
    "power-loss": _node(_died),
    "pause": _node(_stalled),
    "clock": _node(_clock_moved),
    "disk": _node(_disk_failed),
    "resource": _node(_starved),
}
"""family -> whether the fault's evidence says that it bit; a family from elsewhere says so itself "
"(``bit: true``)"""


def outcome(fault: Fault) -> str:
    """``bit``, ``did_not_bite``, ``unfired``, or ``unhealed``: applied, but the history ends before its
    evidence.
    """
    if fault.start is None:
        return UNFIRED
    if fault.stop is None:
        return UNHEALED
    judge = EVIDENCE.get(fault.family)
    bit = judge(fault) if judge is not None else fault.evidence.get("bit") is True
    return BIT if bit else MISSED


def outcomes(found: Sequence[Fault]) -> list[str]:
    """Of each fault its outcome: what did not bite, and could not for others that bit, is ``hidden``."""
    each = [outcome(fault) for fault in found]
    biting = [fault for fault, what in zip(found, each, strict=True) if what == BIT]
    return [
        HIDDEN if what == MISSED and hidden(fault, biting) else what
        for fault, what in zip(found, each, strict=True)
    ]


class Bite:
    """Options: ``nemesis``: the planned families, ``family`` or ``family:shape``; absent: those that came."""

    name = "bite"
    anomalies = ("did-not-bite",)

    def check(self, record: Record) -> Result:
        found = faults(record.history)
        planned = record.options.get("nemesis")
        families = sorted({str(p).split(":", 1)[0] for p in planned}) if planned is not None else []
        counts = {family: dict.fromkeys(OUTCOMES, 0) for family in families}
        missed: list[Anomaly] = []
        for fault, what in zip(found, outcomes(found), strict=True):
            row = counts.setdefault(fault.family, dict.fromkeys(OUTCOMES, 0))
            row[what] += 1
            if what == MISSED:
                missed.append(_explain(fault))
        coverage: dict[str, Any] = {
            "faults": len(found),
            "bit": sum(row[BIT] for row in counts.values()),
            "families": {family: counts[family] for family in sorted(counts)},
        }
        if not found and not families:
            return Result("valid", self.name, why="planned without faults", coverage=coverage)
        reasons = [r for family in sorted(counts) for r in _complaints(family, counts[family], families)]
        verdict: Verdict = "unknown" if reasons else "valid"
        return Result(verdict, self.name, missed, "; ".join(reasons), coverage)


def _complaints(family: str, row: dict[str, int], planned: list[str]) -> list[str]:
    applied = row[BIT] + row[MISSED]
    if family in planned and not row[BIT]:
        rest = ", ".join(f"{row[k]} {k.replace('_', ' ')}" for k in OUTCOMES[1:] if row[k])
        return [f"no {family} fault bit ({rest or 'none was applied'})"]
    if row[MISSED] * 2 > applied:
        return [f"{row[MISSED]} of {plural(applied, f'{family} fault')} did not bite"]
    return []


def _told(name: str, evidence: Any) -> str:
    """One part of a fault's evidence, in which nothing was seen."""
    if not isinstance(evidence, dict):
        return f"{name}: {evidence}"
    if all(not isinstance(v, dict) for v in evidence.values()):
        return f"{name}: 0 on each of {plural(len(evidence), 'link')}" if evidence else f"{name}: nothing"
    rows = [
        f"{node}: {', '.join(f'{k} {v}' for k, v in state.items())}"
        for node, state in evidence.items()
        if isinstance(state, dict)
    ]
    return f"of {name}, {'; '.join(rows)}"


def _explain(fault: Fault) -> Anomaly:
    assert fault.start is not None
    assert fault.stop is not None
    shown = listing([_told(k, v) for k, v in sorted(fault.evidence.items())]) or "none"
    return Anomaly(
        "did-not-bite",
        [fault.start.index, fault.stop.index],
        explanation=f"{fault.describe()} was applied from {seconds(fault.start.time)} to "
        f"{seconds(fault.stop.time)}, and nothing on the affected side shows it (evidence: {shown})",
        data={"fault": fault.number, "family": fault.family},
    )
