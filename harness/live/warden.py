"""On a host: nodes that outlive the connection over which they were started, and news of them.

A file of its own (it imports nothing of the project), run by the host's Python:

    warden.py start FOLDER INCARNATION COMMAND...   the node's number and start time, or why there is none
    warden.py follow FOLDER INCARNATION OFFSET      news on standard output, until the node or the input ends

``start`` may be repeated: an incarnation is started once. Its warden, in a session of its own, waits for it. Files in
FOLDER, by incarnation: ``claim``, ``pid`` ("PID START", START being the start time in /proc), ``exit`` (its status).

News are lines: ``b`` and the number of this machine's boot; ``p`` and its ports file; ``t`` and a line of its trace,
from byte OFFSET on, once ``g`` was read from standard input; ``c`` and this machine's monotonic clock, for each ``c``
read; last ``x`` and, as JSON, ``status`` (null: nobody knows) and ``words``, the end of its log.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time

POLL_S = 0.005
PATIENCE_S = 10.0
UNKNOWN_S = 1.0
"""from the end of a process to the belief that its warden has ended too"""
WORDS_BYTES = 4096
CHUNK = 1 << 18


def start_time(pid: int) -> str:
    """Clock ticks since boot; empty when there is no such process, or a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return None


def write(path: str, text: str) -> None:
    """It appears whole."""
    with open(path + ".new", "w") as file:  # noqa: PTH123
        file.write(text)
    os.rename(path + ".new", path)  # noqa: PTH104


def start(folder: str, incarnation: str, command: list[str]) -> int:
    try:
        os.close(os.open(f"{folder}/claim-{incarnation}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        pass
    else:
        child = os.fork()
        if child == 0:
            os.setsid()
            if os.fork() == 0:
                keep(folder, incarnation, command)
            os._exit(0)
        os.waitpid(child, 0)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        pid = read(f"{folder}/pid-{incarnation}")
        if pid is not None:
            sys.stdout.write(pid.decode() + "\n")
            return 0
        failed = read(f"{folder}/failed-{incarnation}")
        if failed is not None:
            sys.stdout.write(failed.decode() + "\n")
            return 1
        time.sleep(POLL_S)
    sys.stdout.write(f"it was not started within {PATIENCE_S:g} s\n")
    return 1


def keep(folder: str, incarnation: str, command: list[str]) -> None:
    """Start it and wait for its end."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    try:
        with open(f"{folder}/stderr.log", "ab") as log:  # noqa: PTH123
            node = subprocess.Popen(
                command, stdin=nothing, stdout=nothing, stderr=log, cwd=folder, start_new_session=True
            )
    except OSError as e:
        write(f"{folder}/failed-{incarnation}", f"{command[0]}: {e.strerror}")
        return
    write(f"{folder}/pid-{incarnation}", f"{node.pid} {start_time(node.pid)}")
    status = node.wait()
    write(f"{folder}/exit-{incarnation}", str(status))


class Follower:
    """What is told of one incarnation."""

    def __init__(self, folder: str, incarnation: str, offset: int) -> None:
        self.folder = folder
        self.incarnation = incarnation
        self.offset = offset
        self.going = False
        self.ports = False
        self.tell(b"b" + (read("/proc/sys/kernel/random/boot_id") or b"?").strip() + b"\n")
        self.gone_since = 0.0
        pid, _, started = (read(f"{folder}/pid-{incarnation}") or b"0 -").decode().partition(" ")
        self.pid, self.started = int(pid), started

    def commands(self) -> bool:
        """Read what is asked; False at the end of input."""
        if not select.select([0], [], [], POLL_S)[0]:
            return True
        asked = os.read(0, 1024)
        for letter in asked:
            if letter == ord("c"):
                self.tell(b"c%d\n" % time.monotonic_ns())
            self.going = self.going or letter == ord("g")
        return bool(asked)

    def tell(self, data: bytes) -> None:
        while data:
            data = data[os.write(1, data) :]

    def trace(self) -> bool:
        """Tell what was appended; whether there may be more at once."""
        try:
            with open(f"{self.folder}/trace-{self.incarnation}.jsonl", "rb") as file:  # noqa: PTH123
                file.seek(self.offset)
                data = file.read(CHUNK)
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        if whole:
            self.tell(b"".join(b"t" + line + b"\n" for line in whole.split(b"\n")[:-1]))
            self.offset += len(whole)
        return bool(whole)

    def look(self) -> bool:
        """One round; False when all is told."""
        if not self.ports:
            ports = read(f"{self.folder}/ports-{self.incarnation}.json")
            if ports is not None:
                self.tell(b"p" + ports.strip() + b"\n")
                self.ports = True
        status = self.status()
        if self.going:
            while self.trace():
                pass
            if status is not None:
                words = (read(f"{self.folder}/stderr.log") or b"")[-WORDS_BYTES:].decode(errors="replace")
                known = int(status) if status else None
                self.tell(b"x" + json.dumps({"status": known, "words": words}).encode() + b"\n")
                return False
        return True

    def status(self) -> str | None:
        """Of its end; empty when there is nobody who knows it."""
        told = read(f"{self.folder}/exit-{self.incarnation}")
        if told is not None:
            return told.decode()
        if start_time(self.pid) == self.started:
            self.gone_since = 0.0
            return None
        now = time.monotonic()
        self.gone_since = self.gone_since or now
        return "" if now - self.gone_since > UNKNOWN_S else None


def main() -> int:
    what, folder, incarnation, *rest = sys.argv[1:]
    if what == "start":
        return start(folder, incarnation, rest)
    follower = Follower(folder, incarnation, int(rest[0]))
    while follower.commands() and follower.look():
        pass
    return 0


if __name__ == "__main__":
    try:
        code = main()
    except OSError as error:
        sys.stdout.write(f"{error.strerror or error}\n")
        code = 1
    sys.stdout.flush()
    os._exit(code)
