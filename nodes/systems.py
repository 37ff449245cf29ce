"""The reference systems by name: how to build a member's core, and the closed types it speaks and stores.

Other packages add systems under the entry-point group ``splitbrain.systems``: an object of type ``System``. What is
of another type there is an adapter of a foreign system, and the harness's business.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import msgspec

from nodes.bugs import BUGS, Bug
from nodes.kernel import Core
from nodes.kv import FIELDS
from nodes.raft.config import RaftConfig
from nodes.raft.core import Raft
from nodes.raft.messages import RaftMessage, RaftRecord
from nodes.wal import Wal


class System(msgspec.Struct, frozen=True):
    """``build(node_id, node_ids, bug, config)`` makes one member's core.

    ``messages`` and ``records`` are msgspec unions; ``requests`` the client request types it answers;
    ``sessions``: a repeated request (same client and msg_id) at any node is executed once.
    """

    name: str
    build: Callable[[str, tuple[str, ...], str | None, dict[str, Any]], Core]
    messages: Any
    records: Any
    requests: frozenset[str]
    sessions: bool = False


def build_raft(node_id: str, node_ids: tuple[str, ...], bug: str | None, config: dict[str, Any]) -> Raft:
    """A Raft core; ``bug`` names one of nodes.bugs. Raises ValueError on a bad config or name."""
    try:
        resolved = msgspec.convert(config, RaftConfig)
    except msgspec.ValidationError as e:
        raise ValueError(f"raft's config: {e}") from e
    return planted(bug).core(node_id, node_ids, resolved) if bug else Raft(node_id, node_ids, resolved)


def planted(name: str) -> Bug:
    if name not in BUGS:
        raise ValueError(f"unknown bug {name!r}; known: {', '.join(BUGS)}")
    return BUGS[name]


def log_of(bug: str | None) -> type[Wal]:
    """What a node's log is made of; a planted bug may be in it. Raises ValueError on an unknown name."""
    return planted(bug).log if bug else Wal


RAFT = System(
    name="raft",
    build=build_raft,
    messages=RaftMessage,
    records=RaftRecord,
    requests=frozenset(FIELDS),
    sessions=True,
)


def _installed() -> dict[str, System]:
    systems = {"raft": RAFT}
    for point in sorted(entry_points(group="splitbrain.systems"), key=lambda p: p.name):
        loaded = point.load()
        if isinstance(loaded, System):
            systems[point.name] = loaded
    return systems


SYSTEMS: dict[str, System] = _installed()
