"""Driving a run in real time: open a cluster, run a coroutine on it, clean up whatever happens."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from checkers.record import TraceEvent
from harness.decode import decode
from harness.errors import UsageError
from harness.live import machines, packets
from harness.live.cluster import LiveCluster
from harness.live.faults import faketime, lazyfs
from harness.live.keeper import Keeper
from harness.live.member import Member, OnExit, OnLine
from harness.live.network import Latency
from harness.live.process import StdioMember, find_binary
from harness.live.proxy import LinkProxies
from harness.live.tcp import TcpMember
from harness.live.trace import Line, merged
from harness.nemesis import Triggers
from harness.spec import RunSpec
from harness.streams import Streams
from harness.systems.port import Adapter
from harness.systems.registry import adapter
from nemeses.schedule import Schedule

if TYPE_CHECKING:
    from harness.live.foreign import Quarters

Observer = Callable[[int, int, str, str, dict[str, Any]], None]
Main = Callable[[LiveCluster], Coroutine[Any, Any, None]]

TCP_NODES_MAX = 50

_encode = msgspec.json.Encoder().encode


def capabilities(spec: RunSpec) -> frozenset[str]:
    """The families of faults that a live environment can do. Clocks, power losses and bad disks are our own nodes'
    doing; a binary's wall clock is libfaketime's, if the run is to have such faults.
    """
    foreign = adapter(spec)
    if foreign is not None:
        return foreign.faults - {name for name, why in lacking(spec, foreign) if why}
    if spec.env == "ssh":
        from harness.live.ssh import capabilities as of_hosts  # noqa: PLC0415  they are asked

        return of_hosts(spec)
    faults = {"partition", "link", "kill", "pause"}
    if spec.env in ("process", "docker"):
        faults.add("resource")
    if spec.env == "process" and faketime.planned(spec):
        faults.add("clock")
    return frozenset(faults | {"clock", "power-loss", "disk"} if spec.bin is None else faults)


def check(spec: RunSpec) -> None:
    """Raises UsageError, one line, for a binary that cannot be run and for options of live clusters."""
    if spec.env == "docker":
        from harness.live.docker import check as check_docker  # noqa: PLC0415

        check_docker(spec)
    elif spec.env == "ssh":
        from harness.live.ssh import check as check_ssh  # noqa: PLC0415

        check_ssh(spec)
    elif spec.bin is not None:
        find_binary(spec.bin)
    foreign = adapter(spec)
    if foreign is not None:
        check_foreign(spec, foreign)
    if spec.env == "process" and spec.transport == "tcp":
        check_tcp(spec)
    decode(spec.options.get("latency", {}), Latency, "options.latency", lambda _: Latency.__struct_fields__)


def lacking(spec: RunSpec, foreign: Adapter) -> list[tuple[str, str]]:
    """Families that a foreign system's members may lack here: why, or nothing where they do not."""
    inside = spec.env == "docker"
    root = os.geteuid() == 0 if inside else machines.able()
    config = spec.options.get("config", {})
    return [
        ("partition", "" if root else "networks of their own take root"),
        ("link", "" if root and packets.able() else "packets are carried by root, and /dev/net/tun"),
        ("clock", clock_refusal(foreign, config, inside=inside)),
        ("power-loss", "folders in containers are not served over FUSE" if inside else lazyfs.missing()),
    ]


def clock_refusal(foreign: Adapter, config: Any, *, inside: bool) -> str:
    """Why the wall clocks of a system's members cannot be set, in one line; empty if they can."""
    if faketime.library() is None:
        return "libfaketime is not installed"
    if inside:  # nobody here sees the program: its own word must tell whether it heeds the library
        tells = type(foreign).clock is not Adapter.clock
        return "" if tells else f"{foreign.name} does not tell its clock, so nobody could see it change"
    return next(filter(None, map(faketime.refusal, foreign.clocks(config))), "")


def check_foreign(spec: RunSpec, foreign: Adapter) -> None:
    """Raises UsageError where a foreign system cannot run."""
    if spec.env not in ("process", "docker") or spec.transport != "stdio":
        how = f"transport: {spec.transport}" if spec.transport != "stdio" else f"env: {spec.env}"
        raise UsageError(
            f"system: {spec.system} has links of its own between processes or containers; {how} is not for it"
        )
    if spec.nodes > machines.NODES_MAX:
        raise UsageError(f"nodes: {spec.nodes} of a foreign system; expected at most {machines.NODES_MAX}")
    inside = spec.env == "docker"
    if spec.options.get("image") and not inside:
        raise UsageError("options.image: an image is for env: docker")
    for program in () if inside else foreign.programs:
        if shutil.which(program) is None:
            raise UsageError(f"system: {spec.system} needs {program}, which is not on the PATH")
    try:
        foreign.check(spec.options.get("config", {}))
        foreign.runs(inside=inside, image=str(spec.options.get("image", "")))
    except ValueError as e:
        raise UsageError(f"{e}") from e


def check_tcp(spec: RunSpec) -> None:
    """Raises UsageError where nodes cannot have links of their own."""
    if spec.bin is not None:
        raise UsageError(
            f"transport: tcp is for the project's own nodes; bin: {spec.bin} is spoken to over stdio"
        )
    if spec.nodes > TCP_NODES_MAX:
        raise UsageError(
            f"transport: tcp takes a listener for each pair of nodes: at most {TCP_NODES_MAX} nodes"
        )


@asynccontextmanager
async def open_cluster(
    spec: RunSpec, folder: Path, streams: Streams, hear: Callable[[str, Line], None] = lambda *_: None
) -> AsyncIterator[LiveCluster]:
    """A cluster whose nodes are not started yet; all of them are dead when the context ends.

    Raises StartError when the nodes' binary cannot be run.
    """
    foreign = adapter(spec)
    if foreign is not None:
        async with open_foreign(spec, folder, streams, foreign, hear) as cluster:
            yield cluster
        return
    if spec.env == "docker":
        from harness.live.docker import opened  # noqa: PLC0415  a run of processes does not load it

        async with opened(spec, folder, streams, between=links_are_shaped(spec, folder)) as place:
            cluster = LiveCluster(
                spec,
                folder,
                streams,
                capabilities(spec),
                place.member,
                hear,
                place.proxies,
                place.firewall,
                place.netem,
            )
            cluster.means = place.means
            async with _closing(cluster):
                yield cluster
        return
    if spec.env == "ssh":
        from harness.live.ssh import opened as hosts_opened  # noqa: PLC0415

        families = frozenset(planned_families(spec, folder))
        async with hosts_opened(spec, folder, streams, families) as hosts:
            cluster = LiveCluster(
                spec, folder, streams, capabilities(spec), hosts.member, hear, hosts.relays, hosts.firewall
            )
            async with _closing(cluster):
                yield cluster
        return
    if spec.bin is not None:
        find_binary(spec.bin)
    keeper = Keeper()
    proxies = LinkProxies(spec.node_names(), streams) if spec.transport == "tcp" else None
    secret = f"{streams.stream('secret').bits():016x}"

    def member(name: str, place: Path, on_line: OnLine, on_exit: OnExit) -> Member:
        seed = streams.stream("time-outs", name).bits() >> 2
        if proxies is not None:
            return TcpMember(name, place, spec, seed, keeper, proxies, secret, on_line, on_exit)
        return StdioMember(name, place, spec, seed, keeper, on_line, on_exit)

    try:
        if proxies is not None:
            await proxies.open()
        cluster = LiveCluster(spec, folder, streams, capabilities(spec), member, hear, proxies)
        async with _closing(cluster):
            yield cluster
    finally:
        if proxies is not None:
            proxies.close()
        keeper.close()


def links_are_shaped(spec: RunSpec, folder: Path) -> bool:
    """Whether something has to stand in the links of this run: for its latency, or for faults of its schedule.

    Without a schedule in the run's folder nobody knows, and the answer is yes.
    """
    return bool(spec.options.get("latency")) or "link" in planned_families(spec, folder)


def planned_families(spec: RunSpec, folder: Path) -> set[str]:
    """Of the faults in the run's schedule; all that there may be, where there is none in its folder."""
    path = folder / "schedule.yaml"
    if not path.exists():
        return set(capabilities(spec))
    return {fault.family for fault in Schedule.load(path).faults}


@asynccontextmanager
async def open_foreign(
    spec: RunSpec, folder: Path, streams: Streams, foreign: Adapter, hear: Callable[[str, Line], None]
) -> AsyncIterator[LiveCluster]:
    from harness.live.foreign import ForeignCluster  # noqa: PLC0415  other runs do not load it

    async with quarters(spec, folder, streams, foreign) as place:
        able = capabilities(spec)
        cluster = ForeignCluster(spec, folder, streams, able, foreign, place, hear)
        try:
            async with _closing(cluster):
                yield cluster
        finally:
            if place.packets is not None:
                place.packets.close()


@asynccontextmanager
async def quarters(
    spec: RunSpec, folder: Path, streams: Streams, foreign: Adapter
) -> AsyncIterator[Quarters]:
    """Where the members of a foreign system live."""
    latency = msgspec.convert(spec.options.get("latency", {}), Latency)
    if spec.env == "docker":
        from harness.live.pods import opened  # noqa: PLC0415  a run of processes does not load it

        async with opened(spec, folder, streams, foreign, latency) as pods:
            yield pods
        return
    from harness.live.foreign import ProcessQuarters  # noqa: PLC0415  other runs do not load it

    keeper = Keeper()
    try:
        with machines.Machines(spec.node_names(), apart=machines.able()) as made:
            carried = None
            if made.firewall is not None and packets.able():
                carried = packets.Packets(made.addresses, made.path, streams, latency)
            clock = faketime.in_schedule(spec, folder)
            lossy = lazyfs.planned(spec, folder)
            yield ProcessQuarters(made, keeper, carried, clock=clock, lossy=lossy)
    finally:
        keeper.close()


@asynccontextmanager
async def _closing(cluster: LiveCluster) -> AsyncIterator[LiveCluster]:
    try:
        yield cluster
    finally:
        await cluster.close()


def run(
    main: Main,
    spec: RunSpec,
    folder: Path,
    streams: Streams,
    hear: Callable[[str, Line], None] = lambda *_: None,
) -> LiveCluster:
    """Run ``main`` on a cluster to its end; the closed cluster. Exceptions of ``main`` pass through."""

    async def whole() -> LiveCluster:
        async with open_cluster(spec, folder, streams, hear) as cluster:
            task = asyncio.ensure_future(main(cluster))
            failed = cluster.runtime.failed
            try:
                await asyncio.wait({task, failed}, return_when=asyncio.FIRST_COMPLETED)
                if failed.done() and not task.done():
                    failed.result()
                task.result()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                if not failed.done():
                    failed.cancel()
        return cluster

    return asyncio.run(whole())


def drive(
    spec: RunSpec,
    folder: Path,
    streams: Streams,
    trace: BinaryIO,
    observers: Sequence[Observer],
    main: Main,
) -> dict[str, Any]:
    """``harness.environment.Drive`` for live environments.

    The merged trace is written, and observers see it, at the end, when its order is known. Triggers alone hear
    of events while they happen: it is what they are for.
    """
    triggers = [t for o in observers if isinstance(t := getattr(o, "__self__", None), Triggers)]

    def hear(node: str, line: Line) -> None:
        for trigger in triggers:
            trigger.observe(0, line.time, node, line.kind, line.data)

    opened: list[LiveCluster] = []

    async def noted(cluster: LiveCluster) -> None:
        opened.append(cluster)
        await main(cluster)

    try:
        run(noted, spec, folder, streams, hear)
    finally:  # what an interrupted run has recorded is worth as much
        events = _write(opened, trace, observers)
    return {**opened[0].figures(), "events": events}


def _write(opened: Sequence[LiveCluster], trace: BinaryIO, observers: Sequence[Observer]) -> int:
    """Merge the traces of the nodes; how many events there are."""
    events = 0
    for cluster in opened:
        for index, event in merged(cluster.folders, cluster.world, cluster.runtime.origin_ns):
            trace.write(_encode(TraceEvent(index, event.time, event.node, event.kind, event.data)) + b"\n")
            for observer in observers:
                observer(index, event.time, event.node, event.kind, event.data)
            events += 1
    return events
