"""Hosts for tests: containers with a real sshd, reached by ports published on 127.0.0.1.

The image is the base of the images of nodes with openssh-server, sudo and iptables on it, built once. Whoever logs in
is not root, does so by key only, and may become root through sudo.
"""

from __future__ import annotations

import re
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import docker.errors
import yaml

from harness.live.engine import gone, make_network, owner
from harness.live.image import BASE

LABEL = "splitbrain.test"
HERE = "127.0.0.1"
USER, GUEST = "tester", "guest"
"""one may become root, the other may not, nor have sshd forward connections"""
PACKAGES = ("openssh-server", "sudo", "iptables")
SETTINGS = "/etc/splitbrain-test"
DOCKERFILE = f"""\
FROM {BASE}
COPY packages/ /packages/
RUN dpkg --install /packages/*.deb && rm -r /packages /etc/ssh/ssh_host_* \\
 && useradd --create-home --password '*' --shell /bin/sh {USER} \\
 && useradd --create-home --password '*' --shell /bin/sh {GUEST} \\
 && echo '{USER} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{USER} && mkdir -p /run/sshd
CMD ["/usr/sbin/sshd", "-D", "-e", "-f", "{SETTINGS}/config"]
"""
KEPT = re.compile(r"/(tmp(/splitbrain(/nodes-[0-9a-f]+.*)?)?|run.*|var|var/lib|var/lib/sudo.*)$")
"""paths that a run may leave: what nodes run on, and sudo's own memory"""
CONFIG = f"""\
HostKey {SETTINGS}/host_key
AuthorizedKeysFile {SETTINGS}/authorized_keys
StrictModes no
PasswordAuthentication no
UsePAM no
PermitRootLogin no
PidFile none
Subsystem sftp internal-sftp
Match User {GUEST}
AllowTcpForwarding no
"""


def image(engine: Any) -> str:
    """Its tag; built where it is missing. Packages come from where this machine's apt gets its own."""
    base = engine.images.get(BASE)
    digest = blake2b(f"{base.id}{DOCKERFILE}{PACKAGES}".encode(), digest_size=10).hexdigest()
    tag = f"splitbrain-test-sshd:{digest}"
    try:
        engine.images.get(tag)
    except docker.errors.ImageNotFound:
        with tempfile.TemporaryDirectory() as folder:
            context = Path(folder)
            (context / "Dockerfile").write_text(DOCKERFILE)
            fetch(engine, context / "packages", context)
            engine.images.build(path=folder, tag=tag, rm=True, forcerm=True, network_mode="none")
    return tag


def fetch(engine: Any, target: Path, folder: Path) -> None:
    """What the packages need that the base does not have."""
    held = engine.containers.create(BASE, ["true"], labels={LABEL: owner()})
    try:
        stream, _ = held.get_archive("/var/lib/dpkg/status")
        (folder / "status.tar").write_bytes(b"".join(stream))
    finally:
        held.remove()
    with tarfile.open(folder / "status.tar") as tar:
        file = tar.extractfile("status")
        assert file is not None
        (folder / "status").write_bytes(file.read())
    (target / "partial").mkdir(parents=True)
    options = [
        f"Dir::State::status={folder}/status",
        f"Dir::Cache::archives={target}",
        "Debug::NoLocking=1",
        "APT::Sandbox::User=root",
    ]
    command = ["apt-get", *(f"-o{o}" for o in options), "--yes", "--no-install-recommends", "--download-only"]
    for attempt in range(2):
        done = subprocess.run(
            [*command, "install", *PACKAGES],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            break
        assert not attempt, done.stderr
        subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
    (target / "partial").rmdir()
    for path in (folder / "status", folder / "status.tar"):
        path.unlink()


def sweep(engine: Any) -> None:
    """Remove the boxes of test processes that were killed."""
    for container in engine.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        if gone(container.labels[LABEL], None):
            container.remove(force=True, v=True)
    for network in engine.networks.list(filters={"label": LABEL}):
        if gone(network.attrs["Labels"][LABEL], None):
            network.remove()


def free_port() -> int:
    with socket.create_server((HERE, 0)) as free:
        return int(free.getsockname()[1])


class Boxes:
    """``count`` of them; in ``folder``: keys, known_hosts, hosts.yaml. Use ``end``."""

    def __init__(self, engine: Any, folder: Path, count: int) -> None:
        sweep(engine)
        self.folder, self.count = folder, count
        self.key, self.known_hosts, self.file = folder / "key", folder / "known_hosts", folder / "hosts.yaml"
        settings = folder / "settings"
        settings.mkdir()
        for path in (self.key, folder / "stranger", settings / "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        (settings / "authorized_keys").write_bytes(self.key.with_suffix(".pub").read_bytes())
        (settings / "config").write_text(CONFIG)
        marks = {LABEL: owner()}
        name = f"splitbrain-test-{owner().partition(':')[0]}-{time.monotonic_ns() % 1_000_000}"
        self.network, self.prefix = make_network(engine, name, marks)
        tag = image(engine)
        self.ports = [free_port() for _ in range(count)]
        self.containers = []
        for i, port in enumerate(self.ports):
            at = engine.api.create_endpoint_config(ipv4_address=self.address(i))
            self.containers.append(
                engine.containers.run(
                    tag,
                    detach=True,
                    name=f"{name}-{i}",
                    hostname=f"box{i}",
                    labels=marks,
                    network=name,
                    networking_config={name: at},
                    ports={"22/tcp": (HERE, port)},
                    volumes={str(settings): {"bind": SETTINGS, "mode": "ro"}},
                    cap_add=["NET_ADMIN"],
                    init=True,
                )
            )
        kind, key = (settings / "host_key.pub").read_text().split()[:2]
        self.known_hosts.write_text("".join(f"[{HERE}]:{port} {kind} {key}\n" for port in self.ports))
        self.write()
        for i in range(count):
            self.wait(i)
            # what the first use of a packet filter leaves is there from the beginning
            self.inside(i, "sh", "-c", "iptables -N first && iptables -X first")

    def address(self, i: int) -> str:
        """On the network of the boxes."""
        return f"{self.prefix}.{10 + i}"

    def write(self, path: Path | None = None, boxes: Iterable[int] | None = None, **defaults: object) -> Path:
        """A hosts file."""
        given = {
            "host": HERE,
            "user": USER,
            "sudo": True,
            "key": str(self.key),
            "known_hosts": str(self.known_hosts),
            **defaults,
        }
        listed = [
            {"name": f"box{i}", "port": self.ports[i], "address": self.address(i)}
            for i in (range(self.count) if boxes is None else boxes)
        ]
        path = path or self.file
        path.write_text(yaml.safe_dump({"hosts": listed, "defaults": given}))
        return path

    def wait(self, i: int) -> None:
        """Until its sshd answers."""
        for _ in range(600):
            try:
                with socket.create_connection((HERE, self.ports[i]), timeout=1) as probe:
                    if probe.recv(4) == b"SSH-":
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(self.containers[i].logs().decode())

    def inside(self, i: int, *command: str) -> str:
        """What a command prints that root runs in a box."""
        code, output = self.containers[i].exec_run(list(command))
        text = output.decode()
        assert code == 0, text
        return str(text)

    def rules(self, i: int) -> list[str]:
        """Of its packet filter, without counters."""
        lines = self.inside(i, "iptables-save").splitlines()
        return [re.sub(r"\[\d+:\d+\]", "", line).strip() for line in lines if line and line[0] != "#"]

    def processes(self, i: int) -> list[str]:
        """Command lines in a box, sshd's own and their sessions' left out."""
        rows = self.containers[i].top(ps_args="-eo pid,args")["Processes"] or []
        return sorted(row[-1] for row in rows if not re.search(r"sshd|docker-init", row[-1]))

    def files(self, i: int) -> list[str]:
        """Paths that are not as in the image, but for what nodes run on, which is kept for the next run."""
        changed = [entry["Path"] for entry in self.containers[i].diff() or ()]
        return sorted(path for path in changed if not KEPT.match(path))

    def everything(self) -> list[tuple[list[str], list[str], list[str]]]:
        """What there is on each box: rules, processes, files."""
        return [(self.rules(i), self.processes(i), self.files(i)) for i in range(self.count)]

    def settle(self, before: object) -> None:
        """What there is becomes what there was: sessions' shells end a moment after their connections."""
        for _ in range(400):
            now = self.everything()
            if now == before:
                return
            time.sleep(0.1)
        assert now == before

    def die(self, i: int) -> None:
        self.containers[i].kill()

    def boot(self, i: int) -> None:
        self.containers[i].start()
        self.wait(i)

    def end(self) -> None:
        for container in self.containers:
            container.remove(force=True, v=True)
        self.network.remove()
