"""Formats of histories: what is read and written, and by which module.

    from checkers.formats import read
    history = read(Path("history.edn"))

Every reader makes a ``History`` and streams: it needs the columns and a megabyte of text. Every error is one line:
``path:line:column: what is wrong, what was expected``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from checkers.columns import History
from checkers.formats._errors import CannotWriteError
from checkers.formats._input import unmarked

AUTO = "auto"

# name -> module, in the order in which they are tried on a file's beginning
TABLE = {
    "columns": "columns",
    "elle-json": "elle_json",
    "jsonl": "jsonl",
    "porcupine-kv": "porcupine_kv",
    "jepsen-log": "jepsen_log",
    "edn": "edn",
    "maelstrom": "maelstrom",
}
NAMES = ("jsonl", "columns", "edn", "jepsen-log", "porcupine-kv", "elle-json", "maelstrom")
WRITTEN = ("jsonl", "columns", "edn", "elle-json", "porcupine-kv", "maelstrom")

HEAD_BYTES = 4096


def module(name: str) -> Any:
    """The module of a format: ``read``, ``write``, ``sniff``. Imported when it is asked for."""
    return import_module(f"checkers.formats.{TABLE[name]}")


def detect(path: Path) -> str:
    """The format of a file, by how it begins; ours where nothing else fits. Raises OSError."""
    with path.open("rb") as file:
        head = unmarked(file.read(HEAD_BYTES))
    return next((name for name in TABLE if module(name).sniff(head)), "jsonl")


def read(path: Path, form: str = AUTO) -> History:
    """The history of a file. Raises MalformedHistoryError in one line, OSError, and KeyError for a format unknown."""
    found: History = module(detect(path) if form == AUTO else form).read(path)
    return found


def write(history: History, out: BinaryIO, form: str) -> None:
    """Write a history. Raises CannotWriteError, in one line, for what the format cannot say, and OSError."""
    module(form).write(history, out)


__all__ = ["AUTO", "NAMES", "WRITTEN", "CannotWriteError", "detect", "read", "write"]
