"""Maelstrom's ``history.edn``: Jepsen's, with ``[key value]`` as the values of its lin-kv."""

from __future__ import annotations

from pathlib import Path

from checkers.columns import History
from checkers.formats import edn
from checkers.formats._forms import read_forms
from checkers.formats._keyed import keyed
from checkers.kernels.edn_ops import EdnParser


def read(path: Path) -> History:
    """The history of a file. Raises MalformedHistoryError and OSError."""
    return keyed(read_forms(path, EdnParser(), edn.take), register=True)


def sniff(head: bytes) -> bool:
    """Nothing tells it from EDN: it is so only if somebody says so."""
    del head
    return False


write = edn.write
