"""The demonstration: ``make demo``.

Three acts: the sound build in simulation, the sound build as real processes, and a build with a planted bug in
simulation. It succeeds when the sound runs are valid, the broken build is caught, and every simulated run
repeats byte for byte: nothing in it is canned, and with ``--bug none`` (the sound build in place of the broken
one) it must fail.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from harness.cli.common import STYLES, say, say_error
from harness.cli.replay import describe
from harness.errors import FAILED, INVALID, OK, USAGE, HarnessError, UsageError, nearest
from harness.replay import replay
from harness.run import Outcome, check_spec, execute
from harness.spec import RunSpec
from harness.store import Store
from nodes.bugs import BUGS

BUG = "no-sessions"
SEEDS_MAX = 60
"""attempts at catching the broken build: a bug needs the right moment"""
STRIDE = 1_000_003
"""between the seeds of the attempts"""
SEED_BOUND = 1 << 63

FAULTS = ["partition", "kill", "pause"]


def command() -> str:
    """How ``splitbrain`` is called here: as it is on the path, else where it is installed."""
    if shutil.which("splitbrain"):
        return "splitbrain"
    path = Path(sys.executable).with_name("splitbrain")
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _argument(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < SEED_BOUND:
        raise ValueError
    return seed


def main(argv: Sequence[str] | None = None) -> int:
    """Play all three acts; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.demo", description="The demonstration.")
    parser.add_argument("--seed", default="7", help="the number all plans follow from")
    parser.add_argument("--bug", default=BUG, help="what is broken in the broken build; none: nothing")
    parser.add_argument("--store", type=Path, default=Path("store"))
    parser.add_argument("--process-s", type=float, default=15.0, help="seconds of the run on real processes")
    given = parser.parse_args(argv)
    try:
        seed = _argument(given.seed)
    except ValueError:
        say_error(f"SEED: expected a number from 0 to {SEED_BOUND - 1}, got {given.seed!r}")
        return USAGE
    if given.bug != "none" and given.bug not in BUGS:
        say_error(f"BUG: unknown bug {given.bug!r}{nearest(given.bug, [*BUGS, 'none'])}")
        return USAGE
    try:
        return Demo(Store(given.store), seed).play(
            None if given.bug == "none" else given.bug, given.process_s
        )
    except UsageError as e:
        say_error(str(e))
        return USAGE
    except HarnessError as e:
        say_error(f"{e}: this is a defect of splitbrain itself")
        return FAILED
    except KeyboardInterrupt:
        say_error("interrupted: what was recorded so far stays in the store")
        return FAILED


class Demo:
    """``failures``: what did not come out as it must, in lines."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.seed = seed
        self.failures: list[str] = []
        self.commands: list[str] = []
        self.pages: list[str] = []

    def play(self, bug: str | None, process_s: float) -> int:
        say(f"seed {self.seed}; again: make demo SEED={self.seed}")
        sound = RunSpec(name="demo-sound", nemesis=FAULTS, seed=self.seed)
        say("\n1. A sound build: five nodes of Raft in simulation, split, killed and paused for 10 s", "bold")
        self._sound(sound)
        say(f"\n2. The same build as five real processes, for {process_s:g} s", "bold")
        live = replace(sound, name="demo-processes", env="process", time_limit=process_s, interval=3.0)
        self._sound(live)
        what = f"{bug}: {BUGS[bug].defect}" if bug else "none: the sound build in its place"
        say(f"\n3. A broken build in simulation ({what})", "bold")
        self._broken(bug)
        say("")
        for page in self.pages:
            say(f"report: {page}")
        for command in self.commands:
            say(f"replay: {command}")
        for failure in self.failures:
            say(f"NOT as it must be: {failure}", STYLES["invalid"])
        if not self.failures:
            say(
                "The sound build passed, the broken one was caught, and the simulation repeats.",
                STYLES["valid"],
            )
        return INVALID if self.failures else OK

    def _run(self, spec: RunSpec) -> tuple[Outcome, Path]:
        check_spec(spec)
        folder = self.store.new(spec.name, spec.seed)
        say(f"   seed {spec.seed}; again: {command()} replay {folder}")
        outcome = execute(spec, folder)
        figures = outcome.summary
        counts = f"{figures.get('ok', 0):,} of {figures.get('operations', 0):,} operations succeeded"
        bite = ", ".join(
            f"{n.get('bit', 0)} {family}" for family, n in sorted(figures.get("bite", {}).items())
        )
        say(f"   {outcome.verdict}: {counts}; faults that bit: {bite or 'none'}", STYLES[outcome.verdict])
        return outcome, folder

    def _keep(self, folder: Path, spec: RunSpec) -> None:
        self.pages.append(str(folder / "report.html"))
        self.commands.append(f"{command()} replay {folder}")
        if spec.env != "sim":
            return
        result = replay(folder, self.store)
        if result.identical:
            say(f"   replayed: identical (SHA-256 {result.sums.get('history.jsonl', '')})")
            return
        for line in describe(result.difference) if result.difference else ():
            say(f"   {line}")
        self.failures.append(f"{folder} did not repeat")

    def _sound(self, spec: RunSpec) -> None:
        outcome, folder = self._run(spec)
        if outcome.verdict != "valid":
            for result in outcome.results:
                if result.verdict != "valid":
                    say(f"   {result.verdict} {result.checker}: {result.why}")
            self.failures.append(f"the sound build is {outcome.verdict} in {spec.env}")
        self._keep(folder, spec)

    def _broken(self, bug: str | None) -> None:
        for attempt in range(SEEDS_MAX):
            seed = (self.seed + attempt * STRIDE) % SEED_BOUND
            spec = RunSpec(name="demo-broken", bug=bug, nemesis=FAULTS, seed=seed)
            outcome, folder = self._run(spec)
            if outcome.verdict == "invalid":
                self._explain(outcome)
                self._keep(folder, spec)
                return
        self.failures.append(f"the broken build was not caught with {SEEDS_MAX} seeds")

    def _explain(self, outcome: Outcome) -> None:
        for result in outcome.results:
            for anomaly in result.anomalies[:1]:
                say(f"   caught by {result.checker}, {anomaly.type}: {anomaly.explanation}")


if __name__ == "__main__":
    sys.exit(main())
