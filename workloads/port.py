"""The ports of a workload: how a client reaches a node, and what a workload is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from checkers.history import Op
from workloads.options import Option

FINAL_REQUESTS = 3
"""of each thread at the end of a workload that has no state to read: they show that every node answers again"""


class CallTimeoutError(Exception):
    """No answer in time: the outcome is unknown."""


class CallError(Exception):
    """The node answered with an error of Maelstrom's protocol.

    ``definite``: the operation certainly did not happen (codes 1, 10, 11, 12, 14, 20, 21, 22, 30). The caller
    of a node that retries clears it when an earlier attempt had an unknown outcome.
    """

    def __init__(self, code: int, text: str, *, definite: bool) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.definite = definite


class Call(Protocol):
    """Send one request to a node on behalf of one process and await its reply's body."""

    async def __call__(self, node: str, body: Mapping[str, Any]) -> dict[str, Any]: ...


class Client(Protocol):
    """Turns an invocation into requests, and the reply into a completion (type, value, error filled in).

    It lets CallTimeoutError and CallError pass: the interpreter turns them into info or fail (an error on a
    read-only ``f`` is fail, whatever its code).
    """

    async def invoke(self, op: Op, node: str, call: Call) -> Op: ...


class Workload(msgspec.Struct):
    """Generator + client + checkers that belong together.

    ``generator(options)`` and ``final(options)`` return fresh generators (workloads/generators.py); ``reads`` are
    the ``f`` that change nothing; ``checkers`` are names in the registry of checkers; ``requests``: the Maelstrom
    message types a node must answer.
    """

    name: str
    client: Callable[[], Client]
    generator: Callable[[dict[str, Any]], Any]
    final: Callable[[dict[str, Any]], Any] | None
    reads: frozenset[str]
    checkers: tuple[str, ...]
    requests: tuple[str, ...]
    setup: Callable[[tuple[str, ...]], list[tuple[str, dict[str, Any]]]] | None = None
    """requests sent to each node before the run, as (node, body): Maelstrom's topology message"""
    judging: dict[str, Any] = {}
    """options of its checkers; a run's own take their place"""
    options: tuple[Option, ...] = ()
    """what ``generator`` and ``final`` accept; they raise OptionError for anything else"""
