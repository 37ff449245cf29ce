"""An engine spoken to over TCP: a run works through it, its networks entered by commands in the containers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from harness.errors import UsageError
from harness.live import far
from harness.live.engine import Engine
from harness.live.image import BASE
from tests.live.engines import held_engine
from tests.live.played import bites, fault, valid

FILTERS = "splitbrain-test-iptables"
CHUNK = 1 << 16


class Forwarder:
    """The engine's socket at a port of the loopback."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self._path)
            back = threading.Thread(target=self._pass_on, args=(engine, near), daemon=True)
            back.start()
            self._pass_on(near, engine)
            back.join()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with held_engine(tmp_path_factory) as client:
        yield client


@pytest.fixture
def forwarder(local: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forwarder]:
    url = local.api.base_url
    path = "/var/run/docker.sock" if "localhost" in url else url.removeprefix("http+unix:/")
    made = Forwarder(path)
    monkeypatch.setenv("DOCKER_HOST", made.address)
    yield made
    made.close()


def with_iptables(client: Any, folder: Path) -> str:
    """The base image with this machine's iptables in it: both are of one release. Returns its name."""
    program = Path(shutil.which("iptables-restore") or "/usr/sbin/iptables-restore").resolve()
    needed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    files = {program} | {Path(word) for word in needed.split() if word.startswith("/lib")}
    extensions = next(Path("/usr/lib").glob("*/xtables"))
    root = folder / "root"
    for file in files:
        target = root / str(file.resolve() if file == program else file).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        target.chmod(0o755)
    shutil.copytree(extensions, root / str(extensions).lstrip("/"))
    names = ("iptables", "iptables-save", "iptables-restore")
    links = " && ".join(f"ln -sf {program} /usr/sbin/{name}" for name in names)
    # /lib is a link in the image, which a folder must not replace
    (folder / "Dockerfile").write_text(
        f"FROM {BASE}\nCOPY root /opt/iptables\nRUN cp -r /opt/iptables/lib*/. /lib/ 2>/dev/null; "
        f"cp -r /opt/iptables/usr/. /usr/ && {links}\n"
    )
    client.images.build(path=str(folder), tag=FILTERS, rm=True, forcerm=True)
    return FILTERS


def test_partitions_by_commands_in_the_containers(local: Any, forwarder: Forwarder, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    base = with_iptables(local, tmp_path / "image")
    try:
        faults = [
            fault(500, 1500, "partition:isolated-leader", "leader"),
            fault(2500, 3500, "kill:leader", "leader"),
        ]
        outcome = valid(
            "docker", tmp_path / "run", faults, nodes=3, time_limit=5, options={"base_image": base}
        )
    finally:
        with suppress(docker.errors.ImageNotFound):
            local.images.remove(base, force=True)
    assert bites(outcome) == {"partition": (1, 1), "kill": (1, 1)}
    assert outcome.summary["world"]["means"] == {"partition": "packet filter"}
    assert forwarder.connections > 0


def test_all_link_faults_by_proxies_that_the_containers_can_dial(
    forwarder: Forwarder, tmp_path: Path
) -> None:
    faults = [
        fault(500, 1500, "partition:isolated-leader", "leader"),
        fault(2500, 3500, "link:loss", "all", loss_ppm=300_000),
    ]
    outcome = valid("docker", tmp_path / "run", faults, nodes=3, time_limit=4.5)
    assert bites(outcome) == {"partition": (1, 1), "link": (1, 1)}
    assert outcome.summary["world"]["means"] == {"partition": "proxies", "link": "proxies"}
    assert forwarder.connections > 0


def test_an_engine_that_sees_other_files_or_has_another_kernel_is_one_line(
    forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert forwarder.address == os.environ["DOCKER_HOST"]
    host = Engine()
    try:
        far.check(host, BASE)
        (tmp_path / "boot").write_text("another\n")
        monkeypatch.setattr(far, "BOOT", tmp_path / "boot")
        with pytest.raises(UsageError, match="another kernel than this machine"):
            far.check(host, BASE)
        monkeypatch.setattr(far, "MARK", "elsewhere")
        with pytest.raises(UsageError, match="does not see this machine's files"):
            far.check(host, BASE)
    finally:
        host.close()
