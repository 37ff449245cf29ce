"""A history from a file, in any of the formats that are read, or from a run's folder, ours or Jepsen's."""

from __future__ import annotations

from pathlib import Path

from checkers import formats
from checkers.columns import History
from checkers.history import MalformedHistoryError
from harness.errors import UsageError, refused_file
from harness.twin import HISTORY, TWIN, read_run

FORMATS = (formats.AUTO, *formats.NAMES)

ELSEWHERE = ("history.edn", "history.txt")
"""what a test's folder of Jepsen or Maelstrom has, the better first"""


def load(history: Path, form: str = formats.AUTO) -> tuple[Path, History]:
    """A history, or the one in a run's folder, and where it is. UsageError in one line."""
    path = history / HISTORY if history.is_dir() else history
    if history.is_dir() and not path.exists():
        path = next((history / name for name in ELSEWHERE if (history / name).is_file()), path)
    ours = path != history and path.name == HISTORY
    try:
        if ours and form == formats.AUTO:
            return path, read_run(history)
        if ours and form == "columns":
            path = history / TWIN
        return path, formats.read(path, form)
    except OSError as e:
        raise refused_file(path, e, "a history") from e
    except MalformedHistoryError as e:
        raise UsageError(" ".join(str(e).split())) from e
