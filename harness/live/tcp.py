"""Our nodes as processes with links of their own, which go through the harness's proxies."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from harness.live.doorway import Doorway
from harness.live.keeper import Keeper
from harness.live.member import OnExit, OnLine, last_line
from harness.live.process import PACKAGES, ProcessMember, own_command
from harness.live.proxy import HOST, LinkProxies
from harness.spec import RunSpec

POLL_S = 0.005
LISTEN_S = 20.0
"""for a node to say where it listens"""


ENDS = ("failed", "cannot_start")


class LastWords(msgspec.Struct):
    """Of a line of a node's log."""

    event: str
    reason: str = ""


class TcpMember(ProcessMember):
    """A node that is spoken to through its clients' door. ``secret``: the cluster's."""

    def __init__(
        self,
        name: str,
        folder: Path,
        spec: RunSpec,
        seed: int,
        keeper: Keeper,
        proxies: LinkProxies,
        secret: str,
        on_line: OnLine,
        on_exit: OnExit,
    ) -> None:
        super().__init__(name, folder, keeper, on_line, on_exit)
        self._spec = spec
        self._seed = seed
        self._proxies = proxies
        self._secret = secret
        self._door = Doorway(self._line, lambda: self.up)
        self._ports_file = folder / "ports.json"
        self.ports: dict[str, int] = {}
        """of the current incarnation: peer, client, metrics"""

    def command(self, incarnation: int) -> list[str]:
        book = {self.name: (HOST, 0), **self._proxies.address_book(self.name)}
        return [
            *own_command(self._spec, self.folder, self._seed, incarnation),
            *("--tcp", "--node", self.name, "--peers", peers(book)),
            *("--client-port", "0", "--metrics-port", "0", "--ports-file", str(self._ports_file)),
            "--replays",
        ]

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PYTHONPATH": PACKAGES, "SPLITBRAIN_KEY": self._secret}

    def start(
        self, command: list[str], environment: dict[str, str], stderr: BinaryIO
    ) -> subprocess.Popen[bytes]:
        self._ports_file.unlink(missing_ok=True)
        none = subprocess.DEVNULL
        return subprocess.Popen(
            command, stdin=none, stdout=none, stderr=stderr, env=environment, start_new_session=True
        )

    async def open(self, process: subprocess.Popen[bytes]) -> None:
        del process
        deadline = asyncio.get_running_loop().time() + LISTEN_S
        while self.up and not self._ports_file.exists():
            if asyncio.get_running_loop().time() > deadline:
                return  # it will not answer init either
            await asyncio.sleep(POLL_S)
        if self.up:
            self.ports = msgspec.json.decode(self._ports_file.read_bytes(), type=dict[str, int])
            self._proxies.listens(self.name, (HOST, self.ports["peer"]))
            self._door.open((HOST, self.ports["client"]))

    def write(self, line: bytes) -> None:
        self._door.write(line)

    async def discard(self) -> None:
        self._door.close()
        await super().discard()

    def last_words(self) -> str:
        return last_reason(self.folder / "stderr.log")

    def _exited(self) -> None:
        self._door.drain()
        self._proxies.gone(self.name)
        super()._exited()


def peers(book: Mapping[str, tuple[str, int]]) -> str:
    """An address book as the nodes' flag takes it."""
    return ",".join(f"{name}={host}:{port}" for name, (host, port) in book.items())


def last_reason(log: Path) -> str:
    """What a node's log says last of an end; its last line where it says nothing of one."""
    try:
        lines = log.read_bytes()[-(1 << 16) :].splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        with suppress(msgspec.MsgspecError):
            said = msgspec.json.decode(line, type=LastWords)
            if said.event in ENDS:
                return said.reason
    return last_line(log)
