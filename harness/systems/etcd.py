"""etcd 3.4 and later, through its JSON gateway (Debian: etcd-server).

Reads are linearizable, or ``serializable``: answered by the member asked from what it has, which may be stale. A
transaction reads all its keys at one revision, and writes only if none of them was modified since.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.systems.http import Http, HttpError
from harness.systems.port import (
    KEY_DOES_NOT_EXIST,
    NOT_SUPPORTED,
    PRECONDITION_FAILED,
    TXN_CONFLICT,
    UNAVAILABLE,
    Adapter,
    Client,
    Event,
    Place,
    RefusedError,
    UnknownError,
    led,
    role,
)

CLIENT_PORT, PEER_PORT = 2379, 2380
ATTEMPTS = 10

NOT_PROPOSED = ("raft proposal dropped", "too many requests", "request is too large")
"""errors that come before a proposal enters any log; all others leave the outcome open (etcd's
server/etcdserver/v3_server.go, processInternalRaftRequestOnce)"""


def code(value: Any) -> str:
    """A key or a value as the gateway takes it."""
    return b64encode(msgspec.json.encode(value)).decode()


class Seen(msgspec.Struct):
    """A key as a range read it; ``revision`` 0: it does not exist."""

    revision: int
    value: Any


def seen(reply: Mapping[str, Any]) -> Seen:
    found = reply.get("kvs")
    if not found:
        return Seen(0, None)
    return Seen(int(found[0]["mod_revision"]), msgspec.json.decode(b64decode(found[0]["value"])))


class EtcdClient:
    def __init__(self, place: Place) -> None:
        self._http = Http(*place.door(CLIENT_PORT))
        self._serializable = place.config.get("serializable", False)

    async def request(self, body: dict[str, Any]) -> dict[str, Any]:
        match body["type"]:
            case "read":
                found = seen(await self.call("kv/range", self._range(body["key"])))
                if not found.revision:
                    raise RefusedError(KEY_DOES_NOT_EXIST, "no such key")
                return {"value": found.value}
            case "write":
                await self.call("kv/put", {"key": code(body["key"]), "value": code(body["value"])})
                return {}
            case "cas":
                key = code(body["key"])
                was = {"key": key, "target": "VALUE", "result": "EQUAL", "value": code(body["from"])}
                if not await self._if([was], [{"key": key, "value": code(body["to"])}]):
                    raise RefusedError(PRECONDITION_FAILED, "another value")
                return {}
            case "txn":
                return {"txn": await self._txn(body["txn"])}
            case other:
                raise RefusedError(NOT_SUPPORTED, f"{other!r} is not served")

    async def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._http.post(f"/v3/{path}", body)
        except HttpError as e:
            text = str(e.body.get("error", e))
            if any(words in text for words in NOT_PROPOSED):
                raise RefusedError(UNAVAILABLE, text) from e
            raise UnknownError(text) from e

    def _range(self, key: Any) -> dict[str, Any]:
        return {"key": code(key), "serializable": self._serializable}

    async def _if(self, compare: list[dict[str, Any]], puts: list[dict[str, Any]]) -> bool:
        """Put all if every comparison holds; whether they did."""
        success = [{"requestPut": put} for put in puts]
        reply = await self.call("kv/txn", {"compare": compare, "success": success})
        return bool(reply.get("succeeded", False))

    async def _txn(self, micros: list[list[Any]]) -> list[list[Any]]:
        keys = list(dict.fromkeys(micro[1] for micro in micros))
        for _ in range(ATTEMPTS):
            try:
                read = await self.call(
                    "kv/txn", {"success": [{"requestRange": self._range(k)} for k in keys]}
                )
            except (UnknownError, OSError, EOFError) as e:  # nothing of it has been written yet
                raise RefusedError(UNAVAILABLE, f"while reading: {e}") from e
            found = {k: seen(r["response_range"]) for k, r in zip(keys, read["responses"], strict=True)}
            done, after = execute(micros, {k: found[k].value or [] for k in keys})
            if not after:
                return done
            compare = [
                {"key": code(k), "target": "MOD", "result": "EQUAL", "mod_revision": str(found[k].revision)}
                for k in keys
            ]
            if await self._if(compare, [{"key": code(k), "value": code(v)} for k, v in after.items()]):
                return done
        raise RefusedError(TXN_CONFLICT, f"others were faster {ATTEMPTS} times")

    async def close(self) -> None:
        self._http.close()


def execute(
    micros: list[list[Any]], lists: dict[Any, list[Any]]
) -> tuple[list[list[Any]], dict[Any, list[Any]]]:
    """A transaction on lists: its micro-operations with what they read, and the lists that it changed."""
    done: list[list[Any]] = []
    changed: dict[Any, list[Any]] = {}
    for f, key, value in micros:
        now = changed.get(key, lists[key])
        if f == "append":
            changed[key] = [*now, value]
        done.append([f, key, value if f == "append" else now or None])
    return done, changed


class Etcd(Adapter):
    name = "etcd"
    requests = frozenset({"read", "write", "cas", "txn"})
    programs = ("etcd",)
    packages = ("etcd-server",)
    settings: Mapping[str, str] = {
        "serializable": "true: reads may be stale",
        "heartbeat_ms": "of the leader; 100",
        "election_ms": "without a leader, until an election; 1000",
    }

    def check(self, config: Mapping[str, Any]) -> None:
        super().check(config)
        if type(config.get("serializable", False)) is not bool:
            raise ValueError(f"serializable: expected true or false, got {config['serializable']!r}")
        for key in ("heartbeat_ms", "election_ms"):
            if type(config.get(key, 1)) is not int or config.get(key, 1) < 1:
                raise ValueError(f"{key}: expected a number of milliseconds, got {config[key]!r}")

    def command(self, place: Place) -> list[str]:
        client, peer = (f"http://{place.address}:{port}" for port in (CLIENT_PORT, PEER_PORT))
        cluster = ",".join(f"{name}=http://{at}:{PEER_PORT}" for name, at in place.addresses.items())
        flags = {
            "name": place.name,
            "data-dir": place.folder / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": cluster,
            "initial-cluster-state": "new",
            "heartbeat-interval": place.config.get("heartbeat_ms", 100),
            "election-timeout": place.config.get("election_ms", 1000),
            "logger": "zap",
            "log-outputs": "stderr",
        }
        return ["etcd", *(f"--{flag}={value}" for flag, value in flags.items())]

    def port(self) -> int:
        return CLIENT_PORT

    def client(self, place: Place) -> Client:
        return EtcdClient(place)

    async def probe(self, place: Place, client: Client) -> list[Event]:
        del place
        assert isinstance(client, EtcdClient)
        status = await client.call("maintenance/status", {})
        leads = status.get("leader") == status["header"]["member_id"]
        return [role(leads=leads, term=int(status.get("raftTerm", 0)))]

    def formed(self, seen: Mapping[str, Mapping[str, dict[str, Any]]]) -> bool:
        return led(seen)


ADAPTER = Etcd()
