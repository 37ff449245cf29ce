"""The command line. One module a command; this one turns whatever happens into an exit code and one line.

| code | means |
|---|---|
| 0 | all valid |
| 1 | some invalid |
| 2 | some unknown, none invalid |
| 254 | bad arguments or a bad file: one line says what, where, what was expected |
| 255 | splitbrain itself failed: nothing is said about the system under test |
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.common import DEFAULT_STORE, say, say_error
from harness.errors import FAILED, USAGE, HarnessError, UsageError, one_line
from harness.store import utc_now, write_atomic

# command -> its module, in the order in which help lists them
COMMANDS = {
    "run": "run",
    "test": "once",
    "replay": "replay",
    "check": "check",
    "export": "export",
    "report": "report",
    "bugs": "bugs",
    "list": "catalogue",
    "cluster": "cluster",
}

QUICK = frozenset({"check"})
"""commands that are often done before the parser would be there"""


def app_of(argv: Sequence[str]) -> typer.Typer:
    """The command line with the command that is asked for, or with all where none of ours is: one command needs none
    of the others' imports.
    """
    app = typer.Typer(
        name="splitbrain",
        help="Find out whether a distributed system keeps its promises while things break.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="Exit codes: 0 valid, 1 invalid, 2 unknown, 254 bad arguments or file, 255 splitbrain failed.",
    )
    # with a callback even one command alone has to be named
    app.callback()(_options)
    asked = COMMANDS.get(argv[0]) if argv else None
    for module in dict.fromkeys(COMMANDS.values()) if asked is None else (asked,):
        import_module(f"harness.cli.{module}").register(app)
    return app


def _say_version(asked: bool) -> None:
    if asked:
        from harness.provenance import made_by  # noqa: PLC0415 (it reads all sources)

        say(" ".join(f"{what} {which}" for what, which in made_by().items()))
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Say which build this is.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    pass


PARSER_INTERRUPTED = 130
"""what newer versions of the command line's parser make of ctrl-C; no command of ours returns it"""

# the base of the errors by which the command line's parser refuses arguments, in all its versions
_ParserError = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Nothing but the code and printed lines comes out of it."""
    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except BrokenPipeError:
        # the reader of our output went away: not worth a word, and nobody to say it to
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 (until the process ends)
        return FAILED


def _run(argv: list[str]) -> int:
    if not argv:
        say_error("no command given; see splitbrain --help")
        return USAGE
    try:
        code = _quickly(argv)
        if code is None:
            code = app_of(argv)(args=argv, prog_name="splitbrain", standalone_mode=False)
        sys.stdout.flush()
        if code == PARSER_INTERRUPTED:
            raise KeyboardInterrupt  # noqa: TRY301 (one place says it)
    except UsageError as e:
        say_error(str(e))
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        say_error("interrupted: what was recorded so far stays in the store")
        return FAILED
    except HarnessError as e:
        say_error(f"{e}: this is a defect of splitbrain itself")
        return FAILED
    except BrokenPipeError:
        raise
    except Exception as e:  # noqa: BLE001 (the last resort: every other failure has its line above)
        if isinstance(e, _ParserError):
            say_error(_refusal(e))
            return USAGE
        return _crash(e)
    return code if isinstance(code, int) else 0


def _quickly(argv: list[str]) -> int | None:
    """What a command returns whose arguments need no parser."""
    name = argv[0]
    if name not in QUICK:
        return None
    from harness.cli import quick  # noqa: PLC0415

    command = getattr(import_module(f"harness.cli.{COMMANDS[name]}"), name)
    given = quick.arguments(command, argv[1:])
    return None if given is None else command(**given)


def _refusal(error: Exception) -> str:
    """What the parser says, after the command that it says it of: ``cluster up: ``; one that names no command of a
    group gets to know them.
    """
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "").removeprefix("splitbrain").strip()
    known = getattr(getattr(context, "command", None), "commands", None)
    text = one_line(error.format_message())  # type: ignore[attr-defined]
    if known and text.endswith("."):
        text = f"{text[:-1]}; there are {', '.join(known)}"
    return f"{path}: {text}" if path else text


def _crash(error: Exception) -> int:
    text = one_line(f"{type(error).__name__}: {error}")
    folder = Path(os.environ.get("SPLITBRAIN_STORE", DEFAULT_STORE))
    path = folder / f"crash-{utc_now()}-{os.getpid()}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, "".join(traceback.format_exception(error)))
        where = f"; the traceback is in {path}"
    except OSError:
        where = ""
    say_error(f"{text}: this is a defect of splitbrain itself{where}")
    return FAILED
