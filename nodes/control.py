"""Requests to a node that are not for its core: ``init`` and ``splitbrain_clock``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from nodes.clock import Clock
from nodes.kernel import MALFORMED_REQUEST, error


class Init(msgspec.Struct, tag_field="type", tag="init"):
    node_id: str
    node_ids: tuple[str, ...]
    msg_id: int


class SetClock(msgspec.Struct, tag_field="type", tag="splitbrain_clock"):
    msg_id: int
    offset_ns: int | None = None
    rate_ppm: int = 0


def set_clock(clock: Clock, body: msgspec.Raw, changed: Callable[[], None] | None) -> dict[str, Any]:
    """The reply's body: the clocks' readings, after setting them if that is asked for; ``changed`` hears of it."""
    try:
        asked = msgspec.json.decode(body, type=SetClock)
        if asked.offset_ns is not None:
            clock.set(asked.offset_ns, asked.rate_ppm)
            if changed is not None:
                changed()
    except ValueError as e:  # msgspec's errors are ValueErrors
        return error(MALFORMED_REQUEST, f"splitbrain_clock: {e}")
    return {"type": "splitbrain_clock_ok", **clock.reading()}
