"""A node's data in a folder of this machine: what a bad disk does to it while the node is down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from harness.live.faults import disk
from harness.live.remote.local import LocalRemote
from harness.streams import Stream
from nemeses.port import Damage
from nodes.power import lose_power

T = TypeVar("T")


class LocalData:
    """A part of a node's place (``member.Breakable``)."""

    name: str
    folder: Path

    async def lose_power(self, draws: Stream) -> int:
        return await asyncio.to_thread(lose_power, self.folder / "data", draws)

    async def damage(self, damage: Damage) -> int:
        return await asyncio.to_thread(self._on_disk, disk.damage, damage)

    async def mend(self) -> None:
        await asyncio.to_thread(self._on_disk, disk.mend)

    async def keep(self) -> None:
        await asyncio.to_thread(self._on_disk, disk.forget)

    def _on_disk(self, act: Callable[..., T], *arguments: Any) -> T:
        remote = LocalRemote(self.name)
        try:
            return act(remote, str(self.folder / "data"), *arguments)
        finally:
            remote.close()
