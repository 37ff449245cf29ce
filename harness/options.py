"""The free options of a run, checked before it begins: their names, and that they are what their readers take.

| option | whose | read by |
|---|---|---|
| `workload` | the workload's generator | `workloads/` |
| `config` | the system's nodes | `nodes/systems.py`, `harness/systems/` |
| `checker` | checkers | `checkers/` |
| `latency` | links without faults | `harness/sim/network.py`, `harness/live/network.py` |
| `disk` | simulated disks | `harness/sim/node.py` |
| `init_timeout_s` | live nodes' start | `harness/live/cluster.py` |
| `base_image` | containers | `harness/live/image.py` |
| `links`, `link_faults` | containers | `harness/live/docker.py` |
| `image` | containers of foreign systems | `harness/live/pods.py` |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers import options as of_checkers
from checkers import registry as checkers
from checkers.linearizability.engines import engine_named
from checkers.record import Record
from harness.errors import UsageError, nearest, one_line
from harness.spec import RunSpec
from workloads.port import Workload

MAPPINGS = ("workload", "config", "checker", "latency", "disk")

WAYS = ("inside", "gateway")
"""how to stand between nodes in containers"""
MEANS = ("netem", "proxies")
"""of link faults there, where links are ``inside``"""
INIT_TIMEOUT_S_MAX = 3600


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= INIT_TIMEOUT_S_MAX


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


SCALARS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "init_timeout_s": (f"more than 0 and at most {INIT_TIMEOUT_S_MAX} seconds", _is_time),
    "base_image": ("the name of an image", _is_name),
    "links": (" or ".join(WAYS), lambda value: value in WAYS),
    "link_faults": (" or ".join(MEANS), lambda value: value in MEANS),
    "image": ("the name of an image", _is_name),
}
"""name -> what it takes, and whether a value is that"""

CLIENTS_MAX = 10_000
"""client threads in one run: more is a mistake, not a load"""


def check_options(spec: RunSpec, workload: Workload) -> None:
    """Raises UsageError, one line, for an option that nobody reads or whose reader refuses it."""
    for name, value in spec.options.items():
        if name not in MAPPINGS and name not in SCALARS:
            raise UsageError(f"options: unknown option {name!r}{nearest(name, (*MAPPINGS, *SCALARS))}")
        if name in MAPPINGS and not isinstance(value, dict):
            raise UsageError(f"options.{name}: expected a mapping, got {value!r}")
        if name in SCALARS and not SCALARS[name][1](value):
            raise UsageError(f"options.{name}: expected {SCALARS[name][0]}, got {value!r}")
    _check_checkers(spec.options.get("checker", {}), workload)
    given = spec.options.get("workload", {})
    try:
        workload.generator(given)
        if workload.final is not None:
            workload.final(given)
    except (ValueError, TypeError) as e:
        raise UsageError(f"options.workload: {e}") from e
    if spec.clients() > CLIENTS_MAX:
        raise UsageError(f"concurrency: {spec.clients()} clients; expected at most {CLIENTS_MAX}")
    if spec.bin is not None and spec.bug is not None:
        raise UsageError(f"bug: {spec.bug!r} is planted in the project's own nodes, not in bin: {spec.bin}")


def _check_checkers(given: dict[str, Any], workload: Workload) -> None:
    """A checker also says what it does not take by refusing to judge a history of nothing."""
    if not given:
        return
    names = (*workload.checkers, "bite")
    try:
        of_checkers.check(given, names)
    except ValueError as e:
        raise UsageError(f"options.checker.{one_line(str(e))}") from e
    try:
        if "engine" in given:
            engine_named(given["engine"])
        for name in names:
            checkers.create(name).check(Record([], options={**workload.judging, **given}))
    except ValueError as e:
        raise UsageError(f"options.checker: {one_line(str(e))}") from e
