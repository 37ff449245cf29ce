"""What an adapter is: how a member of a foreign system is started, spoken to, and asked who leads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

UNAVAILABLE = 11
CRASH = 13
KEY_DOES_NOT_EXIST = 20
PRECONDITION_FAILED = 22
TXN_CONFLICT = 30
NOT_SUPPORTED = 10


class RefusedError(Exception):
    """The request certainly had no effect. ``code`` is one of Maelstrom's definite ones (harness/caller.py)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class UnknownError(Exception):
    """The request may have had its effect, or have it later."""


class Place(msgspec.Struct, frozen=True):
    """One member: where it lives and what it is told.

    ``addresses``: all members' IP addresses by name, its own too: ports are the adapter's to choose. ``folder``
    outlives kills. ``config`` is the run's ``options.config``. ``contained``: it lives in a container, and clients
    reach its ports elsewhere (``door``). Inside, addresses and folder are the same.
    """

    name: str
    addresses: Mapping[str, str]
    folder: Path
    config: Mapping[str, Any]
    contained: bool = False
    doors: Mapping[str, Mapping[int, tuple[str, int]]] = {}
    """where clients reach members' ports, if not at their addresses: member -> port -> host and port"""

    def door(self, port: int, member: str = "") -> tuple[str, int]:
        """Where clients reach that port of this member, or of another: a host and a port."""
        name = member or self.name
        return self.doors.get(name, {}).get(port) or (self.addresses[name], port)

    @property
    def address(self) -> str:
        return self.addresses[self.name]

    @property
    def first(self) -> bool:
        """Whether it is the first of all, where a system wants to be told of a first leader."""
        return self.name == next(iter(self.addresses))


class Event(msgspec.Struct, frozen=True):
    """What a probe saw, as a line of a trace (docs/formats.md, "Trace")."""

    kind: str
    data: dict[str, Any]


def role(*, leads: bool, term: int) -> Event:
    """The event by which leaders are known: to faults that want the leader, and to the report."""
    return Event("role", {"role": "leader" if leads else "follower", "term": term})


class Client(Protocol):
    """Speaks to one member on behalf of all clients; requests overlap."""

    async def request(self, body: dict[str, Any]) -> dict[str, Any]:
        """Serve one Maelstrom body; the fields of its reply, ``type`` left out.

        Raises RefusedError for what certainly had no effect. Whatever else it raises that stands for the failure of a
        peer (UnknownError, OSError, EOFError, TimeoutError, ValueError on a reply that cannot be read) is unknown.
        """
        ...

    async def close(self) -> None: ...


class Adapter:
    """A system under test. What is not overridden does nothing.

    ``requests``: Maelstrom's types that its client serves. ``programs`` must be on the PATH. ``settings``: the
    keys that ``options.config`` may have, and what they do. ``image``: what its containers run; without one an image
    is made with these ``packages`` of Debian's, and with ``files``.
    """

    name: str
    requests: frozenset[str]
    programs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    image: str = ""
    faults: frozenset[str] = frozenset({"partition", "link", "kill", "pause", "clock", "power-loss"})
    settings: Mapping[str, str] = {}

    def check(self, config: Mapping[str, Any]) -> None:
        """Raises ValueError, one line, for settings that cannot be."""
        if not isinstance(config, Mapping):
            raise ValueError(f"expected a mapping, got {config!r}")  # noqa: TRY004 (one kind of refusal)
        for key in config:
            if key not in self.settings:
                known = ", ".join(self.settings) or "nothing"
                raise ValueError(f"{self.name} has no setting {key!r}; it knows {known}")

    def runs(self, *, inside: bool, image: str) -> None:
        """Raises ValueError, one line, where it cannot run as processes, or ``inside`` containers of that image."""
        if inside and not (image or self.image or self.packages):
            raise ValueError(
                f"system: {self.name} names no image and no packages to make one of; expected --image NAME"
            )

    def command(self, place: Place) -> list[str]:
        """Write what the member needs into its folder; the program and its arguments, for each incarnation anew."""
        raise NotImplementedError

    def clocks(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """The programs that must heed libfaketime if clocks are to be faults."""
        del config
        return self.programs

    def environment(self) -> dict[str, str]:
        """What its members find in their environment, beside the usual."""
        return {}

    def files(self, config: Mapping[str, Any]) -> Mapping[str, Path]:
        """What an image made for it has, beside packages: place in the image -> file or folder here."""
        del config
        return {}

    def client(self, place: Place) -> Client:
        """A client of this member's present incarnation."""
        raise NotImplementedError

    def port(self) -> int:
        """Where clients dial: the member has started when something listens there."""
        raise NotImplementedError

    def ports(self) -> tuple[int, ...]:
        """All ports that its clients dial."""
        return (self.port(),)

    async def clock(self, client: Client) -> int | None:
        """The member's wall clock in ns, if it tells it."""
        del client
        return None

    async def probe(self, place: Place, client: Client) -> list[Event]:
        """What the member says of itself now, such as ``role(...)``; asked several times a second."""
        del place, client
        return []

    def formed(self, seen: Mapping[str, Mapping[str, dict[str, Any]]]) -> bool:
        """Whether the cluster can take its first request, from what probes saw last: member -> kind -> data."""
        del seen
        return True


def led(seen: Mapping[str, Mapping[str, dict[str, Any]]]) -> bool:
    """A ``formed`` for systems with leaders: every member has told its role, and one leads."""
    roles = [events.get("role", {}).get("role") for events in seen.values()]
    return roles.count("leader") == 1 and None not in roles
