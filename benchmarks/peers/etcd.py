"""Three members of etcd on loopback, with fsync, asked through the JSON gateway."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.peers.load import Load, Measured

VALUE = base64.b64encode(b"v" * 100).decode()
KEYS = 64


@contextmanager
def cluster(
    program: str, folder: Path, ports: list[int]
) -> Iterator[tuple[list[int], Callable[[int, float], Measured]]]:
    peers, clients = ports[:3], ports[3:]
    book = ",".join(f"m{i}=http://127.0.0.1:{peers[i]}" for i in range(3))
    processes = []
    for i in range(3):
        peer, client = f"http://127.0.0.1:{peers[i]}", f"http://127.0.0.1:{clients[i]}"
        command = [program, "--name", f"m{i}", "--data-dir", str(folder / f"m{i}")]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--initial-cluster", book, "--initial-cluster-state", "new", "--log-level", "error"]
        processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    try:
        time.sleep(4)
        port = asyncio.run(_leader(clients))
        yield [p.pid for p in processes], lambda n, seconds: asyncio.run(_drive(port, n, seconds))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


class Connection(asyncio.Protocol):
    """One HTTP connection kept alive, one request at a time."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.load: Load | None = None
        self.answer: asyncio.Future[dict[str, Any]] | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def post(self, path: str, body: dict[str, Any]) -> None:
        data = msgspec.json.encode(body)
        head = f"POST {path} HTTP/1.1\r\nHost: etcd\r\nContent-Length: {len(data)}\r\n\r\n"
        self._transport.write(head.encode() + data)

    def put(self) -> None:
        assert self.load is not None
        key = base64.b64encode(str(self.load.begin(self.slot) % KEYS).encode()).decode()
        self.post("/v3/kv/put", {"key": key, "value": VALUE})

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        if len(rest) < length:
            return
        self._data = rest[length:]
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(msgspec.json.decode(rest[:length]))
        elif self.load is not None:
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(rest)
            if self.load.done(self.slot):
                self.put()


async def _leader(ports: list[int]) -> int:
    loop = asyncio.get_running_loop()
    for port in ports:
        _, connection = await loop.create_connection(lambda: Connection(0), "127.0.0.1", port)
        connection.answer = loop.create_future()
        connection.post("/v3/maintenance/status", {})
        status = await connection.answer
        connection._transport.close()  # noqa: SLF001
        if status["leader"] == status["header"]["member_id"]:
            return port
    raise RuntimeError("etcd: nobody leads")


async def _drive(port: int, outstanding: int, seconds: float) -> Measured:
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda slot=slot: Connection(slot), "127.0.0.1", port))[1]
        for slot in range(outstanding)
    ]
    load = Load(seconds)
    for connection in made:
        connection.load = load
        connection.put()
    await load.finished
    for connection in made:
        connection._transport.close()  # noqa: SLF001
    return load.measured()
