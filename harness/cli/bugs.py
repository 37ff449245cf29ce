"""``splitbrain bugs``: the harness judged by planted bugs: caught, by whom, after how many seeds."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import harness
from harness.campaign import Overrides, load, plan
from harness.cli.catalogue import columns
from harness.cli.check import checkers_of, workload_of
from harness.cli.common import DEFAULT_STORE, StoreOption, console, open_store, say
from harness.cli.histories import load as load_history
from harness.cli.run import check_plan
from harness.conduct import Conductor
from harness.entry import Entry
from harness.errors import UsageError, nearest
from harness.hunt import Hunt, hunts
from harness.table import progress
from nodes.bugs import BUGS, Bug

CAMPAIGN = Path(harness.__file__).parent.parent / "campaigns" / "planted-bugs.yaml"

MONITOR = ("raft-invariants:", "state-divergence:", "agreement:", "elections:", "startup:")
"""signs that only the trace can show"""

HEAD = ("bug", "no", "defect", "caught by", "fault", "seeds", "history alone", "without faults")


def register(app: typer.Typer) -> None:
    app.command("bugs", help="Every planted bug: caught, by whom, after how many seeds.")(bugs)


def bugs(
    bug: Annotated[list[str] | None, typer.Argument(help="These bugs only.", metavar="[BUG]...")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="At most so many seeds for each.", metavar="N")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time; all processors.", metavar="N")
    ] = None,
    campaign: Annotated[Path, typer.Option(help="A campaign with planted bugs.", metavar="FILE")] = CAMPAIGN,
    store: StoreOption = Path(DEFAULT_STORE),
) -> int:
    """Runs the groups of the campaign in which bugs are planted; returns the exit code of its gate."""
    for name in bug or ():
        if name not in BUGS:
            raise UsageError(f"bugs: unknown bug {name!r}{nearest(name, BUGS)}")
    content = load(campaign)
    everything = plan(content, Overrides(seeds=seeds), str(campaign))
    planned = [run for run in everything if run.spec.bug and (not bug or run.spec.bug in bug)]
    if not planned:
        raise UsageError(f"{campaign}: plants no such bug")
    check_plan(planned, str(campaign))
    conductor = Conductor(content, planned, str(campaign), open_store(store), progress(console()))
    conductor.open(resume=False)
    several = _several(len({run.spec.bug for run in planned}))
    say(f"{several}; again: {shlex.join(['splitbrain', 'bugs', *(bug or ())])}")
    judgement = conductor.run(jobs or os.cpu_count() or 1)
    runs = conductor.state.runs
    names = dict.fromkeys(run.spec.bug or "" for run in planned)
    rows = []
    for name in names:
        own = [e for e in runs if e.bug == name]
        # a bug may be hunted in more than one cell
        rows += [_row(BUGS[name], hunt, own, conductor.folder) for hunt in hunts(own)]
    for line in columns([HEAD, *rows]):
        say(line)
    for line in judgement.lines:
        if line.startswith("NOT"):
            say(line, "red")
    return judgement.code


def _row(bug: Bug, hunt: Hunt, entries: Sequence[Entry], folder: Path) -> tuple[str, ...]:
    seen = [(sign, seed) for sign, seed in hunt.seeds.items() if seed is not None]
    missed = [f"NOT by {sign}" for sign, seed in hunt.seeds.items() if seed is None]
    by_history = next(
        (e for e in entries if e.cell == hunt.cell and any(not s.startswith(MONITOR) for s in e.caught_by)),
        None,
    )
    calm = [e for e in entries if e.expect == "valid"]
    clean = sum(e.verdict == "valid" for e in calm)
    return (
        bug.name,
        str(bug.number),
        bug.defect,
        ", ".join([*(f"{sign} (seed {seed})" for sign, seed in seen), *missed]),
        bug.fault,
        str(hunt.runs) if hunt.caught else f"more than {hunt.runs}",
        _alone(folder / by_history.folder / "history.jsonl") if by_history and bug.client_symptom else "",
        f"{clean} of {len(calm)} valid" if calm else "",
    )


def _alone(history: Path) -> str:
    """What the history says without the trace: the verdict of `splitbrain check`."""
    from checkers import Record, create, merge  # noqa: PLC0415 (after the runs)

    path, ops = load_history(history)
    names = checkers_of(workload_of(history, path, ops), ops)
    return merge([create(name).check(Record(ops)) for name in names])


def _several(n: int) -> str:
    return f"{n} planted bug{'' if n == 1 else 's'}"
