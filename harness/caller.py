"""How one process calls nodes: time-outs, retries where the system has sessions, and what an error means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from workloads.port import CallError, CallTimeoutError

MS = 1_000_000

DEFINITE = frozenset({1, 10, 11, 12, 14, 20, 21, 22, 30})
"""error codes of Maelstrom's protocol that say: this certainly did not happen"""

RETRIED = frozenset({0, 1, 11, 13})
"""codes after which another attempt, at another node, may fare better"""


class Wire(Protocol):
    """What calls need of harness.runtime.Runtime."""

    def now(self) -> int: ...
    async def sleep_until(self, time_ns: int) -> None: ...
    async def call(
        self, client: str, node: str, body: dict[str, Any], msg_id: int, timeout_ns: int
    ) -> dict[str, Any]: ...


def client_name(process: int | str) -> str:
    """The name under which a process speaks to nodes."""
    return f"c{process}"


class Caller:
    """The calls of one process. A request is identified by the process and ``msg_id``.

    With ``sessions`` a request without an answer is repeated, under the same identity, at the next node, until
    ``timeout_ns`` have passed. The outcome is then unknown if any attempt's was.
    """

    def __init__(
        self,
        runtime: Wire,
        nodes: tuple[str, ...],
        process: int,
        timeout_ns: int,
        *,
        sessions: bool,
    ) -> None:
        self._runtime = runtime
        self._nodes = nodes
        self._client = client_name(process)
        self._timeout_ns = timeout_ns
        self._attempt_ns = timeout_ns // 4 if sessions else timeout_ns
        self._sessions = sessions
        self._msg_id = 0

    async def __call__(self, node: str, body: Mapping[str, Any]) -> dict[str, Any]:
        runtime = self._runtime
        self._msg_id += 1
        msg_id, request = self._msg_id, dict(body)
        deadline = runtime.now() + self._timeout_ns
        at = self._nodes.index(node)
        unknown = False
        pause = 10 * MS
        while True:
            refusal: CallError | None = None
            patience = min(self._attempt_ns, deadline - runtime.now())
            try:
                reply = await runtime.call(self._client, self._nodes[at], request, msg_id, patience)
            except CallTimeoutError:
                unknown = True
            else:
                if reply.get("type") != "error":
                    return reply
                code, text = reply.get("code", 13), str(reply.get("text", ""))
                unknown = unknown or code not in DEFINITE
                refusal = CallError(code, text, definite=not unknown)
            last = not self._sessions or (refusal is not None and refusal.code not in RETRIED)
            if last or runtime.now() + pause >= deadline:
                if refusal is not None:
                    raise refusal
                raise CallTimeoutError("no answer in time")
            await runtime.sleep_until(runtime.now() + pause)
            pause = min(2 * pause, 80 * MS)
            at = (at + 1) % len(self._nodes)
