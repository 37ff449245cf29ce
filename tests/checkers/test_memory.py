"""What checkers of flat memory remember does not grow with the run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from checkers import registry
from checkers.history import Op


def parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, msgspec.Struct):
        yield from (getattr(value, name) for name in value.__struct_fields__)
    elif hasattr(value, "__dict__"):
        yield from vars(value).values()


def weight(root: Any) -> int:
    """Bytes of all that can be reached, each counted once."""
    total, seen, stack = 0, set(), [root]
    while stack:
        value = stack.pop()
        if id(value) not in seen:
            seen.add(id(value))
            total += sys.getsizeof(value)
            stack += parts(value)
    return total


def done(at: int, process: int, f: str, key: Any, asked: Any, got: Any) -> list[Op]:
    return [Op(at, at, process, "invoke", f, key, asked), Op(at + 1, at, process, "ok", f, key, got)]


def steps(name: str, length: int) -> list[Op]:
    """A right history: round after round of the same kind, new numbers each."""
    ops: list[Op] = []
    for n in range(length):
        at, process = len(ops), n % 5
        if name == "bank":
            ops += done(at, process, "read", None, None, {"a": n % 7, "b": 10 - n % 7})
        elif name == "monotonic":
            ops += done(at, process, "read", "x", None, n)
        elif name == "causal-register":
            ops += done(at, process, "write", "x", n + 1, n + 1)
        else:
            ops += done(at, process, "add", None, 2, 2)
            ops += done(at + 2, process, "read", None, None, 2 * n + 2)
    return ops


@pytest.mark.parametrize("name", ["bank", "counter", "pn-counter", "monotonic", "causal-register"])
def test_memory_does_not_grow_with_the_run(name: str) -> None:
    weights = []
    for length in (500, 5000):
        online = registry.online(name, {"linearizable": True})
        assert online is not None
        online.observe_all(steps(name, length))
        assert online.verdict() == "valid"
        weights.append(weight(online))
    assert weights[1] < weights[0] * 1.2
