"""Transactions: how long until every anomaly of a million of them is classified.

    python benchmarks/transactions.py [--workload list-append|rw-register] [--count 1000000] [--inject 0.01] ...
    python benchmarks/transactions.py --peer 'CMD {file} {workload} {model}'    # and a peer's times and ratios

A history like those of Elle's generator: 1 to 4 micro-operations, half of them reads, keys chosen with exponential
odds and replaced after so many writes, each transaction taking effect at one moment between its invocation and its
completion. ``--inject`` breaks that share of the transactions, each in one of several ways; ``--aborted`` and
``--unknown`` fail or lose that share. The same seed makes the same history on any machine.

Each history is written as a columnar file and judged by a process of its own, which says how long loading and
checking took, what was found, and the most memory it had.

A peer gets the same history as EDN (``--peer-format``) and prints one JSON object for each time that it checked it:
``{"valid": true | false | "unknown", "check_s": seconds, "check_cpu_s": seconds}``, the last optional. The first is
its cold time, the best of the others its warm one. What it says besides, on lines that begin otherwise, is passed
over. Exit code 1 where verdicts differ, or either has none.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

# benchmarks/checkers.py would be found first, under the name of the package
sys.path[0] = str(Path(__file__).resolve().parents[1])

from checkers import formats  # noqa: E402
from checkers.columns import FAIL, INFO, INT, INVOKE, LEN, LIST, NIL, OK, STR, Column, History  # noqa: E402
from checkers.memory import peak_mb  # noqa: E402
from checkers.npz import load, save  # noqa: E402
from checkers.record import Record  # noqa: E402
from checkers.registry import create  # noqa: E402
from checkers.txn.models import DEFAULT  # noqa: E402

WAYS = ("stale", "aborted", "middle", "twice", "swapped", "lost", "skew", "early")
"""of injected anomalies: a read of an old version, of what an aborted transaction wrote, in the middle of a
transaction; an element twice, two swapped, an append that vanished, a snapshot of two keys at different times, a read
of what is written only later"""


class Draws:
    """Integers of a seeded stream; numpy promises that raw draws of a bit generator stay the same."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)
        self._left: list[int] = []

    def below(self, n: int) -> int:
        if not self._left:
            self._left = (self._bits.random_raw(1 << 16) >> 11).tolist()
        return self._left.pop() % n


class Made:
    """A history as rows: see ``history``."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.lists = args.workload == "list-append"
        self.draws = Draws(args.seed)
        self.ops: list[tuple[int, int, int]] = []  # process, type, number of the transaction
        self.micro: list[list[list[int]]] = []  # per transaction: [write?, key, element, read number]
        self.reads: list[tuple[int, int]] = []  # (source, length): of a key's list, or of an odd one
        self.odd: list[list[int]] = []  # lists that no key ever had; source -1 - number
        self.data: list[list[int]] = []  # per key
        self.written: list[int] = []
        self.active: list[int] = []
        self.injected: Counter[str] = Counter()
        self._make(args)

    def _fresh(self) -> int:
        self.data.append([])
        self.written.append(0)
        return len(self.data) - 1

    def _make(self, args: argparse.Namespace) -> None:
        below = self.draws.below
        self.active = [self._fresh() for _ in range(args.keys)]
        # key i is twice as likely as key i - 1
        odds = [i for i in range(args.keys) for _ in range(1 << max(0, i - args.keys + 7))]
        names = list(range(args.processes))
        state = [0] * args.processes
        current = [-1] * args.processes
        scale = 1_000_000
        inject, aborted, unknown = (int(x * scale) for x in (args.inject, args.aborted, args.unknown))
        started = finished = 0
        while finished < args.count:
            p = below(args.processes)
            if state[p] == 0:
                if started == args.count:
                    continue
                txn = self._txn(1 + below(4), odds, args.writes)
                current[p] = started
                started += 1
                self.micro.append(txn)
                self.ops.append((names[p], INVOKE, current[p]))
                state[p] = 1
                continue
            if state[p] == 1:
                txn = self.micro[current[p]]
                chance = below(scale)
                way = WAYS[below(len(WAYS))] if below(scale) < inject else ""
                if way:
                    self.injected[way] += 1
                fate = OK
                if way == "aborted" or chance < aborted:
                    fate = FAIL
                elif chance < aborted + unknown:
                    fate = INFO
                if fate == OK or way == "aborted" or (fate == INFO and chance & 1):
                    self._apply(txn, way)
                state[p] = 2 + fate
                continue
            fate = state[p] - 2
            self.ops.append((names[p], fate, current[p]))
            if fate == INFO:
                names[p] += args.processes
            state[p] = 0
            finished += 1

    def _txn(self, size: int, odds: list[int], writes: int) -> list[list[int]]:
        below = self.draws.below
        txn = []
        for _ in range(size):
            at = odds[below(len(odds))]
            key = self.active[at]
            if below(2):
                txn.append([0, key, 0, -1])
                continue
            self.written[key] += 1
            txn.append([1, key, self.written[key], -1])
            if self.written[key] >= writes:
                self.active[at] = self._fresh()
        return txn

    def _apply(self, txn: list[list[int]], way: str) -> None:
        below, data = self.draws.below, self.data
        for write, key, element, _ in txn:
            if write and way == "early":
                data[key].append(element)
        for micro in txn:
            write, key, element, _ = micro
            held = data[key]
            if write:
                if way not in ("lost", "early"):
                    held.append(element)
                if way == "twice":
                    held.append(element)
                continue
            source, length = key, len(held)
            if (way == "stale" or (way == "skew" and below(2))) and length:
                length = max(0, length - 1 - below(8))
            elif way == "middle" and length:
                length -= 1
            elif way == "swapped" and length > 1:
                self.odd.append([*held[:-2], held[-1], held[-2]])
                source = -len(self.odd)
            micro[3] = len(self.reads)
            self.reads.append((source, length))

    def history(self) -> History:
        """The rows as columns."""
        r, w = 0, 1
        flat = [*self.data, *self.odd]
        starts = np.concatenate([[0], np.cumsum([len(x) for x in flat])]).astype(np.int64)
        elements = np.array([e for x in flat for e in x], np.int64)
        reads = np.array(self.reads, np.int64).reshape(-1, 2)
        source = np.where(reads[:, 0] >= 0, reads[:, 0], len(self.data) - 1 - reads[:, 0])
        begin, length = starts[source], reads[:, 1]
        kinds, words, read_kind, read_word = self._contents(elements, begin, length)
        base = len(words)
        sizes = np.array([len(t) for t in self.micro], np.int64)
        micro = np.array([m for t in self.micro for m in t], np.int64).reshape(-1, 4)
        total = len(micro)
        count = len(sizes)
        # invocations, then completions: [LEN 3, f, key, value] of each micro-operation, then the lists of them
        pool_kind = np.empty(8 * total + 2 * (total + count), np.uint8)
        pool_word = np.empty(len(pool_kind), np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        heads = []
        for half in range(2):
            rows = slice(half * 4 * total, (half + 1) * 4 * total)
            k, v = pool_kind[rows].reshape(-1, 4), pool_word[rows].reshape(-1, 4)
            k[:] = (LEN, STR, INT, INT)
            v[:, 0], v[:, 1], v[:, 2], v[:, 3] = 3, np.where(micro[:, 0] == 1, w, r), micro[:, 1], micro[:, 2]
            reading = micro[:, 0] == 0
            k[reading, 3], v[reading, 3] = NIL, 0
            if half:
                done = reading & (micro[:, 3] >= 0)
                k[done, 3], v[done, 3] = read_kind[micro[done, 3]], read_word[micro[done, 3]]
            low = 8 * total + half * (total + count)
            head = low + offsets[:-1] + np.arange(count)
            entries = np.ones(total + count, np.bool_)
            entries[head - low] = False
            spot = low + np.flatnonzero(entries)
            pool_kind[head], pool_word[head] = LEN, sizes
            pool_kind[spot], pool_word[spot] = LIST, base + half * 4 * total + 4 * np.arange(total)
            heads.append(base + head)
        ops = np.array(self.ops, np.int64)
        n = len(ops)
        kind = ops[:, 1].astype(np.uint8)
        value = np.where(kind == OK, heads[1][ops[:, 2]], heads[0][ops[:, 2]])
        nil = Column(np.zeros(n, np.uint8), np.zeros(n, np.int64))
        return History(
            index=np.arange(n, dtype=np.int64),
            time=np.arange(n, dtype=np.int64) * 1000,
            process=ops[:, 0],
            type=kind,
            f=np.zeros(n, np.int32),
            node=np.full(n, -1, np.int32),
            key=nil,
            value=Column(np.full(n, LIST, np.uint8), value),
            error=nil,
            pool=Column(np.concatenate([kinds, pool_kind]), np.concatenate([words, pool_word])),
            fs=["txn"],
            names=["nemesis"],
            strings=["r", "append" if self.lists else "w"],
            others=[],
        )

    def _contents(self, elements: Any, begin: Any, length: Any) -> tuple[Any, Any, Any, Any]:
        """The lists that were read, as the beginning of a pool; what a micro-operation has of each."""
        if not self.lists:
            last = np.maximum(begin + length - 1, 0)
            nil = length == 0
            kind = np.where(nil, NIL, INT).astype(np.uint8)
            word = np.where(nil, 0, elements[last] if len(elements) else 0)
            return np.zeros(0, np.uint8), np.zeros(0, np.int64), kind, word
        head = np.concatenate([[0], np.cumsum(length + 1)]).astype(np.int64)
        words = np.empty(int(head[-1]), np.int64)
        kinds = np.full(len(words), INT, np.uint8)
        kinds[head[:-1]] = LEN
        step = 100_000
        for low in range(0, len(length), step):
            some = slice(low, low + step)
            size = length[some] + 1
            at = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
            spot = np.repeat(begin[some], size) + at - 1
            first, last = int(head[low]), int(head[min(low + step, len(length))])
            words[first:last] = elements[np.clip(spot, 0, max(len(elements) - 1, 0))] if len(elements) else 0
        words[head[:-1]] = length
        return kinds, words, np.full(len(length), LIST, np.uint8), head[:-1]


def judge(path: Path, checker: str, model: str | None) -> dict[str, Any]:
    """Load and check; called in a process of its own."""
    begun = time.perf_counter()
    history = load(path)
    loaded = time.perf_counter()
    loaded_mb = peak_mb()
    before = time.process_time()
    result = create(checker).check(Record(history, options={"model": model} if model else {}))
    checked = time.perf_counter()
    return {
        "load_s": round(loaded - begun, 3),
        "check_s": round(checked - loaded, 3),
        "check_cpu_s": round(time.process_time() - before, 3),
        "loaded_mb": loaded_mb,
        "peak_mb": peak_mb(),
        "verdict": result.verdict,
        "why": result.why,
        "anomalies": result.coverage.get("anomalies", {}),
    }


def ask(peer: str, path: Path, workload: str, model: str, timeout: float) -> list[dict[str, Any]]:
    """A peer's answers about a file, one for each time that it checked it; none if it failed or was too slow."""
    places = {"{file}": str(path), "{workload}": workload, "{model}": model}
    command = []
    for part in shlex.split(peer):
        for place, value in places.items():
            part = part.replace(place, value)  # noqa: PLW2901
        command.append(part)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return []
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [answer for answer in answers if "valid" in answer]


def beside(found: dict[str, Any], answers: list[dict[str, Any]]) -> bool:
    """Print a peer's times beside ours; whether both have a verdict, and the same."""
    if not answers:
        print("  peer: no answer")
        return False
    named = {True: "valid", False: "invalid"}
    verdicts = {named.get(a["valid"], "unknown") for a in answers}
    kinds = {"cold": answers[0]}
    if answers[1:]:
        kinds["warm"] = min(answers[1:], key=lambda a: a["check_s"])
    for kind, answer in kinds.items():
        took, cpu = answer["check_s"], answer.get("check_cpu_s")
        line = f"  peer, {kind}: {took:.3f} s, {took / max(found['check_s'], 0.001):.1f} times ours"
        if cpu is not None:
            line += f" (cpu {cpu:.3f} s, {cpu / max(found['check_cpu_s'], 0.001):.1f} times ours)"
        print(f"{line}; {' and '.join(sorted(verdicts))}")
    return verdicts == {found["verdict"]} != {"unknown"}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workload", default="list-append", choices=["list-append", "rw-register"])
    parser.add_argument("--count", type=int, default=1_000_000, help="transactions")
    parser.add_argument("--keys", type=int, default=10, help="keys in use at a time")
    parser.add_argument("--writes", type=int, default=32, help="writes until a key is replaced")
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inject", type=float, default=0.0, help="share of transactions that are broken")
    parser.add_argument("--aborted", type=float, default=0.0)
    parser.add_argument("--unknown", type=float, default=0.0)
    parser.add_argument("--model", help="of consistency; strict-serializable unless given")
    parser.add_argument("--keep", type=Path, help="write the history here, and keep it")
    parser.add_argument("--peer", default="", help="a command that judges {file}, see above")
    parser.add_argument(
        "--peer-format", default="edn", choices=formats.WRITTEN, help="in which it gets the history"
    )
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds for a peer in all")
    parser.add_argument("--judge", type=Path, help="only judge this file, in this process")
    args = parser.parse_args()
    if args.judge:
        print(json.dumps(judge(args.judge, args.workload, args.model)))
        return 0
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        path = args.keep or Path(folder) / "history.npz"
        made = Made(args)
        history = made.history()
        save(history, path)
        injected = dict(made.injected)
        print(f"{args.workload}: {args.count:,} transactions, seed {args.seed}, injected {injected}")
        command = [sys.executable, __file__, "--judge", str(path), "--workload", args.workload]
        command += ["--model", args.model] if args.model else []
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        if args.peer:
            other = Path(folder) / f"history.{args.peer_format}"
            with other.open("wb") as out:
                formats.write(history, out, args.peer_format)
            del made, history  # a peer may want the memory
            answers = ask(args.peer, other, args.workload, args.model or DEFAULT, args.timeout)
    print(
        f"  load {found['load_s']} s ({found['loaded_mb']} MB), check {found['check_s']} s "
        f"(cpu {found['check_cpu_s']} s), peak {found['peak_mb']} MB: {found['verdict']}"
    )
    for name, count in found["anomalies"].items():
        print(f"    {name}: {count}")
    return 0 if not args.peer or beside(found, answers) else 1


if __name__ == "__main__":
    raise SystemExit(main())
