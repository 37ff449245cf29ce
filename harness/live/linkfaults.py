"""Faults of links: by whom each kind is done in this cluster, and what was counted of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from harness.live.faults.firewall import Firewall
from harness.live.faults.netem import Netem
from harness.live.wires import Links
from nemeses.port import Link, LinkCount, LinkRule


class LinkFaults:
    """``network``: whoever carries or passes on the nodes' frames, who can do all of it. Where there is a
    ``firewall``, links are cut there; where there is ``netem``, rules are the kernel's.
    """

    def __init__(self, network: Links, firewall: Firewall | None, netem: Netem | None) -> None:
        self._network = network
        self._firewall = firewall
        self._netem = netem
        self._releases: dict[int, Callable[[], Awaitable[None]]] = {}
        self._last_handle = 0
        self._dropped: dict[Link, int] = {}
        """packets that the firewall dropped, when it was last asked"""
        self._altered: dict[Link, int] = {}
        """packets that netem altered, when it was last asked"""

    async def cut(self, links: Iterable[Link]) -> int:
        if self._firewall is not None:
            return self._handle(partial(self._firewall.release, await self._firewall.cut(links)))
        handle = self._network.cut(links)
        await self._network.settled()
        return self._handle(partial(self._mend, handle))

    async def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        if self._netem is not None:
            return self._handle(partial(self._netem.release, await self._netem.shape(links, rule)))
        handle = self._network.shape(links, rule)
        await self._network.settled()
        return self._handle(partial(self._mend, handle))

    async def release(self, handle: int) -> None:
        await self._releases.pop(handle)()

    async def refresh(self) -> None:
        """Ask the machines what they counted."""
        await self._network.refresh()
        firewall, netem = self._firewall, self._netem
        if firewall is not None and netem is not None:
            self._dropped, self._altered = await asyncio.gather(firewall.refused(), netem.altered())
        elif firewall is not None:
            self._dropped = await firewall.refused()
        elif netem is not None:
            self._altered = await netem.altered()

    def counts(self) -> dict[Link, LinkCount]:
        counts = self._network.counts()
        for link, packets in self._dropped.items():
            counts.setdefault(link, LinkCount()).refused += packets
        for link, packets in self._altered.items():
            counts.setdefault(link, LinkCount()).altered += packets
        return counts

    async def _mend(self, handle: int) -> None:
        self._network.release(handle)
        await self._network.settled()

    def _handle(self, release: Callable[[], Awaitable[None]]) -> int:
        self._last_handle += 1
        self._releases[self._last_handle] = release
        return self._last_handle
