"""The keeper: kills what is left of a cluster when the harness is gone, however it went.

A process of its own, in a session of its own, run as a file (it imports nothing of the project). Its standard
input is a pipe that only the harness holds. Lines on it name the process groups to watch over:
``+PID START`` and ``-PID``, START being the start time of the group's leader as /proc tells it. When the
pipe ends, every group still on the list gets SIGKILL, stopped ones too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


def start_time(pid: int) -> str:
    """Clock ticks since boot at which the process began; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def state(pid: int) -> str:
    """The process' state letter (proc(5)): T is stopped, Z a zombie; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]


class Keeper:
    """The harness's side of it. Use as a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__], stdin=subprocess.PIPE, start_new_session=True
        )

    def watch(self, pid: int) -> None:
        self._tell(f"+{pid} {start_time(pid)}\n")

    def forget(self, pid: int) -> None:
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """Kill what is still watched, and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), line.encode())


def main() -> None:
    watched: dict[int, str] = {}
    for line in sys.stdin:
        pid, _, started = line[1:].strip().partition(" ")
        if line[0] == "+":
            watched[int(pid)] = started
        else:
            watched.pop(int(pid), None)
    for group, started in watched.items():
        # the number is taken by another process when its start time differs; no such process, but
        # members of the group: the leader has died and the number is not free
        if start_time(group) in (started, ""):
            try:
                os.killpg(group, signal.SIGKILL)
            except OSError:
                continue


if __name__ == "__main__":
    main()
