"""The kernel: one node, many worlds.

A protocol core is a state machine, ``handle(event, now) -> effects``. It touches nothing but its
arguments: no clock, no randomness of its own, no socket, no file. The host that runs it (the simulator,
a process, a container) performs the effects *in the order given*.

The order of storage is data. ``Persist`` names a token; an effect that depends on the write carries
``after=token`` and leaves only once that token is stored; the core learns of it through
``Stored(token)``. Tokens are positive, increase by one with every ``Persist`` of a core, and are stored in
order: ``Stored(t)`` means every token up to and including ``t`` is durable. A host releases the effects that
waited for a token, in the order they were issued, *before* it hands ``Stored`` to the core. A crash loses
held effects with the rest of volatile memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec


class Now(msgspec.Struct, frozen=True, gc=False):
    """The node's own clocks, in integer ns. Leases use the first, wall-time ordering (LWW) the second."""

    monotonic_ns: int
    wall_ns: int


class Message(msgspec.Struct, frozen=True, tag_field="type"):
    """Base of peer messages: frozen, closed; the wire form is the struct's own fields plus ``type``."""


class Record(msgspec.Struct, frozen=True, tag_field="rec", array_like=True):
    """Base of what a core persists. The write-ahead log encodes it as msgpack."""


# --- events -----------------------------------------------------------------------------------------------


class Choices(Protocol):
    """A random stream, for cores that need random choice. Time-outs need none: the host draws them."""

    def below(self, n: int) -> int:
        """Uniform in [0, n)."""
        ...


class Start(msgspec.Struct, frozen=True):
    """First event of each incarnation. ``recovered``: every record that survived, oldest first."""

    recovered: tuple[Any, ...] = ()
    choices: Choices | None = None


class Receive(msgspec.Struct, frozen=True, gc=False):
    src: str
    message: Any


class Request(msgspec.Struct, frozen=True, gc=False):
    """A client's request. ``(client, msg_id)`` identifies it: a retry repeats both, at any node.

    ``body`` is the body of Maelstrom's protocol: a dict with ``type`` and that type's fields.
    """

    client: str
    msg_id: int
    body: dict[str, Any]


class Timer(msgspec.Struct, frozen=True):
    name: str


class Stored(msgspec.Struct, frozen=True):
    token: int


Event: TypeAlias = Start | Receive | Request | Timer | Stored

# --- effects ----------------------------------------------------------------------------------------------


class Persist(msgspec.Struct, frozen=True, gc=False):
    """Append ``records`` to stable storage; with ``sync`` the token is stored only after an fsync."""

    token: int
    records: tuple[Any, ...]
    sync: bool = True


class Send(msgspec.Struct, frozen=True, gc=False):
    to: str
    message: Any
    after: int | None = None


class Reply(msgspec.Struct, frozen=True, gc=False):
    """Answer to a client. ``body`` lacks ``in_reply_to``: the host adds it from ``msg_id``."""

    client: str
    msg_id: int
    body: dict[str, Any]
    after: int | None = None


class SetTimer(msgspec.Struct, frozen=True, gc=False):
    """(Re)arm timer ``name`` to fire once, after a delay the host draws uniformly from [min, max]."""

    name: str
    delay_ns_min: int
    delay_ns_max: int


class CancelTimer(msgspec.Struct, frozen=True, gc=False):
    name: str


class Trace(msgspec.Struct, frozen=True, gc=False):
    """A state transition of the protocol, for monitors, metrics and diagrams. See docs/formats.md."""

    kind: str
    data: dict[str, Any]


Effect: TypeAlias = Persist | Send | Reply | SetTimer | CancelTimer | Trace


class Core(Protocol):
    """What a host runs. One instance lives from ``Start`` to the next crash."""

    def handle(self, event: Event, now: Now) -> list[Effect]: ...


@runtime_checkable
class BatchingCore(Core, Protocol):
    """A core that takes what reached its host in one turn together, and may write, send and sync it together.

    The outcome is one that ``handle``, called for one event after the other, could have had.
    """

    def handle_all(self, events: Iterable[Event], now: Now) -> list[Effect]: ...


# Error codes of Maelstrom's protocol. "Definite" ones say that the operation certainly did not happen.
TIMEOUT = 0
NODE_NOT_FOUND = 1
NOT_SUPPORTED = 10
TEMPORARILY_UNAVAILABLE = 11
MALFORMED_REQUEST = 12
CRASH = 13
ABORT = 14
KEY_DOES_NOT_EXIST = 20
KEY_ALREADY_EXISTS = 21
PRECONDITION_FAILED = 22
TXN_CONFLICT = 30


def error(code: int, text: str) -> dict[str, Any]:
    """The body of a Maelstrom error reply."""
    return {"type": "error", "code": code, "text": text}
