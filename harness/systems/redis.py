"""Redis with Sentinel (Debian: redis-server, redis-sentinel): asynchronous replication, every append fsynced.

Each member is a server and a sentinel. A client asks the sentinel of the member it was given who the master is, and
speaks to that one only; a server that is no master refuses. What a master acknowledged and had not replicated when
it was cut off is lost when the others have elected another, as Redis' documentation says; the harness must see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from harness.systems.port import (
    KEY_DOES_NOT_EXIST,
    NOT_SUPPORTED,
    PRECONDITION_FAILED,
    UNAVAILABLE,
    Adapter,
    Client,
    Event,
    Place,
    RefusedError,
    UnknownError,
    led,
)
from harness.systems.resp import Resp, RespError

PORT, SENTINEL_PORT = 6379, 26379
GROUP = "splitbrain"
INFO_MS = 1000
SET = "set"
APPENDFSYNC = ("always", "everysec", "no")

REFUSALS = ("READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "MISCONF", "EXECABORT", "BUSY")
"""first words of errors that come before anything was done"""

CAS = (
    "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0"
)


def text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class RedisClient:
    def __init__(self, place: Place) -> None:
        self.sentinel = Resp(*place.door(SENTINEL_PORT))
        self.servers = {at: Resp(*place.door(PORT, name)) for name, at in place.addresses.items()}
        self.own = self.servers[place.address]
        self.names = {at: name for name, at in place.addresses.items()}
        self._hastened = False
        self.reign: int | None = None
        """epoch in which its sentinel named this server master, while it is one"""

    async def request(self, body: dict[str, Any]) -> dict[str, Any]:
        make = COMMANDS.get((body["type"], "key" in body))
        if make is None:
            raise RefusedError(NOT_SUPPORTED, f"{body['type']!r} is not served")
        server = self.servers[await self.master()]
        commands, read = make(body)
        try:
            # in one transaction with the question whether this is a master: replicas would answer reads
            replies = await server.atomic([("ROLE",), *commands])
        except RespError as e:
            if str(e).split(" ", 1)[0] in REFUSALS:
                raise RefusedError(UNAVAILABLE, str(e)) from e
            raise UnknownError(str(e)) from e
        if replies[0][0] != b"master":
            raise RefusedError(UNAVAILABLE, "no master")
        return read(replies[1:])

    async def master(self) -> str:
        """The address of whom this member's sentinel believes to be master; a RefusedError where it does not say."""
        try:
            found = await self.sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP)
        except (RespError, OSError, EOFError) as e:
            raise RefusedError(UNAVAILABLE, f"sentinel: {e}") from e
        if not found or found[0].decode() not in self.servers:
            raise RefusedError(UNAVAILABLE, "sentinel knows no master")
        return str(found[0].decode())

    async def hasten(self) -> None:
        """Sentinels ask servers every second, not every ten, who replicates them (Redis 7): one that knows of no
        replica, or has old news of them, begins a failover and gives it up again.
        """
        if not self._hastened:
            with suppress(RespError):  # before version 7
                await self.sentinel.command("SENTINEL", "DEBUG", "INFO-PERIOD", INFO_MS)
            self._hastened = True

    async def close(self) -> None:
        for server in (self.sentinel, *self.servers.values()):
            server.close()


Commands = list[tuple[str | int, ...]]
Read = Callable[[list[Any]], dict[str, Any]]


def _nothing(_: list[Any]) -> dict[str, Any]:
    return {}


def _write(body: dict[str, Any]) -> tuple[Commands, Read]:
    return [("SET", text(body["key"]), text(body["value"]))], _nothing


def _read(body: dict[str, Any]) -> tuple[Commands, Read]:
    def read(replies: list[Any]) -> dict[str, Any]:
        if replies[0] is None:
            raise RefusedError(KEY_DOES_NOT_EXIST, "no such key")
        return {"value": msgspec.json.decode(replies[0])}

    return [("GET", text(body["key"]))], read


def _cas(body: dict[str, Any]) -> tuple[Commands, Read]:
    def read(replies: list[Any]) -> dict[str, Any]:
        if not replies[0]:
            raise RefusedError(PRECONDITION_FAILED, "another value")
        return {}

    return [("EVAL", CAS, 1, text(body["key"]), text(body["from"]), text(body["to"]))], read


def _txn(body: dict[str, Any]) -> tuple[Commands, Read]:
    micros = body["txn"]

    def read(replies: list[Any]) -> dict[str, Any]:
        done = [
            [f, key, value if f == "append" else [msgspec.json.decode(v) for v in reply] or None]
            for (f, key, value), reply in zip(micros, replies, strict=True)
        ]
        return {"txn": done}

    commands: Commands = [
        ("RPUSH", f"list:{key}", text(value)) if f == "append" else ("LRANGE", f"list:{key}", 0, -1)
        for f, key, value in micros
    ]
    return commands, read


def _add(body: dict[str, Any]) -> tuple[Commands, Read]:
    return [("SADD", SET, text(body["element"]))], _nothing


def _members(body: dict[str, Any]) -> tuple[Commands, Read]:
    del body
    return [("SMEMBERS", SET)], lambda replies: {"value": sorted(msgspec.json.decode(v) for v in replies[0])}


COMMANDS: Mapping[tuple[str, bool], Callable[[dict[str, Any]], tuple[Commands, Read]]] = {
    ("write", True): _write,
    ("read", True): _read,
    ("cas", True): _cas,
    ("txn", False): _txn,
    ("add", False): _add,
    ("read", False): _members,
}
"""(type, whether the request names a key) -> the commands it becomes, and how their replies are read"""

SERVER_CONF = """\
bind {address}
port {port}
dir {folder}
protected-mode no
save ""
appendonly yes
appendfsync {appendfsync}
repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-timeout 5
repl-ping-replica-period 1
{replicaof}
"""
SENTINEL_CONF = """\
bind {address}
port {port}
dir {folder}
protected-mode no
sentinel monitor {group} {first} {server_port} {quorum}
sentinel down-after-milliseconds {group} {down_after_ms}
sentinel failover-timeout {group} {failover_ms}
sentinel parallel-syncs {group} 1
"""


class Redis(Adapter):
    name = "redis"
    requests = frozenset({"read", "write", "cas", "txn", "add"})
    programs = ("redis-server",)
    packages = ("redis-server",)
    settings: Mapping[str, str] = {
        "down_after_ms": "without an answer, until a sentinel takes a server for dead; 1000",
        "failover_ms": "that a failover may take, and until the next; 3000",
        "appendfsync": "when what was acknowledged is synced: always, everysec or no; always",
    }

    def check(self, config: Mapping[str, Any]) -> None:
        super().check(config)
        for key, value in config.items():
            if key == "appendfsync":
                if value not in APPENDFSYNC:
                    raise ValueError(f"{key}: expected {', '.join(APPENDFSYNC)}, got {value!r}")
            elif type(value) is not int or value < 1:
                raise ValueError(f"{key}: expected a number of milliseconds, got {value!r}")

    def command(self, place: Place) -> list[str]:
        """Both in one process group. The files are theirs to rewrite once they run: what they know outlives kills."""
        first = next(iter(place.addresses.values()))
        server, sentinel = place.folder / "server.conf", place.folder / "sentinel.conf"
        replicaof = "" if place.first else f"replicaof {first} {PORT}"
        common = {"address": place.address, "folder": place.folder}
        if not server.exists():
            synced = {"appendfsync": place.config.get("appendfsync", APPENDFSYNC[0])}
            server.write_text(SERVER_CONF.format(**common, **synced, port=PORT, replicaof=replicaof))
        if not sentinel.exists():
            settings = {
                "quorum": len(place.addresses) // 2 + 1,
                "down_after_ms": place.config.get("down_after_ms", 1000),
                "failover_ms": place.config.get("failover_ms", 3000),
            }
            sentinel.write_text(
                SENTINEL_CONF.format(
                    **common, **settings, port=SENTINEL_PORT, server_port=PORT, group=GROUP, first=first
                )
            )
        both = f"redis-server '{sentinel}' --sentinel & exec redis-server '{server}'"
        return ["sh", "-c", both]

    def port(self) -> int:
        return PORT

    def ports(self) -> tuple[int, ...]:
        return PORT, SENTINEL_PORT

    def client(self, place: Place) -> Client:
        return RedisClient(place)

    async def clock(self, client: Client) -> int | None:
        assert isinstance(client, RedisClient)
        seconds, us = map(int, await client.own.command("TIME"))
        return seconds * 10**9 + us * 1000

    async def probe(self, place: Place, client: Client) -> list[Event]:
        """The server's role, under the epoch of its sentinel's configuration; whom that holds to be master."""
        assert isinstance(client, RedisClient)
        await client.hasten()
        said = await client.own.command("ROLE")
        words = await client.sentinel.command("SENTINEL", "MASTER", GROUP)
        facts = {k.decode(): v.decode() for k, v in zip(words[::2], words[1::2], strict=True)}
        leads, epoch = said[0] == b"master", int(facts["config-epoch"])
        if leads and facts["ip"] == place.address:
            client.reign = epoch
        # one that is being promoted waits for its sentinel; one that is being demoted still leads
        leading = {"role": "leader", "term": client.reign} if client.reign is not None else None
        following = {"role": "candidate" if leads else "follower", "term": epoch}
        if not leads:
            client.reign = leading = None
        others = len(place.addresses) - 1
        sentinels, replicas = (int(facts[f"num-{what}"]) == others for what in ("other-sentinels", "slaves"))
        return [
            Event("role", leading or following),
            Event("believes", {"master": client.names.get(facts["ip"], facts["ip"])}),
            Event(
                "connected",
                {"sentinels": sentinels, "replicas": replicas, "master": leads or said[3] == b"connected"},
            ),
        ]

    def formed(self, seen: Mapping[str, Mapping[str, dict[str, Any]]]) -> bool:
        return led(seen) and all(all(e.get("connected", {"": False}).values()) for e in seen.values())


ADAPTER = Redis()
