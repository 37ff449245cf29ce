"""Three members of PySyncObj on loopback. Its leader asks itself: no client's connection is paid.

Run as a script it is one member: ``pysyncobj.py SELF OTHERS JOURNAL BATCHING``, where ``-`` is no journal; lines on
standard input, ``OUTSTANDING SECONDS``, are answered by a line of JSON, or by ``null`` where it does not lead.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DIVERGED = "truncating already-applied log entries"
VALUE = "v" * 100
KEYS = 64


@contextmanager
def cluster(
    python: str, folder: Path, ports: list[int], *, batching: bool, journal: bool
) -> Iterator[tuple[list[int], Callable[[int, float], Any]]]:
    from benchmarks.peers.load import Measured  # noqa: PLC0415  the script runs without the project

    names = [f"127.0.0.1:{port}" for port in ports]
    members = []
    for i, name in enumerate(names):
        others = ",".join(n for n in names if n != name)
        command = [python, "-P", __file__, name, others]
        command += [str(folder / f"journal-{i}") if journal else "-", str(int(batching))]
        with (folder / f"{i}.log").open("wb") as log:
            pipe = subprocess.PIPE
            members.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True))

    def drive(outstanding: int, seconds: float) -> Measured:
        for member in members:
            member.stdin.write(f"{outstanding} {seconds}\n")
            member.stdin.flush()
            answer = json.loads(member.stdout.readline())
            if answer is not None:
                return Measured(answer["count"], answer["seconds"], sorted(answer["latencies"]))
        raise RuntimeError("pysyncobj: nobody leads")

    try:
        time.sleep(4)
        yield [m.pid for m in members], drive
    finally:
        for member in members:
            member.kill()
            member.wait()
        said = sum((folder / f"{i}.log").read_text().count(DIVERGED) for i in range(len(members)))
        if said:
            print(f"  pysyncobj says {said} times: {DIVERGED} - state machine may have diverged")


def main() -> None:
    from pysyncobj import SyncObj, SyncObjConf  # noqa: PLC0415
    from pysyncobj.batteries import ReplDict  # noqa: PLC0415

    own, others, journal, batching = sys.argv[1:]
    data = ReplDict()
    conf = SyncObjConf(
        journalFile=None if journal == "-" else journal,
        appendEntriesUseBatch=batching == "1",
        dynamicMembershipChange=False,
    )
    node = SyncObj(own, others.split(","), conf, consumers=[data])
    for line in sys.stdin:
        outstanding, seconds = line.split()
        if node._getLeader() is None or str(node._getLeader()) != own:  # noqa: SLF001
            print("null", flush=True)
            continue
        print(json.dumps(load(data, int(outstanding), float(seconds))), flush=True)


def load(data: Any, outstanding: int, seconds: float) -> dict[str, Any]:
    latencies: list[float] = []
    begun = time.perf_counter()
    until = begun + seconds
    left = [outstanding]
    ended = threading.Event()

    def ask(number: int) -> None:
        asked = time.perf_counter()

        def answered(_result: Any, error: Any) -> None:
            now = time.perf_counter()
            if not error:
                latencies.append(now - asked)
            if now < until:
                ask(number + 1)
            else:
                left[0] -= 1
                if not left[0]:
                    ended.set()

        data.set(number % KEYS, VALUE, callback=answered)

    for slot in range(outstanding):
        ask(slot)
    ended.wait(seconds + 60)
    return {"count": len(latencies), "seconds": time.perf_counter() - begun, "latencies": latencies}


if __name__ == "__main__":
    main()
