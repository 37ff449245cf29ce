"""Randomness: one counter-based integer generator, keyed by (seed, purpose, entity, counter).

A draw in one place moves nothing elsewhere: every purpose and entity has a stream of its own. Draws are
SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) of key + counter: integers only, the same on any Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

try:
    import numpy as np
except ImportError:  # on a host, beside a node (harness/live/relay.py)
    np = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import numpy.typing as npt

T = TypeVar("T")

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15
FEW, MANY = 16, 128
"""draws made one by one at first, and the size of a batch after that"""


def mix(z: int) -> int:
    """SplitMix64's finalizer: 64 bits in, 64 bits out."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def mix_many(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """``mix`` of each element; products wrap at 64 bits."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Stream:
    """The draws of one purpose and entity. ``overrides`` replaces draws by their number (from 1), for replays."""

    __slots__ = ("_ahead", "_drawn", "_key", "_overrides")

    def __init__(self, key: int, overrides: Mapping[int, int] | None = None) -> None:
        self._key = key
        self._overrides = overrides
        self._drawn = 0
        self._ahead: list[int] = []
        """draws made but not given out yet, last one first"""

    @property
    def count(self) -> int:
        """Draws given out so far."""
        return self._drawn - len(self._ahead)

    def bits(self) -> int:
        """64 uniform bits."""
        if not self._ahead:
            self._draw_ahead()
        return self._ahead.pop()

    def _draw_ahead(self) -> None:
        """A few at first, then many at once: the vector form gives the same numbers at a tenth of the cost."""
        first = self._drawn + 1
        if first <= FEW or np is None:
            draws = [mix((self._key + first * GAMMA) & MASK)]
        else:
            numbers = np.arange(first, first + MANY, dtype=np.uint64)
            draws = mix_many(np.uint64(self._key) + numbers * np.uint64(GAMMA)).tolist()
        self._drawn += len(draws)
        if self._overrides:
            draws = [self._overrides.get(first + i, z) for i, z in enumerate(draws)]
        draws.reverse()
        self._ahead = draws

    def below(self, n: int) -> int:
        """Uniform in [0, n). The bias is at most n / 2**64."""
        return (self.bits() * n) >> 64

    def between(self, low: int, high: int) -> int:
        """Uniform in [low, high], both included."""
        return low + ((self.bits() * (high - low + 1)) >> 64)

    def chance(self, ppm: int) -> bool:
        """True with probability ppm / 1,000,000."""
        return (self.bits() * 1_000_000) >> 64 < ppm

    def choice(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def shuffle(self, items: Sequence[T]) -> list[T]:
        """A new list in random order (Fisher and Yates)."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out


class Streams:
    """All streams of one seed. Asking twice for a name gives the same stream, which goes on."""

    def __init__(self, seed: int, overrides: Mapping[str, Mapping[int, int]] | None = None) -> None:
        self.seed = seed
        self._overrides = overrides or {}
        self._streams: dict[str, Stream] = {}

    def stream(self, purpose: str, entity: str = "") -> Stream:
        name = f"{purpose}/{entity}"
        found = self._streams.get(name)
        if found is None:
            digest = blake2b(f"{self.seed}/{name}".encode(), digest_size=8).digest()
            found = self._streams[name] = Stream(int.from_bytes(digest, "big"), self._overrides.get(name))
        return found

    def counts(self) -> dict[str, int]:
        """Draws so far by stream name: two runs that differ show here where they first did."""
        return {name: self._streams[name].count for name in sorted(self._streams)}
