"""The replicated state machine: keys and values, transactions over them, and two grow-only sets.

Requests and replies are bodies of Maelstrom's protocol (lin-kv, txn-list-append, txn-rw-register, g-set,
broadcast, echo). ``apply`` is deterministic and total: what ``refuse`` let pass never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

import msgspec

from nodes import kernel

Body = dict[str, Any]

_encode = msgspec.json.Encoder().encode

# request type -> its required fields
FIELDS: dict[str, tuple[str, ...]] = {
    "read": (),
    "write": ("key", "value"),
    "cas": ("key", "from", "to"),
    "delete": ("key",),
    "txn": ("txn",),
    "add": ("element",),
    "broadcast": ("message",),
    "topology": (),
    "echo": ("echo",),
}
MICRO_OPS = ("r", "w", "append")


def _is_key(key: object) -> bool:
    return isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool))


def _malformed_txn(txn: object) -> str | None:
    if not isinstance(txn, list):
        return "txn must be a list of [f, key, value]"
    for micro in txn:
        if not (isinstance(micro, list) and len(micro) == 3 and micro[0] in MICRO_OPS and _is_key(micro[1])):
            return f"not a micro-operation [r|w|append, key, value]: {micro!r}"
    return None


class KeyValue:
    """``digest`` is a rolling checksum of everything applied: equal on replicas that applied the same."""

    __slots__ = ("_apply", "_elements", "_messages", "_values", "digest")

    def __init__(self) -> None:
        self._values: dict[str | int, Any] = {}
        self._elements: dict[bytes, Any] = {}
        self._messages: dict[bytes, Any] = {}
        self.digest = 0
        self._apply: dict[str, Callable[[Body], Body]] = {
            "write": self._write,
            "cas": self._cas,
            "delete": self._delete,
            "txn": self._txn,
            "add": self._add,
            "broadcast": self._broadcast,
            "topology": lambda _: {"type": "topology_ok"},
            "echo": lambda body: {"type": "echo_ok", "echo": body["echo"]},
            "read": self.read,
        }

    def refuse(self, body: Body) -> Body | None:
        """An error reply for what is not a request of ours, else None."""
        kind = body.get("type")
        if kind not in FIELDS:
            return kernel.error(kernel.NOT_SUPPORTED, f"unknown request type {kind!r}")
        missing = [name for name in FIELDS[kind] if name not in body]
        if missing:
            return kernel.error(kernel.MALFORMED_REQUEST, f"{kind} lacks {', '.join(missing)}")
        if "key" in body and not _is_key(body["key"]):
            return kernel.error(kernel.MALFORMED_REQUEST, "a key is a string or an integer")
        if kind == "txn" and (why := _malformed_txn(body["txn"])):
            return kernel.error(kernel.MALFORMED_REQUEST, why)
        return None

    def is_read(self, body: Body) -> bool:
        """Whether the request changes nothing, so that it need not go through the log."""
        kind = body["type"]
        if kind == "txn":
            return all(micro[0] == "r" for micro in body["txn"])
        return kind in ("read", "topology", "echo")

    def read(self, body: Body) -> Body:
        """Answer a request that changes nothing. A read without a key reads the sets."""
        if body["type"] != "read":
            return self._apply[body["type"]](body)
        if "key" not in body:
            elements, messages = list(self._elements.values()), list(self._messages.values())
            return {"type": "read_ok", "value": elements, "messages": messages}
        if body["key"] not in self._values:
            return self._no_key(body)
        return {"type": "read_ok", "value": self._values[body["key"]]}

    def apply(self, body: Body) -> Body:
        reply = self._apply[body["type"]](body)
        self.digest = crc32(_encode((body, reply)), self.digest)
        return reply

    def _no_key(self, body: Body) -> Body:
        return kernel.error(kernel.KEY_DOES_NOT_EXIST, f"no key {body['key']!r}")

    def _write(self, body: Body) -> Body:
        self._values[body["key"]] = body["value"]
        return {"type": "write_ok"}

    def _cas(self, body: Body) -> Body:
        key = body["key"]
        if key not in self._values:
            if not body.get("create_if_not_exists"):
                return self._no_key(body)
        elif self._values[key] != body["from"]:
            return kernel.error(
                kernel.PRECONDITION_FAILED, f"expected {body['from']!r}, had {self._values[key]!r}"
            )
        self._values[key] = body["to"]
        return {"type": "cas_ok"}

    def _delete(self, body: Body) -> Body:
        if body["key"] not in self._values:
            return self._no_key(body)
        del self._values[body["key"]]
        return {"type": "delete_ok"}

    def _txn(self, body: Body) -> Body:
        """All micro-operations in order, or none of them."""
        staged: dict[str | int, Any] = {}
        done: list[list[Any]] = []
        for f, key, value in body["txn"]:
            held = staged[key] if key in staged else self._values.get(key)
            if f == "r":
                done.append([f, key, held])
                continue
            if f == "append":
                if not isinstance(held, list | None):
                    return kernel.error(kernel.PRECONDITION_FAILED, f"the value of {key!r} is not a list")
                staged[key] = [*(held or ()), value]
            else:
                staged[key] = value
            done.append([f, key, value])
        self._values.update(staged)
        return {"type": "txn_ok", "txn": done}

    def _add(self, body: Body) -> Body:
        self._elements[_encode(body["element"])] = body["element"]
        return {"type": "add_ok"}

    def _broadcast(self, body: Body) -> Body:
        self._messages[_encode(body["message"])] = body["message"]
        return {"type": "broadcast_ok"}
