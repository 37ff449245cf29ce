"""The columnar file of a history (checkers/npz.py)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from checkers import npz
from checkers.columns import History

read = npz.load


def sniff(head: bytes) -> bool:
    """Whether a file that begins so may be one: a zip archive."""
    return head[:2] == b"PK"


def write(history: History, out: BinaryIO) -> None:
    """Write a history. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix="splitbrain-") as folder:
        path = Path(folder) / "history.npz"
        npz.save(history, path)
        with path.open("rb") as file:
            shutil.copyfileobj(file, out)
