"""What a campaign must meet to be green, and the lines that say whether it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec

from harness.entry import Entry, Figures, figures
from harness.errors import FAILED, INVALID, OK, UNKNOWN, VERDICT_CODES
from harness.hunt import hunts, told

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

LIMITS = ("max_recovery_s", "min_ok_fraction")
"""demands to which each run that must be valid is held by itself as well, by the checkers that know them"""


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``min_ok_fraction``: of all client operations. ``min_bite``: share of applied faults that bit, for all
    families or by family. ``max_recovery_s``: from a heal to the first success. ``invalid``, ``unknown``: how
    many such runs are tolerated.
    """

    invalid: Annotated[int, msgspec.Meta(ge=0)] = 0
    unknown: Annotated[int, msgspec.Meta(ge=0)] = 0
    min_ok_fraction: Share | None = None
    max_recovery_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    min_bite: Share | dict[str, Share] = {}


class Judgement(msgspec.Struct):
    """``lines``: one a demand, beginning with ``met`` or ``NOT MET``. ``code``: the campaign's exit code."""

    passed: bool
    lines: list[str]
    code: int


def judge(gate: Gate, entries: Sequence[Entry], baseline: Sequence[Entry], missing: int) -> Judgement:
    """Hold the campaign's runs against its gate. ``missing``: runs that had to happen and did not.

    A demand that the system missed makes the code 1; one that says too little was seen makes it 2; a run that
    the harness itself spoiled makes it 255.
    """
    sound = [e for e in entries if e.expect == "valid"]
    total = figures(sound)
    lines: list[str] = []
    codes: list[int] = []

    def demand(met: bool, text: str, code: int) -> None:
        lines.append(f"{'met' if met else 'NOT MET'}: {text}")
        if not met:
            codes.append(code)

    broken = sum(e.failed for e in (*entries, *baseline))
    if broken:
        demand(False, f"{_runs(broken)} spoiled by a defect of splitbrain itself", FAILED)
    if missing:
        demand(False, f"{_runs(missing)} not made", FAILED)
    for entry in baseline:
        if entry.verdict != "valid" and not entry.failed:
            text = f"without faults {entry.system} {entry.workload} is {entry.verdict}"
            demand(False, text, VERDICT_CODES[entry.verdict])
    if sound:
        demand(
            total.invalid <= gate.invalid, f"invalid runs {total.invalid}, at most {gate.invalid}", INVALID
        )
        demand(
            total.unknown <= gate.unknown, f"unknown runs {total.unknown}, at most {gate.unknown}", UNKNOWN
        )
        _measures(gate, total, demand)
    for hunt in hunts(entries):
        demand(hunt.caught, told(hunt), INVALID)
    if not entries:
        demand(False, "nothing ran", UNKNOWN)
    # a defect of the harness outweighs all; else what is invalid outweighs what is unknown
    code = FAILED if FAILED in codes else INVALID if INVALID in codes else UNKNOWN if codes else OK
    return Judgement(not codes, lines, code)


def _measures(gate: Gate, total: Figures, demand: Callable[[bool, str, int], None]) -> None:
    if gate.min_ok_fraction is not None:
        demand(
            total.ok_fraction >= gate.min_ok_fraction,
            f"operations that succeeded {total.ok_fraction:.3f}, at least {gate.min_ok_fraction:g}",
            UNKNOWN,
        )
    if gate.max_recovery_s is not None and total.max_recovery_s is not None:
        demand(
            total.max_recovery_s <= gate.max_recovery_s,
            f"longest recovery {total.max_recovery_s:.3f} s, at most {gate.max_recovery_s:g} s",
            INVALID,
        )
    wanted = gate.min_bite if isinstance(gate.min_bite, dict) else dict.fromkeys(total.bite, gate.min_bite)
    for family in sorted(wanted):
        rate = total.bite_rate(family)
        demand(
            rate is not None and rate >= wanted[family],
            f"faults of {family} that bit {'none applied' if rate is None else f'{rate:.3f}'}, "
            f"at least {wanted[family]:g}",
            UNKNOWN,
        )


def _runs(n: int) -> str:
    return "1 run" if n == 1 else f"{n} runs"
