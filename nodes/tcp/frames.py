"""A stream of bytes cut into frames: a length (u32, big-endian) and so many bytes of body."""

from __future__ import annotations

import struct
from collections.abc import Iterator

FRAME_MAX = 32 << 20
"""bytes of the body of a frame"""
LENGTH = struct.Struct(">I")


class FrameError(Exception):
    """The stream cannot be cut into frames any further: the connection is of no use."""


def frame(body: bytes) -> bytes:
    return LENGTH.pack(len(body)) + body


class Cutter:
    """Collects bytes, gives whole bodies. ``limit`` may be raised between two frames."""

    __slots__ = ("_rest", "limit")

    def __init__(self, limit: int = FRAME_MAX) -> None:
        self._rest = b""
        self.limit = limit

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that ``data`` completes; raises FrameError at a length beyond the limit."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, size = 0, len(data)
        try:
            while size - at >= 4:
                (length,) = LENGTH.unpack_from(data, at)
                if length > self.limit:
                    raise FrameError(f"a frame of {length} bytes; at most {self.limit} are taken")
                end = at + 4 + length
                if end > size:
                    break
                body = data[at + 4 : end]
                at = end
                yield body
        finally:
            self._rest = data[at:]
