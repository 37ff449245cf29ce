"""A power loss where a node's data is: what it had not synced goes, by the node's own account (nodes/power.py)."""

from __future__ import annotations

from shlex import quote

from harness.live.remote.port import Remote, RemoteError, checked


def lose_power(remote: Remote, folder: str, packages: str, seed: int) -> int:
    """Of the node that is down, whose data is in ``folder``; bytes that did not survive. Raises RemoteError.

    ``packages``: where ``nodes`` is on that machine.
    """
    done = checked(remote, f"PYTHONPATH={quote(packages)} python3 -P -m nodes.power {quote(folder)} {seed}")
    try:
        return int(done.last_line)
    except ValueError as e:
        raise RemoteError(f"{remote.name}: power loss of {folder}: {done.last_line}") from e
