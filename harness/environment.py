"""Environments: where a run's nodes live, what can be done to them there, and how a run is driven."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from harness.errors import UsageError
from harness.runtime import Runtime
from harness.spec import RunSpec
from harness.streams import Streams
from harness.systems.registry import adapter
from nemeses.port import FaultPort

Observer = Callable[[int, int, str, str, dict[str, Any]], None]
"""sees each trace event: (index, time, node, kind, data)"""


class Cluster(FaultPort, Runtime, Protocol):
    """A cluster behind both ports: of faults, and of the harness's own coroutines."""

    async def start_all(self) -> None:
        """Start every node and return when all of them can be spoken to."""
        ...


class Drive(Protocol):
    """Open a cluster, run ``main`` on it to its end, and clean up, whatever happens.

    Trace events go to ``trace`` as JSON lines and to ``observers`` one by one, during the run or at its end.
    Returns the environment's own figures.
    """

    def __call__(
        self,
        spec: RunSpec,
        folder: Path,
        streams: Streams,
        trace: BinaryIO,
        observers: Sequence[Observer],
        main: Callable[[Cluster], Coroutine[Any, Any, None]],
    ) -> dict[str, Any]: ...


def drive_sim(
    spec: RunSpec,
    folder: Path,
    streams: Streams,
    trace: BinaryIO,
    observers: Sequence[Observer],
    main: Callable[[Cluster], Coroutine[Any, Any, None]],
) -> dict[str, Any]:
    from harness.sim.cluster import SimCluster  # noqa: PLC0415  a live run does not load the simulator
    from nodes.systems import SYSTEMS  # noqa: PLC0415

    del folder
    cluster = SimCluster(spec, SYSTEMS[spec.system], streams, trace, observers)
    cluster.drive(main(cluster))
    cluster.audit()
    world = cluster.world
    return {"delivered": world.delivered, "steps": world.steps, "hash": world.hash, "virtual_ns": world.time}


def capabilities(spec: RunSpec) -> frozenset[str]:
    """The families of faults that this run's environment can do."""
    if spec.env == "sim":
        from harness.sim.cluster import CAPABILITIES  # noqa: PLC0415

        return CAPABILITIES
    from harness.live import capabilities as live_capabilities  # noqa: PLC0415

    return live_capabilities(spec)


def reason(spec: RunSpec, family: str) -> str:
    """Why this run's members cannot have such faults, in brackets, where it is known."""
    foreign = adapter(spec)
    if foreign is None or spec.env == "sim":
        return ""
    from harness.live import lacking  # noqa: PLC0415

    why = dict(lacking(spec, foreign)).get(family, "")
    return f" ({why})" if why else ""


def check_environment(spec: RunSpec) -> None:
    """Raises UsageError, one line, for what a run's environment cannot run, its own options included."""
    if spec.env != "sim":
        from harness.live import check  # noqa: PLC0415

        check(spec)
        return
    if spec.transport != "stdio":
        raise UsageError(f"transport: {spec.transport} is for env: process, not sim")
    if spec.bin is not None:
        raise UsageError(f"bin: {spec.bin}: a binary cannot run in simulation; expected env: process")
    if adapter(spec) is not None:
        raise UsageError(f"system: {spec.system} cannot run in simulation; expected env: process")
    from harness.sim.cluster import check_options  # noqa: PLC0415

    check_options(spec)


def drive_of(spec: RunSpec) -> Drive:
    if spec.env == "sim":
        return drive_sim
    from harness.live import drive  # noqa: PLC0415

    return drive


def one_clock(spec: RunSpec) -> bool:
    """Whether all nodes' traces have their times from one clock, and so are in the order in which things happened."""
    if spec.env != "ssh":
        return True
    from harness.live.ssh import one_clock as of_hosts  # noqa: PLC0415

    return of_hosts(spec)
