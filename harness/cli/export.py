"""``splitbrain export``: a history written for other judges, so that verdicts can be compared."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.common import say_error
from harness.errors import UsageError, nearest, refused_file

FORMATS = ("edn", "elle-json", "porcupine", "jsonl", "columns")

_MODULES = {"porcupine": "porcupine-kv"}
"""formats whose name here is not the one they are read by"""


def register(app: typer.Typer) -> None:
    app.command("export", help="Write a history for Jepsen, Elle or Porcupine.")(export)


def export(
    history: Annotated[
        Path, typer.Argument(help="A file with a history, or the folder of a run.", metavar="HISTORY")
    ],
    format: Annotated[str, typer.Option(help=f"{', '.join(FORMATS)}.", metavar="NAME")],  # noqa: A002
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to; standard output otherwise.", metavar="FILE"),
    ] = None,
    from_: Annotated[str, typer.Option("--from", help="The format of HISTORY.", metavar="FORMAT")] = "auto",
) -> int:
    """Returns 0: what cannot be written is refused before anything is."""
    from checkers import formats  # noqa: PLC0415 (other commands need no arrays)
    from harness.cli import histories  # noqa: PLC0415

    if format not in FORMATS:
        raise UsageError(f"export: --format: unknown format {format!r}{nearest(format, FORMATS)}")
    if from_ not in histories.FORMATS:
        raise UsageError(f"export: --from: unknown format {from_!r}{nearest(from_, histories.FORMATS)}")
    if output is None and format == "columns":
        raise UsageError("export: --format columns writes a binary file: say where to with -o FILE")
    path, found = histories.load(history, from_)
    name = _MODULES.get(format, format)
    try:
        if output is None:
            formats.write(found, sys.stdout.buffer, name)
            sys.stdout.buffer.flush()
            return 0
        scratch = output.with_name(f".{output.name}.tmp")
        try:
            with scratch.open("wb") as out:
                formats.write(found, out, name)
            scratch.replace(output)
        finally:
            scratch.unlink(missing_ok=True)
    except formats.CannotWriteError as e:
        raise UsageError(f"{path}: cannot be written as {format}: {' '.join(str(e).split())}") from e
    except BrokenPipeError:
        raise
    except OSError as e:
        raise refused_file(output or "standard output", e, "a file to write to") from e
    say_error(f"{output}: {len(found):,} ops")
    return 0
