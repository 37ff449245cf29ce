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

from harness.errors import UsageError, nearest
from harness.spec import RunSpec
from workloads.port import Workload

MAPPINGS = ("workload", "config", "checker", "latency", "disk")
SCALARS = ("init_timeout_s", "base_image", "links", "link_faults", "image")

CLIENTS_MAX = 10_000
"""client threads in one run: more is a mistake, not a load"""

NUMBERS = (
    "max_recovery_s", "min_ok_fraction", "budget_s", "budget_mb", "settle_s", "leader_changes_max", "terms_max",
    "startup_s", "panics_max", "max_convergence_s",
)  # fmt: skip
"""options of checkers that are numbers"""


def check_options(spec: RunSpec, workload: Workload) -> None:
    """Raises UsageError, one line, for an option that nobody reads or whose reader refuses it."""
    for name, value in spec.options.items():
        if name not in MAPPINGS and name not in SCALARS:
            raise UsageError(f"options: unknown option {name!r}{nearest(name, (*MAPPINGS, *SCALARS))}")
        if name in MAPPINGS and not isinstance(value, dict):
            raise UsageError(f"options.{name}: expected a mapping, got {value!r}")
    for name in NUMBERS:
        value = spec.options.get("checker", {}).get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise UsageError(f"options.checker.{name}: expected a number of at least 0, got {value!r}")
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
