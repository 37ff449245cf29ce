"""The port under the harness's own coroutines: virtual time in simulation, asyncio in live environments.

The interpreter, the clients, the nemesis driver and the recorder are written once against it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol


class Mailbox(Protocol):
    """An unbounded queue of one reader: ``put`` never waits."""

    def put(self, item: Any) -> None: ...
    def __len__(self) -> int: ...


class Runtime(Protocol):
    def now(self) -> int:
        """Ns since the start of the run"""
        ...

    async def sleep_until(self, time_ns: int) -> None: ...

    async def call(
        self, client: str, node: str, body: dict[str, Any], msg_id: int, timeout_ns: int
    ) -> dict[str, Any]:
        """Send a request as ``client``; the reply's body, or None's kin: raises CallTimeoutError.

        Error replies are returned as bodies (``type: error``): their meaning is the caller's business.
        """
        ...

    def mailbox(self) -> Mailbox: ...

    async def receive(self, mailbox: Mailbox, deadline_ns: int | None) -> Any:
        """The next item, or None when the deadline passes first."""
        ...

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run beside the caller. An exception in it ends the run with an error of the harness."""
        ...
