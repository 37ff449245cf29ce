"""One node as the cluster sees it: what it takes to start, stop and talk to it, wherever it lives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.streams import Stream
from nemeses.port import Damage

OnLine = Callable[[str, bytes], None]
"""gets a node's name and one line of its output"""
OnExit = Callable[[str], None]
"""a node's incarnation ended by itself or by a kill"""


class Member(Protocol):
    """A node's place: one incarnation after the other lives there.

    ``up`` is true from a successful ``spawn`` to the end of the process; ``exit_status`` is the last
    incarnation's, negative for a signal's number.
    """

    name: str
    folder: Path
    up: bool
    exit_status: int | None

    async def spawn(self, incarnation: int) -> None:
        """Start a new incarnation; raises StartError."""
        ...

    def write(self, line: bytes) -> None:
        """Hand a line to the node. Never blocks: what the node does not take is lost in the end."""
        ...

    async def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        ...

    async def pause(self) -> None:
        """SIGSTOP, and wait until it stands still."""
        ...

    async def resume(self) -> None: ...
    async def paused(self) -> bool:
        """Seen standing still, from the system's own tables."""
        ...

    def last_words(self) -> str:
        """The last line on stderr, for error messages."""
        ...

    async def discard(self) -> None:
        """Free what it holds; the node is dead."""
        ...


@runtime_checkable
class Breakable(Protocol):
    """A place whose data can be damaged and whose memory can be limited. Methods raise RemoteError."""

    async def lose_power(self, draws: Stream) -> int:
        """Do to the data of the node, which is down, what a power loss would have done; bytes that are lost."""
        ...

    async def damage(self, damage: Damage) -> int:
        """Change the data of the node, which is down; how many bytes differ."""
        ...

    async def mend(self) -> None:
        """Undo the damage where the data, of a node that is down, is still as the damage left it."""
        ...

    async def keep(self) -> None:
        """Leave the damage, which the node has made its own."""
        ...

    async def limit_memory(self, headroom_kb: int | None) -> None:
        """Of the node, which is up: so much more than it has, and no more; None: no limit."""
        ...


def last_line(path: Path) -> str:
    """The last non-empty line of a log; empty when there is none."""
    try:
        lines = path.read_bytes()[-4096:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
