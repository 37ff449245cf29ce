"""The services that Maelstrom offers to nodes, addressed like nodes: lin-kv, seq-kv, lww-kv, lin-tso.

Each is as weak as its name says and no weaker; how weak at a given moment is drawn from a stream. Keys and
values are any JSON; they are compared by their canonical encoding.

| type | fields | answer |
|---|---|---|
| `read` | key | `read_ok` value, or error 20 |
| `write` | key, value | `write_ok` |
| `cas` | key, from, to, create_if_not_exists | `cas_ok`, or error 20 (no key) or 22 (another value) |
| `ts` | | `ts_ok` ts (lin-tso only) |
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from harness.streams import Stream, Streams

MISSING = object()

_encode = msgspec.json.Encoder(order="sorted").encode


class Store(Protocol):
    """What a key-value service reads and writes on behalf of ``client``, for one request after another."""

    def view(self, client: str, *, update: bool) -> None:
        """A request of ``client`` begins; choose the state that it sees."""
        ...

    def get(self, key: bytes) -> Any: ...
    def put(self, key: bytes, value: Any) -> None: ...


class Linear:
    """Linearizable: one copy."""

    def __init__(self) -> None:
        self._values: dict[bytes, Any] = {}

    def view(self, client: str, *, update: bool) -> None: ...

    def get(self, key: bytes) -> Any:
        return self._values.get(key, MISSING)

    def put(self, key: bytes, value: Any) -> None:
        self._values[key] = value


class Sequential:
    """Sequentially consistent: updates in one order; a client may read the past, but never its own past again.

    Reads lag by up to ``LAG`` updates, never behind what the client has seen or done; updates act on the
    newest state.
    """

    LAG = 32

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._versions: dict[bytes, deque[tuple[int, Any]]] = {}
        self._end = 0
        self._seen: dict[str, int] = {}
        self._at = 0

    def view(self, client: str, *, update: bool) -> None:
        lag = 0 if update or self._stream.chance(500_000) else self._stream.below(self.LAG + 1)
        self._at = max(self._end + update - lag, self._seen.get(client, 0))
        self._seen[client] = self._at

    def get(self, key: bytes) -> Any:
        for at, value in reversed(self._versions.get(key, ())):
            if at <= self._at:
                return value
        return MISSING

    def put(self, key: bytes, value: Any) -> None:
        self._end = self._at
        versions = self._versions.setdefault(key, deque())
        versions.append((self._at, value))
        # the newest version that is older than any reader stays
        while len(versions) > 1 and versions[1][0] <= self._end - self.LAG:
            versions.popleft()


class LastWriteWins:
    """Replicas that answer on their own, and now and then merge: the higher timestamp wins.

    Timestamps are roughly synchronized: they lag by up to ``SKEW`` writes. A request goes to a replica drawn at
    random; before it, one pair of replicas, drawn too, exchanges what is new.
    """

    REPLICAS = 5
    SKEW = 8

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._replicas: list[dict[bytes, tuple[int, int, Any]]] = [{} for _ in range(self.REPLICAS)]
        self._news: list[list[dict[bytes, None]]] = [
            [{} for _ in range(self.REPLICAS)] for _ in range(self.REPLICAS)
        ]
        self._writes = 0
        self._at = 0

    def view(self, client: str, *, update: bool) -> None:
        del client, update
        self._gossip(self._stream.below(self.REPLICAS), self._stream.below(self.REPLICAS))
        self._at = self._stream.below(self.REPLICAS)

    def get(self, key: bytes) -> Any:
        found = self._replicas[self._at].get(key)
        return MISSING if found is None else found[2]

    def put(self, key: bytes, value: Any) -> None:
        self._writes += 1
        stamp = self._writes - self._stream.below(self.SKEW + 1)
        self._merge(self._at, key, (stamp, self._writes, value))

    def _gossip(self, src: int, dst: int) -> None:
        news, self._news[src][dst] = self._news[src][dst], {}
        for key in news:
            self._merge(dst, key, self._replicas[src][key])

    def _merge(self, at: int, key: bytes, new: tuple[int, int, Any]) -> None:
        old = self._replicas[at].get(key)
        if old is None or old[:2] < new[:2]:
            self._replicas[at][key] = new
            for other in range(self.REPLICAS):
                if other != at:
                    self._news[at][other][key] = None


def _error(code: int, text: str) -> dict[str, Any]:
    return {"type": "error", "code": code, "text": text}


class KeyValue:
    """The requests of a key-value service on a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, client: str, body: dict[str, Any]) -> dict[str, Any]:
        """Serve one request; errors are bodies too."""
        kind = body.get("type")
        handler = _REQUESTS.get(kind) if isinstance(kind, str) else None
        if handler is None:
            return _error(10, f"unknown request {kind!r}; expected one of {', '.join(_REQUESTS)}")
        fields, serve = handler
        missing = [field for field in fields if field not in body]
        if missing:
            return _error(12, f"{kind}: missing {', '.join(missing)}")
        self._store.view(client, update=kind != "read")
        return serve(self._store, _encode(body["key"]), body)


def _read(store: Store, key: bytes, body: dict[str, Any]) -> dict[str, Any]:
    value = store.get(key)
    return _no_key(body) if value is MISSING else {"type": "read_ok", "value": value}


def _write(store: Store, key: bytes, body: dict[str, Any]) -> dict[str, Any]:
    store.put(key, body["value"])
    return {"type": "write_ok"}


def _cas(store: Store, key: bytes, body: dict[str, Any]) -> dict[str, Any]:
    value = store.get(key)
    if value is MISSING:
        if body.get("create_if_not_exists") is not True:
            return _no_key(body)
    elif _encode(value) != _encode(body["from"]):
        return _error(22, f"expected {body['from']!r}, but had {value!r}")
    store.put(key, body["to"])
    return {"type": "cas_ok"}


def _no_key(body: dict[str, Any]) -> dict[str, Any]:
    return _error(20, f"no key {body['key']!r}")


_REQUESTS: dict[str, tuple[tuple[str, ...], Callable[[Store, bytes, dict[str, Any]], dict[str, Any]]]] = {
    "read": (("key",), _read),
    "write": (("key", "value"), _write),
    "cas": (("key", "from", "to"), _cas),
}


class TimestampOracle:
    """Linearizable, strictly increasing integers."""

    def __init__(self) -> None:
        self._last = -1

    def __call__(self, client: str, body: dict[str, Any]) -> dict[str, Any]:
        del client
        if body.get("type") != "ts":
            return _error(10, f"unknown request {body.get('type')!r}; expected ts")
        self._last += 1
        return {"type": "ts_ok", "ts": self._last}


Service = Callable[[str, dict[str, Any]], dict[str, Any]]


def services(streams: Streams) -> dict[str, Service]:
    """Every service by its address."""
    return {
        "lin-kv": KeyValue(Linear()),
        "seq-kv": KeyValue(Sequential(streams.stream("service", "seq-kv"))),
        "lww-kv": KeyValue(LastWriteWins(streams.stream("service", "lww-kv"))),
        "lin-tso": TimestampOracle(),
    }
