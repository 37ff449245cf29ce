"""The parameters of a Raft member."""

from __future__ import annotations

import msgspec


class RaftConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Time-outs in ms (section 5.6: broadcast time << election time-out << time between failures)."""

    election_ms_min: int = 150
    election_ms_max: int = 300
    heartbeat_ms: int = 50
    append_entries_max: int = 64
    """entries in one message"""
