"""How fast the simulator is: five-node Raft at 200 ops/s with every checker and monitor on.

    python benchmarks/simulation.py [--seeds N] [--nemesis partition]

Prints simulated seconds a second, delivered messages a second, messages an operation, and where the time goes
(by module, from a profile of one run), all a second of processor time. The peer, measured in the same process,
is a bare heap of virtual time whose nodes only bounce messages: what is left of it is the price of real cores,
disks, checks and records.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections import Counter
from heapq import heappop, heappush
from pathlib import Path
from statistics import median

from harness.run import execute
from harness.spec import RunSpec

ROOT = Path(__file__).resolve().parent.parent


def bare_heap(messages: int = 300_000) -> float:
    """Messages a second of a heap whose five nodes answer each message with another."""
    heap = [(i, i, i % 5) for i in range(20)]
    sequence, start = 20, time.process_time()
    for _ in range(messages):
        now, _, node = heappop(heap)
        sequence += 1
        heappush(heap, (now + 700 + sequence % 600, sequence, (node + 1) % 5))
    return messages / (time.process_time() - start)


def spec(seed: int, nemesis: list[str]) -> RunSpec:
    return RunSpec(name="bench", seed=seed, nemesis=nemesis, rate=200.0, time_limit=30.0)


def room(path: str) -> str:
    """The package and module a profiled function belongs to."""
    try:
        return str(Path(path).resolve().relative_to(ROOT))
    except ValueError:
        return "built-in and libraries"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--nemesis", default="", help="families of faults; without, all 200 ops/s arrive")
    args = parser.parse_args()
    nemesis = [n for n in args.nemesis.split(",") if n]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(1, args.seeds + 1):
            start = time.process_time()
            summary = execute(spec(seed, nemesis), Path(scratch) / str(seed), report=False).summary
            elapsed = time.process_time() - start
            world = summary["world"]
            virtual_s = world["virtual_ns"] / 1e9
            rows.append(
                (
                    virtual_s / elapsed,
                    world["delivered"] / elapsed,
                    world["delivered"] / summary["operations"],
                    summary["operations"] / elapsed,
                    summary["check_s"] / elapsed,
                )
            )
            print(
                f"seed {seed}: {rows[-1][0]:6.1f}x real time  {rows[-1][1]:9,.0f} messages/s  "
                f"{rows[-1][3]:7,.0f} operations/s  {rows[-1][2]:5.1f} messages/operation  "
                f"{rows[-1][4]:4.0%} in checkers after the run"
            )
        profile = cProfile.Profile()
        profile.runcall(execute, spec(1, nemesis), Path(scratch) / "profiled", report=False)
    speed, delivered = median(r[0] for r in rows), median(r[1] for r in rows)
    peer = median(bare_heap() for _ in range(5))
    print(f"median: {speed:.1f}x real time, {delivered:,.0f} messages/s on one core")
    print(f"ratio to a bare heap ({peer:,.0f} messages/s): {delivered / peer:.3f}")
    shares: Counter[str] = Counter()
    for (path, _, _), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        shares[room(path)] += own
    total = sum(shares.values())
    for name, own in shares.most_common(15):
        print(f"  {own / total:5.1%}  {name}")


if __name__ == "__main__":
    main()
