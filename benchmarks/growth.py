"""How the engines of linearizability grow with the history: adversarial families at doubling sizes, loaded already.

    python benchmarks/growth.py                                    # every family, 10,000 to 1,280,000 operations
    python benchmarks/growth.py --only 'zones*' --most 160000
    python benchmarks/growth.py --table                            # as Markdown

Families are named after the engine that decides them without a search; each verdict is checked to be "valid", and
that engine's. Shown are processor seconds of the whole check: the least of ``--repeat`` rounds, and the median at the
greatest size. Each round goes through all of the sizes, so that what else the machine does at some moment falls on
all of them. Growth is of the least; 2 is linear, and while the history comes to be larger than the processor's caches
it is more. The allocator keeps what it got, so what the kernel takes for fresh pages is not in it.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file is called as the package is

from benchmarks import datatypes, histories  # noqa: E402
from checkers.columns import History  # noqa: E402
from checkers.linearizability.checker import Linearizability  # noqa: E402
from checkers.record import Record  # noqa: E402

ENOUGH_S = 0.02
"""a small history is checked again and again for so long in a round, and the least counts"""


def families() -> list[tuple[str, str, str, Callable[[int], History]]]:
    """(engine, model, name, what makes so many operations)."""
    registers = [("zones", "cas-register", name, make) for name, make in histories.FAMILIES.items()]
    return registers + datatypes.families()


def keep_memory() -> None:
    """What is freed stays with the process: when glibc gives memory back depends on the sizes met before."""
    trim_threshold, mmap_max = -1, -4
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(mmap_max, 0)


def once(history: History, model: str, engine: str) -> float:
    """Processor seconds of a check."""
    least = float("inf")
    spent = 0.0
    while spent < ENOUGH_S:
        begun = time.process_time()
        result = Linearizability(model).check(Record(history))
        took = time.process_time() - begun
        if result.verdict != "valid" or list(result.coverage["engines"]) != [engine]:
            raise SystemExit(f"{engine}: {result.verdict} by {result.coverage['engines']}: {result.why}")
        least = min(least, took)
        spent += took
    return least


def measured(made: list[History], model: str, engine: str, repeat: int) -> list[list[float]]:
    """By size: seconds, a round each."""
    rounds = [[once(history, model, engine) for history in reversed(made)] for _ in range(repeat)]
    return [list(times) for times in zip(*rounds, strict=True)][::-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="*", help="families by 'engine, name', with * and ?")
    parser.add_argument("--least", type=int, default=10_000, help="operations (default 10,000)")
    parser.add_argument("--most", type=int, default=1_280_000, help="operations (default 1,280,000)")
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--table", action="store_true", help="rows of Markdown")
    args = parser.parse_args()
    keep_memory()
    sizes = [args.least]
    while 2 * sizes[-1] <= args.most:
        sizes.append(2 * sizes[-1])
    head = ["engine, family", f"{sizes[0]:,}", f"{sizes[-1]:,}", "median", "growth by doubling", "worst"]
    if args.table:
        print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    else:
        print("{:<44} {:>10} {:>10} {:>10}  {:<37} {}".format(*head))
    worst = 0.0
    for engine, model, name, make in families():
        family = f"{engine}, {name}"
        if not fnmatch(family, args.only):
            continue
        times = measured([make(n) for n in sizes], model, engine, args.repeat)
        least = [min(rounds) for rounds in times]
        growth = [after / before for before, after in pairwise(least)]
        worst = max(worst, *growth, 0.0)
        row = [
            family,
            f"{1000 * least[0]:.2f} ms",
            f"{least[-1]:.3f} s",
            f"{median(times[-1]):.3f} s",
            " ".join(f"{x:.2f}" for x in growth),
            f"{max(growth, default=0.0):.2f}",
        ]
        print(
            f"| {' | '.join(row)} |" if args.table else "{:<44} {:>10} {:>10} {:>10}  {:<37} {}".format(*row),
            flush=True,
        )
    print(f"\nworst: {worst:.2f}" if not args.table else "", flush=True)


if __name__ == "__main__":
    main()
