"""Lines in, lines out, over two descriptors: pipes, a terminal, a file, or a socket. Never blocks.

Output is bounded: a reader that does not read costs lines, not memory and not the node's progress.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

OUTPUT_MAX = 8 << 20
"""bytes that wait for the reader; lines beyond it are lost, as on a network"""
LINE_MAX = 32 << 20
CHUNK = 1 << 18


class Channel:
    """``on_line`` gets each line without its newline; ``on_end`` is called once at the end of input.

    ``before_flush`` is called before output leaves.
    """

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        on_line: Callable[[bytes], None],
        on_end: Callable[[], None],
        before_flush: Callable[[], None],
    ) -> None:
        self.dropped = 0
        """lines lost because the reader did not read"""
        self._loop = asyncio.get_running_loop()
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._on_line = on_line
        self._on_end = on_end
        self._before_flush = before_flush
        self._partial = b""
        self._out: list[bytes] = []
        self._out_size = 0
        self._scheduled = False
        self._closed = False
        self._blocking = [(fd, os.get_blocking(fd)) for fd in dict.fromkeys((read_fd, write_fd))]
        for fd, _ in self._blocking:
            os.set_blocking(fd, False)
        try:
            self._loop.add_reader(read_fd, self._readable)
        except PermissionError:  # a regular file: always readable, and not for epoll
            self._loop.call_soon(self._read_file)

    def write(self, line: bytes) -> None:
        """Queue a line, newline included; it leaves at the end of this turn of the loop."""
        if self._closed or self._out_size + len(line) > OUTPUT_MAX:
            self.dropped += 1
            return
        self._out.append(line)
        self._out_size += len(line)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what can be written now; the rest follows when the reader has made room."""
        self._scheduled = False
        if self._closed:
            return
        if not self._write_some():
            self._end()
        elif self._out:
            self._scheduled = True
            self._loop.add_writer(self._write_fd, self._writable)

    def close(self) -> None:
        """Flush what the reader has room for, and give the descriptors back as they were."""
        if self._closed:
            return
        self._closed = True
        self._write_some()
        self._loop.remove_reader(self._read_fd)
        self._loop.remove_writer(self._write_fd)
        for fd, blocking in self._blocking:
            os.set_blocking(fd, blocking)

    def _write_some(self) -> bool:
        """False when there is no reader any more."""
        if not self._out:
            return True
        self._before_flush()
        data = b"".join(self._out)
        try:
            written = os.write(self._write_fd, data)
        except BlockingIOError:
            written = 0
        except OSError:
            return False
        rest = data[written:]
        self._out = [rest] if rest else []
        self._out_size = len(rest)
        return True

    def drain(self) -> None:
        """Read what the writer left behind, now: it is gone."""
        while not self._closed and self._readable():
            pass

    def _writable(self) -> None:
        self._loop.remove_writer(self._write_fd)
        self.flush()

    def _read_file(self) -> None:
        self._readable()
        if not self._closed:
            self._loop.call_soon(self._read_file)

    def _readable(self) -> bool:
        """Read once; whether there may be more at once."""
        try:
            data = os.read(self._read_fd, CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._end()
            return False
        *lines, self._partial = (self._partial + data if self._partial else data).split(b"\n")
        if len(self._partial) > LINE_MAX:
            self._partial = b""
        for line in lines:
            if self._closed:
                return False
            self._on_line(line)
        return True

    def _end(self) -> None:
        if not self._closed:
            self.close()
            self._on_end()
