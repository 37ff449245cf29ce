"""The clients of foreign systems, against servers that say what they are told to: what is refused, what unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from harness.systems.etcd import execute
from harness.systems.http import Http, HttpError
from harness.systems.lines import LineClient
from harness.systems.port import RefusedError, UnknownError
from harness.systems.resp import Resp, RespError, encode

HOST = "127.0.0.1"
CODES = [(11, RefusedError), (20, RefusedError), (0, UnknownError), (13, UnknownError), (1000, UnknownError)]


def against(replies: bytes, act: Callable[[int], Awaitable[Any]]) -> Any:
    """What ``act(port)`` makes of a server that answers anything with these bytes, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 16)
        writer.write(replies)
        await writer.drain()
        writer.close()

    async def whole() -> Any:
        server = await asyncio.start_server(serve, HOST, 0)
        async with server:
            return await act(server.sockets[0].getsockname()[1])

    return asyncio.run(whole())


def test_commands_of_redis_are_encoded_as_arrays_of_strings() -> None:
    assert encode(("SET", "k", 12)) == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n"


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (b"+OK\r\n", b"OK"),
        (b":-3\r\n", -3),
        (b"$-1\r\n", None),
        (b"$4\r\na\r\nb\r\n", b"a\r\nb"),
        (b"*2\r\n:1\r\n*1\r\n$0\r\n\r\n", [1, [b""]]),
        (b"*-1\r\n", None),
    ],
)
def test_replies_of_redis_are_read(reply: bytes, value: Any) -> None:
    assert against(reply, lambda port: Resp(HOST, port).command("X")) == value


def test_an_error_inside_a_transaction_of_redis_is_raised() -> None:
    replies = b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n-WRONGTYPE of it\r\n"
    with pytest.raises(RespError, match="WRONGTYPE"):
        against(replies, lambda port: Resp(HOST, port).atomic([("A",), ("B",)]))


def test_commands_outside_the_transaction_that_was_not_begun_may_have_been_executed() -> None:
    replies = b"-LOADING it\r\n+OK\r\n-ERR EXEC without MULTI\r\n"
    with pytest.raises(UnknownError, match="LOADING"):
        against(replies, lambda port: Resp(HOST, port).atomic([("A",)]))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" + b'{"a":1}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n3\r\n:1}\r\n0\r\nX: y\r\n\r\n',
    ],
)
def test_replies_over_http_are_read(head: bytes) -> None:
    assert against(head, lambda port: Http(HOST, port).post("/", {})) == {"a": 1}


def test_another_status_is_an_error_with_its_body() -> None:
    reply = b'HTTP/1.1 503 Gone\r\nContent-Length: 15\r\n\r\n{"error":"why"}'
    with pytest.raises(HttpError, match="HTTP 503: why"):
        against(reply, lambda port: Http(HOST, port).post("/", {}))


@pytest.mark.parametrize(
    "ask",
    [
        lambda port: Resp(HOST, port).command("X"),
        lambda port: Http(HOST, port).post("/", {}),
        lambda port: LineClient(HOST, port).request({"type": "read"}),
    ],
)
def test_a_connection_that_breaks_before_the_reply_is_no_refusal(
    ask: Callable[[int], Awaitable[Any]],
) -> None:
    with pytest.raises((EOFError, OSError)):
        against(b"", ask)


@pytest.mark.parametrize(
    "ask",
    [
        lambda port: Resp(HOST, port).command("X"),
        lambda port: Http(HOST, port).post("/", {}),
        lambda port: LineClient(HOST, port).request({"type": "read"}),
    ],
)
def test_nobody_listening_is_a_refusal(ask: Callable[[int], Awaitable[Any]]) -> None:
    async def closed() -> int:
        server = await asyncio.start_server(lambda *_: None, HOST, 0)
        port: int = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return port

    async def whole() -> None:
        await ask(await closed())

    with pytest.raises(RefusedError):
        asyncio.run(whole())


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_error_codes_of_lines_mean_what_they_mean_to_maelstrom(code: int, kind: type[Exception]) -> None:
    line = msgspec.json.encode({"type": "error", "code": code, "text": "no"}) + b"\n"
    with pytest.raises(kind):
        against(line, lambda port: LineClient(HOST, port).request({"type": "write"}))


def test_a_transaction_sees_its_own_appends_and_changes_nothing_when_it_only_reads() -> None:
    micros = [["r", 1, None], ["append", 1, 5], ["r", 1, None], ["r", 2, None]]
    done, changed = execute(micros, {1: [4], 2: []})
    assert done == [["r", 1, [4]], ["append", 1, 5], ["r", 1, [4, 5]], ["r", 2, None]]
    assert changed == {1: [4, 5]}
    assert execute([["r", 1, None]], {1: [4]}) == ([["r", 1, [4]]], {})
