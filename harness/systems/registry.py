"""Adapters by name: these here, those of entry points in the group ``splitbrain.systems``, and files.

A system whose name ends with ``.py`` is a file that has a ``Client`` of three functions (harness/systems/lean.py), or
a whole ``ADAPTER``.
"""

from __future__ import annotations

import runpy
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from harness.errors import UsageError, one_line
from harness.spec import RunSpec
from harness.systems.etcd import ADAPTER as ETCD
from harness.systems.lean import adapter_of
from harness.systems.port import Adapter
from harness.systems.pysyncobj import ADAPTER as PYSYNCOBJ
from harness.systems.redis import ADAPTER as REDIS
from harness.systems.zookeeper import ADAPTER as ZOOKEEPER

GROUP = "splitbrain.systems"
"""shared with the systems that run as our own nodes (nodes/systems.py); told apart by their type"""


@cache
def adapters() -> dict[str, Adapter]:
    found: dict[str, Adapter] = {a.name: a for a in (ETCD, REDIS, PYSYNCOBJ, ZOOKEEPER)}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        loaded = point.load()
        if isinstance(loaded, Adapter):
            found[point.name] = loaded
    return found


def adapter(spec: RunSpec) -> Adapter | None:
    """Of the run's system, or None where that is one of our own or a binary. Raises UsageError for a bad file."""
    if spec.bin is not None:
        return None
    if spec.system.endswith(".py"):
        return _from_file(spec.system)
    return adapters().get(spec.system)


def is_own(spec: RunSpec) -> bool:
    """Whether the run's nodes are the project's (nodes/systems.py)."""
    return spec.bin is None and adapter(spec) is None


def _from_file(name: str) -> Adapter:
    path = Path(name).absolute()
    if not path.is_file():
        raise UsageError(f"system: {name}: no such file")
    return _loaded(name, path, path.stat().st_mtime_ns)


@cache
def _loaded(name: str, path: Path, version: int) -> Adapter:
    del version  # a file that was changed is another one
    try:
        found = adapter_of(path, runpy.run_path(str(path)))
    except Exception as e:
        raise UsageError(f"system: {name}: {type(e).__name__}: {one_line(str(e))}") from e
    if found is None:
        raise UsageError(
            f"system: {name}: expected a class Client with open, invoke and close, or an ADAPTER, an instance of "
            "harness.systems.port.Adapter"
        )
    return found
