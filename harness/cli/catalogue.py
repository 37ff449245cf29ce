"""``splitbrain list``: what can be named on the command line and in campaigns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.common import say
from harness.errors import FAILED, UsageError, nearest, refused_file
from harness.store import write_atomic

Rows = list[tuple[str, ...]]


def register(app: typer.Typer) -> None:
    app.command("list", help="Systems, workloads, nemeses, checkers, models or bugs.")(catalogue)


def _systems() -> Rows:
    from harness.systems.registry import adapters  # noqa: PLC0415
    from nodes.systems import SYSTEMS  # noqa: PLC0415 (a listing loads what it lists)

    served = {name: system.requests for name, system in SYSTEMS.items()}
    served |= {name: adapter.requests for name, adapter in adapters().items()}
    return [(name, ", ".join(sorted(served[name]))) for name in sorted(served)]


def _workloads() -> Rows:
    from workloads import registry  # noqa: PLC0415

    found = [registry.get(name) for name in registry.names()]
    return [(w.name, f"checked by {', '.join(w.checkers)}") for w in found]


def _nemeses() -> Rows:
    from nemeses import registry  # noqa: PLC0415

    return [(name, ", ".join(shape.name for shape in registry.get(name).shapes)) for name in registry.names()]


def _checkers() -> Rows:
    from checkers import registry  # noqa: PLC0415

    return [(name,) for name in registry.names()]


def _models() -> Rows:
    from checkers.models import MODELS  # noqa: PLC0415
    from checkers.txn.models import FORBIDDEN  # noqa: PLC0415

    consistency = [(name, "of transactions") for name in FORBIDDEN]
    return [*((name, "sequential: of one object") for name in sorted(MODELS)), *consistency]


def _bugs() -> Rows:
    from nodes.bugs import BUGS  # noqa: PLC0415

    return [
        (b.name, str(b.number), f"{b.defect} (under {b.fault}; {', '.join(map(':'.join, b.caught_by))})")
        for b in BUGS.values()
    ]


LISTINGS: dict[str, Callable[[], Rows]] = {
    "systems": _systems,
    "workloads": _workloads,
    "nemeses": _nemeses,
    "checkers": _checkers,
    "models": _models,
    "bugs": _bugs,
}


def catalogue(
    what: Annotated[str, typer.Argument(help=", ".join(LISTINGS), metavar="WHAT")],
    selftest: Annotated[
        bool, typer.Option("--selftest", help="Try each checker on its pairs of histories.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The checkers as a table with their anomalies.")
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option(help="Put that table into a page, in the place of the one there.", metavar="FILE"),
    ] = None,
) -> int:
    """One line each, in columns."""
    if what not in LISTINGS:
        raise UsageError(f"list: nothing is called {what!r}{nearest(what, LISTINGS)}")
    if selftest:
        return _selftest(what)
    if markdown or into is not None:
        return _markdown(what, into)
    for line in columns(LISTINGS[what]()):
        say(line)
    return 0


def _markdown(what: str, into: Path | None) -> int:
    from checkers import catalogue as table  # noqa: PLC0415

    if what != "checkers":
        raise UsageError(f"list: --markdown is for checkers, not for {what}")
    if into is None:
        say(table.markdown())
        return 0
    try:
        write_atomic(into, table.rewrite(into.read_text(encoding="utf-8")).encode())
    except OSError as e:
        raise refused_file(into, e, "a page with a table of checkers") from e
    except ValueError as e:
        raise UsageError(f"{into}: {e}") from e
    return 0


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)).rstrip() for row in rows]


def _selftest(what: str) -> int:
    """Every checker on its pairs (checkers/selftest.py): 0, or 255 where one judged wrongly or has no pair."""
    from checkers import registry, selftest  # noqa: PLC0415

    if what != "checkers":
        raise UsageError(f"list: --selftest is for checkers, not for {what}")
    outcomes = [outcome for name in registry.names() for outcome in selftest.run(name)]
    for line in columns([(o.checker, o.case, o.problem or "ok") for o in outcomes]):
        say(line)
    wrong = sum(1 for o in outcomes if o.problem)
    say(
        f"{len(outcomes)} pairs, {wrong} judged wrongly or missing"
        if wrong
        else f"{len(outcomes)} pairs, all ok"
    )
    return FAILED if wrong else 0
