"""The faults of a run: when, on whom, what was observed there, and whether they bit.

Read from the nemesis' ops in the history, and judged, by the same functions as the checkers use; faults of
the schedule that never came are added from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

import checkers.bite
import checkers.faults
from checkers.result import Result
from harness.report import words
from harness.report.folder import Run


class Fault(msgspec.Struct):
    """``start`` and ``stop`` in ns; None: never began, never healed. ``what`` is a phrase: "n2 killed".

    ``bite`` is the verdict of the checker of that name. ``seen``: the evidence in words. ``after``: what the
    availability checker measured around it, in words. ``indexes``: of its ops in the history.
    """

    number: int
    family: str
    targets: list[str]
    start: int | None
    stop: int | None
    detail: dict[str, Any]
    bite: str
    what: str
    seen: str
    after: str = ""
    indexes: list[int] = []

    def active(self, start: int, stop: int) -> bool:
        """Whether it was in force at some time of [start, stop]."""
        return self.start is not None and self.start <= stop and (self.stop is None or self.stop >= start)


def faults(run: Run) -> list[Fault]:
    """In order of their numbers."""
    measured = _measured(run.results)
    found = [_fault(fault, measured.get(fault.number, {})) for fault in checkers.faults.faults(run.ops)]
    known = {fault.number for fault in found}
    found.extend(_never(n, planned) for n, planned in enumerate(run.schedule) if n not in known)
    return sorted(found, key=lambda fault: fault.number)


def _fault(fault: checkers.faults.Fault, measured: dict[str, Any]) -> Fault:
    evidence = fault.evidence
    bite = checkers.bite.outcome(fault).replace("_", " ")
    seen = "its trigger never came" if fault.start is None else "the recording ends before its evidence"
    return Fault(
        number=fault.number,
        family=fault.family,
        targets=fault.targets,
        start=fault.start.time if fault.start else None,
        stop=fault.stop.time if fault.stop else None,
        detail=fault.detail,
        bite=bite,
        what=describe(fault.family, fault.targets, fault.detail),
        seen=observed(fault.family, evidence) if fault.stop else seen,
        after=_after(measured),
        indexes=[op.index for op in (fault.start, fault.stop, fault.unfired) if op is not None],
    )


def _measured(results: Sequence[Result]) -> dict[int, dict[str, Any]]:
    """What the availability checker measured around each fault, by the fault's number."""
    rows = [
        row
        for result in results
        if result.checker == "availability"
        for row in result.coverage.get("faults", [])
    ]
    return {row["fault"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("fault"), int)}


def _after(row: dict[str, Any]) -> str:
    parts = []
    before, during = row.get("rate_before_milli"), row.get("rate_during_milli")
    if isinstance(before, int) and isinstance(during, int):
        parts.append(f"{before // 1000:,} answers a second before, {during // 1000:,} during")
    if "first_ok_ms" in row:
        first = row["first_ok_ms"]
        parts.append(
            "no answer any more after it"
            if first is None
            else f"first answer {words.duration(int(first * 1_000_000))} after it healed"
        )
    return "; ".join(parts)


def _never(number: int, planned: dict[str, Any]) -> Fault:
    family = str(planned.get("family") or planned.get("f") or "fault")
    targets = _names(planned.get("targets"))
    detail = _mapping(planned.get("detail") or planned.get("params"))
    what = describe(family, targets, detail)
    return Fault(
        number, family, targets, None, None, detail, "unfired", what, "planned, but the run ended before it"
    )


def _mapping(v: Any) -> dict[str, Any]:
    return v if isinstance(v, dict) else {}


def _names(v: Any) -> list[str]:
    if isinstance(v, str):
        return [v]
    return [str(name) for name in v] if isinstance(v, list) else []


def _total(counts: Any) -> int:
    return sum(n for n in counts.values() if isinstance(n, int)) if isinstance(counts, dict) else 0


def _nodes(evidence: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    nodes = _mapping(evidence.get("nodes"))
    return [(name, _mapping(nodes[name])) for name in sorted(nodes)]


def _died(state: dict[str, Any]) -> bool:
    later = state.get("incarnation_after", 0) > state.get("incarnation_before", 0)
    gone = state.get("up") is False and state.get("exit_status") is not None
    return bool(state.get("was_up")) and (gone or later)


def _asked(detail: dict[str, Any], field: str) -> int:
    asked = detail.get(field, 0)
    return asked if isinstance(asked, int) else 0


# --- in words ---------------------------------------------------------------------------------------------


def _groups(detail: dict[str, Any]) -> list[list[str]]:
    groups = detail.get("groups")
    if not isinstance(groups, list):
        return []
    return [[str(name) for name in group] for group in groups if isinstance(group, list) and group]


def _partition(targets: list[str], detail: dict[str, Any]) -> str:
    groups = _groups(detail)
    shape = str(detail.get("shape", "")).replace("_", "-")
    if len(groups) == 2 and "one" not in shape and "bridge" not in shape and "ring" not in shape:
        small, large = sorted(groups, key=lambda group: (len(group), group))
        return f"{words.listing(small)} cut off from {words.listing(large)}"
    whom = f" around {words.listing(targets)}" if targets else ""
    return f"network partition ({shape.replace('-', ' ') or 'links cut'}){whom}"


_RULES = (
    ("delay_us", "delay {}", 1000),
    ("jitter_us", "jitter {}", 1000),
    ("loss_ppm", "{} lost", None),
    ("duplicate_ppm", "{} duplicated", None),
    ("reorder_ppm", "{} reordered", None),
)


def _link(targets: list[str], detail: dict[str, Any]) -> str:
    rule = _mapping(detail.get("rule")) or detail
    parts = []
    for field, phrase, ns in _RULES:
        n = rule.get(field)
        if isinstance(n, int) and n > 0:
            parts.append(phrase.format(words.duration(n * ns) if ns else f"{n / 10_000:g} %"))
    whom = f" of {words.listing(targets)}" if targets else ""
    return f"bad links{whom}: {', '.join(parts)}" if parts else f"bad links{whom}"


def _clocks(targets: list[str], detail: dict[str, Any]) -> str:
    offset, rate = _asked(detail, "offset_ns"), _asked(detail, "rate_ppm")
    parts = []
    if offset:
        parts.append(f"jumped {'forward' if offset > 0 else 'back'} by {words.duration(abs(offset))}")
    if rate:
        parts.append(f"ran {abs(rate):,} ppm too {'fast' if rate > 0 else 'slow'}")
    return f"clock of {words.listing(targets) or 'a node'} {' and '.join(parts) or 'disturbed'}"


def _simply(phrase: str) -> Callable[[list[str], dict[str, Any]], str]:
    return lambda targets, _: f"{words.listing(targets) or 'a node'} {phrase}"


_PHRASES: dict[str, Callable[[list[str], dict[str, Any]], str]] = {
    "partition": _partition,
    "link": _link,
    "kill": _simply("killed"),
    "power-loss": _simply("lost power"),
    "pause": _simply("paused"),
    "clock": _clocks,
}


def describe(family: str, targets: list[str], detail: dict[str, Any]) -> str:
    """The fault as a phrase: ``n2 cut off from n0, n1, n3 and n4``."""
    phrase = _PHRASES.get(family)
    if phrase is not None:
        return phrase(targets, detail)
    return f"{family} of {words.listing(targets)}" if targets else family


def _frames(field: str, verb: str) -> Callable[[dict[str, Any]], str]:
    def say(evidence: dict[str, Any]) -> str:
        counts = _mapping(evidence.get(field))
        total = _total(evidence.get(field))
        links = [f"{link.replace('>', ' → ')}: {counts[link]}" for link in sorted(counts) if counts[link]]
        return f"{words.count(total, 'message')} {verb}" + (f" ({words.listing(links, 5)})" if links else "")

    return say


def _gone(evidence: dict[str, Any]) -> str:
    parts = []
    for name, state in _nodes(evidence):
        if not _died(state):
            parts.append(f"{name} was {'still up' if state.get('up') else 'not up before'}")
            continue
        lost = state.get("lost_bytes", 0)
        status = state.get("exit_status")
        parts.append(
            f"{name} gone"
            + (f", exit status {status}" if status is not None else "")
            + (f", {lost:,} unsynced bytes lost" if lost else "")
        )
    return "; ".join(parts)


def _stalled(evidence: dict[str, Any]) -> str:
    return "; ".join(
        f"{name} {'paused' if state.get('paused') else 'not paused'},"
        f" {words.count(state.get('stalled', 0), 'message')} stalled"
        for name, state in _nodes(evidence)
    )


def _read(evidence: dict[str, Any]) -> str:
    return "; ".join(
        f"{name} moved by {words.duration(state.get('offset_ns', 0) - state.get('offset_ns_before', 0))},"
        f" rate by {state.get('rate_ppm', 0) - state.get('rate_ppm_before', 0):+,} ppm"
        for name, state in _nodes(evidence)
    )


_OBSERVED: dict[str, Callable[[dict[str, Any]], str]] = {
    "partition": _frames("refused", "refused"),
    "link": _frames("altered", "altered"),
    "kill": _gone,
    "power-loss": _gone,
    "pause": _stalled,
    "clock": _read,
}


def observed(family: str, evidence: dict[str, Any]) -> str:
    """The evidence in words."""
    say = _OBSERVED.get(family)
    try:
        return say(evidence) if say else words.compact(evidence)
    except (TypeError, AttributeError):
        # evidence of a foreign shape is shown as it is
        return words.compact(evidence)
