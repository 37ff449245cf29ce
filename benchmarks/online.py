"""What judging op by op costs beside the batch, for checkers that can do both.

    python benchmarks/online.py [--only PATTERN] [--operations 100000]

Each case is a process of its own. Seconds of processor time: the batch from a loaded columnar history, the batch from
a list of ops as a running program has it, and op by op (``observe`` for each op of that list, then the verdict). Then
the ratios of the last to the other two, what is remembered in the end, and how it grew with the second half of the
run; ``told``: of a history with a stale read, how many ops after the one that completes the violation it was known.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import tracemalloc
from argparse import Namespace
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[0] = str(HERE.parents[1])

from benchmarks import histories, transactions  # noqa: E402
from checkers.columns import History, columnar  # noqa: E402
from checkers.history import Op  # noqa: E402
from checkers.record import Record  # noqa: E402
from checkers.registry import create, online  # noqa: E402

PROCESSES = 5


def steps(operations: Iterable[tuple[str, Any, Any, Any]]) -> History:
    """Of (f, key, asked, answered), one after the other."""
    ops: list[Op] = []
    for number, (f, key, asked, answered) in enumerate(operations):
        process, at = number % PROCESSES, 2 * number
        ops.append(Op(at, at * 1000, process, "invoke", f, key, asked))
        ops.append(Op(at + 1, at * 1000 + 1, process, "ok", f, key, answered))
    return History.from_ops(ops)


def ids(n: int) -> History:
    return steps(("generate", None, None, 7 * i) for i in range(n))


def sets(n: int) -> History:
    """Every thousandth operation reads the last 1,000 elements of a set of its own."""
    return steps(
        ("read", i // 1000, None, list(range(i - 999, i))) if i % 1000 == 999 else ("add", i // 1000, i, None)
        for i in range(n)
    )


def sessions(n: int) -> History:
    return steps(
        ("read", f"k{i // 2 % 50}", None, i // 2) if i % 2 else ("write", f"k{i // 2 % 50}", i // 2, i // 2)
        for i in range(n)
    )


def counter(n: int) -> History:
    return steps(("read", None, None, i // 2 + 1) if i % 2 else ("add", None, 1, None) for i in range(n))


def queue(n: int) -> History:
    return steps(
        ("dequeue", None, None, i // 2) if i % 2 else ("enqueue", None, i // 2, None) for i in range(n)
    )


def txns(workload: str, n: int) -> History:
    args = Namespace(
        workload=workload, seed=1, count=n, keys=10, writes=32, processes=20, inject=0, aborted=0, unknown=0
    )
    return transactions.Made(args).history()


reg = histories.register
CASES: dict[str, tuple[str, Callable[[int], History]]] = {
    "register": ("linearizability", reg),
    "register, 1 % crashed": ("linearizability", partial(reg, crashed_ppm=10_000)),
    "kv, 1,000 keys": ("linearizability", partial(reg, keys=1_000)),
    "cas over 5 values": ("linearizability", partial(reg, processes=5, values=5, cas=True)),
    "list-append": ("list-append", partial(txns, "list-append")),
    "rw-register": ("rw-register", partial(txns, "rw-register")),
    "set-full": ("set-full", sets),
    "unique-ids": ("unique-ids", ids),
    "sessions": ("sessions", sessions),
    "counter": ("counter", counter),
    "total-queue": ("total-queue", queue),
}


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = what()
    return time.process_time() - start, result


def judged(checker: str, ops: list[Op]) -> Any:
    judge = online(checker, {})
    assert judge is not None
    observe = judge.observe
    for op in ops:
        observe(op)
    return judge.verdict()


def measure(name: str, operations: int) -> dict[str, Any]:
    """In this process."""
    checker, make = CASES[name]
    history = columnar(make(operations))
    ops = list(history)
    loaded = min(timed(lambda: create(checker).check(Record(history)))[0] for _ in range(3))
    listed, result = timed(lambda: create(checker).check(Record(ops)))
    op_by_op, verdict = timed(lambda: judged(checker, ops))
    found = {"ops": len(ops), "columnar_s": loaded, "list_s": listed, "online_s": op_by_op}
    return {**found, "agree": verdict == result.verdict, **memory(checker, ops), **told(name, operations)}


def memory(checker: str, ops: list[Op]) -> dict[str, float]:
    """MB held by the judge half-way and at the end; the ops are not its own."""
    judge = online(checker, {})
    assert judge is not None
    tracemalloc.start()
    held = []
    for half in (islice(ops, len(ops) // 2), islice(ops, len(ops) // 2, None)):
        for op in half:
            judge.observe(op)
        held.append(tracemalloc.get_traced_memory()[0] / 1e6)
    tracemalloc.stop()
    return {"half_mb": held[0], "held_mb": held[1]}


def told(name: str, operations: int) -> dict[str, int]:
    if name != "register":
        return {}
    history = reg(operations, stale=True)
    at = create("linearizability").check(Record(history)).anomalies[0].data["first_impossible"]
    judge = online("linearizability", {})
    assert judge is not None
    for op in history:
        judge.observe(op)
        if judge.violated():
            return {"told": op.index - at}
    return {"told": -1}


def line(name: str, found: dict[str, Any]) -> str:
    took = found["online_s"]
    text = (
        f"{name:<24} {found['ops']:>9,} ops  batch {found['columnar_s']:7.3f} s columnar, {found['list_s']:7.3f} s "
        f"from a list  op by op {took:7.3f} s  ratio {took / found['columnar_s']:6.1f}x, "
        f"{took / found['list_s']:5.2f}x  held {found['half_mb']:6.1f} -> {found['held_mb']:6.1f} MB"
    )
    if "told" in found:
        text += f"  told {found['told']} ops later"
    return text + ("" if found["agree"] else "  DISAGREE")


def table(only: str, operations: int) -> bool:
    """Measure and print; false where op by op and the batch do not agree."""
    good = True
    for name in CASES:
        if fnmatch(name, only) or only in name:
            command = [sys.executable, str(HERE), "--measure", name, "--operations", str(operations)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            print(line(name, found), flush=True)
            good = good and bool(found["agree"])
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="*", help="cases by name, with * and ?")
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.operations)))
        return 0
    return 0 if table(args.only, args.operations) else 1


if __name__ == "__main__":
    raise SystemExit(main())
