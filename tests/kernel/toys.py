"""Small cores that prove the kernel: a push gossip of a thousand nodes, and a signed echo with a liar."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from nodes import kernel
from nodes.kernel import Effect, Event, Message, Now, Record, Reply, Send, SetTimer, Trace

ROUND_NS = 200_000_000


class Rumor(Message, frozen=True, tag="rumor"):
    text: str


class Gossip:
    """Push gossip: for some rounds after it heard a rumor, a node tells ``fanout`` others drawn at random."""

    def __init__(self, node_id: str, node_ids: tuple[str, ...], fanout: int = 3, rounds: int = 16) -> None:
        self.peers = [n for n in node_ids if n != node_id]
        self.fanout = fanout
        self.rounds = rounds
        self.heard: dict[str, int] = {}
        self.choices: kernel.Choices | None = None

    def handle(self, event: Event, now: Now) -> list[Effect]:
        del now
        match event:
            case kernel.Start():
                self.choices = event.choices
                return []
            case kernel.Receive():
                return self._hear(event.message.text)
            case kernel.Request():
                return [
                    *self._hear(event.body["text"]),
                    Reply(event.client, event.msg_id, {"type": "tell_ok"}),
                ]
            case kernel.Timer():
                return self._push()
        return []

    def _hear(self, text: str) -> list[Effect]:
        if text in self.heard:
            return []
        self.heard[text] = self.rounds
        return [Trace("heard", {"text": text}), SetTimer("round", 0, ROUND_NS)]

    def _push(self) -> list[Effect]:
        effects: list[Effect] = []
        for text, left in self.heard.items():
            if left:
                self.heard[text] = left - 1
                picks = [self.peers[self.choices.below(len(self.peers))] for _ in range(self.fanout)]
                effects += [Send(peer, Rumor(text)) for peer in picks]
        if effects:
            effects.append(SetTimer("round", ROUND_NS, ROUND_NS))
        return effects


class Signed(Message, frozen=True, tag="signed"):
    """What a node said, sealed with its key. ``client`` and ``msg_id`` are the request's."""

    signer: str
    client: str
    msg_id: int
    text: str
    seal: str


def seal(key: bytes, signer: str, client: str, msg_id: int, text: str) -> str:
    return blake2b(f"{signer}|{client}|{msg_id}|{text}".encode(), key=key, digest_size=16).hexdigest()


class SignedEcho:
    """Echoes to the client what two thirds of the members say they received, each under its own seal."""

    def __init__(self, node_id: str, node_ids: tuple[str, ...]) -> None:
        self.id = node_id
        self.all = node_ids
        self.quorum = 2 * len(node_ids) // 3 + 1
        self.words: dict[tuple[str, int], dict[str, Signed]] = {}
        self.asked: set[tuple[str, int]] = set()

    def handle(self, event: Event, now: Now) -> list[Effect]:
        del now
        match event:
            case kernel.Request():
                self.asked.add((event.client, event.msg_id))
                return self._say(event.client, event.msg_id, event.body["echo"])
            case kernel.Receive():
                return self._count(event.message)
        return []

    def _say(self, client: str, msg_id: int, text: str) -> list[Effect]:
        word = Signed(self.id, client, msg_id, text, "")
        return [*(Send(n, word) for n in self.all if n != self.id), *self._count(word)]

    def _count(self, word: Signed) -> list[Effect]:
        request = (word.client, word.msg_id)
        words = self.words.setdefault(request, {})
        effects: list[Effect] = []
        first = words.setdefault(word.signer, word)
        if first.text != word.text:
            effects.append(Trace("equivocation", {"by": word.signer, "said": [first.text, word.text]}))
        if self.id not in words:
            effects += self._say(word.client, word.msg_id, word.text)
        said = [w.text for w in words.values()]
        if request in self.asked and said.count(word.text) >= self.quorum:
            self.asked.remove(request)
            effects.append(Reply(word.client, word.msg_id, {"type": "echo_ok", "echo": word.text}))
        return effects


class Liar:
    """The traitor's shell: an honest core whose words it says to its victims twice, bent and straight."""

    def __init__(self, core: kernel.Core, victims: frozenset[str]) -> None:
        self.core = core
        self.victims = victims

    def handle(self, event: Event, now: Now) -> list[Effect]:
        return [bent for e in self.core.handle(event, now) for bent in self._bend(e)]

    def _bend(self, effect: Effect) -> list[Effect]:
        if isinstance(effect, Send) and effect.to in self.victims:
            lie = msgspec.structs.replace(effect.message, text=effect.message.text + "!")
            return [msgspec.structs.replace(effect, message=lie), effect]
        return [effect]


class Sealer:
    """Signs what leaves with this node's key and nobody else's, and drops what comes in with a bad seal."""

    def __init__(self, core: kernel.Core, key: bytes, key_of: Callable[[str], bytes]) -> None:
        self.core = core
        self.key = key
        self.key_of = key_of

    def handle(self, event: Event, now: Now) -> list[Effect]:
        if isinstance(event, kernel.Receive):
            m = event.message
            if m.seal != seal(self.key_of(m.signer), m.signer, m.client, m.msg_id, m.text):
                return [Trace("forged", {"claims": m.signer, "from": event.src})]
        return [self._seal(e) for e in self.core.handle(event, now)]

    def _seal(self, effect: Effect) -> Effect:
        if not isinstance(effect, Send):
            return effect
        m = effect.message
        sealed = seal(self.key, m.signer, m.client, m.msg_id, m.text)
        return msgspec.structs.replace(effect, message=msgspec.structs.replace(m, seal=sealed))


class Nothing(Record, frozen=True, tag="nothing"):
    """The toys persist nothing."""
