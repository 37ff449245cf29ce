"""The report of a campaign: what its gate says, and every run on one page.

Read from ``campaign.json``; fields that are absent are shown as not known, so that a campaign that is still
running, or that an earlier version wrote, has a page too.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from harness.errors import UsageError
from harness.report import page, words

ROWS_MAX = 3000
TREND_MAX = 200
VERDICTS = ("valid", "invalid", "unknown")


class Row(msgspec.Struct):
    """A run in the table. ``state`` is what matters: whether it came out as expected."""

    link: str
    seed: str
    system: str
    bug: str
    workload: str
    nemesis: str
    env: str
    verdict: str
    expected: bool
    why: str
    anomalies: str
    operations: int
    ok: str
    bite: str
    elapsed: str
    replay: str


def campaign_report(folder: Path) -> Path:
    """Read ``campaign.json`` in ``folder`` and write its ``report.html``; returns the path written.

    Raises UsageError, one line, where there is no campaign.
    """
    state = _read(folder / "campaign.json")
    runs = [run for run in _list(state.get("runs")) if isinstance(run, dict)]
    gate = state.get("gate") if isinstance(state.get("gate"), dict) else {}
    assert isinstance(gate, dict)
    baseline = state.get("baseline")
    hunted = [hunt for hunt in _list(state.get("hunts")) if isinstance(hunt, dict)]
    caught = {hunt.get("cell") for hunt in hunted if hunt.get("caught") is True}
    rows = [_row(run, folder, caught) for run in runs]
    kept, dropped = _kept(rows)
    passed = gate.get("passed") is True and state.get("state") != "running"
    text = page.render(
        "campaign.html.j2",
        ("campaign.js",),
        title=f"{'Passed' if passed else 'Not passed'}: {state.get('name', folder.name)}",
        name=str(state.get("name", folder.name)),
        started=str(state.get("started", "not known")),
        passed=passed,
        running=state.get("state") == "running",
        sentence=sentence(runs, hunted),
        lines=[str(line) for line in _list(gate.get("lines"))],
        cells=_cells(runs, caught),
        hunts=_hunts(hunted),
        families=_families(runs),
        rows=kept,
        dropped=dropped,
        total=len(rows),
        baseline=[_row(run, folder, frozenset()) for run in _list(baseline) if isinstance(run, dict)],
        trend=_trend(state.get("trend")),
        bars=_bars(state.get("trend")),
    )
    return page.write(folder / "report.html", text)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as e:
        raise UsageError(f"{path.parent}: not a campaign's folder: it holds no campaign.json") from e
    except msgspec.MsgspecError as e:
        raise UsageError(f"{path}: not a campaign: {e}") from e
    if not isinstance(found, dict):
        raise UsageError(f"{path}: not a campaign: expected an object with name, gate and runs")
    return found


def _list(v: Any) -> list[Any]:
    if isinstance(v, dict):
        return [v]
    return v if isinstance(v, list) else []


def _expected(run: dict[str, Any], caught: AbstractSet[Any]) -> bool:
    """Whether a run came out as it must; one of a cell that must be caught does when its cell was."""
    if run.get("failed"):
        return False
    return run.get("cell") in caught if run.get("expect") == "invalid" else run.get("verdict") == "valid"


def sentence(runs: Sequence[dict[str, Any]], hunted: Sequence[dict[str, Any]]) -> str:
    """What happened, in one sentence, without the gate's own word at its front."""
    if not runs:
        return "no run has ended yet."
    counts = {verdict: sum(run.get("verdict") == verdict for run in runs) for verdict in VERDICTS}
    parts = [f"{n:,} {verdict}" for verdict, n in counts.items() if n]
    operations = sum(_int(run.get("operations")) for run in runs)
    ok = sum(_int(run.get("ok")) for run in runs)
    share = f", {100 * ok / operations:.1f} % of them ok" if operations else ""
    caught = sum(hunt.get("caught") is True for hunt in hunted)
    bugs = "planted bug" if all(hunt.get("bug") for hunt in hunted) else "broken system"
    hunting = f"; {caught} of {words.count(len(hunted), bugs)} caught" if hunted else ""
    failed = sum(bool(run.get("failed")) for run in runs)
    spoiled = f"; the harness itself failed in {failed}" if failed else ""
    head = f"{words.count(len(runs), 'run')}: {words.listing(parts)}"
    return f"{head}; {words.count(operations, 'operation')}{share}{hunting}{spoiled}."


def _int(v: Any) -> int:
    return v if isinstance(v, int) else 0


def _row(run: dict[str, Any], folder: Path, caught: AbstractSet[Any]) -> Row:
    operations, ok = _int(run.get("operations")), _int(run.get("ok"))
    path = str(run.get("folder", ""))
    there = bool(path) and (folder / path / "report.html").is_file()
    bite = run.get("bite") if isinstance(run.get("bite"), dict) else {}
    assert isinstance(bite, dict)
    elapsed = run.get("elapsed_s")
    return Row(
        link=f"{quote(path)}/report.html" if there else "",
        seed=str(run.get("seed", "")),
        system=str(run.get("system", "")),
        bug=str(run.get("bug") or ""),
        workload=str(run.get("workload", "")),
        nemesis=_nemesis(run),
        env=str(run.get("env", "")),
        verdict=str(run.get("verdict", "unknown")),
        expected=_expected(run, caught),
        why=words.shorten(str(run.get("why") or ""), 400),
        anomalies=""
        if run.get("verdict") == "valid"
        else ", ".join(str(a) for a in _list(run.get("anomalies"))),
        operations=operations,
        ok=f"{100 * ok / operations:.1f} %" if operations else "",
        bite=", ".join(_bite(family, bite[family]) for family in sorted(bite)),
        elapsed=f"{elapsed:.1f}" if isinstance(elapsed, int | float) else "",
        replay=str(run.get("replay") or ""),
    )


def _nemesis(run: dict[str, Any]) -> str:
    return ", ".join(str(name) for name in _list(run.get("nemesis"))) or "none"


def _bite(family: str, counts: Any) -> str:
    counts = counts if isinstance(counts, dict) else {}
    return f"{family} {_int(counts.get('bit'))} of {sum(_int(n) for n in counts.values())}"


def _kept(rows: list[Row]) -> tuple[list[Row], int]:
    """Runs that did not come out as expected, then the rest, as many as a page holds."""
    ordered = sorted(rows, key=lambda row: row.expected)
    return ordered[:ROWS_MAX], max(len(rows) - ROWS_MAX, 0)


def _cell(run: dict[str, Any]) -> tuple[str, str, str, str]:
    """What was combined: system with its bug, workload, nemesis, environment."""
    bug = f", bug {run['bug']}" if run.get("bug") else ""
    system = f"{run.get('system', '')}{bug}"
    return system, str(run.get("workload", "")), _nemesis(run), str(run.get("env", ""))


def _cells(
    runs: Sequence[dict[str, Any]], caught: AbstractSet[Any]
) -> list[tuple[str, str, str, str, dict[str, int], bool]]:
    """Runs by what was combined: (system, workload, nemesis, environment, runs by verdict, as expected)."""
    cells: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for run in runs:
        cells.setdefault(_cell(run), []).append(run)
    return [
        (
            *key,
            {verdict: sum(run.get("verdict") == verdict for run in cells[key]) for verdict in VERDICTS},
            all(_expected(run, caught) for run in cells[key]),
        )
        for key in sorted(cells)
    ]


def _hunts(hunted: Sequence[dict[str, Any]]) -> list[tuple[str, list[tuple[str, str]], int, bool]]:
    """(cell, (what had to be seen, the first seed that showed it or nothing), runs, caught)."""
    out = []
    for hunt in hunted:
        seeds = hunt.get("seeds")
        signs = [
            (str(sign).replace(":", ": "), "" if seed is None else str(seed))
            for sign, seed in (seeds.items() if isinstance(seeds, dict) else ())
        ]
        out.append((str(hunt.get("name", "")), signs, _int(hunt.get("runs")), hunt.get("caught") is True))
    return out


def _families(runs: Sequence[dict[str, Any]]) -> list[tuple[str, int, int, int, str]]:
    """(family, bit, did not bite, unfired, share that bit), over all runs."""
    sums: dict[str, dict[str, int]] = {}
    for run in runs:
        bite = run.get("bite")
        for family, counts in bite.items() if isinstance(bite, dict) else ():
            row = sums.setdefault(str(family), {"bit": 0, "did_not_bite": 0, "unfired": 0})
            for name in row:
                row[name] += _int(counts.get(name)) if isinstance(counts, dict) else 0
    out = []
    for family in sorted(sums):
        row = sums[family]
        applied = row["bit"] + row["did_not_bite"]
        share = f"{100 * row['bit'] / applied:.1f} %" if applied else "none applied"
        out.append((family, row["bit"], row["did_not_bite"], row["unfired"], share))
    return out


def _trend(trend: Any) -> list[dict[str, str]]:
    """Executions of this campaign, the newest last, as text."""
    rows = [row for row in _list(trend) if isinstance(row, dict)][-TREND_MAX:]
    out = []
    for row in rows:
        fraction, recovery = row.get("ok_fraction"), row.get("max_recovery_s")
        out.append(
            {
                "started": str(row.get("started", "")),
                "runs": f"{_int(row.get('runs')):,}",
                "invalid": f"{_int(row.get('invalid')):,}",
                "unknown": f"{_int(row.get('unknown')):,}",
                "operations": f"{_int(row.get('operations')):,}",
                "ok": f"{100 * fraction:.1f} %" if isinstance(fraction, int | float) else "",
                "recovery": f"{recovery:.2f} s" if isinstance(recovery, int | float) else "",
            }
        )
    return out


def _bars(trend: Any) -> list[tuple[float, float, float, float, float]]:
    """A bar an execution: (left, width, valid, invalid, unknown), in percent of the plot."""
    rows = [row for row in _list(trend) if isinstance(row, dict)][-60:]
    if len(rows) < 2:
        return []
    width = 100 / len(rows)
    out = []
    for n, row in enumerate(rows):
        runs = max(_int(row.get("runs")), 1)
        bad, unsure = (100 * _int(row.get(name)) / runs for name in ("invalid", "unknown"))
        out.append(
            (
                round(n * width, 2),
                round(width * 0.8, 2),
                round(100 - bad - unsure, 2),
                round(bad, 2),
                round(unsure, 2),
            )
        )
    return out
