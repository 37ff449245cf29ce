"""The workloads there are, by name: this package's, and those of others by entry point.

Another package adds its own through the group ``splitbrain.workloads``: the entry point's name is the
workload's, its object a ``Workload`` (workloads/port.py).
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import entry_points

from workloads import (
    bank,
    broadcast,
    counters,
    echo,
    g_set,
    kafka,
    list_append,
    long_fork,
    register,
    rw_register,
    unique_ids,
)
from workloads.port import Workload

GROUP = "splitbrain.workloads"
WORKLOADS: dict[str, Workload] = {
    w.name: w
    for w in (
        register.WORKLOAD,
        list_append.WORKLOAD,
        rw_register.WORKLOAD,
        g_set.WORKLOAD,
        broadcast.WORKLOAD,
        unique_ids.WORKLOAD,
        echo.WORKLOAD,
        bank.WORKLOAD,
        counters.G_COUNTER,
        counters.PN_COUNTER,
        kafka.WORKLOAD,
        long_fork.WORKLOAD,
    )
}
ALIASES = {"lin-kv": "register", "list-append": "txn-list-append", "rw-register": "txn-rw-register"}
"""Maelstrom's name of the first, Jepsen's of the others"""


class UnknownNameError(ValueError):
    """No workload of that name. The message is one line and suggests the nearest."""


def names() -> list[str]:
    """All workloads, this package's first, without aliases."""
    others = {e.name for e in entry_points(group=GROUP)} - WORKLOADS.keys()
    return [*WORKLOADS, *sorted(others)]


def get(name: str) -> Workload:
    """The workload of that name or alias; UnknownNameError if there is none."""
    found = WORKLOADS.get(ALIASES.get(name, name))
    if found is not None:
        return found
    for entry in sorted(entry_points(group=GROUP, name=name), key=lambda e: e.value):
        try:
            loaded = entry.load()
        except Exception as e:
            raise ValueError(f"workload {name!r}: {entry.value} cannot be loaded: {e}") from e
        if not isinstance(loaded, Workload):
            raise ValueError(f"workload {name!r}: {entry.value} is not a Workload")  # noqa: TRY004  bad input
        return loaded
    known = [*names(), *ALIASES]
    near = get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
    raise UnknownNameError(f"unknown workload {name!r}: {hint}")
