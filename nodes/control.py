"""Requests to a node that are not for its core: ``init``, ``splitbrain_clock`` and ``splitbrain_disk``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from nodes.clock import Clock
from nodes.host import Host
from nodes.kernel import MALFORMED_REQUEST, NOT_SUPPORTED, error
from nodes.trouble import Trouble


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


class SetDisk(msgspec.Struct, tag_field="type", tag="splitbrain_disk"):
    msg_id: int
    refuses: str | None = None
    delay_us: int = 0


def set_disk(trouble: Trouble | None, body: msgspec.Raw, host: Host | None) -> dict[str, Any]:
    """The reply's body: what the node has seen of its disk, after making it bad or well if that is asked for."""
    if trouble is None or host is None:
        return error(NOT_SUPPORTED, "splitbrain_disk: only a node started with --power, after its init")
    try:
        asked = msgspec.json.decode(body, type=SetDisk)
        if asked.refuses is not None:
            trouble.set(asked.refuses, asked.delay_us)
    except ValueError as e:  # msgspec's errors are ValueErrors
        return error(MALFORMED_REQUEST, f"splitbrain_disk: {e}")
    syncs, sync_ns = host.syncs()
    return {
        "type": "splitbrain_disk_ok",
        "refuses": trouble.refuses,
        "delay_us": trouble.delay_us,
        "refused": trouble.refused,
        "syncs": syncs,
        "sync_ns": sync_ns,
    }
