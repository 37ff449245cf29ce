"""A Raft whose peers are walked through an unordered set, and the command line of Splitbrain around it.

``python -m tests.sim.planted ARGUMENT...`` is ``splitbrain ARGUMENT...`` with that core in the place of the sound
one. The order of a set of strings depends on ``PYTHONHASHSEED``: two processes send the same messages in
different orders.
"""

from __future__ import annotations

import sys

import msgspec

from harness.cli import main
from nodes.raft.core import Raft, RaftConfig
from nodes.systems import SYSTEMS


class Unordered(Raft):
    def __init__(self, node_id, node_ids, config):
        super().__init__(node_id, node_ids, config)
        self.peers = set(self.peers)  # the planted defect


def build(node_id, node_ids, bug, config):
    del bug
    return Unordered(node_id, node_ids, msgspec.convert(config, RaftConfig))


if __name__ == "__main__":
    SYSTEMS["raft"] = msgspec.structs.replace(SYSTEMS["raft"], build=build)
    sys.exit(main())
