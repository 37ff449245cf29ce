"""How fast linearizability is decided, beside a peer on the same files.

    python benchmarks/checkers.py                              # every input, ours alone
    python benchmarks/checkers.py --peer 'CMD {file}'          # and a peer's time and the ratio
    python benchmarks/checkers.py --only 'register' --ops 10000
    python benchmarks/checkers.py --write DIR                  # only write the files

Inputs are made from a seed (benchmarks/histories.py) and are the same on any machine; those named after files come
from ``--corpora``. Each measurement is a process of its own: loading the file, then checking it (median of
``--repeat``), nothing being precomputed in loading; what a violation's witness takes is in the check. ``process``
is the whole command, from the JSON lines and from the columnar file. Last comes what judging op by op costs beside
the batch (benchmarks/online.py, ``--only online`` for that alone). How the time grows with what is hard for
a search: benchmarks/growth.py.

A peer prints one JSON object: ``{"valid": true | false | "unknown", "check_s": seconds, "load_s": seconds}``; no
answer in ``--timeout`` seconds counts as unknown. It gets JSON lines of ours, or the corpus' own file.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve()
sys.path[0] = str(HERE.parents[1])  # this file is called as the package is

from benchmarks import histories, online  # noqa: E402
from checkers import npz  # noqa: E402
from checkers.columns import History  # noqa: E402
from checkers.formats import read, write  # noqa: E402
from checkers.linearizability.checker import Linearizability  # noqa: E402
from checkers.memory import peak_mb  # noqa: E402
from checkers.record import Record  # noqa: E402

ONLINE_MAX = 100_000
"""operations that are judged op by op"""
VERDICTS = {"valid": True, "invalid": False, "unknown": "unknown"}


@dataclass(frozen=True)
class Input:
    """``make`` writes the history; ``valid`` is what it was made to be. ``files``: of the corpora, instead."""

    name: str
    make: Callable[[], History] | None = None
    model: str = "cas-register"
    valid: bool | None = True
    files: str = ""
    processes: bool = False


def sized(ops: int) -> str:
    return f"{ops // 1_000_000}M" if ops >= 1_000_000 else f"{ops // 1000}k"


def inputs(largest: int) -> list[Input]:
    sizes = [n for n in (1_000, 10_000, 100_000, 1_000_000) if n <= largest]
    some = min(10_000, largest)
    reg = histories.register
    return [
        Input("kv c50-ok, by key", model="append-kv", files="c50-ok.txt"),
        Input("kv c10-ok", model="append-kv", files="c10-ok.txt"),
        Input("102 etcd logs", files="etcd_*.log", valid=None),
        *(Input(f"register, {sized(n)}", partial(reg, n), processes=n == sizes[-1]) for n in sizes),
        Input(f"register, {sized(largest)}, stale read", partial(reg, largest, stale=True), valid=False),
        *(
            Input(
                f"register, {sized(some)}, {percent} % crashed{', stale read' * stale}",
                partial(reg, some, crashed_ppm=percent * 10_000, stale=stale),
                valid=not stale,
            )
            for percent in (1, 10)
            for stale in (False, True)
        ),
        *(Input(f"register, {sized(some)}, {c} processes", partial(reg, some, c)) for c in (20, 50, 100)),
        Input(f"kv, {sized(largest)}, 1,000 keys", partial(reg, largest, keys=1_000), processes=True),
        *(
            Input(
                f"cas over 5 values, {sized(some)}, {c} processes{', stale read' * stale}",
                partial(reg, some, c, values=5, cas=True, stale=stale),
                valid=None if stale else True,
            )
            for c in (5, 10, 20)
            for stale in (False, True)
        ),
        Input(
            f"cas over 5 values, {sized(largest)}, 5 processes, 0.1 % crashed",
            partial(reg, largest, 5, values=5, cas=True, crashed_ppm=1_000),
        ),
        *(
            Input(f"{family}, {sized(largest)}", partial(make, largest))
            for family, make in histories.FAMILIES.items()
        ),
    ]


def write_all(case: Input, folder: Path) -> Path:
    assert case.make is not None
    path = folder / f"{case.name.replace(' ', '-').replace(',', '').replace('%', 'percent')}.jsonl"
    made = case.make()
    with path.open("wb") as out:
        write(made, out, "jsonl")
    npz.save(made, path.with_suffix(".npz"))
    return path


def measure(paths: list[Path], model: str, repeat: int) -> dict[str, Any]:
    """In this process: seconds to load and to check all of the files."""
    start = time.perf_counter()
    loaded = [read(path) for path in paths]
    load_s = time.perf_counter() - start
    took = []
    for _ in range(repeat):
        start = time.perf_counter()
        results = [Linearizability(model).check(Record(history)) for history in loaded]
        took.append(time.perf_counter() - start)
    engines: dict[str, int] = {}
    for result in results:
        for name, keys in result.coverage.get("engines", {}).items():
            engines[name] = engines.get(name, 0) + keys
    return {
        "valid": [VERDICTS[result.verdict] for result in results],
        "load_s": load_s,
        "check_s": median(took),
        "peak_mb": peak_mb(),
        "engines": engines,
        "operations": sum(r.coverage["operations"] + r.coverage["crashed"] for r in results),
    }


def ours(paths: list[Path], model: str, repeat: int, timeout: float) -> dict[str, Any]:
    command = [sys.executable, str(HERE), "--measure", model, "--repeat", str(repeat), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise SystemExit(f"benchmark failed on {paths[0].name}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def theirs(peer: str, paths: list[Path], timeout: float) -> dict[str, Any]:
    """The sum over the files. A peer that fails or is too slow answers unknown."""
    total: dict[str, Any] = {"valid": [], "check_s": 0.0}
    for path in paths:
        command = [part.replace("{file}", str(path)) for part in shlex.split(peer)]
        start = time.perf_counter()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
            answer = json.loads(done.stdout.strip().splitlines()[-1])
        except (subprocess.TimeoutExpired, IndexError, json.JSONDecodeError):
            answer = {"valid": "unknown", "check_s": time.perf_counter() - start}
        total["valid"].append(answer["valid"])
        total["check_s"] += answer["check_s"]
    return total


def whole(path: Path) -> float:
    """Seconds of the whole command on a file, from a cold start."""
    start = time.perf_counter()
    command = [Path(sys.executable).with_name("splitbrain"), "check", path, "--model", "cas-register"]
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - start


def verdict_of(valid: list[Any]) -> str:
    if len(valid) == 1:
        return {True: "valid", False: "invalid"}.get(valid[0], "unknown")
    return f"{valid.count(True)} valid, {valid.count(False)} invalid, {valid.count('unknown')} unknown"


def row(case: Input, paths: list[Path], args: argparse.Namespace) -> bool:
    """Measure and print one input; false where a verdict is not what it must be."""
    mine = ours(paths, case.model, args.repeat, args.timeout)
    line = (
        f"{case.name:<58} {mine['operations']:>9,} ops  load {mine['load_s']:7.3f}  check {mine['check_s']:8.4f} s"
        f"  {mine['peak_mb']:6.0f} MB  {verdict_of(mine['valid'])}  {'+'.join(mine['engines'])}"
    )
    good = case.valid is None or mine["valid"] == [case.valid] * len(paths)
    good = good and "unknown" not in mine["valid"]
    if not good:
        line += "  WRONG"
    if args.peer:
        other = theirs(args.peer, paths, args.timeout)
        agree = all(a == b for a, b in zip(mine["valid"], other["valid"], strict=True) if b != "unknown")
        good = good and agree
        line += f"  | peer {other['check_s']:8.3f} s {verdict_of(other['valid'])}"
        line += f"  ratio {other['check_s'] / mine['check_s']:8.1f}x" + ("" if agree else "  DISAGREE")
    if case.processes:
        lines, columns = whole(paths[0]), whole(paths[0].with_suffix(".npz"))
        line += f"  | process {lines:.2f} s from JSON lines, {columns:.2f} s columnar"
    print(line, flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", metavar="MODEL", help=argparse.SUPPRESS)
    parser.add_argument("--peer", default="", help="a command that judges {file} and prints one JSON object")
    parser.add_argument("--only", default="*", help="inputs by name, with * and ?")
    parser.add_argument(
        "--ops", type=int, default=1_000_000, help="of the largest inputs (default 1,000,000)"
    )
    parser.add_argument(
        "--repeat", type=int, default=3, help="checks a measurement, of which the median counts"
    )
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for a peer, or us, on one input")
    parser.add_argument("--corpora", type=Path, default=HERE.parents[2] / "shared" / "corpora")
    parser.add_argument("--write", type=Path, help="write the made files here, and measure nothing")
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.files, args.measure, args.repeat)))
        return 0
    chosen = [case for case in inputs(args.ops) if fnmatch(case.name, args.only) or args.only in case.name]
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        for case in chosen:
            if case.make is None:
                paths = sorted(args.corpora.rglob(case.files))
                if not paths:
                    print(f"{case.name:<58} left out: no {case.files} in {args.corpora}")
                elif not args.write:
                    good = row(case, paths, args) and good
                continue
            path = write_all(case, args.write or Path(scratch))
            if args.write:
                print(path)
                continue
            good = row(case, [path], args) and good
            path.unlink()
            path.with_suffix(".npz").unlink()
    if not args.write and fnmatch("online", args.only):
        good = online.table("*", min(args.ops, ONLINE_MAX)) and good
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
