"""What the commands share: options, the console, and how a verdict is said."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from checkers.result import Result, Verdict
from harness.errors import UsageError
from harness.store import Store

if TYPE_CHECKING:
    from rich.console import Console

DEFAULT_STORE = "store"

EXPLANATIONS_MAX = 5

StoreOption = Annotated[
    Path, typer.Option("--store", envvar="SPLITBRAIN_STORE", help="Folder of runs.", metavar="DIR")
]

STYLES: dict[Verdict, str] = {"valid": "bold green", "invalid": "bold red", "unknown": "bold yellow"}


def console() -> Console:
    """Standard output; colours on a terminal only, and no line of ours is broken at its edge."""
    from rich.console import Console  # noqa: PLC0415 (its import costs as much as a small history's verdict)

    return Console(soft_wrap=True, highlight=False, markup=False, emoji=False)


def say(text: str = "", style: str | None = None) -> None:
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
        sys.stdout.write(f"{text}\n")
        return
    from rich.text import Text  # noqa: PLC0415

    console().print(Text(text, style=style or ""))


def say_error(line: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"splitbrain: {line}\n")
    sys.stderr.flush()


def open_store(path: Path) -> Store:
    if path.exists() and not path.is_dir():
        raise UsageError(f"--store: {path} is a file; expected a folder")
    return Store(path)


def say_results(verdict: Verdict, results: Sequence[Result]) -> None:
    """The verdict, then a line for each checker, and the explanations of what is wrong."""
    say(f"verdict: {verdict}", STYLES[verdict])
    for result in results:
        why = f": {result.why}" if result.why else ""
        say(f"  {result.verdict:<8}{result.checker}{why}", STYLES[result.verdict].removeprefix("bold "))
        for anomaly in result.anomalies[:EXPLANATIONS_MAX]:
            say(f"    {anomaly.type}: {anomaly.explanation}")
        if len(result.anomalies) > EXPLANATIONS_MAX:
            say(f"    and {len(result.anomalies) - EXPLANATIONS_MAX} more")
