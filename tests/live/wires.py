"""Long wires for tests: connections to an address of this machine arrive elsewhere, every byte some time later."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress

Address = tuple[str, int]


class LongWires:
    """``ways``: where it listens -> where that leads to. Use as a context manager; a thread of its own carries."""

    def __init__(self, ways: Mapping[Address, Address], delay_s: float) -> None:
        self._ways = ways
        self._delay_s = delay_s
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        self._servers = [
            await asyncio.start_server(lambda r, w, to=to: self._both(to, r, w), *near)
            for near, to in self._ways.items()
        ]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _both(self, to: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                far_reader, far_writer = await asyncio.open_connection(*to)
                try:
                    there, back = self._carry(reader, far_writer), self._carry(far_reader, writer)
                    await asyncio.wait(
                        [asyncio.ensure_future(there), asyncio.ensure_future(back)],
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                finally:
                    far_writer.transport.abort()
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                self._loop.call_later(self._delay_s, _arrive, writer, data)
            await asyncio.sleep(self._delay_s)


def _arrive(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)
