"""``splitbrain run``: a campaign."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from harness.campaign import Overrides, Planned, load, plan
from harness.cli.common import DEFAULT_STORE, STYLES, StoreOption, console, open_store, say
from harness.cli.once import one_of_envs
from harness.conduct import Conductor
from harness.errors import UsageError
from harness.spec import EnvName
from harness.store import write_atomic
from harness.summary import bite_text
from harness.table import progress


def register(app: typer.Typer) -> None:
    app.command("run", help="Run a campaign: many runs and a gate.")(run)


def run(
    campaign: Annotated[Path, typer.Argument(help="Campaign file.", metavar="CAMPAIGN.yaml")],
    env: Annotated[
        str | None, typer.Option(help="Run everything in this environment.", metavar="ENV")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="So many seeds, instead of the file's number.", metavar="N")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="This seed only.", metavar="N")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Simulated runs at a time; all processors.", metavar="N")
    ] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds of each run.", metavar="S")] = None,
    store: StoreOption = Path(DEFAULT_STORE),
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here too.", metavar="FILE")] = None,
    summary: Annotated[
        Path | None, typer.Option(help="Write the Markdown summary here too.", metavar="FILE")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Only this group of the file; repeatable.", metavar="NAME")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest unfinished one.")] = False,
) -> int:
    """Read, check, execute and judge a campaign; returns the exit code of its gate."""
    if seeds is not None and seed is not None:
        raise UsageError("run: --seeds and --seed exclude each other")
    overrides = Overrides(
        env=_env(env), seeds=seeds, seed=seed, time_limit=_limit(time_limit), groups=tuple(group or ())
    )
    content = load(campaign)
    planned = plan(content, overrides, str(campaign))
    check_plan(planned, str(campaign))
    for path, flag in ((junit, "--junit"), (summary, "--summary")):
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"{flag}: {path.parent} is not a folder")
        if path is not None and path.is_dir():
            raise UsageError(f"{flag}: {path} is a folder; expected a file to write to")
    conductor = Conductor(content, planned, str(campaign), open_store(store), progress(console()))
    resumed = conductor.open(resume=resume)
    say(f"{content.name}: {_seeds(planned)}, {len(planned)} runs; again: {again(campaign, overrides, store)}")
    if resumed:
        say(f"resuming {conductor.folder}: {len(conductor.entries)} runs are done")
    elif resume:
        say("nothing to resume: no unfinished campaign of this content; starting anew")
    judgement = conductor.run(jobs or os.cpu_count() or 1)
    page = _report(conductor.folder)
    for path, name in ((junit, "junit.xml"), (summary, "summary.md")):
        if path is not None:
            write_atomic(path, (conductor.folder / name).read_bytes())
    state = conductor.state
    total = state.figures
    say(
        f"{total.runs} runs: {total.valid} valid, {total.invalid} invalid, {total.unknown} unknown; "
        f"{total.operations:,} operations, {100 * total.ok_fraction:.1f} % ok"
    )
    if total.bite:
        say(f"faults that bit: {bite_text(total)}")
    if len(state.trend) > 1:
        last = state.trend[-2]
        say(
            f"last time ({last.started}): {last.runs} runs, {last.invalid} invalid, {last.unknown} unknown, "
            f"{100 * last.ok_fraction:.1f} % ok"
        )
    for line in judgement.lines:
        say(f"  {line}", "red" if line.startswith("NOT") else "green")
    style = STYLES["valid" if judgement.passed else "invalid"]
    say(f"{'passed' if judgement.passed else 'NOT passed'}; report: {page}", style)
    return judgement.code


def check_plan(planned: list[Planned], source: str) -> None:
    """Refuse what cannot run before anything runs: once for each cell, as seeds change nothing."""
    from harness.run import check_spec  # noqa: PLC0415 (imports every environment)

    done: set[bytes] = set()
    for run in planned:
        key = msgspec.json.encode(msgspec.structs.replace(run.spec, seed=0))
        if key in done:
            continue
        done.add(key)
        try:
            check_spec(run.spec)
        except UsageError as e:
            raise UsageError(f"{source}: {run.group + ': ' if run.group else ''}{e}") from e


def again(campaign: Path, overrides: Overrides, store: Path) -> str:
    """The command that makes the same runs again."""
    words = ["splitbrain", "run", str(campaign)]
    given = {
        "--env": overrides.env,
        "--seeds": overrides.seeds,
        "--seed": overrides.seed,
        "--time-limit": overrides.time_limit,
    }
    for flag, value in given.items():
        if value is not None:
            words += [flag, str(value)]
    for name in overrides.groups:
        words += ["--group", name]
    if str(store) != DEFAULT_STORE:
        words += ["--store", str(store)]
    return shlex.join(words)


def _env(name: str | None) -> EnvName | None:
    return None if name is None else one_of_envs(name, "run: --env")


def _limit(seconds: float | None) -> float | None:
    if seconds is not None and not 0 < seconds <= 86400:
        raise UsageError("run: --time-limit: expected more than 0 and at most 86400 seconds")
    return seconds


def _seeds(planned: list[Planned]) -> str:
    seeds = sorted({run.spec.seed for run in planned})
    return f"seeds {seeds[0]}..{seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def _report(folder: Path) -> Path:
    from harness.report import campaign_report  # noqa: PLC0415

    return campaign_report(folder)
