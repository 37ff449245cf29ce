"""Frames and the handshake, without sockets: what is accepted, and what is not."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from nodes.tcp.frames import Cutter, FrameError, frame
from nodes.tcp.seal import (
    HANDSHAKE_MAX,
    WINDOW,
    Acceptor,
    Challenge,
    Dialler,
    Opener,
    Proof,
    RefusedError,
    Sealer,
    derive,
)

KEY, OTHER_KEY = derive(b"secret"), derive(b"another")
MEMBERS = frozenset({"n0", "n1", "n2"})
NONCES = [bytes([n]) * 16 for n in range(200)]


def dialler(
    src: str = "n0", dst: str = "n1", *, key: bytes = KEY, cluster: str = "c", nonce: int = 0
) -> Dialler:
    return Dialler(key, cluster, src, dst, NONCES[nonce])


def acceptor(node: str = "n1", *, key: bytes = KEY, nonce: int = 1) -> Acceptor:
    return Acceptor(key, "c", node, MEMBERS, NONCES[nonce])


def shaken(replays: bool = False) -> tuple[Sealer, Opener]:
    d, a = dialler(), acceptor()
    proof, sealer = d.prove(a.challenge(d.hello()))
    src, opener = a.admit(proof, replays=replays)
    assert src == "n0"
    return sealer, opener


def body(sealed: bytes) -> bytes:
    """A frame without its length."""
    (only,) = Cutter().feed(sealed)
    return only


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_a_stream_is_cut_into_the_same_frames_however_it_arrives(size: int) -> None:
    bodies = [b"", b"a", b"bc" * 50, b"", b"d" * 400]
    stream = b"".join(map(frame, bodies))
    cutter = Cutter()
    found = [b for at in range(0, len(stream), size) for b in cutter.feed(stream[at : at + size])]
    assert found == bodies


def test_a_length_beyond_the_limit_ends_the_stream() -> None:
    cutter = Cutter(10)
    assert list(cutter.feed(frame(b"x" * 10))) == [b"x" * 10]
    with pytest.raises(FrameError, match="a frame of 11 bytes; at most 10"):
        list(cutter.feed(frame(b"x" * 11)))


def test_what_was_cut_before_a_bad_length_is_given() -> None:
    bodies = Cutter(10).feed(frame(b"good") + frame(b"x" * 11))
    assert next(bodies) == b"good"
    with pytest.raises(FrameError):
        next(bodies)


def test_what_is_sealed_opens_once_and_in_order() -> None:
    sealer, opener = shaken()
    payloads = [b"", b"one", b"x" * 100_000]
    assert [opener.open(body(sealer.seal(p))) for p in payloads] == payloads
    assert (opener.forged, opener.replayed) == (0, 0)


def test_no_bit_of_a_frame_can_be_changed() -> None:
    sealer, opener = shaken()
    sealed = body(sealer.seal(b"attack at dawn"))
    for bit in range(8 * len(sealed)):
        forged = bytearray(sealed)
        forged[bit // 8] ^= 1 << bit % 8
        assert opener.open(bytes(forged)) is None
    assert opener.forged == 8 * len(sealed)
    assert opener.open(sealed) == b"attack at dawn"


def test_a_frame_cannot_be_cut_short_or_made_up() -> None:
    sealer, opener = shaken()
    sealed = body(sealer.seal(b"payload"))
    for end in range(len(sealed)):
        assert opener.open(sealed[:end]) is None
    assert opener.open(bytes(100)) is None
    assert opener.forged == len(sealed) + 1


def test_a_replay_is_rejected_and_counted() -> None:
    sealer, opener = shaken()
    frames = [body(sealer.seal(bytes([n]))) for n in range(3)]
    assert [opener.open(f) for f in frames] == [b"\0", b"\1", b"\2"]
    assert [opener.open(f) for f in frames] == [None] * 3
    assert (opener.forged, opener.replayed) == (0, 3)


def test_a_harness_may_let_replays_through_but_no_forgeries() -> None:
    sealer, opener = shaken(replays=True)
    sealed = body(sealer.seal(b"again"))
    assert [opener.open(sealed), opener.open(sealed)] == [b"again", b"again"]
    assert opener.replayed == 1
    assert opener.open(sealed[:-1] + b"\0") is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_frames_that_overtake_each_other_are_all_taken_once(order: tuple[int, ...]) -> None:
    sealer, opener = shaken()
    frames = [body(sealer.seal(bytes([n]))) for n in range(4)]
    assert [opener.open(frames[n]) for n in order] == [bytes([n]) for n in order]
    assert [opener.open(f) for f in frames] == [None] * 4


def test_a_frame_that_is_too_late_is_a_replay() -> None:
    sealer, opener = shaken()
    frames = [body(sealer.seal(b"x")) for _ in range(WINDOW + 1)]
    assert opener.open(frames[-1]) == b"x"
    assert opener.open(frames[0]) is None
    assert opener.open(frames[1]) == b"x"
    assert opener.open(frames[1]) is None
    assert opener.replayed == 2


def test_a_frame_of_another_connection_is_forged_even_between_the_same_two() -> None:
    first, _ = shaken()
    d, a = dialler(nonce=2), acceptor(nonce=3)
    proof, _ = d.prove(a.challenge(d.hello()))
    _, opener = a.admit(proof)
    assert opener.open(body(first.seal(b"old"))) is None
    assert opener.forged == 1


def test_a_recorded_handshake_cannot_be_played_again() -> None:
    d, a = dialler(), acceptor()
    hello = d.hello()
    proof, _ = d.prove(a.challenge(hello))
    later = acceptor(nonce=9)
    later.challenge(hello)
    with pytest.raises(RefusedError, match="wrong key"):
        later.admit(proof)


def test_a_challenge_cannot_be_reflected() -> None:
    """An attacker without the key answers n1's challenge with n1's own tags, from any connection it can open."""
    victim = acceptor("n1", nonce=5)
    attacker = dialler("n0", "n1", key=OTHER_KEY)
    challenge = victim.challenge(attacker.hello())
    tag = tag_of(challenge)
    with pytest.raises(RefusedError, match="wrong key"):
        victim.admit(encoded(Proof(tag)))
    # n1's tag as a dialler, for its own link to n0, does not pass for n0's proof either
    own = dialler("n1", "n0", nonce=0)
    n0 = acceptor("n0", nonce=5)
    proof, _ = own.prove(n0.challenge(own.hello()))
    with pytest.raises(RefusedError, match="wrong key"):
        victim.admit(proof)


def test_frames_cannot_be_reflected_to_their_sender() -> None:
    sealer, _ = shaken()
    back = dialler("n1", "n0", nonce=1)
    a = acceptor("n0", nonce=0)
    proof, _ = back.prove(a.challenge(back.hello()))
    _, opener = a.admit(proof)
    assert opener.open(body(sealer.seal(b"mine"))) is None


def test_a_wrong_key_is_refused_by_both_ends() -> None:
    d, a = dialler(key=OTHER_KEY), acceptor()
    with pytest.raises(RefusedError, match="wrong key: n1 does not hold the key"):
        d.prove(a.challenge(d.hello()))
    with pytest.raises(RefusedError, match="wrong key: who calls itself n0"):
        a.admit(encoded(Proof(bytes(16))))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (dialler(cluster="d"), "it belongs to cluster 'd', this is 'c'"),
        (dialler(dst="n2"), "it dialled 'n2', this is 'n1'"),
        (dialler(src="n9"), "'n9' is no other member"),
        (dialler(src="n1"), "'n1' is no other member"),
    ],
)
def test_who_is_no_peer_is_told_apart(asked: Dialler, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        acceptor().challenge(asked.hello())


@pytest.mark.parametrize("noise", [b"", b"GET / HTTP/1.1", b"\x93\x01\x02\x03", bytes(HANDSHAKE_MAX)])
def test_noise_is_no_handshake(noise: bytes) -> None:
    with pytest.raises(RefusedError, match="not a handshake"):
        acceptor().challenge(noise)
    with pytest.raises(RefusedError, match="Challenge in place of Hello"):
        acceptor().challenge(encoded(Challenge(b"", b"")))


def encoded(step: object) -> bytes:
    return msgspec.msgpack.encode(step)


def tag_of(challenge: bytes) -> bytes:
    return msgspec.msgpack.decode(challenge, type=Challenge).tag
