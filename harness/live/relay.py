"""On a host, beside its node: proxies in the links that the node dials, so that single frames can be changed there.

    python3 -m harness.live.relay FOLDER

The node dials this host's loopback, where the proxies (harness/live/proxy.py) listen; they dial the peers from here.
So packets still go from one host's address to the other's, and packet filters there still cut them.

It is told what to do by lines of JSON on standard input, answers each with one, and ends with its input: a harness
that is gone leaves none behind. The first line is a ``Setup``, answered by the ports; each later one a ``Wanted``,
all that is to be in force from now on, answered by ``Seen``. ``FOLDER/pid-relay`` says which process it is, as
``pid-1`` does of a node (harness/live/warden.py).

Runs with what a host is given (harness/live/packages.py): Python, msgspec, and the few modules named there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from harness.live.network import Latency
from harness.live.proxy import HOST, LinkProxies, NearEnd
from harness.streams import Streams
from nemeses.port import LinkCount, LinkRule

LINE_MAX = 1 << 20


class Setup(msgspec.Struct):
    """``peers``: where their nodes take links; ``ports``: where to listen for the link to each, 0: anywhere."""

    node: str
    seed: int
    peers: dict[str, tuple[str, int]]
    ports: dict[str, int]
    latency: Latency


class Wanted(msgspec.Struct):
    """``number`` comes back with the answer. Peers not named: their links are left alone."""

    number: int
    cuts: list[str]
    rules: dict[str, list[LinkRule]]


class Seen(msgspec.Struct):
    """Since this process began, by peer."""

    number: int
    counts: dict[str, LinkCount]


class OwnLinks(LinkProxies):
    """The links that one node dials."""

    def __init__(self, setup: Setup) -> None:
        super().__init__((setup.node, *setup.peers), Streams(setup.seed))
        self._setup = setup
        self.latency = setup.latency
        for peer, address in setup.peers.items():
            self.listens(peer, address)

    async def open(self) -> None:
        loop, node = asyncio.get_running_loop(), self._setup.node
        for peer in self._setup.peers:
            link = (node, peer)
            self.near_ends[link] = set()
            port = self._setup.ports.get(peer, 0)
            make = partial(NearEnd, self, self.wire(link))
            self._servers[link] = await loop.create_server(make, HOST, port)

    def ports(self) -> dict[str, int]:
        return {peer: port for peer, (_, port) in self.address_book(self._setup.node).items()}

    def become(self, wanted: Wanted) -> Seen:
        """Make all links what is wanted."""
        for peer in self._setup.peers:
            wire = self.wire((self._setup.node, peer))
            before, wire.cuts = wire.cuts, int(peer in wanted.cuts)
            wire.rules = tuple(wanted.rules.get(peer, ()))
            if before and not wire.cuts:
                self.mended(wire)
        return Seen(wanted.number, {peer: count for (_, peer), count in self.counts().items()})


async def serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(LINE_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    links = OwnLinks(msgspec.json.decode(await reader.readline(), type=Setup))
    await links.open()
    tell(links.ports())
    while line := await reader.readline():
        tell(links.become(msgspec.json.decode(line, type=Wanted)))
    links.close()


def tell(answer: object) -> None:
    data = msgspec.json.encode(answer) + b"\n"
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    with suppress(OSError):  # whom sshd starts leads a group already
        os.setsid()
    start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    (Path(sys.argv[1]) / "pid-relay").write_text(f"{os.getpid()} {start}\n")
    asyncio.run(serve())


if __name__ == "__main__":
    main()
