"""What a host tells of its node (harness/live/warden.py), over a connection that may break and is made again.

Trace lines go to a file of this machine, their times turned into this machine's. The host's monotonic clock is read
over the connection again and again; a reading is as good as its round trip is short.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import paramiko

from harness.live.remote.port import RemoteError

CHUNK = 1 << 18
READINGS = 5
"""of the host's clock before its first trace line"""
READ_AGAIN_S = 1.0
GOOD_ENOUGH = 2.0
"""a reading counts whose round trip was at most so many times the shortest"""
PAUSE_S = 0.2
BOOT = Path("/proc/sys/kernel/random/boot_id")
LOST_S = 5.0
"""a host that cannot be reached for so long is lost, and its node counts as down"""


class End(msgspec.Struct):
    """Of a node: its exit status, if anybody knows it, and the end of its log."""

    status: int | None
    words: str


class _Line(msgspec.Struct):
    time: int
    kind: str
    data: Any


_decode = msgspec.json.Decoder(_Line).decode
_encode = msgspec.json.Encoder().encode


class Offset:
    """The monotonic clock of this machine minus a host's, in ns."""

    def __init__(self) -> None:
        self.ns = 0
        self.same = False
        """the clocks are one: the host is this very machine, or shares its kernel"""
        self._shortest_ns = 0
        self._last = 0

    def reading(self, asked_ns: int, theirs_ns: int, answered_ns: int) -> None:
        trip = answered_ns - asked_ns
        if self.same:
            return
        if not self._shortest_ns or trip <= self._shortest_ns * GOOD_ENOUGH:
            self.ns = (asked_ns + answered_ns) // 2 - theirs_ns
            self._shortest_ns = min(trip, self._shortest_ns or trip)

    def ours(self, theirs_ns: int) -> int:
        """A time of the host as one of ours; a node's times never run back."""
        self._last = max(self._last, theirs_ns + self.ns)
        return self._last


class News:
    """``open(offset)``: the command whose output is told, from that byte of the trace on; raises RemoteError.

    Called in a thread of its own, in order: ``listening(ports)``; once, last, ``ended(end)`` or ``lost(why)``.
    """

    def __init__(
        self,
        open_at: Callable[[int], paramiko.Channel],
        trace: Path,
        listening: Callable[[dict[str, int]], None],
        ended: Callable[[End], None],
        lost: Callable[[str], None],
    ) -> None:
        self._open_at = open_at
        self._trace = trace.open("ab", buffering=0)
        self._listening = listening
        self._ended = ended
        self._lost = lost
        self._offset = Offset()
        self._read_bytes = 0
        self._closed = False
        self._channel: paramiko.Channel | None = None
        self._heard = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True, name="splitbrain-news")
        self._thread.start()

    def close(self) -> None:
        """Hear no more. Blocking, for a moment."""
        self._closed = True
        channel = self._channel
        if channel is not None:
            channel.close()
        self._thread.join(LOST_S)

    def _run(self) -> None:
        why = "it hung up"
        with self._trace:
            while not self._closed:
                try:
                    self._channel = self._open_at(self._read_bytes)
                    end = self._follow(self._channel)
                except RemoteError as e:
                    why = str(e)
                except (OSError, EOFError, paramiko.SSHException) as e:
                    why = " ".join(str(e).split()) or "it hung up"
                else:
                    if end is not None:
                        self._ended(end)
                        return
                if self._closed:
                    return
                if time.monotonic() - self._heard > LOST_S:
                    self._lost(why)
                    return
                time.sleep(PAUSE_S)

    def _follow(self, channel: paramiko.Channel) -> End | None:
        """None when it hung up. Raises OSError, EOFError, SSHException."""
        channel.settimeout(READ_AGAIN_S)
        partial, readings = b"", 0
        asked_ns, asking = time.monotonic_ns(), True
        channel.sendall(b"c")
        with channel:
            while True:
                try:
                    data = channel.recv(CHUNK)
                except TimeoutError:
                    data = None
                now_ns = time.monotonic_ns()
                if data is not None:
                    if not data:
                        return None
                    self._heard = time.monotonic()
                    *lines, partial = (partial + data).split(b"\n")
                    for line in lines:
                        if line[:1] == b"c":
                            self._offset.reading(asked_ns, int(line[1:]), now_ns)
                            asking = False
                            readings += 1
                            if readings == READINGS:
                                channel.sendall(b"g")
                        elif (end := self._told(line)) is not None:
                            return end
                elif time.monotonic() - self._heard > LOST_S:
                    return None
                if not asking and (readings < READINGS or now_ns - asked_ns > READ_AGAIN_S * 1e9):
                    asked_ns, asking = time.monotonic_ns(), True
                    channel.sendall(b"c")

    def _told(self, line: bytes) -> End | None:
        kind, rest = line[:1], line[1:]
        if kind == b"t":
            event = _decode(rest)
            event.time = self._offset.ours(event.time)
            self._trace.write(_encode(event) + b"\n")
            self._read_bytes += len(rest) + 1
        elif kind == b"b":
            self._offset.same = rest == BOOT.read_bytes().strip()
        elif kind == b"p":
            self._listening(msgspec.json.decode(rest, type=dict[str, int]))
        elif kind == b"x":
            return msgspec.json.decode(rest, type=End)
        return None
