"""Who is at the other end of a link: a handshake by challenge and response, and a tag on each frame.

Both ends hold the cluster's key. The dialler opens, the acceptor answers, and only the dialler speaks after that:

    dialler                                         acceptor
    Hello  version, cluster, src, dst, nonce  ->
                                              <-    Challenge  nonce, tag("acceptor")
    Proof  tag("dialler")                     ->
    sequence u64 | payload | tag(session)     ->    ...

Tags are keyed BLAKE2b (RFC 7693) of 16 bytes. Those of the handshake, and the session's key, cover the role, the
cluster, both names and both nonces: a tag of another cluster, another pair, another connection or the other
direction does not fit. A frame's tag covers its sequence number, which is accepted once: a frame that comes again
is a replay, one that was held back on the way is still taken while it is at most ``WINDOW`` behind (as in RFC 4303,
3.4.3). Frames are authentic, not secret; mutual TLS makes them both.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from hmac import compare_digest
from typing import TypeAlias, TypeVar

import msgspec

from nodes.tcp.frames import LENGTH

VERSION = 1
NONCE_BYTES = 16
TAG_BYTES = 16
WINDOW = 1024
"""how far behind the newest frame one may arrive"""
HANDSHAKE_MAX = 4096
"""bytes of a frame before the other end has proved who it is"""

_SEQUENCE = struct.Struct(">Q")
_OVERHEAD = _SEQUENCE.size + TAG_BYTES
_MASK = (1 << WINDOW) - 1


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    version: int
    cluster: str
    src: str
    dst: str
    nonce: bytes


class Challenge(msgspec.Struct, frozen=True, array_like=True, tag="challenge"):
    nonce: bytes
    tag: bytes


class Proof(msgspec.Struct, frozen=True, array_like=True, tag="proof"):
    tag: bytes


Step: TypeAlias = Hello | Challenge | Proof

S = TypeVar("S", Hello, Challenge, Proof)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Step).decode


class RefusedError(Exception):
    """The other end is not who it should be, or cannot prove it: one line."""


class _Transcript(msgspec.Struct, frozen=True, array_like=True):
    role: str
    hello: Hello
    nonce: bytes


def _tag(key: bytes, role: str, hello: Hello, nonce: bytes, size: int = TAG_BYTES) -> bytes:
    return blake2b(_encode(_Transcript(role, hello, nonce)), key=key, digest_size=size).digest()


def derive(secret: bytes) -> bytes:
    """The key of a cluster from a secret of any length."""
    return blake2b(secret, person=b"splitbrain-link").digest()


class Dialler:
    """The end that dials. ``nonce`` is random, and another for each connection."""

    def __init__(self, key: bytes, cluster: str, src: str, dst: str, nonce: bytes) -> None:
        self._key = key
        self._hello = Hello(VERSION, cluster, src, dst, nonce)

    def hello(self) -> bytes:
        return _encode(self._hello)

    def prove(self, body: bytes) -> tuple[bytes, Sealer]:
        """The proof that answers a challenge, and what seals the frames after it. Raises RefusedError."""
        challenge = _step(body, Challenge)
        if not compare_digest(challenge.tag, _tag(self._key, "acceptor", self._hello, challenge.nonce)):
            raise RefusedError(f"wrong key: {self._hello.dst} does not hold the key of this cluster")
        proof = Proof(_tag(self._key, "dialler", self._hello, challenge.nonce))
        return _encode(proof), Sealer(_tag(self._key, "session", self._hello, challenge.nonce, 32))


class Acceptor:
    """The end that is dialled. ``members``: who may be at the other end."""

    def __init__(self, key: bytes, cluster: str, node: str, members: frozenset[str], nonce: bytes) -> None:
        self._key = key
        self._cluster = cluster
        self._node = node
        self._members = members
        self._nonce = nonce
        self._hello: Hello | None = None

    def challenge(self, body: bytes) -> bytes:
        """The answer to a Hello. Raises RefusedError."""
        hello = _step(body, Hello)
        if hello.version != VERSION:
            raise RefusedError(f"it speaks version {hello.version} of this protocol, expected {VERSION}")
        if hello.cluster != self._cluster:
            raise RefusedError(f"it belongs to cluster {hello.cluster!r}, this is {self._cluster!r}")
        if hello.dst != self._node:
            raise RefusedError(f"it dialled {hello.dst!r}, this is {self._node!r}")
        if hello.src not in self._members or hello.src == self._node:
            raise RefusedError(f"{hello.src!r} is no other member of this cluster")
        if len(hello.nonce) != NONCE_BYTES:
            raise RefusedError(f"a nonce of {len(hello.nonce)} bytes")
        self._hello = hello
        return _encode(Challenge(self._nonce, _tag(self._key, "acceptor", hello, self._nonce)))

    def admit(self, body: bytes, *, replays: bool = False) -> tuple[str, Opener]:
        """Who is there, and what opens its frames. Raises RefusedError."""
        hello, proof = self._hello, _step(body, Proof)
        assert hello is not None, "a proof before its challenge"
        if not compare_digest(proof.tag, _tag(self._key, "dialler", hello, self._nonce)):
            raise RefusedError(
                f"wrong key: who calls itself {hello.src} does not hold the key of this cluster"
            )
        return hello.src, Opener(_tag(self._key, "session", hello, self._nonce, 32), replays=replays)


def _step(body: bytes, kind: type[S]) -> S:
    try:
        step = _decode(body)
    except msgspec.MsgspecError as e:
        raise RefusedError(f"not a handshake: {body[:40]!r}") from e
    if not isinstance(step, kind):
        raise RefusedError(f"{type(step).__name__} in place of {kind.__name__}")
    return step


class Sealer:
    """Makes frames of payloads, length included."""

    __slots__ = ("_keyed", "sequence")

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(key=key, digest_size=TAG_BYTES)
        self.sequence = 0

    def seal(self, payload: bytes) -> bytes:
        self.sequence += 1
        numbered = _SEQUENCE.pack(self.sequence) + payload
        keyed = self._keyed.copy()
        keyed.update(numbered)
        return LENGTH.pack(len(numbered) + TAG_BYTES) + numbered + keyed.digest()


class Opener:
    """Makes payloads of frames' bodies, each sequence number once.

    With ``replays`` frames that come again are counted and given all the same: a harness doubles messages to see
    what the protocol above makes of it.
    """

    __slots__ = ("_keyed", "_newest", "_replays", "_seen", "forged", "replayed")

    def __init__(self, key: bytes, *, replays: bool = False) -> None:
        self._keyed = blake2b(key=key, digest_size=TAG_BYTES)
        self._replays = replays
        self._newest = 0
        self._seen = 0
        """bit i: sequence number ``_newest - i`` has come"""
        self.forged = 0
        """frames whose tag does not fit: altered on the way, or made by another"""
        self.replayed = 0
        """frames that came before, or are too old to tell"""

    def open(self, body: bytes) -> bytes | None:
        """The payload; None for a frame that is forged or replayed, which is counted."""
        keyed = self._keyed.copy()
        keyed.update(memoryview(body)[:-TAG_BYTES])
        if len(body) < _OVERHEAD or not compare_digest(keyed.digest(), body[-TAG_BYTES:]):
            self.forged += 1
            return None
        (sequence,) = _SEQUENCE.unpack_from(body)
        ahead = sequence - self._newest
        if ahead > 0:
            self._newest = sequence
            self._seen = (self._seen << ahead | 1) & _MASK if ahead < WINDOW else 1
        else:
            bit = 1 << -ahead if ahead > -WINDOW else 0
            if not bit or self._seen & bit:
                self.replayed += 1
                if not self._replays:
                    return None
            self._seen |= bit
        return body[_SEQUENCE.size : -TAG_BYTES]
