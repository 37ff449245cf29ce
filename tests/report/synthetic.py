"""Run folders made up from a seed: what a report must cope with, without running anything.

A folder holds a history with the length, the faults and the anomaly asked for; its results are written by hand, so
the tests know what the page must say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from checkers import history
from checkers.history import NEMESIS, Op
from checkers.result import Anomaly, Cost, Result
from harness.spec import MS, SECOND, RunSpec
from harness.streams import Streams

NODES = ("n0", "n1", "n2", "n3", "n4")
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
KINDS = ("valid", "linearizability", "invariant", "cycle", "unknown", "hostile")


class Made(msgspec.Struct):
    """What was written: the clients' ops, faults as (start, stop) in ns, results, end in ns."""

    ops: list[Op]
    faults: list[tuple[int, int]]
    results: list[Result]
    end: int


def make(folder: Path, kind: str = "valid", operations: int = 2000, seed: int = 7, lanes: int = 10) -> Made:
    """Write a run's folder of this kind; time grows with ``operations`` at 200 a second."""
    streams = Streams(seed)
    end = max(operations * 5 * MS, 5 * SECOND)
    faults = _faults(end)
    timeline = _clients(streams, kind, operations, lanes, end, faults) + _nemesis(faults)
    timeline.sort(key=lambda op: op.time)
    for index, op in enumerate(timeline):
        op.index = index
    folder.mkdir(parents=True, exist_ok=True)
    history.write(folder / "history.jsonl", timeline)
    trace = _trace(end, faults)
    with (folder / "trace.jsonl").open("wb") as file:
        file.writelines(msgspec.json.encode(event) + b"\n" for event in trace)
    clients = [op for op in timeline if op.process != NEMESIS]
    results = _results(kind, clients, trace, faults)
    verdict = "invalid" if any(r.verdict == "invalid" for r in results) else results[0].verdict
    judged = {"verdict": verdict, "seed": seed, "results": results, "summary": {"operations": operations}}
    (folder / "results.json").write_bytes(msgspec.json.encode(judged))
    spec = msgspec.to_builtins(RunSpec()) | {
        "name": HOSTILE if kind == "hostile" else f"made-up-{kind}",
        "workload": "list-append" if kind == "cycle" else "register",
        "nemesis": ["partition", "kill"],
        "concurrency": lanes,
        "seed": seed,
        "time_limit": float(end // SECOND),
        "made_by": {"splitbrain": "0.1.0", "python": "3.11.7", "source": "4f1d9a0c"},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(spec))
    planned = [{"family": f, "start_ms": a // MS, "stop_ms": b // MS} for f, a, b, _, _ in faults]
    (folder / "schedule.yaml").write_text(yaml.safe_dump(planned))
    return Made(clients, [(a, b) for _, a, b, _, _ in faults], results, end)


Planned = tuple[str, int, int, dict[str, Any], dict[str, Any]]


def _faults(end: int) -> list[Planned]:
    """(family, start, stop, start's value, stop's value): five, spread over the run."""
    part = end // 10
    cut = {
        "targets": ["n2"],
        "detail": {"shape": "isolated-leader", "groups": [["n2"], ["n0", "n1", "n3", "n4"]]},
    }
    down = {
        "was_up": True,
        "incarnation_before": 1,
        "incarnation_after": 1,
        "exit_status": -9,
        "up": False,
        "lost_bytes": 0,
    }
    return [
        (
            "partition",
            part,
            2 * part,
            cut,
            {"targets": ["n2"], "evidence": {"refused": {"n2>n0": 41, "n0>n2": 12}}},
        ),
        (
            "kill",
            3 * part,
            4 * part,
            {"targets": ["n1"], "detail": {}},
            {"targets": ["n1"], "evidence": {"nodes": {"n1": down}}},
        ),
        (
            "link",
            5 * part,
            7 * part,
            {"targets": ["n3"], "detail": {"rule": {"delay_us": 50000, "loss_ppm": 200000}}},
            {"targets": ["n3"], "evidence": {"altered": {"n3>n0": 120}}},
        ),
        (
            "pause",
            6 * part,
            7 * part - part // 2,
            {"targets": ["n4"], "detail": {}},
            {"targets": ["n4"], "evidence": {"nodes": {"n4": {"paused": True, "stalled": 17}}}},
        ),
        (
            "clock",
            8 * part,
            9 * part,
            {"targets": ["n0"], "detail": {"offset_ns": 250 * MS, "rate_ppm": 200}},
            {
                "targets": ["n0"],
                "evidence": {
                    "nodes": {
                        "n0": {"offset_ns": 0, "rate_ppm": 0, "offset_ns_before": 0, "rate_ppm_before": 0}
                    }
                },
            },
        ),
    ]


def _nemesis(faults: list[Planned]) -> list[Op]:
    ops = [Op(0, 0, NEMESIS, "info", "phase", value={"name": "main"})]
    for number, (family, start, stop, begun, healed) in enumerate(faults):
        ops.append(Op(0, start, NEMESIS, "info", family, value={"fault": number, "phase": "start", **begun}))
        ops.append(Op(0, stop, NEMESIS, "info", family, value={"fault": number, "phase": "stop", **healed}))
    return ops


def _clients(
    streams: Streams, kind: str, operations: int, lanes: int, end: int, faults: list[Planned]
) -> list[Op]:
    """Each thread takes its turn; under a fault operations are slow, and some fail or stay unknown."""
    draw = streams.stream("clients")
    process = list(range(lanes))
    free = [0] * lanes
    state: dict[int, Any] = {}
    ops: list[Op] = []
    gap = end * 9 // 10 // max(operations, 1)
    for number in range(operations):
        lane = min(range(lanes), key=lambda n: (free[n], n)) if draw.chance(100_000) else number % lanes
        start = max(number * gap + draw.below(gap), free[lane] + 1)
        troubled = any(a <= start < b for _, a, b, _, _ in faults[:4])
        took = draw.between(2 * MS, 9 * MS) * (draw.between(2, 20) if troubled else 1)
        key, node = draw.below(5), NODES[draw.below(5)]
        f, asked, answer = _operation(kind, draw, number, key, state)
        ops.append(Op(0, start, process[lane], "invoke", f, key, asked, node))
        done: str = "ok"
        error = None
        if troubled and draw.chance(60_000):
            done, error, answer, took = "info", "timeout", asked, SECOND
        elif troubled and draw.chance(80_000):
            done, error, answer = "fail", [11, "no leader"], asked
        if number < operations - 3:
            ops.append(Op(0, start + took, process[lane], done, f, key, answer, node, error))  # type: ignore[arg-type]
        free[lane] = start + took + 1 if number < operations - 3 else end
        if done == "info":
            process[lane] += lanes
    return ops


def _operation(kind: str, draw: Any, number: int, key: int, state: dict[int, Any]) -> tuple[str, Any, Any]:
    if kind == "cycle":
        seen = state.setdefault(key, [])
        asked = [["append", key, number], ["r", key, None]]
        seen.append(number)
        return "txn", asked, [["append", key, number], ["r", key, list(seen)]]
    if kind == "hostile":
        return "write", HOSTILE, HOSTILE
    choice = draw.below(3)
    before = state.get(key)
    if choice == 0:
        return "read", None, before
    state[key] = number
    if choice == 1 or before is None:
        return "write", number, number
    return "cas", [before, number], [before, number]


def _trace(end: int, faults: list[Planned]) -> list[dict[str, Any]]:
    """An election at the start, one after the partition began, and n1's death; commits as filling."""
    events: list[tuple[int, str, str, dict[str, Any]]] = [
        (0, node, "started", {"term": 0, "vote": None, "last_index": 0, "last_term": 0, "incarnation": 1})
        for node in NODES
    ]

    def elect(time: int, leader: str, term: int, voters: tuple[str, ...]) -> None:
        events.append((time, leader, "role", {"role": "candidate", "term": term}))
        events.extend((time + 2 * MS, node, "vote", {"term": term, "for": leader}) for node in voters)
        events.append((time + 5 * MS, leader, "role", {"role": "leader", "term": term}))
        events.extend(
            (time + 8 * MS, n, "role", {"role": "follower", "term": term}) for n in voters if n != leader
        )

    elect(150 * MS, "n2", 1, NODES)
    cut, healed = faults[0][1:3]
    elect(cut + (healed - cut) // 3, "n0", 2, ("n0", "n1", "n3", "n4"))
    events.append((healed + 3 * MS, "n2", "role", {"role": "follower", "term": 2}))
    events.append((faults[1][1], "n1", "killed", {}))
    events.append(
        (
            faults[1][2],
            "n1",
            "started",
            {"term": 2, "vote": "n0", "last_index": 40, "last_term": 2, "incarnation": 2},
        )
    )
    events.append((faults[3][1], "n4", "paused", {}))
    events.append((faults[3][2], "n4", "resumed", {}))
    for step in range(200):
        time = 200 * MS + step * (end - 200 * MS) // 200
        events.append((time, "n0", "commit", {"index": step + 1, "term": 2, "entry_term": 2}))
    events.sort(key=lambda event: event[0])
    return [
        {"index": i, "time": t, "node": n, "kind": k, "data": d, "step": i, "hash": i}
        for i, (t, n, k, d) in enumerate(events)
    ]


def _results(kind: str, ops: list[Op], trace: list[dict[str, Any]], faults: list[Planned]) -> list[Result]:
    coverage = {"operations": len(ops) // 2, "keys": 5}
    cost = Cost(0.42, 61.0)
    stats = Result("valid", "stats", coverage={"operations": len(ops) // 2}, cost=Cost(0.01, 0.0))
    if kind == "unknown":
        why = "the search ran out of its 60 s after 812 operations of key 3"
        return [Result("unknown", "linearizability", why=why, coverage=coverage, proved_prefix=812), stats]
    if kind == "invariant":
        leaders = [e["index"] for e in trace if e["kind"] == "role" and e["data"]["role"] == "leader"]
        text = (
            "n2 became leader of term 2 at 0.155000 s, and so had n0 at 1.155000 s: two leaders in one term"
        )
        anomaly = Anomaly("ElectionSafety", [], leaders, text, {"term": 2, "node": "n2"})
        return [
            Result("invalid", "raft-invariants", [anomaly], "violated: ElectionSafety", coverage, cost=cost),
            stats,
        ]
    if kind == "cycle":
        chosen = _within(ops, faults[0])[:3]
        text = (
            "T1 appended to key 0 and T2 read without it although T1 was complete;\nT2 appended and T3 saw it before"
            " T1's value: no order of the three explains this."
        )
        anomaly = Anomaly(
            "G-single-realtime", [i for o in chosen for i in o], [], text, {"cycle": ["rt", "ww", "rw"]}
        )
        return [Result("invalid", "list-append", [anomaly], "G-single-realtime", coverage, cost=cost), stats]
    if kind in ("linearizability", "hostile"):
        chosen = [
            pair
            for fault in faults[:2]
            for pair in _within(ops, fault, key=3 if kind == "linearizability" else None)[:4]
        ]
        text = (
            "On key 3 the write of 7 by process 2 was acknowledged at 4.203 s.\nThe read of process 5, invoked at"
            " 4.511 s after that, returned 4, the value before it.\nNo write of 4 could have come between the two."
        )
        text = HOSTILE if kind == "hostile" else text
        key = HOSTILE if kind == "hostile" else 3
        first = Anomaly("nonlinearizable", [i for o in chosen[:4] for i in o], [], text, {"key": key})
        second = Anomaly("stale-read", [i for o in chosen[4:] for i in o], [], text, {"key": key})
        return [Result("invalid", "linearizability", [first, second], "key 3", coverage, cost=cost), stats]
    return [Result("valid", "linearizability", coverage=coverage, cost=cost), stats]


def _within(ops: list[Op], fault: Planned, key: int | None = None) -> list[tuple[int, int]]:
    """Index pairs of operations that ran whole inside a fault, of one key if asked."""
    open_: dict[int | str, Op] = {}
    found = []
    for op in ops:
        if op.type == "invoke":
            open_[op.process] = op
            continue
        begun = open_.pop(op.process)
        if fault[1] <= begun.time and op.time <= fault[2] and (key is None or op.key == key):
            found.append((begun.index, op.index))
    assert len(found) >= 3
    return found
