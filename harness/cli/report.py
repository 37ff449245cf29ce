"""``splitbrain report``: writes report.html anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.common import DEFAULT_STORE, StoreOption, open_store, say
from harness.errors import UsageError
from harness.store import RUN_FILE


def register(app: typer.Typer) -> None:
    app.command("report", help="Write report.html of a run or a campaign anew.")(report)


def report(
    folder: Annotated[
        str, typer.Argument(help="Folder of a run or a campaign, or latest.", metavar="RUN|CAMPAIGN")
    ],
    store: StoreOption = Path(DEFAULT_STORE),
) -> int:
    """Says where the page is."""
    from harness.report import campaign_report, run_report  # noqa: PLC0415

    found = open_store(store).find(folder)
    if not (found / RUN_FILE).is_file():
        say(str(campaign_report(found)))
        return 0
    if not (found / "history.jsonl").is_file():
        raise UsageError(
            f"{found}: its history was dropped as it passed; splitbrain replay {found} writes it again"
        )
    say(str(run_report(found)))
    return 0
