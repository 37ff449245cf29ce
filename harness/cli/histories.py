"""A history from a file, in any of the formats that are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from checkers import edn
from checkers.history import MalformedHistoryError, Op, read
from harness.errors import UsageError

AUTO = "auto"

READERS: dict[str, Callable[[Path], Iterable[Op]]] = {
    "jsonl": read,
    "edn": edn.read,
    "jepsen-log": edn.read_log,
}
FORMATS = (AUTO, *READERS)

HEAD_BYTES = 4096


def format_of(path: Path) -> str:
    """By the first character that is not blank, JSON's objects and EDN's maps differing in the second.

    Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES).lstrip()
    if head[:1] == b"{":
        return "jsonl" if head[1:].lstrip()[:1] in (b'"', b"}", b"") else "edn"
    if head[:1] in (b"[", b"(", b";", b"#"):
        return "edn"
    return "jepsen-log" if b"INFO" in head else "jsonl"


def load(history: Path, form: str = AUTO) -> tuple[Path, list[Op]]:
    """The ops of a history, or of the one in a run's folder, and where they are. UsageError in one line."""
    path = history / "history.jsonl" if history.is_dir() else history
    try:
        return path, list(READERS[format_of(path) if form == AUTO else form](path))
    except OSError as e:
        raise UsageError(f"{path}: {(e.strerror or str(e)).lower()}; expected a history") from e
    except MalformedHistoryError as e:
        raise UsageError(" ".join(str(e).split())) from e
    except UnicodeDecodeError as e:
        raise UsageError(f"{path}: not UTF-8 text; expected a history") from e
