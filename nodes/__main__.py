"""``python -m nodes SYSTEM --data DIR``: one node of a reference system, on stdin and stdout or a TCP port.

It speaks Maelstrom's protocol (nodes/door.py). With ``--listen HOST:PORT`` the same lines travel over the
first TCP connection that sends any; when that connection ends, the node does. With ``--tcp`` it has links of its own
to its peers and a door for any number of clients (nodes/tcp). Every flag has an environment variable:
``--client-port`` is ``SPLITBRAIN_CLIENT_PORT``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import os
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec

from nodes.bugs import BUGS
from nodes.channel import Channel
from nodes.door import FAILED, Door
from nodes.opening import Settings
from nodes.sampling import Sampler
from nodes.systems import SYSTEMS, log_of
from nodes.tcp.settings import TcpConfig, add_arguments, config_of, from_environment, port


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


class Asked(NamedTuple):
    """What to run, and how it is reached: by stdin and stdout if neither of the last two is given."""

    settings: Settings
    listen: tuple[str, int] | None
    tcp: TcpConfig | None


def parse(arguments: list[str] | None) -> Asked:
    """What is asked for. Exits with status 2 and one line on bad usage."""
    parser = Parser(prog="python -m nodes", description=__doc__)
    parser.add_argument("system", choices=sorted(SYSTEMS))
    parser.add_argument("--data", required=True, metavar="DIR", help="where its log lives; {node}: its name")
    parser.add_argument("--bug", choices=sorted(BUGS), help="a planted bug")
    parser.add_argument("--config", default="{}", metavar="JSON", help="the system's parameters")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="state transitions, as JSON lines")
    parser.add_argument("--seed", type=int, help="of the time-outs; default: the system's entropy")
    parser.add_argument("--listen", metavar="HOST:PORT", help="TCP in place of stdin and stdout")
    parser.add_argument(
        "--power",
        action="store_true",
        help="for harnesses: keep account of what is synced, have bad disks when told to",
    )
    add_arguments(parser)
    try:
        from_environment(parser, os.environ)
    except ValueError as e:
        parser.error(str(e))
    given = parser.parse_args(arguments)
    system = SYSTEMS[given.system]
    try:
        config = parameters(given.config)
        system.build("n0", ("n0",), given.bug, config)
        settings = Settings(
            build=lambda node_id, node_ids: system.build(node_id, node_ids, given.bug, config),
            messages=system.messages,
            records=system.records,
            data=given.data,
            seed=int.from_bytes(os.urandom(8), "big") if given.seed is None else given.seed,
            trace=given.trace,
            power=given.power,
            log=log_of(given.bug),
        )
        tcp = config_of(given, os.environ)
        address = None
        if given.listen is not None:
            address = listening(given.listen)
    except ValueError as e:
        parser.error(str(e))
    if tcp is not None and address is not None:
        parser.error("--listen: not with --tcp, which has --client-port")
    return Asked(settings, address, tcp)


def parameters(text: str) -> dict[str, Any]:
    """A system's, as JSON. Raises ValueError."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as e:
        raise ValueError(f"--config: expected a JSON object, got {text!r}: {e}") from e


def listening(text: str) -> tuple[str, int]:
    """``HOST:PORT``. Raises ValueError."""
    host, _, number = text.rpartition(":")
    try:
        return host, port(number)
    except ValueError as e:
        raise ValueError(f"--listen: expected HOST:PORT, got {text!r}") from e


def log(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


async def serve(settings: Settings, address: tuple[str, int] | None) -> int:
    """Run the node until its input ends or it cannot go on; the exit status."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[int] = loop.create_future()

    def exit_with(status: int) -> None:
        if not done.done():
            done.set_result(status)

    def defect(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error of the node's own code: it must not limp on."""
        error = context.get("exception")
        if error is not None:
            log("".join(traceback.format_exception(error)).rstrip())
        log(f"{type(error).__name__}: {error}" if error is not None else str(context["message"]))
        exit_with(FAILED)

    loop.set_exception_handler(defect)
    channels: list[Channel] = []
    door = Door(settings, channels, log, exit_with)
    if address is None:
        channels.append(Channel(0, 1, door.line, lambda: exit_with(0), door.tracer.flush))
        return await _until(done, channels)
    with socket.create_server(address) as server:
        server.setblocking(False)
        log(f"listening on {address[0]}:{server.getsockname()[1]}")
        accepting = loop.create_task(_accept(server, channels, door, exit_with))
        try:
            return await _until(done, channels)
        finally:
            accepting.cancel()


async def _until(done: asyncio.Future[int], channels: list[Channel]) -> int:
    try:
        return await done
    finally:
        for channel in channels:
            channel.close()
            if channel.dropped:
                log(f"{channel.dropped} lines were lost: nobody read them")


async def _accept(
    server: socket.socket, channels: list[Channel], door: Door, exit_with: Callable[[int], None]
) -> None:
    """Connections that end before ``init`` are probes: the next one is as good."""
    loop = asyncio.get_running_loop()
    while True:
        connection, _ = await loop.sock_accept(server)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ended = asyncio.Event()
        fd = connection.fileno()
        channels.append(Channel(fd, fd, door.line, ended.set, door.tracer.flush))
        await ended.wait()
        connection.close()
        if door.host is not None:
            exit_with(0)
            return


def run(config: TcpConfig, settings: Settings) -> int:
    """Run a node over TCP, on uvloop where it is installed."""
    from nodes.tcp.node import serve as serve_tcp  # noqa: PLC0415  a node on stdio starts without it

    sampled = nullcontext() if config.profile is None else Sampler(config.profile)
    with sampled, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(serve_tcp(config, settings))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    return uvloop.new_event_loop  # type: ignore[no-any-return]


def main(arguments: list[str] | None = None) -> int:
    asked = parse(arguments)
    gc.freeze()
    try:
        if asked.tcp is not None:
            return run(asked.tcp, asked.settings)
        return asyncio.run(serve(asked.settings, asked.listen))
    except OSError as e:
        log(f"python -m nodes: {e}")
        return FAILED
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    # no clean-up beyond this point is worth waiting for, least of all a thread in fdatasync
    status = main()
    sys.stdout.flush()
    os._exit(status)
