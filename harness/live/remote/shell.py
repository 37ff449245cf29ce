"""One POSIX shell kept open at the far end: scripts go in, each one's output and exit status come back.

A command costs one round trip and what it does itself; a process, channel or ``exec`` of its own for each would cost
tens of milliseconds. Between scripts nothing is kept: each runs in a subshell, with an empty standard input.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from harness.live.remote.port import SECONDS, Done, UnknownOutcomeError


class Stream(Protocol):
    """Both ends of a running ``sh``. ``read`` gives b"" at the end; raises TimeoutError and OSError."""

    def write(self, data: bytes) -> None: ...
    def read(self, timeout_s: float) -> bytes: ...
    def close(self) -> None: ...


class Shell:
    """``connect`` makes a stream, raising RemoteError where it cannot. One script at a time; callers queue."""

    def __init__(self, name: str, connect: Callable[[], Stream]) -> None:
        self.name = name
        self._connect = connect
        self._stream: Stream | None = None
        self._turn = threading.Lock()

    def run(self, script: str, *, timeout_s: float = SECONDS, repeatable: bool = False) -> Done:
        """See ``Remote.run``."""
        with self._turn:
            fresh = self._stream is None
            try:
                return self._run(script, timeout_s)
            except UnknownOutcomeError:
                if not repeatable or fresh:
                    raise
            return self._run(script, timeout_s)

    def close(self) -> None:
        with self._turn:
            self._drop()

    def _run(self, script: str, timeout_s: float) -> Done:
        deadline = time.monotonic() + timeout_s
        if self._stream is None:
            self._stream = self._connect()
        # the word is new each time, so that no output can hold it but the shell's own
        word = f"splitbrain-{secrets.token_hex(12)}"
        lines = f"(\n{script}\n) </dev/null 2>&1\nprintf '\\n%s %d\\n' {word} $?\n"
        try:
            self._stream.write(lines.encode())
            return self._answer(self._stream, word.encode(), deadline)
        except TimeoutError:
            self._drop()
            raise UnknownOutcomeError(f"{self.name}: no answer within {timeout_s:g} s") from None
        except OSError as e:
            self._drop()
            raise UnknownOutcomeError(f"{self.name}: the connection was lost: {e.strerror or e}") from e

    def _answer(self, stream: Stream, word: bytes, deadline: float) -> Done:
        got = bytearray()
        while True:
            at = got.find(b"\n" + word + b" ")
            if at >= 0:
                end = got.find(b"\n", at + 1)
                if end >= 0:
                    return Done(int(got[at + len(word) + 2 : end]), bytes(got[:at]))
            data = stream.read(max(deadline - time.monotonic(), 0.0))
            if not data:
                raise OSError("the far end hung up")
            got += data

    def _drop(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(OSError):
                stream.close()
