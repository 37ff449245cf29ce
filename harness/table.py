"""How far a campaign is, on a terminal: a live table; and plain lines where there is none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.entry import Entry, Figures, figures

LINES_MAX = 200
"""a longer campaign prints only every so many runs, and each one that came out otherwise than expected"""

COLOURS = {"valid": "green", "invalid": "red", "unknown": "yellow"}


def run_line(entry: Entry) -> str:
    """One run on one line."""
    what = [
        entry.system,
        entry.bug or "",
        entry.workload,
        "+".join(dict.fromkeys(entry.nemesis)) or "no faults",
        entry.env,
    ]
    label = " ".join(part for part in what if part)
    counts = f"{entry.ok:,} of {entry.operations:,} ok"
    text = f"{entry.verdict:<8}{label}  seed {entry.seed}  {counts}  {entry.elapsed_s:.2f} s"
    return text + (f"\n         {entry.why[:200]}\n         {entry.replay}" if surprising(entry) else "")


def surprising(entry: Entry) -> bool:
    """Whether a person would want to see this run at once."""
    return entry.failed or (entry.expect == "valid" and entry.verdict != "valid")


class PlainProgress:
    """A line a run, for logs."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._total = 0
        self._done = 0

    def begin(self, name: str, total: int, done: Sequence[Entry]) -> None:
        del name
        self._total, self._done = total, len(done)

    def finished(self, entry: Entry, remaining: int) -> None:
        self._done += 1
        total = self._done + remaining
        every = max(1, self._total // LINES_MAX)
        if surprising(entry) or self._done % every == 0 or not remaining:
            print(f"{self._done:>5}/{total}  {run_line(entry)}", file=self._out, flush=True)

    def end(self) -> None:
        pass


class LiveProgress:
    """One row for each group and system, workload, nemesis and environment; redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._rows: dict[tuple[str, ...], list[Entry]] = {}
        self._name = ""
        self._done = 0
        self._total = 0

    def begin(self, name: str, total: int, done: Sequence[Entry]) -> None:
        self._name, self._total = name, total
        for entry in done:
            self._add(entry)
        self._live = Live(self._draw(), console=self._console, refresh_per_second=4)
        self._live.start()

    def _add(self, entry: Entry) -> None:
        self._done += 1
        bug = f" ({entry.bug})" if entry.bug else ""
        nemesis = ", ".join(entry.nemesis) or "none"
        self._rows.setdefault(
            (entry.group, entry.system + bug, entry.workload, nemesis, entry.env), []
        ).append(entry)

    def finished(self, entry: Entry, remaining: int) -> None:
        self._add(entry)
        self._total = self._done + remaining
        if self._live is not None:
            if surprising(entry):
                self._live.console.print(Text(run_line(entry), style=COLOURS[entry.verdict]))
            self._live.update(self._draw())

    def end(self) -> None:
        if self._live is not None:
            self._live.stop()

    def _draw(self) -> RenderableType:
        table = Table(title=f"{self._name}: {self._done} of {self._total} runs", title_justify="left")
        for head in ("group", "system", "workload", "nemesis", "env"):
            table.add_column(head, overflow="fold")
        for head in ("valid", "invalid", "unknown", "operations", "ok"):
            table.add_column(head, justify="right")
        table.add_column("faults bit", overflow="fold")
        for key, entries in self._rows.items():
            table.add_row(*key, *_cells(figures(entries)))
        return Group(table)


def _cells(total: Figures) -> list[RenderableType]:
    counts = {"valid": total.valid, "invalid": total.invalid, "unknown": total.unknown}
    coloured = [Text(str(n), style=COLOURS[name] if n else "dim") for name, n in counts.items()]
    rates = {family: total.bite_rate(family) for family in total.bite}
    bite = ", ".join(f"{family} {100 * rate:.0f} %" for family, rate in rates.items() if rate is not None)
    return [*coloured, f"{total.operations:,}", f"{100 * total.ok_fraction:.0f} %", bite]


def progress(console: Console) -> PlainProgress | LiveProgress:
    """The live table on a terminal, else plain lines."""
    return LiveProgress(console) if console.is_terminal else PlainProgress()
