"""Partitions by packet filter: each node's machine drops what comes from the nodes that it must not hear.

Every machine has one chain of ours, ``SPLITBRAIN``, to which ``INPUT`` jumps first. A change rewrites the whole
chain in one transaction of ``iptables-restore``: a cut of many links is one command a machine, on all machines at
once, and what is there is always what was meant. A cut in one direction is a rule on the receiving side only; what
TCP sends back (acknowledgements) passes the other way, so such a link stalls one direction of each connection.

Packets that a rule dropped are counted by the kernel of the receiving side: the evidence that a cut bit.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping

from harness.live.remote.port import Remote, RemoteError, checked
from nemeses.port import Link

CHAIN = "SPLITBRAIN"
ENDING_S, ENDING_POLLS = 1.0, 50
"""how long it may take until a node that has ended is known to be gone"""
RESTORE = "iptables-restore --noflush --wait=5"

# a rule of the chain as `iptables-save -c` prints it
_RULE = re.compile(rf"\[(\d+):\d+\] -A {CHAIN} -s ([0-9.]+)(?:/32)?(?: -p tcp -m tcp --dport \d+)? -j DROP")


class Firewall:
    """``remotes``: how to act on each node's machine, as root in its network; ``addresses``: what peers see of it.

    ``port``: where all nodes take links, if each link is a connection that its sender dials. Then only packets to
    that port are dropped, and a cut in one direction stalls nothing of the other: the acknowledgements of what
    travels there pass. Without it everything from an address is dropped, and a one-way cut soon stalls TCP both ways.
    """

    def __init__(
        self, remotes: Mapping[str, Remote], addresses: Mapping[str, str], port: int | None = None
    ) -> None:
        self._remotes = remotes
        self._addresses = addresses
        self._names = {address: name for name, address in addresses.items()}
        self._cuts: dict[int, list[Link]] = {}
        self._last_handle = 0
        self._in_force: dict[str, list[str]] = {name: [] for name in addresses}
        """by receiving node: from whom its chain drops"""
        self._refused: dict[Link, int] = {}
        """packets dropped by rules that are gone"""
        self._seen: dict[str, dict[Link, int]] = {}
        """by receiving node: packets dropped by rules in force, when they were last counted"""
        self._match = "" if port is None else f" -p tcp -m tcp --dport {port}"
        self._gone: set[str] = set()
        """nodes whose network does not exist now"""
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Make the chain on every machine. Raises RemoteError."""
        script = (
            f"printf '*filter\\n:{CHAIN} - [0:0]\\nCOMMIT\\n' | {RESTORE} && "
            f"{{ iptables -w 5 -C INPUT -j {CHAIN} 2>/dev/null || iptables -w 5 -I INPUT -j {CHAIN}; }}"
        )
        await self._everywhere(dict.fromkeys(self._remotes, script))

    async def close(self) -> None:
        """Leave no rule and no chain behind. Raises RemoteError."""
        await self._everywhere(dict.fromkeys(self._remotes, CLEAR))

    async def cut(self, links: Iterable[Link]) -> int:
        """Drop what travels these links; the handle with which it is undone. Returns when all rules are in force."""
        async with self._turn:
            self._last_handle += 1
            self._cuts[self._last_handle] = list(links)
            await self._settle()
            return self._last_handle

    async def release(self, handle: int) -> None:
        async with self._turn:
            del self._cuts[handle]
            await self._settle()

    async def rebuilt(self, node: str) -> None:
        """The node's network is a new one (its container was started again): the chain and its rules are put back."""
        async with self._turn:
            self._gone.discard(node)
            self._in_force[node] = []
            opening = self._remotes[node]
            script = (
                f"{_chain(self._sources(self._wanted()[node]))} && "
                f"{{ iptables -w 5 -C INPUT -j {CHAIN} 2>/dev/null || iptables -w 5 -I INPUT -j {CHAIN}; }}"
            )
            await asyncio.to_thread(checked, opening, script, repeatable=True)
            self._in_force[node] = self._wanted()[node]

    def gone(self, node: str) -> None:
        """The node's network is no more, with its rules and their counts, until it is ``rebuilt``."""
        self._gone.add(node)
        self._keep(self._seen.pop(node, {}))

    async def refused(self) -> dict[Link, int]:
        """Packets that were dropped so far, by link."""
        async with self._turn:
            await self._count(node for node, sources in self._in_force.items() if sources)
            now = dict(self._refused)
            for counts in self._seen.values():
                for link, count in counts.items():
                    now[link] = now.get(link, 0) + count
            return now

    def _wanted(self) -> dict[str, list[str]]:
        cut = {link for links in self._cuts.values() for link in links}
        return {node: sorted(src for src, dst in cut if dst == node) for node in self._in_force}

    def _sources(self, nodes: Iterable[str]) -> list[str]:
        return [f"{self._addresses[node]}{self._match}" for node in nodes]

    async def _settle(self) -> None:
        """Make the chains what the cuts ask for; counts of rules that go are kept."""
        wanted = self._wanted()
        changed = [node for node, sources in wanted.items() if sources != self._in_force[node]]
        await self._count(n for n in changed if self._in_force[n])
        for node in changed:
            self._keep(self._seen.pop(node, {}))
        await self._everywhere({node: _chain(self._sources(wanted[node])) for node in changed})
        for node in changed:
            self._in_force[node] = wanted[node]

    def _keep(self, counts: Mapping[Link, int]) -> None:
        for link, count in counts.items():
            self._refused[link] = self._refused.get(link, 0) + count

    async def _count(self, nodes: Iterable[str]) -> None:
        listing = await self._everywhere(
            dict.fromkeys(nodes, f"iptables-save -c -t filter | grep 'A {CHAIN}' || true")
        )
        for node, text in listing.items():
            if node not in self._gone:
                self._seen[node] = {
                    (self._names[address], node): int(packets) for packets, address in _RULE.findall(text)
                }

    async def _everywhere(self, scripts: Mapping[str, str]) -> dict[str, str]:
        nodes = [node for node in scripts if node not in self._gone]
        done = await asyncio.gather(*(self._told(node, scripts[node]) for node in nodes))
        return dict(zip(nodes, done, strict=True))

    async def _told(self, node: str, script: str) -> str:
        """The script's output; nothing from a node that ends meanwhile, which is known a moment later."""
        try:
            return (await asyncio.to_thread(checked, self._remotes[node], script, repeatable=True)).text
        except (RemoteError, KeyError):
            for _ in range(ENDING_POLLS):
                if node in self._gone:
                    return ""
                await asyncio.sleep(ENDING_S / ENDING_POLLS)
            raise


CLEAR = (
    f"while iptables -w 5 -D INPUT -j {CHAIN} 2>/dev/null; do :; done; "
    f"iptables -w 5 -F {CHAIN} 2>/dev/null; iptables -w 5 -X {CHAIN} 2>/dev/null; true"
)
"""removes all of ours from a machine, whatever of it is there: what a sweep runs, too"""


def _chain(sources: Iterable[str]) -> str:
    """The command that makes the chain drop what comes from these addresses, and nothing else."""
    rules = "".join(f"-A {CHAIN} -s {address} -j DROP\\n" for address in sources)
    return f"printf '*filter\\n:{CHAIN} - [0:0]\\n{rules}COMMIT\\n' | {RESTORE}"
