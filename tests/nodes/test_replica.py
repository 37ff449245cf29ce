"""A replica finds out which of the members it is."""

from __future__ import annotations

import pytest

from nodes.replica import identity

VARIABLES = {"SPLITBRAIN_REPLICAS": "3", "SPLITBRAIN_REPLICA_NAMES": "play-raft-{}"}
ADDRESSES = {"play-raft-1": {"10.0.0.5"}, "play-raft-2": {"10.0.0.3"}}


def lookup(name: str) -> set[str]:
    return ADDRESSES.get(name, set())


def test_the_replica_whose_name_is_our_address_is_we() -> None:
    book = "n0=play-raft-1:7100,n1=play-raft-2:7100,n2=play-raft-3:7100"
    assert identity(VARIABLES, {"10.0.0.3"}, lookup) == {"SPLITBRAIN_NODE": "n1", "SPLITBRAIN_PEERS": book}


def test_a_replica_without_a_name_waits_for_one() -> None:
    assert identity(VARIABLES, {"10.0.0.9"}, lookup) is None


@pytest.mark.parametrize("change", [{"SPLITBRAIN_REPLICAS": "many"}, {"SPLITBRAIN_REPLICA_NAMES": "play"}])
def test_what_it_needs_to_be_told_is_one_line(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="expected SPLITBRAIN_REPLICAS=NUMBER"):
        identity({**VARIABLES, **change}, set(), lookup)
