"""``python -m nodes.replica SYSTEM``: a node that is one of many like it, and finds out which.

For compose and its like, where all members start from one description. ``SPLITBRAIN_REPLICAS`` says how many there
are, ``SPLITBRAIN_REPLICA_NAMES`` how they are called on the network, ``{}`` standing for 1, 2, ...: the one whose
name is an address of this machine is we. Members are n0, n1, ...; all else is as for ``python -m nodes``.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping

from nodes.__main__ import main as run_node

FIND_S = 30
POLL_S = 0.1

Resolve = Callable[[str], set[str]]


def resolve(name: str) -> set[str]:
    """The addresses of a name; none while nobody is called so."""
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(name, None, socket.AF_INET)}
    except OSError:
        return set()


def identity(environment: Mapping[str, str], own: set[str], lookup: Resolve) -> dict[str, str] | None:
    """The variables that make this replica a node; None while its own name does not resolve. Raises ValueError."""
    count, pattern = (
        environment.get("SPLITBRAIN_REPLICAS", ""),
        environment.get("SPLITBRAIN_REPLICA_NAMES", ""),
    )
    if not count.isdecimal() or not int(count) or "{}" not in pattern:
        raise ValueError("expected SPLITBRAIN_REPLICAS=NUMBER and SPLITBRAIN_REPLICA_NAMES=NAME-{}")
    names = {f"n{i}": pattern.replace("{}", str(i + 1)) for i in range(int(count))}
    mine = [node for node, name in names.items() if lookup(name) & own]
    if not mine:
        return None
    port = environment.get("SPLITBRAIN_PEER_PORT", "7100")
    peers = ",".join(f"{node}={name}:{port}" for node, name in names.items())
    return {"SPLITBRAIN_NODE": mine[0], "SPLITBRAIN_PEERS": peers}


def main() -> int:
    own = resolve(socket.gethostname())
    try:
        for _ in range(int(FIND_S / POLL_S)):
            found = identity(os.environ, own, resolve)
            if found is not None:
                os.environ.update(found)
                return run_node()
            time.sleep(POLL_S)
    except ValueError as e:
        sys.stderr.write(f"python -m nodes.replica: {e}\n")
        return 2
    sys.stderr.write("python -m nodes.replica: none of the replicas' names is an address of this machine\n")
    return 2


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
