"""Hosts for tests: network namespaces of this machine, each with an address, an sshd and a packet filter of its own.

One namespace more is the switch between them, so that this machine's own packet filters see nothing of it. They share
this machine's processes and files; each has a folder of its own. Needs root, ``ip`` and sshd.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from tests.live.sshd import SSHD

NETMASK = 24
PORT = 22


def run(*command: object, check: bool = True) -> str:
    done = subprocess.run([str(c) for c in command], check=False, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
    return done.stdout


def missing() -> str:
    """Why there can be no such hosts here; empty: there can."""
    if os.geteuid() != 0:
        return "not root: no network namespaces"
    for program in ("ip", "iptables", "ssh-keygen", SSHD):
        if shutil.which(program) is None:
            return f"no {program} on this machine"
    return ""


def sweep() -> None:
    """Remove the hosts of test processes that were killed."""
    for name in (line.split()[0] for line in run("ip", "netns", "list").splitlines()):
        found = re.fullmatch(r"sbt(\d+)[ns]\d*", name)
        if found is None or Path(f"/proc/{found[1]}").exists():
            continue
        for pid in run("ip", "netns", "pids", name).split():
            os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "del", name)


class Hosts:
    """``count`` hosts, in ``folder``: keys, known_hosts, hosts.yaml, and a folder for each host's own."""

    def __init__(self, folder: Path, count: int) -> None:
        if missing():
            pytest.skip(missing())
        sweep()
        self.folder = folder
        self.mark = f"sbt{os.getpid()}"
        # RFC 6598: an operator's own; two test processes at once have two networks
        self.prefix = f"100.{64 + os.getpid() % 64}.{os.getpid() // 64 % 256}"
        self.switch = f"{self.mark}s"
        self.count = count
        self.key, self.known_hosts, self.file = folder / "key", folder / "known_hosts", folder / "hosts.yaml"
        for path in (self.key, folder / "stranger", folder / "host_key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
        (folder / "authorized_keys").write_bytes(self.key.with_suffix(".pub").read_bytes())
        public = " ".join((folder / "host_key.pub").read_text().split()[:2])
        self.known_hosts.write_text("".join(f"{self.address(i)} {public}\n" for i in range(count)))
        self.daemons: dict[int, subprocess.Popen[bytes]] = {}
        Path("/run/sshd").mkdir(exist_ok=True)
        run("ip", "netns", "add", self.switch)
        run("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.switch, "link", "set", "br0", "up")
        self.own_end = f"{self.mark}h"
        run("ip", "link", "add", self.own_end, "type", "veth", "peer", "name", "up0", "netns", self.switch)
        run("ip", "-n", self.switch, "link", "set", "up0", "master", "br0", "up")
        run("ip", "addr", "add", f"{self.prefix}.1/{NETMASK}", "dev", self.own_end)
        run("ip", "link", "set", self.own_end, "up")
        for i in range(count):
            self._add(i)
        self.write(range(count))

    def address(self, i: int) -> str:
        return f"{self.prefix}.{10 + i}"

    def space(self, i: int) -> str:
        return f"{self.mark}n{i}"

    def place(self, i: int) -> Path:
        """The folder of the harness on that host."""
        return self.folder / f"host{i}"

    def write(self, hosts: Iterable[int], path: Path | None = None, **defaults: object) -> Path:
        """A hosts file."""
        given = {"key": str(self.key), "known_hosts": str(self.known_hosts), **defaults}
        listed = [{"name": f"host{i}", "host": self.address(i), "folder": str(self.place(i))} for i in hosts]
        path = path or self.file
        path.write_text(yaml.safe_dump({"hosts": listed, "defaults": given}))
        return path

    def _add(self, i: int) -> None:
        space, outer = self.space(i), f"v{i}"
        run("ip", "netns", "add", space)
        run(
            "ip",
            "-n",
            self.switch,
            "link",
            "add",
            outer,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            space,
        )
        run("ip", "-n", self.switch, "link", "set", outer, "master", "br0", "up")
        run("ip", "-n", space, "addr", "add", f"{self.address(i)}/{NETMASK}", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        run("ip", "-n", space, "link", "set", "lo", "up")
        (self.folder / f"config{i}").write_text(
            f"Port {PORT}\nListenAddress {self.address(i)}\nHostKey {self.folder}/host_key\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nStrictModes no\nPasswordAuthentication no\n"
            "UsePAM no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
        )
        self.boot(i)

    def boot(self, i: int) -> None:
        """Start its sshd."""
        command = ["ip", "netns", "exec", self.space(i), SSHD, "-D", "-f", self.folder / f"config{i}"]
        self.daemons[i] = subprocess.Popen(
            [*command, "-E", self.folder / f"sshd{i}.log"], stdin=subprocess.DEVNULL, start_new_session=True
        )
        for _ in range(1500):
            if ":22 " in run("ip", "netns", "exec", self.space(i), "ss", "-Hltn", check=False):
                return
            time.sleep(0.02)
        raise AssertionError((self.folder / f"sshd{i}.log").read_text())

    def processes(self, i: int) -> list[int]:
        """Of its network namespace."""
        return [int(pid) for pid in run("ip", "netns", "pids", self.space(i)).split()]

    def filters(self, i: int) -> str:
        return run("ip", "netns", "exec", self.space(i), "iptables-save")

    def die(self, i: int) -> None:
        """All its processes at once, sshd and node."""
        for pid in self.processes(i):
            os.kill(pid, signal.SIGKILL)
        self.daemons.pop(i).wait()

    def end(self) -> None:
        for i in range(self.count):
            for pid in self.processes(i):
                os.kill(pid, signal.SIGKILL)
            daemon = self.daemons.get(i)
            if daemon is not None:
                daemon.wait()
            run("ip", "netns", "del", self.space(i))
        run("ip", "link", "del", self.own_end)
        run("ip", "netns", "del", self.switch)
