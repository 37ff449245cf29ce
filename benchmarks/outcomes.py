"""What a campaign of live runs gave, as a Markdown table: a row for each mix of faults and workload.

python benchmarks/outcomes.py store/pysyncobj/latest
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HEAD = (
    "faults",
    "workload",
    "runs",
    "valid",
    "invalid",
    "unknown",
    "leader changes",
    "ok operations",
    "found",
)


def rows(folder: Path) -> list[list[str]]:
    """A row for each (faults, workload), in the order of the campaign."""
    lines = (folder / "runs.jsonl").read_text().splitlines()[1:]
    mixes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in map(json.loads, lines):
        if run["number"] >= 0:  # below are the runs without faults that it is compared with
            mixes.setdefault((", ".join(run["nemesis"]) or "none", run["workload"]), []).append(run)
    return [[*mix, *_row(folder, runs)] for mix, runs in mixes.items()]


def _row(folder: Path, runs: list[dict[str, Any]]) -> list[str]:
    verdicts = Counter(run["verdict"] for run in runs)
    found = Counter(kind for run in runs for kind in set(run["anomalies"]))
    changes = sum(_changes(folder / run["folder"]) for run in runs)
    return [
        str(len(runs)),
        *(str(verdicts[verdict]) for verdict in ("valid", "invalid", "unknown")),
        str(changes),
        f"{sum(run['ok'] for run in runs):,}",
        ", ".join(f"{kind} in {count}" for kind, count in found.most_common()) or "nothing",
    ]


def _changes(run: Path) -> int:
    summary = json.loads((run / "results.json").read_text())["summary"]
    return int(summary.get("leader_changes") or 0)


def table(folder: Path) -> str:
    cells = [list(HEAD), ["---"] * len(HEAD), *rows(folder)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: outcomes.py CAMPAIGN: a folder with runs.jsonl")
    print(table(Path(sys.argv[1])))
