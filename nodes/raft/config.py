"""The parameters of a Raft member."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
Millis = Annotated[int, msgspec.Meta(ge=1, le=3_600_000)]


class RaftConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Time-outs in ms (section 5.6: broadcast time << election time-out << time between failures)."""

    election_ms_min: Millis = 150
    election_ms_max: Millis = 300
    heartbeat_ms: Millis = 50
    append_entries_max: Count = 64
    """entries in one message"""

    def __post_init__(self) -> None:
        if self.election_ms_min > self.election_ms_max:
            raise ValueError(
                f"election_ms_min is {self.election_ms_min}, election_ms_max {self.election_ms_max}: less"
            )
