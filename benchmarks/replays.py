"""A schedule that simulation found, replayed in real places: invalid with the planted bug, and with nothing else.

For each bug: seeds are tried in simulation until clients see it; faults are left out as long as that stays so. If the
rest shows it with other seeds' workloads, time-outs and latencies as well, it does not hang on a lucky moment, and is
played in the environment: with the bug, with the sound build, and with the bug but no fault at all. The schedule
names no nodes where it meant a leader or a majority: they are found out anew in every replay.

    python benchmarks/replays.py [--bug NAME] [--replays N] [--env docker] [--keep FOLDER]

Exit status 1: fewer than 8 of 10 replays are invalid with the bug, or one of the others is not valid.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))  # a script's folder is its path, and has a checkers.py

from harness.run import Outcome, execute
from harness.shrink import smallest
from harness.spec import RunSpec
from nemeses.schedule import Schedule, to_yaml

BUGS = {"short-read-quorum": ["partition:majority"]}
"""bug -> the families of faults among which simulation looks"""
SEEDS = 50
OTHERS = range(1_000, 1_010)
"""seeds with which a schedule is tried that has shown the bug with its own"""
STURDY = 9
"""of them must show it"""
AFTER_MS = 1_500
"""how long a run goes on after the last fault has been healed"""


def spec_of(bug: str) -> RunSpec:
    return RunSpec(bug=bug, nemesis=BUGS[bug], nodes=5, interval=1.5, time_limit=8, rate=100)


def seen_by_clients(outcome: Outcome) -> bool:
    return any(r.checker == "linearizability" and r.verdict == "invalid" for r in outcome.results)


def simulated(spec: RunSpec, schedule: Schedule | None = None) -> tuple[bool, Schedule]:
    """Whether clients see the bug in that run, and its schedule."""
    with tempfile.TemporaryDirectory() as scratch:
        outcome = execute(spec, Path(scratch), schedule=schedule, report=False)
        return seen_by_clients(outcome), Schedule.load(Path(scratch) / "schedule.yaml")


def found(bug: str) -> tuple[RunSpec, Schedule]:
    """The run that shows it, and as much of its schedule as is needed."""
    for seed in range(1, SEEDS + 1):
        spec = msgspec.structs.replace(spec_of(bug), seed=seed)
        seen, schedule = simulated(spec)
        if not seen:
            continue
        bare = msgspec.structs.replace(spec, nemesis=[])
        small = smallest(schedule, partial(fails, bare))
        end_ms = max(fault.end_ms for fault in small.faults)
        short = msgspec.structs.replace(bare, time_limit=(end_ms + AFTER_MS) / 1000)
        others = sum(fails(msgspec.structs.replace(short, seed=other), small) for other in OTHERS)
        print(f"{bug}: seed {seed}: {len(small.faults)} of {len(schedule.faults)} faults stay, {others} of "
              f"{len(OTHERS)} other seeds show it too", flush=True)  # fmt: skip
        if others >= STURDY:
            return short, small
    raise SystemExit(f"{bug}: no schedule that shows it again and again, with {SEEDS} seeds")


def fails(spec: RunSpec, schedule: Schedule) -> bool:
    return simulated(spec, schedule)[0]


def replays(spec: RunSpec, schedule: Schedule, number: int, folder: Path) -> Iterator[Outcome]:
    for replay in range(number):
        yield execute(
            spec, folder / f"{spec.bug or 'sound'}-{len(schedule.faults)}-{replay}", schedule=schedule
        )


def counted(outcomes: Iterator[Outcome]) -> Counter[str]:
    verdicts: Counter[str] = Counter()
    for outcome in outcomes:
        verdicts[outcome.verdict] += 1
        for result in outcome.results:
            if result.verdict == "unknown":
                print(f"    {outcome.folder}: {result.checker}: {result.why}")
    return verdicts


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bug", choices=BUGS, action="append")
    parser.add_argument("--replays", type=int, default=10)
    parser.add_argument("--env", default="docker", choices=("process", "docker"))
    parser.add_argument("--keep", type=Path, help="keep the runs, and the schedule, in this folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        return sum(
            played(bug, asked.env, asked.replays, (asked.keep or Path(scratch)) / bug)
            for bug in asked.bug or BUGS
        )


def played(bug: str, env: str, number: int, folder: Path) -> int:
    """Find it, replay it, say how often it was seen; 1 where that is not often enough."""
    spec, schedule = found(bug)
    for fault in schedule.faults:
        print(f"    {fault}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "schedule.yaml").write_text(to_yaml(schedule))
    live = msgspec.structs.replace(spec, env=env)
    sound = msgspec.structs.replace(live, bug=None)
    rows = {
        "with the bug": counted(replays(live, schedule, number, folder)),
        "sound build": counted(replays(sound, schedule, number, folder)),
        "no fault": counted(replays(live, Schedule(), number, folder)),
    }
    for name, verdicts in rows.items():
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
        print(f"  {env}, {name:12}: invalid {verdicts['invalid']}/{number}   ({told})", flush=True)
    enough = 10 * rows["with the bug"]["invalid"] >= 8 * number
    others_valid = rows["sound build"]["valid"] == rows["no fault"]["valid"] == number
    return int(not (enough and others_valid))


if __name__ == "__main__":
    raise SystemExit(main())
