"""The columnar twin of a run's history: ``history.npz`` beside ``history.jsonl``, for those who read it again.

The lines are the record; the twin says the same, faster. It names the lines that it was made from, by their number of
bytes and their CRC-32, and is not believed about any others.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checkers.columns import History

HISTORY = "history.jsonl"
TWIN = "history.npz"
PIECE_BYTES = 1 << 20


def origin_of(path: Path) -> dict[str, Any]:
    """What identifies the lines in a file. Raises OSError."""
    size = crc = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            size += len(piece)
            crc = zlib.crc32(piece, crc)
    return {"file": HISTORY, "bytes": size, "crc32": crc}


def write_twin(folder: Path) -> None:
    """Make the twin of the history in a run's folder. Raises MalformedHistoryError and OSError."""
    from checkers import npz  # noqa: PLC0415 (not every command needs arrays)
    from checkers.formats import jsonl  # noqa: PLC0415

    history = jsonl.read(folder / HISTORY)
    scratch = folder / f".{TWIN}.tmp"
    npz.save(history, scratch, origin_of(folder / HISTORY))
    scratch.replace(folder / TWIN)


def read_run(folder: Path) -> History:
    """The history in a run's folder: its twin where that is of these lines, else the lines.

    Raises MalformedHistoryError and OSError.
    """
    from checkers import npz  # noqa: PLC0415
    from checkers.formats import jsonl  # noqa: PLC0415
    from checkers.history import MalformedHistoryError  # noqa: PLC0415

    lines, twin = folder / HISTORY, folder / TWIN
    if twin.is_file() and lines.is_file():
        try:
            if npz.load_origin(twin) == origin_of(lines):
                return npz.load(twin)
        except MalformedHistoryError:
            pass  # a damaged twin says nothing, and the lines are there
    return jsonl.read(lines)


__all__ = ["HISTORY", "TWIN", "origin_of", "read_run", "write_twin"]
