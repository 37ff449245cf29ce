"""``splitbrain replay``: a run again, held against its record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.common import DEFAULT_STORE, STYLES, StoreOption, open_store, say
from harness.cli.once import one_of_envs
from harness.conduct import read_state
from harness.errors import FAILED, VERDICT_CODES, UsageError
from harness.replay import Difference, Replayed
from harness.replay import replay as again
from harness.store import RUN_FILE, Store

SECOND = 1_000_000_000


def register(app: typer.Typer) -> None:
    app.command("replay", help="Make a run again and compare; byte for byte in simulation.")(replay)


def replay(
    run: Annotated[str, typer.Argument(help="Folder of a run, or latest.", metavar="RUN")],
    env: Annotated[
        str | None, typer.Option(help="Play the schedule there: sim, process, docker or ssh.")
    ] = None,
    store: StoreOption = Path(DEFAULT_STORE),
) -> int:
    """Returns the verdict's exit code; 255 where a simulation did not repeat itself."""
    place = None if env is None else one_of_envs(env, "replay: --env")
    where = open_store(store)
    folder = run_folder(where.find(run), where)
    result = again(folder, where, place)
    spec = result.spec
    say(f"seed {spec.seed}: {folder}")
    say(f"verdict: recorded {result.recorded or 'none'}, replayed {result.replayed}", STYLES[result.replayed])
    if result.identical is None:
        how = "in simulation" if spec.env == "sim" else f"in real time ({spec.env})"
        say(f"the schedule was played again {how}: {result.folder}")
        return VERDICT_CODES[result.replayed]
    if result.identical:
        for name, value in result.sums.items():
            if value:
                say(f"identical: {name} (SHA-256 {value})")
        if result.restored:
            say(f"written again: {', '.join(result.restored)}")
            _page(folder)
        return VERDICT_CODES[result.replayed]
    return _diverged(result)


def _page(folder: Path) -> None:
    from harness.report import run_report  # noqa: PLC0415

    say(f"report: {run_report(folder)}")


def _diverged(result: Replayed) -> int:
    say(f"NOT identical: {', '.join(result.differing)}", "bold red")
    if result.difference is not None:
        for line in describe(result.difference):
            say(line)
    if result.other_build:
        say(
            "the record was made by another build of the sources: a difference says nothing about determinism"
        )
        return VERDICT_CODES[result.replayed]
    say("the same sources and seed must repeat byte for byte: this is a defect of splitbrain itself", "red")
    return FAILED


def describe(difference: Difference) -> list[str]:
    """The first difference in lines for a person."""
    at = "" if difference.time_ns is None else f", at {difference.time_ns / SECOND:.9f} s"
    lines = [
        f"first difference: {difference.file}, line {difference.line}{at}",
        f"  recorded: {difference.recorded or '(ends here)'}",
        f"  replayed: {difference.replayed or '(ends here)'}",
    ]
    if difference.agreed_step is not None:
        time = (difference.agreed_time_ns or 0) / SECOND
        lines.append(
            f"  the traces agree up to step {difference.agreed_step} "
            f"(state hash {difference.agreed_hash or 0:016x}, {time:.9f} s)"
        )
    return lines


def run_folder(folder: Path, store: Store) -> Path:
    """The run in ``folder``; of a campaign the first run to look at, else its first."""
    if (folder / RUN_FILE).is_file():
        return folder
    state = read_state(folder)
    runs = state.runs if state else []
    wanted = [e for e in runs if e.verdict != "valid" and not e.failed] or [e for e in runs if not e.failed]
    if not wanted:
        raise UsageError(f"{folder}: a campaign without a run to replay; the store is {store.root}")
    say(f"of campaign {state.name if state else folder.name}: {wanted[0].folder}")
    return folder / wanted[0].folder
