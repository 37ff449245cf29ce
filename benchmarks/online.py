"""What judging op by op costs beside the batch, what it remembers, and how soon it tells.

    python benchmarks/online.py [--only PATTERN] [--count 200000]

Each case is a process of its own, and a run of ``--count`` ops (of ``agreement``, events of the trace count too).
Seconds of processor time: the batch from a loaded columnar history, the batch from a list of ops as a running
program has it, op by op (``observe`` for each, then the verdict), and ``observe_all`` of the columns; the ratio of
each way to the batch from what it was given. ``grown``: resident memory that came since the first op, after a tenth,
a half and all of the run; the ops are made as they come and are the judge's own to keep or to drop. ``told``: the
first answer from op 10,000 on that can be made wrong is, and how many ops after it the violation was known.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[0] = str(HERE.parents[1])

from benchmarks.streams import CASES, Case, Step, record  # noqa: E402
from checkers.columns import History  # noqa: E402
from checkers.history import Op  # noqa: E402
from checkers.record import Record  # noqa: E402
from checkers.registry import create, online  # noqa: E402

TURN = 4096
"""ops that are made at a time"""
WRONG = 10_000
"""from which op on a run goes wrong"""
TOLD_MAX = 100


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = what()
    return time.process_time() - start, result


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def feed(judge: Any, steps: list[Step]) -> None:
    observe = judge.observe
    for step in steps:
        if isinstance(step, Op):
            observe(step)
        else:
            judge.observe_trace(step)


def followed(case: Case, stream: Iterator[Step], count: int) -> dict[str, Any]:
    """Op by op: what it took, and how memory grew."""
    judge = online(case.checker, case.options)
    took, marks, grown = 0.0, [count // 10, count // 2, count], []
    turn = list(islice(stream, TURN))  # what making ops needs is there before the first is observed
    before, done = resident_mb(), 0
    while turn:
        took += timed(lambda: feed(judge, turn))[0]  # noqa: B023 (called at once)
        done += len(turn)
        while marks and done >= marks[0] * (count - TURN) // count:
            grown.append(resident_mb() - before)
            marks.pop(0)
        turn = list(islice(stream, TURN))
    last, verdict = timed(judge.verdict)  # type: ignore[union-attr]
    return {"ops": done, "online_s": took + last, "grown_mb": grown, "verdict": verdict}


def measure(name: str, count: int) -> dict[str, Any]:
    """In this process."""
    case = CASES[name]
    made = case.make(count)
    found = followed(case, case.steps(made), count)
    batch = create(case.checker)
    if isinstance(made, History):
        found["columns_s"] = min(
            timed(lambda: batch.check(Record(made, options=dict(case.options))))[0] for _ in range(3)
        )
        wholes = [timed(lambda: whole(case, made)) for _ in range(3)]
        found["whole_s"] = min(wholes)[0]
        found["agree"] = {verdict for _, verdict in wholes} == {found["verdict"]}
    listed = record(case.steps(made), case.options)
    found["list_s"], result = timed(lambda: batch.check(listed))
    found["agree"] = found.get("agree", True) and result.verdict == found["verdict"]
    return {**found, "told": told(case)}


def whole(case: Case, made: History) -> str:
    judge = online(case.checker, case.options)
    assert judge is not None
    judge.observe_all(made)
    return judge.verdict()


def told(case: Case) -> tuple[int, int]:
    """(at which op a violation is complete, how many ops later it was told)."""
    steps = list(islice(case.steps(case.make(4 * WRONG)), 2 * WRONG))
    batch = create(case.checker)
    for at in range(WRONG, len(steps)):
        wrong = case.spoilt(steps, at)
        if wrong is not None and batch.check(record(wrong, case.options)).verdict == "invalid":
            break
    else:
        return -1, -1
    judge = online(case.checker, case.options)
    assert judge is not None
    for number, step in enumerate([*wrong, *steps[at + 1 :]]):
        feed(judge, [step])
        if judge.violated():
            return at, number - at
    return at, -1


def line(name: str, found: dict[str, Any]) -> str:
    took, listed = found["online_s"], found["list_s"]
    at, later = found["told"]
    text = (
        f"{name:<22} {found['ops']:>9,} ops  op by op {took:6.2f} s, {took / listed:4.2f}x of {listed:6.2f} s"
    )
    if "whole_s" in found:
        whole, columns = found["whole_s"], found["columns_s"]
        text += f"  columns {whole:6.3f} s, {whole / columns:5.2f}x of {columns:6.3f} s"
        text += f" ({took / columns:5.1f}x op by op)"
    grown = ", ".join(f"{mb:.0f}" for mb in found["grown_mb"])
    text += f"  grown {grown} MB  wrong at {at}, told {later} ops later"
    return text + ("" if found["agree"] else "  DISAGREE")


def table(only: str, count: int) -> bool:
    """Measure and print; false where op by op and the batch do not agree, or it was told late."""
    good = True
    for name in CASES:
        if fnmatch(name, only) or only in name:
            command = [sys.executable, str(HERE), "--measure", name, "--count", str(count)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            print(line(name, found), flush=True)
            good = good and bool(found["agree"]) and 0 <= found["told"][1] <= TOLD_MAX
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="*", help="cases by name, with * and ?")
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.count)))
        return 0
    return 0 if table(args.only, args.count) else 1


if __name__ == "__main__":
    raise SystemExit(main())
