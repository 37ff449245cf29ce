"""What strace wrote: system calls with where they began and where they were finished."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

WHAT = "trace=write,pwrite64,fdatasync,fsync,rename,renameat,renameat2"
COMMAND = ("strace", "-f", "-y", "--seccomp-bpf", "-s", "100000", "-e", WHAT, "-e", "signal=none")


class Call(NamedTuple):
    """``begin`` and ``end`` are lines of the log: ``end`` of one before ``begin`` of another is before in time."""

    task: int
    """the thread; a process' first thread has its id"""
    name: str
    arguments: str
    begin: int
    end: int
    done: bool
    """it was finished, and without an error"""

    @property
    def data(self) -> bytes:
        """The bytes of a write."""
        quoted = re.search(r'"(?:[^"\\]|\\.)*"', self.arguments)
        return ast.literal_eval("b" + quoted[0]) if quoted else b""

    def of(self, path: str) -> bool:
        """Its descriptor is that file or directory; ``path`` is the end of the path."""
        return re.match(rf"\d+<[^>]*{re.escape(path)}>", self.arguments) is not None


def read(path: Path) -> list[Call]:
    """Every call in order of its begin."""
    open_calls: dict[int, tuple[str, str, int]] = {}
    calls: list[Call] = []
    for at, line in enumerate(path.read_text(errors="surrogateescape").splitlines()):
        task, rest = int(line.split(maxsplit=1)[0]), line.split(maxsplit=1)[1]
        if begun := re.fullmatch(r"(\w+)\((.*) <unfinished \.\.\.>", rest):
            open_calls[task] = (begun[1], begun[2], at)
        elif resumed := re.fullmatch(r"<\.\.\. (\w+) resumed>(.*)\) += (-?\d+).*", rest):
            name, arguments, begin = open_calls.pop(task)
            calls.append(Call(task, name, arguments + resumed[2], begin, at, int(resumed[3]) >= 0))
        elif whole := re.fullmatch(r"(\w+)\((.*)\) += (-?\d+).*", rest):
            calls.append(Call(task, whole[1], whole[2], at, at, int(whole[3]) >= 0))
    for task, (name, arguments, begin) in open_calls.items():
        calls.append(Call(task, name, arguments, begin, 1 << 60, done=False))
    return sorted(calls, key=lambda call: call.begin)
