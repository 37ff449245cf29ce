"""The faults of a run: when, on whom, what was observed there, and whether they bit.

Read from the nemesis' ops in the history, and judged, by the same functions as the checkers use; faults of
the schedule that never came are added from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

import checkers.faults
import checkers.runs.bite
from checkers.result import Result
from harness.report import words
from harness.report.evidence import mapping, observed
from harness.report.folder import Run


class Phrase(msgspec.Struct):
    """A fault as a clause: "n0 and n1" + "were" + "cut off from n2"; in tables the verb is left out."""

    subject: str
    verb: str
    rest: str
    brief: str = ""
    """in place of ``rest`` where a sentence would get too long"""

    @property
    def short(self) -> str:
        return f"{self.subject} {self.rest}".strip()

    @property
    def clause(self) -> str:
        return " ".join(part for part in (self.subject, self.verb, self.brief or self.rest) if part)


class Fault(msgspec.Struct):
    """``start`` and ``stop`` in ns; None: never began, never healed. ``phrase``: what happened.

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
    phrase: Phrase
    seen: str
    after: str = ""
    indexes: list[int] = []

    @property
    def what(self) -> str:
        """``n2 cut off from n0 and n1``."""
        return self.phrase.short

    @property
    def leader(self) -> str | None:
        """The node the nemesis aimed at as leader, if it was hit."""
        named = self.detail.get("leader")
        return named if isinstance(named, str) and named in self.targets else None

    def active(self, start: int, stop: int) -> bool:
        """Whether it was in force at some time of [start, stop]."""
        return self.start is not None and self.start <= stop and (self.stop is None or self.stop >= start)


def faults(run: Run) -> list[Fault]:
    """In order of their numbers."""
    measured = _measured(run.results)
    nodes = run.nodes()
    counted = _units(run)
    recorded = checkers.faults.faults(run.ops)
    found = [
        _fault(fault, outcome, measured.get(fault.number, {}), nodes, counted)
        for fault, outcome in zip(recorded, checkers.runs.bite.outcomes(recorded), strict=True)
    ]
    known = {fault.number for fault in found}
    found.extend(_never(n, planned) for n, planned in enumerate(run.schedule) if n not in known)
    return sorted(found, key=lambda fault: fault.number)


BY_PACKETS = ("packet filter", "netem")
"""means that count packets, not messages"""


def means(run: Run) -> dict[str, str]:
    """By what faults of links were done, where the run says so: family -> means."""
    named = mapping(mapping(run.summary.get("world")).get("means"))
    return {str(family): str(what) for family, what in named.items()}


def _units(run: Run) -> dict[str, str]:
    return {family: "packet" for family, what in means(run).items() if what in BY_PACKETS}


def _fault(
    fault: checkers.faults.Fault,
    outcome: str,
    measured: dict[str, Any],
    nodes: list[str],
    counted: dict[str, str],
) -> Fault:
    evidence = fault.evidence
    if fault.family in counted:
        evidence = {**evidence, "unit": counted[fault.family]}
    bite = outcome.replace("_", " ")
    seen = "its trigger never came" if fault.start is None else "the recording ends before its evidence"
    return Fault(
        number=fault.number,
        family=fault.family,
        targets=fault.targets,
        start=fault.start.time if fault.start else None,
        stop=fault.stop.time if fault.stop else None,
        detail=fault.detail,
        bite=bite,
        phrase=describe(fault.family, fault.targets, fault.detail, nodes),
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
    """A fault of schedule.yaml that the history does not know: the run ended first."""
    family = str(planned.get("family", "fault"))
    shape, target = planned.get("shape"), planned.get("target")
    aim = ", ".join(_names(target))
    phrase = Phrase(aim or "the cluster", "", f"{family}{f' ({shape})' if shape else ''}")
    detail = mapping(planned.get("parameters"))
    seen = "planned, but the recording ends before it"
    return Fault(number, family, [], None, None, detail, "unfired", phrase, seen)


def _names(v: Any) -> list[str]:
    if isinstance(v, str):
        return [v]
    return [str(name) for name in v] if isinstance(v, list) else []


def _asked(detail: dict[str, Any], field: str) -> int:
    asked = detail.get(field, 0)
    return asked if isinstance(asked, int) else 0


# --- in words ---------------------------------------------------------------------------------------------


def _were(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 and names[0] != "all nodes" else "were"


def _groups(detail: dict[str, Any]) -> list[list[str]]:
    groups = detail.get("groups")
    if not isinstance(groups, list):
        return []
    return [[str(name) for name in group] for group in groups if isinstance(group, list) and group]


def _apart(groups: list[list[str]], _: dict[str, Any]) -> Phrase:
    small, large = sorted(groups, key=len)
    rest = words.listing(large) if len(small) > 1 or len(large) < 3 else "all others"
    return Phrase(words.listing(small), _were(small), f"cut off from {rest}")


def _one_way(groups: list[list[str]], detail: dict[str, Any]) -> Phrase:
    side, rest = groups
    deaf = detail.get("direction") == "in"
    what = "unable to hear" if deaf else "not heard by"
    return Phrase(words.listing(side), _were(side), f"{what} {words.listing(rest)} (one way)")


def _bridged(groups: list[list[str]], _: dict[str, Any]) -> Phrase:
    a, bridge, b = groups
    return Phrase(
        words.listing(a), _were(a), f"cut off from {words.listing(b)}; {words.listing(bridge)} reached both"
    )


def _partial(groups: list[list[str]], _: dict[str, Any]) -> Phrase:
    side, cut, reached = groups
    return Phrase(
        words.listing(side),
        _were(side),
        f"cut off from {words.listing(cut)}; {words.listing(reached)} reached both",
    )


# (shape, or "" for any other; number of groups) -> how to say it
_CUTS: dict[tuple[str, int], Callable[[list[list[str]], dict[str, Any]], Phrase]] = {
    ("one-way", 2): _one_way,
    ("bridge", 3): _bridged,
    ("partial", 3): _partial,
    ("", 2): _apart,
}


def _partition(targets: list[str], detail: dict[str, Any]) -> Phrase:
    groups, shape = _groups(detail), str(detail.get("shape", ""))
    say = _CUTS.get((shape, len(groups))) or _CUTS.get(("", len(groups)))
    if say is not None:
        return say(groups, detail)
    if isinstance(ring := detail.get("ring"), list):
        return Phrase(
            "each member", "reached", f"only its neighbours on the ring {', '.join(str(n) for n in ring)}"
        )
    return Phrase(
        words.listing(targets) or "links",
        _were(targets),
        f"partitioned {f'({shape})' if shape else ''}".strip(),
    )


# field of a LinkRule, in figures, in brief, ns of a unit (None: parts per million)
_RULES = (
    ("delay_us", "{} later", "late", 1000),
    ("jitter_us", "jitter of {}", "", 1000),
    ("loss_ppm", "{} lost", "lost", None),
    ("duplicate_ppm", "{} sent twice", "doubled", None),
    ("reorder_ppm", "{} held back and overtaken", "overtaken", None),
    ("corrupt_ppm", "{} damaged on the way", "damaged", None),
)


def _link(targets: list[str], detail: dict[str, Any]) -> Phrase:
    rule = mapping(detail.get("rule")) or detail
    parts, brief = [], []
    for field, figures, word, ns in _RULES:
        n = rule.get(field)
        if isinstance(n, int) and n > 0:
            parts.append(figures.format(words.duration(n * ns) if ns else f"{n / 10_000:.1f} %"))
            brief += [word] if word else []
    rate = rule.get("rate_bytes_s")
    if isinstance(rate, int) and rate > 0:
        parts.append(f"let through at {rate:,} bytes a second")
        brief.append("throttled")
    whose = f"messages of {words.listing(targets) or 'some nodes'}"
    return Phrase(whose, "were", words.listing(parts) or "disturbed", words.listing(brief))


def _clock(targets: list[str], detail: dict[str, Any]) -> Phrase:
    offset, rate = _asked(detail, "offset_ns"), _asked(detail, "rate_ppm")
    parts = []
    if offset:
        parts.append(f"jumped {'forward' if offset > 0 else 'back'} by {words.duration(abs(offset))}")
    if rate:
        parts.append(f"ran {abs(rate):,} ppm too {'fast' if rate > 0 else 'slow'}")
    return Phrase(
        f"the clock of {words.listing(targets) or 'a node'}", "", words.listing(parts) or "was disturbed"
    )


# shape of ``disk`` -> what the disks did, what the data did
_DISKS = {
    "full": "full",
    "read-only": "read-only",
    "failed-sync": "unable to sync",
}
_DAMAGES = {
    "bit-flip": "one bit flipped",
    "lost-sector": "a sector lost",
    "truncated": "the end cut off",
}


def _disk(targets: list[str], detail: dict[str, Any]) -> Phrase:
    shape, whose = str(detail.get("shape", "")), words.listing(targets) or "a node"
    if shape in _DAMAGES:
        return Phrase(f"the data of {whose}", "had", f"{_DAMAGES[shape]} before a restart")
    if shape == "slow":
        later = words.duration(_asked(detail, "delay_us") * 1000)
        return Phrase(f"syncs of {whose}", "", f"took {later} longer")
    return Phrase(f"the disk of {whose}", "was", _DISKS.get(shape, "bad"))


def _resource(targets: list[str], detail: dict[str, Any]) -> Phrase:
    whose = words.listing(targets) or "a node"
    if detail.get("shape") == "memory":
        return Phrase(
            whose, _were(targets), f"left {_asked(detail, 'headroom_kb'):,} kB more memory than it had"
        )
    return Phrase(whose, "", f"had {_asked(detail, 'percent')} % of a processor")


def _simply(verb: bool, rest: str) -> Callable[[list[str], dict[str, Any]], Phrase]:
    return lambda targets, _: Phrase(words.listing(targets) or "a node", _were(targets) if verb else "", rest)


_PHRASES: dict[str, Callable[[list[str], dict[str, Any]], Phrase]] = {
    "partition": _partition,
    "link": _link,
    "kill": _simply(True, "killed"),
    "power-loss": _simply(False, "lost power"),
    "pause": _simply(True, "paused"),
    "clock": _clock,
    "disk": _disk,
    "resource": _resource,
}


def describe(family: str, targets: list[str], detail: dict[str, Any], nodes: Sequence[str]) -> Phrase:
    """What happened: ``n2`` ``was`` ``cut off from all others``. ``nodes``: all members."""
    if len(nodes) > 2 and sorted(targets) == sorted(nodes):
        targets = ["all nodes"]
    say = _PHRASES.get(family)
    if say is not None:
        return say(targets, detail)
    return Phrase(words.listing(targets) or "the cluster", "suffered", family)
