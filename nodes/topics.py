"""Logs of messages by key, and the offsets up to which they were processed (Maelstrom's kafka)."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]

BATCH = 100
"""messages of a key in one answer to a poll"""


class Topics:
    """Keys are told apart by their text, because keys of JSON objects are texts."""

    __slots__ = ("_committed", "_logs")

    def __init__(self) -> None:
        self._logs: dict[str, list[Any]] = {}
        self._committed: dict[str, int] = {}

    def send(self, body: Body) -> Body:
        log = self._logs.setdefault(str(body["key"]), [])
        log.append(body["msg"])
        return {"type": "send_ok", "offset": len(log) - 1}

    def poll(self, body: Body) -> Body:
        found: dict[str, list[list[Any]]] = {}
        for key, offset in body["offsets"].items():
            log = self._logs.get(key, [])
            found[key] = [[at, log[at]] for at in range(offset, min(len(log), offset + BATCH))]
        return {"type": "poll_ok", "msgs": found}

    def commit(self, body: Body) -> Body:
        for key, offset in body["offsets"].items():
            self._committed[key] = max(offset, self._committed.get(key, 0))
        return {"type": "commit_offsets_ok"}

    def committed(self, body: Body) -> Body:
        asked = [str(key) for key in body["keys"]]
        offsets = {key: self._committed[key] for key in asked if key in self._committed}
        return {"type": "list_committed_offsets_ok", "offsets": offsets}


def malformed(body: Body) -> str | None:
    """What is wrong with the fields of a request of this kind."""
    offsets = body.get("offsets", {})
    if not isinstance(offsets, dict) or not all(type(o) is int and o >= 0 for o in offsets.values()):
        return "offsets must be a map of key to offset"
    if not isinstance(body.get("keys", []), list):
        return "keys must be a list"
    return None
