"""The same seeds in separate processes, with different hash seeds, on several Pythons: the same bytes.

    python .ci/determinism.py PYTHON...      each with Splitbrain's dependencies; run in the project's folder

The runs hold at least 5,000 ops, leader changes and faults that bit, else their agreement would say little.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEMESIS = "partition,kill,power-loss,pause,link,clock"
RUNS = [
    ["--workload", "register", "--seed", "11"],
    ["--workload", "txn-list-append", "--seed", "11"],
    ["--workload", "register", "--seed", "12"],
]
HASH_SEEDS = ("1", "4294967295")
OPS_MIN = 5000


def digest(python: str, hash_seed: str, flags: list[str], store: Path) -> tuple[str, str, Path]:
    """SHA-256 of history and trace of one run, and its folder."""
    argv = [python, "-m", "harness.cli", "test", "--time-limit", "100", "--rate", "300", "--nemesis", NEMESIS]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*argv, *flags, "--store", str(store)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(
            f"{python}, PYTHONHASHSEED={hash_seed}, {flags}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )
    folder = (store / "latest").resolve()
    history, trace = (
        hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("history.jsonl", "trace.jsonl")
    )
    return history, trace, folder


def worth_comparing(folder: Path) -> str:
    """What the run held, or an end of the program where it was too little."""
    summary = json.loads((folder / "results.json").read_bytes())["summary"]
    bitten = {family: counts["bit"] for family, counts in summary["bite"].items()}
    if (
        summary["ops"] < OPS_MIN
        or summary["leader_changes"] < 1
        or not all(bitten.values())
        or len(bitten) < 6
    ):
        sys.exit(f"{folder}: too little happened: {summary['ops']} ops, bitten {bitten}")
    return f"{summary['ops']} ops, {summary['leader_changes']} leader changes, faults that bit {bitten}"


def main() -> None:
    pythons = sys.argv[1:] or [sys.executable]
    seen: set[str] = set()
    with tempfile.TemporaryDirectory() as scratch:
        store = Path(scratch)
        for flags in RUNS:
            wanted: tuple[str, str] | None = None
            for python in pythons:
                for hash_seed in HASH_SEEDS:
                    history, trace, folder = digest(python, hash_seed, flags, store)
                    if wanted is None:
                        wanted = history, trace
                        print(f"{' '.join(flags)}: {worth_comparing(folder)}", flush=True)
                        print(f"  history {history}\n  trace   {trace}", flush=True)
                    elif wanted != (history, trace):
                        sys.exit(f"{python}, PYTHONHASHSEED={hash_seed}: differs: {history} {trace}")
            assert wanted is not None
            if wanted[0] in seen:
                sys.exit(f"{flags}: the history of another run: seeds change nothing")
            seen.add(wanted[0])
    print(f"identical on {len(pythons)} Pythons x {len(HASH_SEEDS)} hash seeds, {len(RUNS)} different runs")


if __name__ == "__main__":
    main()
