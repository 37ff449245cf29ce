"""From settings to a host ready to start: the core, its log as it survived, the host around both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from nodes.clock import Clock
from nodes.files import Files, RealFiles
from nodes.host import Draws, Host
from nodes.kernel import Core, Reply, Send, Trace
from nodes.trouble import Trouble, TroubledFiles
from nodes.wal import Wal, WalCorruptError


class Settings(msgspec.Struct, frozen=True):
    """What runs behind a door. ``{node}`` in ``data`` stands for the node's name."""

    build: Callable[[str, tuple[str, ...]], Core]
    messages: Any
    """msgspec union of the peer messages"""
    records: Any
    """msgspec union of the records"""
    data: str
    seed: int
    trace: Path | None = None
    power: bool = False
    """keep account of what is synced, so that a power loss can be played (nodes/power.py), and have bad disks"""
    log: Callable[[Files, Any], Wal] = Wal

    def trouble(self) -> Trouble | None:
        """For the node's disk; None: it listens to nobody."""
        return Trouble() if self.power else None


class CannotOpenError(Exception):
    """The node cannot run on this disk or with these settings: one line."""


def open_host(
    settings: Settings,
    node_id: str,
    node_ids: tuple[str, ...],
    clock: Clock,
    trouble: Trouble | None,
    *,
    send: Callable[[Send], None],
    reply: Callable[[Reply], None],
    trace: Callable[[Trace], None],
    flush_trace: Callable[[], None],
    failed: Callable[[Exception], None],
    synced: Callable[[int], None] | None = None,
) -> tuple[Host, list[Any]]:
    """The host, not started yet, and the records to start it with. Raises CannotOpenError."""
    try:
        core = settings.build(node_id, node_ids)
        path = settings.data.replace("{node}", node_id)
        files = RealFiles(path) if trouble is None else TroubledFiles(path, trouble)
        wal = settings.log(files, settings.records)
        recovered = wal.recover()
    except WalCorruptError as e:
        raise CannotOpenError(f"{files.path}/{e}") from e
    except (OSError, ValueError) as e:
        raise CannotOpenError(str(e)) from e
    host = Host(
        core,
        wal,
        clock,
        Draws(settings.seed),
        send=send,
        reply=reply,
        trace=trace,
        flush_trace=flush_trace,
        failed=failed,
        synced=synced,
    )
    return host, recovered
