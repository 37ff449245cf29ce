"""The replicated state machine: keys and values, transactions over them, two grow-only sets, a counter, logs.

Requests and replies are bodies of Maelstrom's protocol (lin-kv, txn-list-append, txn-rw-register, g-set, g-counter,
pn-counter, broadcast, kafka, echo); ``transfer {from, to, amount}`` between keys that hold numbers is our own, and
refused (22) where the one would be overdrawn. ``apply`` is deterministic and total: what ``refuse`` let pass never
raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

import msgspec

from nodes import kernel, topics
from nodes.topics import Topics

Body = dict[str, Any]

_encode = msgspec.json.Encoder().encode

# request type -> its required fields
FIELDS: dict[str, tuple[str, ...]] = {
    "read": (),
    "write": ("key", "value"),
    "cas": ("key", "from", "to"),
    "delete": ("key",),
    "txn": ("txn",),
    "transfer": ("from", "to", "amount"),
    "add": (),
    "broadcast": ("message",),
    "send": ("key", "msg"),
    "poll": ("offsets",),
    "commit_offsets": ("offsets",),
    "list_committed_offsets": ("keys",),
    "topology": (),
    "echo": ("echo",),
}
MICRO_OPS = ("r", "w", "append")
READS = frozenset({"read", "topology", "echo", "poll", "list_committed_offsets"})


def _is_key(key: object) -> bool:
    return isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool))


def _malformed_txn(txn: object) -> str | None:
    if not isinstance(txn, list):
        return "txn must be a list of [f, key, value]"
    for micro in txn:
        if not (isinstance(micro, list) and len(micro) == 3 and micro[0] in MICRO_OPS and _is_key(micro[1])):
            return f"not a micro-operation [r|w|append, key, value]: {micro!r}"
    return None


def _malformed(body: Body) -> str | None:
    """What is wrong with a request that has the fields it must have."""
    kind = body["type"]
    if "key" in body and not _is_key(body["key"]):
        return "a key is a string or an integer"
    if kind == "txn":
        return _malformed_txn(body["txn"])
    if kind == "add" and ("element" in body) == ("delta" in body):
        return "add takes an element, or a delta"
    if kind == "add" and "delta" in body and type(body["delta"]) is not int:
        return "a delta is an integer"
    if kind == "transfer" and not (
        _is_key(body["from"]) and _is_key(body["to"]) and type(body["amount"]) is int and body["amount"] >= 0
    ):
        return "transfer takes two keys and an amount"
    return topics.malformed(body)


class KeyValue:
    """``digest`` is a rolling checksum of everything applied: equal on replicas that applied the same."""

    __slots__ = ("_apply", "_elements", "_messages", "_sum", "_topics", "_values", "digest")

    def __init__(self) -> None:
        self._values: dict[str | int, Any] = {}
        self._elements: dict[bytes, Any] = {}
        self._messages: dict[bytes, Any] = {}
        self._sum: int | None = None
        """None until something was added to the counter; reads without a key then show it, else the set"""
        self._topics = Topics()
        self.digest = 0
        self._apply: dict[str, Callable[[Body], Body]] = {
            "write": self._write,
            "cas": self._cas,
            "delete": self._delete,
            "txn": self._txn,
            "transfer": self._transfer,
            "add": self._add,
            "broadcast": self._broadcast,
            "send": self._topics.send,
            "poll": self._topics.poll,
            "commit_offsets": self._topics.commit,
            "list_committed_offsets": self._topics.committed,
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
        why = _malformed(body)
        return kernel.error(kernel.MALFORMED_REQUEST, why) if why else None

    def is_read(self, body: Body) -> bool:
        """Whether the request changes nothing, so that it need not go through the log."""
        kind = body["type"]
        if kind == "txn":
            return all(micro[0] == "r" for micro in body["txn"])
        return kind in READS

    def read(self, body: Body) -> Body:
        """Answer a request that changes nothing. A read without a key reads the sets."""
        if body["type"] != "read":
            return self._apply[body["type"]](body)
        if "key" not in body:
            value = list(self._elements.values()) if self._sum is None else self._sum
            return {"type": "read_ok", "value": value, "messages": list(self._messages.values())}
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

    def _transfer(self, body: Body) -> Body:
        amount, held = body["amount"], self._values.get(body["from"])
        if type(held) is not int or type(self._values.get(body["to"])) is not int:
            return kernel.error(kernel.KEY_DOES_NOT_EXIST, "no such account")
        if held < amount:
            return kernel.error(kernel.PRECONDITION_FAILED, f"{held} is less than {amount}")
        self._values[body["from"]] -= amount
        self._values[body["to"]] += amount
        return {"type": "transfer_ok"}

    def _add(self, body: Body) -> Body:
        if "delta" in body:
            self._sum = (self._sum or 0) + body["delta"]
            return {"type": "add_ok"}
        self._elements[_encode(body["element"])] = body["element"]
        return {"type": "add_ok"}

    def _broadcast(self, body: Body) -> Body:
        self._messages[_encode(body["message"])] = body["message"]
        return {"type": "broadcast_ok"}
