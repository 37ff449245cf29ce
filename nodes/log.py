"""What a node over TCP says on standard error: one JSON object a line, ``time`` (wall clock, ns), ``level``,
``event``, ``node`` and the event's own fields.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from nodes.clock import wall_ns

_encode = msgspec.json.Encoder().encode


class Log:
    """``node`` is in each line."""

    def __init__(self, node: str) -> None:
        self._node = node

    def info(self, event: str, **fields: Any) -> None:
        self._say("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._say("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._say("error", event, fields)

    def _say(self, level: str, event: str, fields: dict[str, Any]) -> None:
        line = {"time": wall_ns(), "level": level, "event": event, "node": self._node, **fields}
        sys.stderr.write(_encode(line).decode() + "\n")
        sys.stderr.flush()
