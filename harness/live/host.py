"""One host over SSH, for one run: what it can do, whose it is, what is put there and what is taken away again.

In the host's ``folder``: ``nodes-DIGEST/``, what nodes run on, sent once and kept; ``run/``, the run that has the
host now, with ``lease``, which names its harness. One run at a time has a host. What a dead harness left,
whoever comes next from the same machine removes.

All of it is blocking, for threads. Scripts may be repeated: each does nothing where it has been done already.
"""

from __future__ import annotations

import os
import socket
import tarfile
import tempfile
import time
from pathlib import Path
from shlex import join, quote
from typing import NamedTuple

import msgspec
import paramiko

from harness.live.faults.firewall import CLEAR
from harness.live.keeper import start_time
from harness.live.news import BOOT, LOST_S
from harness.live.packages import PROBE
from harness.live.remote.hosts import Access, Host
from harness.live.remote.port import SECONDS, Done, RemoteError, UnknownOutcomeError, checked
from harness.live.remote.ssh import SshRemote

FREE_KB_MIN = 50_000
PYTHON_MIN = (3, 11)
PAUSE_S = 0.2
PATH = 'export PATH="$PATH:/usr/sbin:/sbin"'
INSTALL_S = 120.0

LIVING = """living() {
  read -r s 2>/dev/null < /proc/$1/stat || return 1
  s=${s##*) }; want=$2; set -- $s; state=$1
  [ "$state" != Z ] && [ "${20}" = "$want" ]
}
end() {
  living $1 $2 || return 0
  kill -9 -$1 2>/dev/null || ! living $1 $2 || { echo "cannot end process $1"; return 1; }
  while living $1 $2; do sleep 0.01; done
}"""
"""shell functions: whether process $1 is the one that began at $2 (sets ``state``, proc(5)'s letter); end it, which
may just be ending by itself
"""

CLEAN = """[ -d "$run" ] || exit 0
for f in "$run"/*/pid-*; do
  [ -f "$f" ] || continue
  read -r pid start < "$f"
  end "$pid" "$start" || exit 1
done
for again in 1 2 3 4 5; do rm -rf "$run" 2>/dev/null; [ -e "$run" ] || exit 0; sleep 0.1; done
echo "cannot remove $run"; exit 1"""
"""a script: end the nodes of the run in folder ``$run``, and remove it"""


class Lease(msgspec.Struct, frozen=True):
    """Whose a host is: the harness ``pid`` that began at ``start`` on ``machine``, for the run in folder ``run``."""

    machine: str
    pid: int
    start: str
    run: str

    @classmethod
    def own(cls, run: Path) -> Lease:
        pid = os.getpid()
        return cls(socket.gethostname(), pid, start_time(pid), str(run.absolute()))

    @property
    def dead(self) -> bool:
        """What other machines' harnesses do, they know."""
        return self.machine == socket.gethostname() and start_time(self.pid) != self.start


class Facts(NamedTuple):
    """What a host said of itself. ``no_filters``: why packets cannot be filtered there; empty: they can."""

    python: str
    suffix: str
    machine: str
    boot: str
    """the number of its kernel's boot"""
    no_filters: str


class Process(NamedTuple):
    """One that cannot be taken for another."""

    pid: int
    start: str


class Patient:
    """A Remote that tries again, for as long as a host may be away without being lost (harness/live/news.py)."""

    def __init__(self, remote: SshRemote) -> None:
        self.name = remote.name
        self._remote = remote

    def run(self, script: str, *, timeout_s: float = SECONDS, repeatable: bool = False) -> Done:
        deadline = time.monotonic() + LOST_S
        while True:
            try:
                return self._remote.run(script, timeout_s=timeout_s, repeatable=repeatable)
            except RemoteError as e:
                unknown = isinstance(e, UnknownOutcomeError) and not repeatable
                if unknown or time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_S)

    def put(self, source: Path, target: str, *, mode: int = 0o644) -> None:
        self._remote.put(source, target, mode=mode)

    def get(self, source: str, target: Path) -> None:
        self._remote.get(source, target)

    def close(self) -> None:
        self._remote.close()


class Machine:
    """``remote`` is the user's; ``root`` may filter packets. Raises RemoteError, one line, wherever it is used."""

    def __init__(self, host: Host, jump: Access | None) -> None:
        self.host = host
        self.name = host.name
        self.ssh = SshRemote(msgspec.structs.replace(host, sudo=False), jump)
        self._as_root = SshRemote(host, jump) if host.sudo else self.ssh
        self.remote = Patient(self.ssh)
        self.root = Patient(self._as_root)
        self.run = f"{host.folder}/run"
        self.packages = ""

    def close(self) -> None:
        self.ssh.close()
        self._as_root.close()

    # --- before the run -------------------------------------------------------------------------------------

    def probe(self) -> Facts:
        """What it is and can do, without waiting for one that is not there."""
        folder = self.host.folder
        said = checked(
            self.ssh,
            f"mkdir -p {quote(folder)} && cd {quote(folder)} || exit 1\n"
            f'[ -O . ] || {{ echo "{folder} belongs to another user"; exit 1; }}\n'
            f"cat {BOOT}; id -u; uname -m; df -Pk . | tail -n 1\n"
            "command -v python3 >/dev/null || { echo no python3; exit 1; }\n"
            f"python3 -c {quote(PROBE)}",
            repeatable=True,
        ).text.splitlines()
        boot, uid, machine, disk, python = *said[:3], *said[-2:]
        free_kb = int(disk.split()[3])
        if free_kb < FREE_KB_MIN:
            raise RemoteError(
                f"{self.name}: {folder} has {free_kb / 1000:.0f} MB free; expected at least {FREE_KB_MIN // 1000}"
            )
        major, minor, suffix = python.split()
        if (int(major), int(minor)) < PYTHON_MIN:
            raise RemoteError(f"{self.name}: its python3 is {major}.{minor}; expected 3.11 or newer")
        return Facts(f"{major}.{minor}", suffix, machine, boot, self._no_filters(uid == "0"))

    def _no_filters(self, root: bool) -> str:
        if self.host.sudo:
            done = self.ssh.run("sudo -n true", repeatable=True)
            if done.status:
                raise RemoteError(
                    f"{self.name}: sudo: true, but sudo -n does not work there: {done.last_line}"
                )
        elif not root:
            return f"{self.name}: user {self.host.user} is not root, and the hosts file has no sudo: true"
        done = self._as_root.run(
            f"{PATH}; iptables -w 5 -S INPUT && iptables-restore --version", repeatable=True
        )
        return f"{self.name}: iptables does not work there: {done.last_line}" if done.status else ""

    def sweep(self, *, force: bool = False) -> int:
        """Remove what dead harnesses left here; ``force``: whatever there is, of whichever. How many runs."""
        folder = quote(self.host.folder)
        listing = self.ssh.run(
            f"cd {folder} 2>/dev/null || exit 0\n"
            'for r in run run-*; do [ -d "$r" ] && echo "$r $(cat "$r/lease" 2>/dev/null)"; done; true',
            repeatable=True,
        )
        swept, kept = 0, 0
        for line in listing.text.splitlines():
            name, _, text = line.partition(" ")
            try:
                dead = msgspec.json.decode(text, type=Lease).dead
            except msgspec.MsgspecError:
                dead = True  # nobody begins a run without a lease
            if dead or force:
                self._clean(f"{self.host.folder}/{name}")
                swept += 1
            else:
                kept += 1
        if swept and not kept:
            self._clear_filters()
        return swept

    def hold(self, lease: Lease) -> None:
        """Have the host for a run; raises RemoteError, naming who has it."""
        text = msgspec.json.encode(lease).decode()
        new = f"run-{lease.pid}-{lease.start}"
        done = self.remote.run(
            f"cd {quote(self.host.folder)} && umask 077 && "
            f'if [ "$(cat run/lease 2>/dev/null)" = {quote(text)} ]; then exit 0; fi\n'
            f"rm -rf {new} && mkdir {new} && printf %s {quote(text)} > {new}/lease\n"
            f"[ -s {new}/lease ] && mv -T {new} run 2>/dev/null && exit 0\n"
            f"rm -rf {new}; cat run/lease; exit 1",
            repeatable=True,
        )
        if done.status:
            try:
                other = msgspec.json.decode(done.text.strip(), type=Lease)
            except msgspec.MsgspecError:
                raise RemoteError(
                    f"{self.name}: cannot write in {self.host.folder}: {done.last_line}"
                ) from None
            raise RemoteError(
                f"{self.name}: in use by the run {other.run} (process {other.pid} on {other.machine}); "
                "if that one is gone: splitbrain cluster sweep --hosts FILE --force"
            )

    def install(self, archive: Path, digest: str, key: str) -> None:
        """Put what nodes run on there, unless it is there, and the cluster's secret."""
        self.packages = f"{self.host.folder}/nodes-{digest}"
        target, run = quote(self.packages), quote(self.run)
        checked(self.remote, f"umask 077; printf %s {quote(key)} > {run}/key", repeatable=True)
        if not self.remote.run(f"test -e {target}/warden.py", repeatable=True).status:
            return
        self.ssh.put(archive, f"{self.run}/nodes.tar.gz")
        checked(
            self.remote,
            f"cd {run} && rm -rf new && mkdir new && tar xzf nodes.tar.gz -C new && python3 -m compileall -q new\n"
            f"test -e {target}/warden.py || mv -T new {target} || exit 1\nrm -rf new nodes.tar.gz",
            timeout_s=INSTALL_S,
            repeatable=True,
        )

    # --- in the run -----------------------------------------------------------------------------------------

    def start(self, node: str, incarnation: int, arguments: list[str], before: Process | None) -> Process:
        """Start a node's incarnation, once; ``before``: the last one, which may have been out of sight."""
        place = f"{self.run}/{node}"
        end = "" if before is None else f"end {before.pid} {before.start} || exit 1\n"
        warden = ["python3", f"{self.packages}/warden.py", "start", place, str(incarnation)]
        done = self.remote.run(
            f"{LIVING}\n{end}mkdir -p {quote(place)}/data || exit 1\n"
            f"PYTHONPATH={quote(self.packages)} PYTHONDONTWRITEBYTECODE=1 exec {join([*warden, *arguments])}",
            repeatable=True,
        )
        words = done.last_line.split()
        if done.status or len(words) != 2 or not words[0].isdecimal():
            raise RemoteError(f"{self.name}: {done.last_line}")
        return Process(int(words[0]), words[1])

    def signal(self, process: Process, name: str, until: str = "true") -> None:
        """Signal a node's group, if it is still that node; return when ``until`` holds, or it has ended.

        ``until``: a command on ``$state``.
        """
        pid, start = process
        checked(
            self.remote,
            f"{LIVING}\nliving {pid} {start} || exit 0\n"
            f"kill -{name} -{pid} || {{ living {pid} {start} && exit 1; exit 0; }}\n"
            f"while living {pid} {start}; do {until} && exit 0; sleep 0.005; done; exit 0",
            repeatable=True,
        )

    def stopped(self, process: Process) -> bool:
        done = self.remote.run(
            f'{LIVING}\nliving {process.pid} {process.start} && [ "$state" = T ]', repeatable=True
        )
        return not done.status

    def relay(self, node: str) -> paramiko.Channel:
        """Begin a relay in the links that the node dials (harness/live/relay.py)."""
        place, packages = quote(f"{self.run}/{node}"), quote(self.packages)
        return self.ssh.session(
            f"mkdir -p {place} && PYTHONPATH={packages} PYTHONDONTWRITEBYTECODE=1 "
            f"exec python3 -P -m harness.live.relay {place} 2>>{place}/relay.log"
        )

    # --- after the run --------------------------------------------------------------------------------------

    def collect(self, node: str, folder: Path) -> None:
        """Bring a dead node's data and log."""
        place = quote(f"{self.run}/{node}")
        packed = f"{self.run}/{node}.tar.gz"
        checked(
            self.ssh,
            f"cd {place} 2>/dev/null || exit 0\ntouch stderr.log; tar czf {quote(packed)} data stderr.log",
            timeout_s=INSTALL_S,
            repeatable=True,
        )
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".tar.gz") as file:
            self.ssh.get(packed, Path(file.name))
            try:
                with tarfile.open(file.name) as tar:
                    _unpack(tar, folder)
            except (OSError, tarfile.TarError) as e:
                raise RemoteError(f"{self.name}: cannot unpack what came from there: {e}") from e

    def leave(self) -> None:
        """Leave nothing of the run."""
        self._clean(self.run)

    def _clean(self, run: str) -> None:
        checked(self.ssh, f"{LIVING}\nrun={quote(run)}\n{CLEAN}", repeatable=True)

    def _clear_filters(self) -> None:
        """Without the right to do it nothing was done either."""
        self._as_root.run(f"{PATH}; {CLEAR}", repeatable=True)


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Plain files and folders below ``folder``, and nothing else; Python 3.11.4 and later see to it themselves."""
    if hasattr(tarfile, "data_filter"):
        tar.extractall(folder, filter="data")
        return
    for member in tar.getmembers():
        place = (folder / member.name).resolve()
        if (member.isfile() or member.isdir()) and place.is_relative_to(folder.resolve()):
            tar.extract(member, folder)
