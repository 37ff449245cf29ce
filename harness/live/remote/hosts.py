"""The hosts file: the machines that a user lends to runs over SSH.

    hosts:
      - {name: n0, host: 10.0.0.11}
      - {name: n1, host: 10.0.0.12, port: 2222, user: admin, address: 192.168.7.12, sudo: true}
    defaults: {user: root, key: ~/.ssh/id_ed25519, known_hosts: ~/.ssh/known_hosts, sudo: false}
    jump: {host: bastion, user: me, key: ~/.ssh/id_ed25519}

Keys of machines are never taken on trust: each must stand in ``known_hosts``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from harness.decode import decode, load_yaml
from harness.errors import UsageError

WHAT = "a hosts file (a list under hosts:)"
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to get to a machine. ``key`` and ``known_hosts`` are files on this one."""

    host: str
    port: Port = 22
    user: str = "root"
    key: str = ""
    known_hosts: str = "~/.ssh/known_hosts"


class Host(Access, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``address`` is what other nodes call it by (``host`` if not said); ``folder`` is ours there.

    ``sudo``: scripts run as root, through ``sudo -n``. Its node listens on ``bind``, for its peers on
    ``peer_port``; for clients on a port that the harness reaches through the SSH connection, or, ``direct``, by
    dialling ``address``.
    """

    name: str
    address: str = ""
    bind: str = "0.0.0.0"  # noqa: S104 (peers are on other machines, and prove who they are)
    peer_port: Port = 7100
    direct: bool = False
    folder: str = "/tmp/splitbrain"  # noqa: S108 (a folder per run is made in it, by a name of its own)
    sudo: bool = False

    @property
    def at(self) -> str:
        """What peers dial."""
        return self.address or self.host


class Hosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hosts: list[Host]
    jump: Access | None = None


def read_hosts(path: Path) -> Hosts:
    """Raises UsageError, one line: file, place, what was expected."""
    data: Any = load_yaml(path, WHAT)
    if not isinstance(data, dict) or not isinstance(data.get("hosts"), list) or not data["hosts"]:
        raise UsageError(f"{path}: expected {WHAT}")
    defaults = data.pop("defaults", {})
    if not isinstance(defaults, dict):
        raise UsageError(f"{path}: defaults: expected a mapping")
    data["hosts"] = [{**defaults, **h} if isinstance(h, dict) else h for h in data["hosts"]]
    found = decode(data, Hosts, str(path), _fields)
    names = [host.name for host in found.hosts]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{path}: hosts: {twice!r} stands there twice")
    return found


def _fields(place: str) -> tuple[str, ...]:
    if place.startswith("hosts["):
        return Host.__struct_fields__
    return Access.__struct_fields__ if place.startswith("jump") else Hosts.__struct_fields__
