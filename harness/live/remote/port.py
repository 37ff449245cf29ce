"""``Remote``: a machine on which scripts run and to which files go. Faults are written on it, once for all places."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from harness.errors import UsageError

SECONDS = 20.0
"""that a command may take if nothing else is said"""


class RemoteError(UsageError):
    """A machine could not be reached, or did not do what it was told. One line: which one, what, why."""


class UnknownOutcomeError(RemoteError):
    """The connection was lost, or time ran out, while a command ran: it may have happened or not."""


class Done(NamedTuple):
    """``output`` is standard output and error as they came."""

    status: int
    output: bytes

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")

    @property
    def last_line(self) -> str:
        """For error messages."""
        lines = self.text.strip().splitlines()
        return lines[-1].strip() if lines else "no output"


class Remote(Protocol):
    """Blocking: callers in an event loop use threads, of which any number may use one remote."""

    name: str

    def run(self, script: str, *, timeout_s: float = SECONDS, repeatable: bool = False) -> Done:
        """Run a POSIX shell script; its exit status is not judged.

        A ``repeatable`` script, one that may run twice without harm, is run again over a new connection when the
        first was lost. Raises RemoteError when it certainly did not run, UnknownOutcomeError when nobody knows.
        """
        ...

    def put(self, source: Path, target: str, *, mode: int = 0o644) -> None:
        """Copy a file there; the folder must exist. It appears whole or not at all. Raises RemoteError."""

    def get(self, source: str, target: Path) -> None:
        """Copy a file from there. Raises RemoteError."""

    def close(self) -> None:
        """Give the connection back. Never raises."""


def checked(remote: Remote, script: str, *, timeout_s: float = SECONDS, repeatable: bool = False) -> Done:
    """``run``, and RemoteError for an exit status other than 0."""
    done = remote.run(script, timeout_s=timeout_s, repeatable=repeatable)
    if done.status:
        raise RemoteError(
            f"{remote.name}: {_shown(script)} ended with status {done.status}: {done.last_line}"
        )
    return done


def _shown(script: str) -> str:
    line = " ".join(script.split())
    return repr(line if len(line) <= 60 else line[:57] + "...")
