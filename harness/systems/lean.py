"""A system in ten lines: a file with an ``image`` (or a ``command``), a ``port``, and a ``Client`` that blocks.

    image, port = "kvd", 9000

    class Client:
        def open(self, host, port): ...
        def invoke(self, op): ...
        def close(self): ...

What ``invoke`` is given is a body of Maelstrom's, ``{"type": "read", "key": 3}``. What it returns becomes the reply:
a mapping as it is; for a ``read`` any other value is the value read; for the rest False says that it was not done.

What fails in ``open`` was never asked, and is refused. What fails in ``invoke`` has an unknown outcome, unless it
raises RefusedError; the client is then closed, and another one opened.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.systems.port import PRECONDITION_FAILED, UNAVAILABLE, Adapter, Client, Place, RefusedError

THREADS = 64
"""requests to one member at once; others wait for their turn"""
REQUESTS = ("read", "write", "cas")
PARTS = ("open", "invoke", "close")


class LeanClient:
    """Blocking clients, each used by one request at a time, in a thread that nobody need wait for in the end."""

    def __init__(self, make: Callable[[], Any], door: tuple[str, int]) -> None:
        self._make = make
        self._door = door
        self._idle: list[Any] = []
        self._turn = asyncio.Semaphore(THREADS)

    async def request(self, body: dict[str, Any]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[dict[str, Any]] = loop.create_future()

        def tell(result: dict[str, Any] | None, error: BaseException | None) -> None:
            self._turn.release()
            if done.cancelled():
                return
            if result is None:
                assert error is not None
                done.set_exception(error)
            else:
                done.set_result(result)

        def ask() -> None:
            result, error = None, None
            try:
                result = self._ask(body)
            except Exception as e:  # noqa: BLE001  it is raised where it is waited for
                error = e
            with suppress(RuntimeError):  # the run is over
                loop.call_soon_threadsafe(tell, result, error)

        await self._turn.acquire()
        threading.Thread(target=ask, daemon=True).start()
        return await done

    def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        client = self._idle.pop() if self._idle else self._opened()
        try:
            result = client.invoke(dict(body))
        except RefusedError:
            self._idle.append(client)
            raise
        except BaseException:
            with suppress(Exception):
                client.close()
            raise
        self._idle.append(client)
        return reply(body["type"], result)

    def _opened(self) -> Any:
        client = self._make()
        try:
            client.open(*self._door)
        except (OSError, EOFError) as e:
            raise RefusedError(UNAVAILABLE, f"cannot open a client: {e}") from e
        return client

    async def close(self) -> None:
        for client in self._idle:
            with suppress(Exception):
                client.close()
        self._idle.clear()


def reply(kind: str, result: Any) -> dict[str, Any]:
    """The fields of a reply, from what a client's ``invoke`` returned. Raises RefusedError, TypeError."""
    if isinstance(result, dict):
        return result
    if kind == "read":
        return {"value": sorted(result) if isinstance(result, set) else result}
    if result is False:
        raise RefusedError(PRECONDITION_FAILED if kind == "cas" else UNAVAILABLE, f"{kind} was refused")
    if result is None or result is True:
        return {}
    raise TypeError(f"invoke returned {result!r} for {kind}; expected a mapping, True, False or nothing")


class Lean(Adapter):
    """Of what a file holds; raises ValueError, one line, for what it lacks."""

    def __init__(self, name: str, held: Mapping[str, Any]) -> None:
        self.name = name
        made = held["Client"]
        missing = [part for part in PARTS if not callable(getattr(made, part, None))]
        if missing:
            raise ValueError(f"class Client has no {', '.join(missing)}; expected {', '.join(PARTS)}")
        if any(inspect.iscoroutinefunction(getattr(made, part)) for part in PARTS):
            raise ValueError(
                "class Client is asynchronous; expected functions that block, or a whole ADAPTER"
            )
        self._make: Callable[[], Any] = made
        port = held.get("port")
        if not isinstance(port, int):
            raise ValueError(  # noqa: TRY004  one kind of refusal
                f"port: expected the number of the port that clients dial, got {port!r}"
            )
        self._port = port
        self._command = held.get("command")
        if self._command is not None and not callable(self._command) and not isinstance(self._command, list):
            raise ValueError("command: expected a list of words, or a function of the place that gives one")
        self.image = str(held.get("image", ""))
        wanted: Iterable[str] = held.get("requests", REQUESTS)
        self.requests = frozenset(wanted)
        self.programs = tuple(held.get("programs", ()))

    def runs(self, *, inside: bool, image: str) -> None:
        if not inside and self._command is None:
            raise ValueError(
                f"system: {self.name} has no command; expected one, or --env docker with its image"
            )
        super().runs(inside=inside, image=image)

    def command(self, place: Place) -> list[str]:
        if self._command is None:
            return []
        given = self._command(place) if callable(self._command) else self._command
        return [str(word) for word in given]

    def clocks(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Nobody knows which programs those are."""
        del config
        return self.programs or ("",)

    def port(self) -> int:
        return self._port

    def client(self, place: Place) -> Client:
        return LeanClient(self._make, place.door(self.port()))


def adapter_of(path: Path, held: Mapping[str, Any]) -> Adapter | None:
    """What a file's names make: its ADAPTER, or else its Client. None: neither. Raises ValueError."""
    found = held.get("ADAPTER")
    if isinstance(found, Adapter):
        return found
    return Lean(path.stem, held) if "Client" in held and "ADAPTER" not in held else None
