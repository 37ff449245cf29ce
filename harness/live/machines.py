"""Machines for foreign systems on this one: a network of its own for each node, joined by a switch.

Foreign systems dial each other by address, and one address stands for a node whoever dials: no proxy could tell who
does. So each node lives in a network namespace of its own, with an address of its own, and a partition is a rule of
its packet filter (harness/live/faults/firewall.py). The harness stands at the switch, too, and reaches all of them:
clients are left alone.

The namespaces have no names: descriptors of the harness and the nodes' own processes keep them alive. Whatever ends
the harness, the keeper ends the nodes, and the kernel takes namespaces, links, addresses and rules away with them.

Without root there are no namespaces: nodes then have loopback addresses of their own, and nobody can part them.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import UsageError
from harness.live.faults.firewall import Firewall
from harness.live.remote.local import LocalRemote
from harness.live.subnets import taken

CLONE_NEWNET = 0x40000000
SUBNETS = 256
NETWORK = "198.18"
"""198.18.0.0/15 is set aside for tests of networks (RFC 2544)"""
LOOPBACK = "127.18"
NODES_MAX = 250
PROGRAMS = ("ip", "nsenter", "iptables-restore")

_libc = ctypes.CDLL(None, use_errno=True)


def able() -> bool:
    """Whether this process may make networks: it is root, and has the programs for it."""
    return os.geteuid() == 0 and all(shutil.which(program) for program in PROGRAMS)


class Machines:
    """A context manager. ``addresses``: node -> IP address; ``firewall``: of all of them, None on loopback."""

    def __init__(self, nodes: tuple[str, ...], *, apart: bool) -> None:
        self._nodes = nodes
        self._apart = apart
        self._namespaces: dict[str, int] = {}
        self._remotes: dict[str, LocalRemote] = {}
        self._here = ""
        """the harness's end of its link to the switch"""
        self._claim: socket.socket | None = None
        self.addresses: dict[str, str] = {}
        self.firewall: Firewall | None = None

    def __enter__(self) -> Self:
        subnet = self._reserve()
        base = f"{NETWORK if self._apart else LOOPBACK}.{subnet}"
        self.addresses = {node: f"{base}.{number}" for number, node in enumerate(self._nodes, 1)}
        if self._apart:
            try:
                self._build(base, subnet)
            except BaseException:
                self.close()
                raise
            self._remotes = {node: LocalRemote(node, self.enter(node)) for node in self._nodes}
            self.firewall = Firewall(self._remotes, self.addresses)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self.close()

    def close(self) -> None:
        for remote in self._remotes.values():
            remote.close()
        if self._here:
            # the kernel would do it, by and by
            subprocess.run(["ip", "link", "delete", self._here], check=False, capture_output=True)
        for descriptor in self._namespaces.values():
            os.close(descriptor)
        self._namespaces.clear()
        if self._claim is not None:
            self._claim.close()

    def enter(self, node: str) -> list[str]:
        """What stands before a command to run it in a node's network; nothing on loopback."""
        return ["nsenter", f"--net={self.path(node)}", "--"] if self._apart else []

    def path(self, name: str) -> str:
        """Of a node's network namespace; the empty name is the switch."""
        return f"/proc/{os.getpid()}/fd/{self._namespaces[name]}"

    def _reserve(self) -> int:
        """A subnet that no other harness uses here: the claim is an abstract socket, gone with its owner."""
        others = taken()
        for step in range(SUBNETS):
            subnet = (os.getpid() + step) % SUBNETS
            if f"{NETWORK}.{subnet}" in others:
                continue
            claim = socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0splitbrain-machines-{subnet}")
            except OSError:
                claim.close()
                continue
            self._claim = claim
            return subnet
        raise UsageError(f"machines: {SUBNETS} clusters of foreign systems run here already")

    def _build(self, base: str, subnet: int) -> None:
        """The switch, its link to here, and a link to each node. Raises UsageError."""
        for name in ("", *self._nodes):
            self._namespaces[name] = namespace()
        here = self._here = f"sb{subnet}"
        # the claim is ours: what is there is of one that is gone, and that the kernel has not cleared away yet
        subprocess.run(["ip", "link", "delete", here], check=False, capture_output=True)
        _run(["ip", "link", "add", here, "type", "veth", "peer", "name", "here", "netns", self.path("")])
        _run(["ip", "address", "add", f"{base}.254/24", "dev", here])
        _run(["ip", "link", "set", here, "up"])
        lines = ["link add switch type bridge", "link set switch up"]
        lines += ["link set here master switch", "link set here up"]
        for number, node in enumerate(self._nodes, 1):
            lines += [
                f"link add p{number} type veth peer name eth0 netns {self.path(node)}",
                f"link set p{number} master switch",
                f"link set p{number} up",
            ]
        _run(["nsenter", f"--net={self.path('')}", "--", "ip", "-batch", "-"], lines)
        for node, address in self.addresses.items():
            lines = ["link set lo up", f"address add {address}/24 dev eth0", "link set eth0 up"]
            _run([*self.enter(node), "ip", "-batch", "-"], lines)


def namespace() -> int:
    """A descriptor of a new network namespace: a thread makes it, takes hold of it, and ends."""
    found: list[int] = []
    failed: list[OSError] = []

    def make() -> None:
        if _libc.unshare(CLONE_NEWNET):
            number = ctypes.get_errno()
            failed.append(OSError(number, os.strerror(number)))
        else:
            found.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if failed:
        raise UsageError(f"a network namespace cannot be made: {failed[0].strerror}")
    return found[0]


def _run(command: list[str], lines: list[str] | None = None) -> None:
    done = subprocess.run(
        command, input="\n".join(lines or ()), text=True, capture_output=True, check=False, cwd=Path("/")
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise UsageError(f"a network of nodes cannot be made: {' '.join(command)}: {words[:1]}")
