"""The traces of live nodes: followed while they grow, merged when the run has ended."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec


class Line(msgspec.Struct, gc=False):
    """What a node writes; ``time`` is CLOCK_MONOTONIC of the machine."""

    time: int
    kind: str
    data: dict[str, Any]


_decode = msgspec.json.Decoder(Line).decode


class Event(NamedTuple):
    """One event of a merged trace; sorts by time, then node, then the node's own order."""

    time: int
    node: str
    incarnation: int
    number: int
    kind: str
    data: dict[str, Any]


class Tail:
    """Follows one growing file of trace lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._partial = b""

    def read(self) -> list[Line]:
        """What was appended since the last call."""
        if self._fd < 0:
            try:
                self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return []
        data = os.read(self._fd, 1 << 20)
        if not data:
            return []
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [_decode(line) for line in lines]

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Follower:
    """Follows every node's trace: who leads, and whoever wants to hear of events as they happen."""

    def __init__(self, hear: Callable[[str, Line], None]) -> None:
        self._hear = hear
        self._tails: dict[str, Tail] = {}
        self._leading: dict[str, int] = {}

    def started(self, node: str, path: Path) -> None:
        """A new incarnation writes to ``path``."""
        self.ended(node)
        self._tails[node] = Tail(path)

    def ended(self, node: str) -> None:
        """The node is dead: it leads no more."""
        tail = self._tails.pop(node, None)
        if tail is not None:
            self._read(node, tail)
            tail.close()
        self._leading.pop(node, None)

    def poll(self) -> None:
        for node, tail in self._tails.items():
            self._read(node, tail)

    def leader(self) -> str | None:
        """The node that said last that it leads, and has neither stepped down nor died."""
        self.poll()
        return max(self._leading, key=self._leading.__getitem__, default=None)

    def close(self) -> None:
        for node in list(self._tails):
            self.ended(node)

    def _read(self, node: str, tail: Tail) -> None:
        for line in tail.read():
            if line.kind == "role":
                self._leading.pop(node, None)
                if line.data.get("role") == "leader":
                    self._leading[node] = line.time
            self._hear(node, line)


def merged(folders: dict[str, Path], world: list[Event], origin_ns: int) -> Iterator[tuple[int, Event]]:
    """Every event of the run in order, numbered from 0, in ns since its start. ``world``: the harness's own.

    The nodes' files are read side by side, a line at a time: memory does not grow with the run. A last line that
    a kill cut off is left out. What came before the start (nodes starting up) is at 0.
    """
    sources = [_told(node, folder) for node, folder in folders.items()]
    events = heapq.merge(sorted(world, key=_place), *sources, key=_place)
    for index, event in enumerate(events):
        yield index, event._replace(time=max(0, event.time - origin_ns))


def _place(event: Event) -> tuple[int, str, int, int]:
    return event[:4]


def _told(node: str, folder: Path) -> Iterator[Event]:
    """One node's events in order: each incarnation has a file of its own, and ended before the next began."""
    files = {int(path.stem.partition("-")[2]): path for path in folder.glob("trace-*.jsonl")}
    for incarnation in sorted(files):
        with files[incarnation].open("rb") as lines:
            for number, text in enumerate(lines):
                if not text.endswith(b"\n"):
                    break
                line = _decode(text)
                if line.kind == "started":
                    line.data["incarnation"] = incarnation
                yield Event(line.time, node, incarnation, number, line.kind, line.data)
