"""Nodes on hosts over SSH: any machines with Python and an account, listed in a file (harness/live/remote/hosts.py).

Nodes speak to each other directly; the harness speaks to them, and hears of them, through its SSH connections, so no
port needs to be open to it. Faults are the hosts' own: packet filters, signals; clocks are the nodes' doing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from harness.errors import UsageError
from harness.live.engine import scratch, sweep_files
from harness.live.faults.firewall import Firewall
from harness.live.host import Facts, Lease, Machine
from harness.live.hostmember import LOOPBACK, HostMember
from harness.live.member import Member, OnExit, OnLine
from harness.live.network import Latency
from harness.live.news import BOOT
from harness.live.packages import digest, relay_sources, vendor
from harness.live.process import own_arguments
from harness.live.relays import Relays
from harness.live.remote.hosts import Host, Hosts, read_hosts
from harness.live.remote.port import RemoteError
from harness.live.tcp import peers
from harness.spec import RunSpec
from harness.streams import Streams

WARDEN = Path(__file__).with_name("warden.py")
FAULTS = frozenset({"partition", "link", "kill", "pause", "clock", "power-loss", "disk", "resource"})
"""what any host can do"""

T = TypeVar("T")


def hosts_of(spec: RunSpec) -> Hosts:
    """The hosts of a run: as many as it has nodes, in the file's order. Raises UsageError."""
    if spec.hosts is None:
        raise UsageError("env: ssh: which hosts? expected --hosts FILE (docs/ssh.md)")
    found = read_hosts(Path(spec.hosts))
    if len(found.hosts) < spec.nodes:
        raise UsageError(f"{spec.hosts}: {len(found.hosts)} hosts for {spec.nodes} nodes; expected as many")
    used = found.hosts[: spec.nodes]
    places: dict[tuple[str, int], str] = {}
    for host in used:
        other = places.setdefault((host.at, host.peer_port), host.name)
        if other != host.name:
            raise UsageError(
                f"{spec.hosts}: {other} and {host.name} are both {host.at}, peer_port {host.peer_port}; "
                "expected another peer_port"
            )
    return Hosts(used, found.jump)


def capabilities(spec: RunSpec) -> frozenset[str]:
    """What the hosts can do: they are asked. Raises UsageError, one line, for hosts that cannot be used at all."""
    probed(hosts_of(spec))
    return FAULTS


def no_filters(found: Hosts) -> str:
    """Why packets between these hosts are not to be filtered, so that relays have to cut links; empty: they are."""
    return _same_places(found.hosts) or next(
        (facts.no_filters for facts in probed(found) if facts.no_filters), ""
    )


def check(spec: RunSpec) -> None:
    """Raises UsageError, one line, for what cannot run on hosts."""
    if spec.bin is not None:
        raise UsageError(f"bin: {spec.bin}: a binary is not brought to hosts; expected env: process")


def _same_places(hosts: Sequence[Host]) -> str:
    """Why packets between these hosts cannot be told apart by address; empty: they can."""
    addresses: dict[str, str] = {}
    for host in hosts:
        try:
            if ipaddress.ip_address(host.at).is_loopback:
                return f"{host.name}'s address {host.at} is a loopback: packets do not show who sent them"
        except ValueError:
            return f"{host.name}'s address {host.at!r} is a name; expected a number (address: ...)"
        if host.at in addresses:
            return f"{addresses[host.at]} and {host.name} have the same address"
        addresses[host.at] = host.name
    return ""


def probed(found: Hosts) -> tuple[Facts, ...]:
    """What each host says of itself: asked once, for a process' life."""
    key = repr(found)
    if key not in _FACTS:
        _FACTS[key] = tuple(everywhere([Machine(host, found.jump) for host in found.hosts], _probe))
    return _FACTS[key]


def one_clock(spec: RunSpec) -> bool:
    """The hosts share this machine's kernel, as containers and namespaces do, and so its clock."""
    boot = BOOT.read_text().strip()
    return all(facts.boot == boot for facts in probed(hosts_of(spec)))


_FACTS: dict[str, tuple[Facts, ...]] = {}


def _probe(machine: Machine) -> Facts:
    try:
        return machine.probe()
    finally:
        machine.close()


def everywhere(machines: Sequence[Machine], act: Callable[[Machine], T]) -> list[T]:
    """On all hosts at once; raises the first one's error in the order of the hosts, when all are done."""
    with ThreadPoolExecutor(max(len(machines), 1)) as pool:
        return [f.result() for f in [pool.submit(act, machine) for machine in machines]]


def sweep_hosts(path: Path, *, force: bool = False) -> tuple[int, list[str]]:
    """Remove what dead harnesses of this machine left on the hosts of a file: how many runs; what could not be done.

    ``force``: whatever run there is. Raises UsageError for the file.
    """
    found = read_hosts(path)
    troubles: list[str] = []

    def one(machine: Machine) -> int:
        try:
            return machine.sweep(force=force)
        except RemoteError as e:
            troubles.append(str(e))
            return 0
        finally:
            machine.close()

    sweep_files()
    return sum(everywhere([Machine(host, found.jump) for host in found.hosts], one)), troubles


class HostsPlace:
    """The environment of one run; ``opened`` makes one."""

    def __init__(self, spec: RunSpec, folder: Path, streams: Streams, families: frozenset[str]) -> None:
        found = hosts_of(spec)
        names = spec.node_names()
        self._spec = spec
        self._folder = folder
        self._streams = streams
        self._facts = probed(found)
        self._machines = {n: Machine(host, found.jump) for n, host in zip(names, found.hosts, strict=True)}
        self._book = {n: (m.host.at, m.host.peer_port) for n, m in self._machines.items()}
        self._secret = f"{streams.stream('secret').bits():016x}"
        self._held: list[str] = []
        self._lost: dict[str, str] = {}
        self.firewall: Firewall | None = None
        filtered = not no_filters(found)
        if filtered:
            ports = {port for _, port in self._book.values()}
            self.firewall = Firewall(
                {n: m.root for n, m in self._machines.items()},
                {n: address for n, (address, _) in self._book.items()},
                ports.pop() if len(ports) == 1 else None,
            )

        self.relays: Relays | None = None
        if spec.options.get("latency") or families & ({"link"} if filtered else {"link", "partition"}):
            self.relays = Relays(
                {n: partial(m.relay, n) for n, m in self._machines.items()},
                self._book,
                streams,
                msgspec.convert(spec.options.get("latency", {}), Latency),
                self.troubled,
            )

    def open(self) -> None:
        """Sweep, take the hosts, put there what nodes need; blocking. Raises RemoteError, UsageError."""
        machines = self._machines
        everywhere(list(machines.values()), Machine.sweep)
        lease = Lease.own(self._folder)
        for name, machine in machines.items():
            machine.hold(lease)
            self._held.append(name)
        with scratch() as folder:
            packed = {
                machine: _pack(facts, Path(folder))
                for machine, facts in zip(machines.values(), self._facts, strict=True)
            }
            everywhere(list(packed), lambda machine: machine.install(*packed[machine], self._secret))

    def close(self) -> None:
        """Collect, and leave nothing on the hosts; what cannot be done is said. Blocking."""
        if self.relays is not None:
            self.relays.close()
        try:
            for name in self._held:
                machine = self._machines[name]
                if name in self._lost:
                    say(f"{machine.name}: left as it is; splitbrain cluster sweep --hosts {self._spec.hosts}")
                    continue
                try:
                    machine.collect(name, self._folder / "nodes" / name)
                    machine.leave()
                except (RemoteError, OSError) as e:
                    say(str(e))
        finally:
            for machine in self._machines.values():
                machine.close()

    def member(self, name: str, folder: Path, on_line: OnLine, on_exit: OnExit) -> Member:
        return HostMember(name, folder, self._machines[name], self, on_line, on_exit)

    # --- what members need ----------------------------------------------------------------------------------

    def arguments(self, name: str, incarnation: int) -> list[str]:
        machine = self._machines[name]
        place = f"{machine.run}/{name}"
        seed = self._streams.stream("time-outs", name).bits() >> 2
        book = dict(self._book)
        if self.relays is not None:
            book |= {peer: (LOOPBACK, port) for peer, port in self.relays.ports(name).items()}
        return [
            *("python3", "-P", "-m", "nodes", *own_arguments(self._spec)),
            *("--data", f"{place}/data", "--power", "--trace", f"{place}/trace-{incarnation}.jsonl"),
            *("--seed", str((seed + incarnation) % (1 << 63)), "--replays"),
            *("--tcp", "--node", name, "--peers", peers(book), "--bind", machine.host.bind),
            *("--client-port", "0", "--metrics-port", "0", "--key-file", f"{machine.run}/key"),
            *("--ports-file", f"{place}/ports-{incarnation}.json"),
        ]

    async def reached(self, name: str) -> None:
        if self._lost.pop(name, None) is not None:
            say(f"{self._machines[name].name}: is back")
            if self.firewall is not None:
                await self.firewall.rebuilt(name)

    def troubled(self, name: str, why: str) -> None:
        if name not in self._lost:
            say(why)

    def lost(self, name: str, why: str) -> None:
        self._lost[name] = why
        say(f"node {name} counts as down, the run goes on: {why}")
        if self.firewall is not None:
            self.firewall.gone(name)


def _pack(facts: Facts, folder: Path) -> tuple[Path, str]:
    """An archive of what nodes need on such a host, and the digest of what is in it."""
    sent = [WARDEN, *relay_sources().values()]
    known = digest(facts.python, facts.suffix, facts.machine, *(path.read_text() for path in sent))
    archive = folder / f"{known}.tar.gz"
    if not archive.exists():
        packages = folder / known
        packages.mkdir()
        try:
            vendor(packages, facts.python, facts.suffix, f"manylinux2014_{facts.machine}")
        except subprocess.CalledProcessError as e:
            last = e.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise UsageError(f"msgspec for Python {facts.python} on {facts.machine}: {last}") from e
        (packages / WARDEN.name).write_bytes(WARDEN.read_bytes())
        for name, source in relay_sources().items():
            target = packages / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        with tarfile.open(archive, "w:gz", compresslevel=3) as tar:
            tar.add(packages, ".")
    return archive, known


@asynccontextmanager
async def opened(
    spec: RunSpec, folder: Path, streams: Streams, families: frozenset[str]
) -> AsyncIterator[HostsPlace]:
    """Take the hosts; they are as they were in the end. Raises UsageError.

    ``families``: of the faults that may come: without link faults nothing stands between the nodes.
    """
    # the default executor has a few threads for each processor: too few for a call to each host at once
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4 * spec.nodes + 4))
    place = HostsPlace(spec, folder, streams, families)
    try:
        await asyncio.to_thread(place.open)
        if place.firewall is not None:
            await place.firewall.open()
        if place.relays is not None:
            await place.relays.open()
        yield place
    finally:
        if place.firewall is not None:
            try:
                await place.firewall.close()
            except RemoteError as e:
                say(str(e))
        await asyncio.to_thread(place.close)


def say(line: str) -> None:
    """One line, for whoever watches."""
    sys.stderr.write(f"splitbrain: {line}\n")
    sys.stderr.flush()
