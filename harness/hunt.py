"""Cells that must be caught: which of the wanted signs were seen, and with which seed first.

A *sign* is an anomaly with the checker that found it, written ``checker:anomaly``. A planted bug lists the signs
that must all be seen (``nodes/bugs.py``); a cell in which no bug is planted is caught by any invalid run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from harness.entry import Entry


class Hunt(msgspec.Struct):
    """One cell, as the gate judges it and ``campaign.json`` holds it. ``runs``: how many were made.

    ``seeds``: sign -> the first seed whose run showed it, None for one that was not seen.
    """

    cell: int
    name: str
    bug: str | None
    runs: int
    caught: bool
    seeds: dict[str, int | None]


def hunts(entries: Iterable[Entry]) -> list[Hunt]:
    """A hunt for each cell that must be caught, in the order of the plan."""
    cells: dict[int, list[Entry]] = {}
    for entry in sorted(entries, key=lambda e: e.number):
        if entry.expect == "invalid":
            cells.setdefault(entry.cell, []).append(entry)
    return [_hunt(cell, members) for cell, members in cells.items()]


def _hunt(cell: int, members: Sequence[Entry]) -> Hunt:
    head = members[0]
    seeds: dict[str, int | None] = dict.fromkeys(head.wanted)
    for entry in members:
        for sign in entry.caught_by:
            if seeds.get(sign) is None:
                seeds[sign] = entry.seed
    caught = any(entry.caught for entry in members) and None not in seeds.values()
    name = f"{head.group}: {head.bug or head.system}".removeprefix(": ")
    return Hunt(cell, name, head.bug, len(members), caught, seeds)


def told(hunt: Hunt) -> str:
    """``no-sessions caught by linearizability:nonlinearizable with seed 3, in 3 runs``, or what was not seen."""
    runs = "1 run" if hunt.runs == 1 else f"{hunt.runs} runs"
    seen = ", ".join(f"{sign} with seed {seed}" for sign, seed in hunt.seeds.items() if seed is not None)
    missing = ", ".join(sign for sign, seed in hunt.seeds.items() if seed is None)
    if hunt.caught:
        return f"{hunt.name} caught by {seen}, in {runs}" if seen else f"{hunt.name} caught in {runs}"
    if not missing:
        return f"{hunt.name} caught in none of {runs}"
    return f"{hunt.name}: {missing} seen in none of {runs}" + (f" (but {seen})" if seen else "")
