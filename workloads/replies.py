"""From replies to completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checkers.history import Op
from workloads.port import CallError

MALFORMED_REPLY = 12
"""Maelstrom's malformed-request; here it is the node's answer that is malformed, so the outcome is unknown"""


def ok(op: Op, node: str, value: Any) -> Op:
    """The completion of ``op``: it happened, and this is its value. The caller sets the time."""
    return Op(-1, op.time, op.process, "ok", op.f, op.key, value, node)


def field(reply: Mapping[str, Any], name: str) -> Any:
    """A field that the reply must have; CallError, indefinite, where the node left it out."""
    if name not in reply:
        text = f"the node's {reply.get('type')!r} has no field {name!r}"
        raise CallError(MALFORMED_REPLY, text, definite=False)
    return reply[name]
