"""Bad links for systems that dial each other as they please: the harness carries the packets of the links concerned.

Each node's network gets a device (TUN) whose other end the harness holds. While a link has a rule, routes lead the
packets between its two nodes there, both ways; the harness delays, loses, doubles, holds back, damages or throttles
them, and hands them to the far end's device. Addresses stay what they are, so connections go on as under a bad cable:
TCP repeats what was lost, and its checksums find what was damaged. Other links are the kernel's alone.

Needs root and /dev/net/tun; no module for traffic control (netem).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from harness.errors import UsageError
from harness.live.inside import inside
from harness.live.network import Latency
from harness.live.wires import US, Wire, Wires, bend
from harness.streams import Streams

DEVICE = "splitbrain0"
TUN = Path("/dev/net/tun")
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
IPV4 = 4
HEADER, TARGET = 20, slice(16, 20)
"""of an IPv4 packet: the length of its header without options, and where it is bound for"""
PACKET_MAX = 65535
BURST = 64
"""packets of one node that are read before others get their turn"""


def able() -> bool:
    """Whether this process may make such devices."""
    return os.geteuid() == 0 and TUN.exists()


class Packets(Wires):
    """``addresses``: of the nodes; ``space``: the path of a node's network namespace. A context for their devices.

    ``latency``: the ordinary delay of every link; where there is one, all packets come this way.
    """

    def __init__(
        self, addresses: Mapping[str, str], space: Callable[[str], str], streams: Streams, latency: Latency
    ) -> None:
        super().__init__(streams)
        self._addresses = addresses
        self._names = {bytes(map(int, at.split("."))): name for name, at in addresses.items()}
        self._space = space
        self._latency = latency
        self._devices: dict[str, int] = {}
        self._aside: set[frozenset[str]] = set()
        """pairs of nodes whose packets come this way"""
        self._turn = asyncio.Lock()
        self.in_flight = 0

    async def settle(self) -> None:
        """Lead the packets aside of those links that have rules, and of no others. Raises UsageError."""
        async with self._turn:
            wanted = {frozenset(link) for link, wire in self._wires.items() if wire.rules}
            if self._latency.mean_us:
                wanted = {frozenset((a, b)) for a in self._addresses for b in self._addresses if a != b}
            lines: dict[str, list[str]] = {}
            for pair in wanted ^ self._aside:
                for node in pair:
                    (peer,) = pair - {node}
                    at, own = self._addresses[peer], self._addresses[node]
                    change = f"replace {at}/32 dev {DEVICE} src {own}" if pair in wanted else f"del {at}/32"
                    lines.setdefault(node, []).append(f"route {change}")
            for node, text in lines.items():
                if node not in self._devices:
                    self._open(node)
                    text.insert(0, f"link set {DEVICE} up")
            self._aside = wanted
            await asyncio.gather(*(asyncio.to_thread(self._ip, node, text) for node, text in lines.items()))

    def close(self) -> None:
        """The devices go with their descriptors, and their routes with them."""
        for device in self._devices.values():
            with suppress(RuntimeError):  # the loop has ended
                asyncio.get_running_loop().remove_reader(device)
            os.close(device)
        self._devices.clear()
        self._aside.clear()

    def _open(self, node: str) -> None:
        space = os.open(self._space(node), os.O_RDONLY | os.O_CLOEXEC)
        try:
            with inside(space):
                device = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        except OSError as e:
            raise UsageError(f"link faults: no device in the network of {node}: {e}") from e
        finally:
            os.close(space)
        self._devices[node] = device
        asyncio.get_running_loop().add_reader(device, self._read, node, device)

    def _ip(self, node: str, lines: list[str]) -> None:
        command = ["nsenter", f"--net={self._space(node)}", "--", "ip", "-batch", "-"]
        done = subprocess.run(command, input="\n".join(lines), text=True, capture_output=True, check=False)
        if done.returncode:
            raise UsageError(f"link faults: {node}: {done.stderr.strip().splitlines()[:1]}")

    def _read(self, src: str, device: int) -> None:
        for _ in range(BURST):
            try:
                packet = os.read(device, PACKET_MAX)
            except OSError:  # there is no more, or no network
                return
            dst = self._names.get(packet[TARGET]) if packet[0] >> 4 == IPV4 else None
            if dst is not None:
                self._carry(self.wire((src, dst)), packet)

    def _carry(self, wire: Wire, packet: bytes) -> None:
        delay = self._latency.draw(wire.stream) if self._latency.mean_us else 0
        copies = 1
        if wire.rules:
            now_us = int(asyncio.get_running_loop().time() * US)
            delay, copies, corrupt = bend(wire, delay, len(packet), now_us)
            if corrupt and len(packet) > HEADER:
                packet = self._damaged(wire, packet)
        for copy in range(copies):
            # a double comes some time after its original
            after = delay + wire.stream.below(delay + 1) if copy else delay
            self.in_flight += 1
            if after:
                asyncio.get_running_loop().call_later(after / US, self._land, wire, packet)
            else:
                self._land(wire, packet)

    def _damaged(self, wire: Wire, packet: bytes) -> bytes:
        """One bit is another, of what the header that carries it does not vouch for."""
        bit = wire.stream.below(8 * (len(packet) - HEADER))
        damaged = bytearray(packet)
        damaged[HEADER + bit // 8] ^= 1 << bit % 8
        return bytes(damaged)

    def _land(self, wire: Wire, packet: bytes) -> None:
        self.in_flight -= 1
        device = self._devices.get(wire.dst)
        if device is None:
            return
        with suppress(OSError):  # its queue is full: one more packet that was lost
            os.write(device, packet)
            wire.count.delivered += 1
