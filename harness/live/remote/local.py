"""The harness's own machine, or namespaces of one of its processes (``nsenter``): a shell behind two pipes."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.live.remote.port import SECONDS, Done, RemoteError
from harness.live.remote.shell import Shell

CHUNK = 1 << 16
END_S = 2.0


class PipeStream:
    """A child process' standard streams."""

    def __init__(self, command: Sequence[str]) -> None:
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._in, self._out = self._child.stdin.fileno(), self._child.stdout.fileno()

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._in, data) :]

    def read(self, timeout_s: float) -> bytes:
        if not select.select([self._out], [], [], timeout_s)[0]:
            raise TimeoutError
        return os.read(self._out, CHUNK)

    def close(self) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        try:
            self._child.wait(END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()


class LocalRemote:
    """``enter``: what stands before ``sh``, such as ``nsenter -t PID -n``; ``root``: where its files are seen."""

    def __init__(self, name: str, enter: Sequence[str] = (), root: Path = Path("/")) -> None:
        self.name = name
        self._root = root
        self._shell = Shell(name, self._connect)
        self._command = [*enter, "sh"]

    def _connect(self) -> PipeStream:
        try:
            return PipeStream(self._command)
        except OSError as e:
            raise RemoteError(f"{self.name}: {' '.join(self._command)}: {e.strerror}") from e

    def run(self, script: str, *, timeout_s: float = SECONDS, repeatable: bool = False) -> Done:
        return self._shell.run(script, timeout_s=timeout_s, repeatable=repeatable)

    def put(self, source: Path, target: str, *, mode: int = 0o644) -> None:
        place = self._place(target)
        aside = place.with_name(f".{place.name}.splitbrain")
        try:
            shutil.copyfile(source, aside)
            aside.chmod(mode)
            aside.replace(place)
        except OSError as e:
            aside.unlink(missing_ok=True)
            raise RemoteError(f"{self.name}: cannot write {target}: {e.strerror}") from e

    def get(self, source: str, target: Path) -> None:
        try:
            shutil.copyfile(self._place(source), target)
        except OSError as e:
            raise RemoteError(f"{self.name}: cannot read {source}: {e.strerror}") from e

    def close(self) -> None:
        self._shell.close()

    def _place(self, path: str) -> Path:
        return self._root / path.lstrip("/")
