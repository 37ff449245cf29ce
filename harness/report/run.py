"""The report of one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from checkers.result import Result
from harness.report import anomalies, columns, folder, page, verdict, words
from harness.report import faults as faults_
from harness.report import roles as roles_
from harness.report.faults import Fault

# the rest of the page's allowance is for text, tables, style and script
_DATA_BUDGET = 3_600_000
_SCRIPTS = ("decode.js", "view.js", "draw.js", "charts.js", "table.js", "main.js")


def run_report(folder_: Path) -> Path:
    """Read a run's folder (docs/formats.md) and write its ``report.html``; returns the path written.

    A folder that a killed harness left behind gives a report of what is there, which says what is missing.
    Raises UsageError, one line, for what is not a run's folder.
    """
    run = folder.read(folder_)
    operations = list(run.operations())
    op_indexes, trace_indexes = anomalies.witnesses(run.results)
    events = list(folder.trace(run.folder, roles_.KINDS, trace_indexes, run.notes))
    faults = faults_.faults(run)
    roles = roles_.roles(events, run.nodes(), run.end)
    views = anomalies.views(
        run,
        anomalies.by_index(operations),
        {event.index: event for event in events if event.index in trace_indexes},
        faults,
    )
    extra = {
        "end": roles.end,
        "lanes": run.lanes(),
        "faults": [
            [f.number, f.family, f.start, f.stop, f.what, f.bite] for f in faults if f.start is not None
        ],
        "roles": [[node, spans] for node, spans in roles.lanes.items()],
        "anomalies": [
            {"ops": view.ops, "from": view.start, "to": view.stop, "marks": view.marks} for view in views
        ],
    }
    packed, notes = columns.fit(run.ops, extra, _DATA_BUDGET, op_indexes)
    named = sum(len(result.anomalies) for result in anomalies.blamed(run))
    if named > len(views):
        notes.append(
            f"{named:,} anomalies were found; the first {len(views)} are shown here, all are in results.json."
        )
    name = str(run.spec.get("name", run.folder.name))
    text = page.render(
        "run.html.j2",
        _SCRIPTS,
        title=f"{run.verdict.capitalize()}: {name}, seed {run.spec.get('seed', 'not known')}",
        verdict=run.verdict,
        sentence=verdict.sentence(run, operations, views, faults, roles),
        commands=verdict.commands(run),
        facts=verdict.facts(run, operations),
        notes=run.notes + notes,
        views=views,
        faults=[_fault_row(fault) for fault in faults],
        hidden=any(fault.bite == "hidden" for fault in faults),
        results=[_result_row(result) for result in run.results],
        broken="What was broken" if run.verdict == "invalid" else "What is in doubt",
        has_roles=bool(roles.lanes),
        elections=len(roles.leaders),
        data=packed,
    )
    return page.write(run.folder / "report.html", text)


def _fault_row(fault: Fault) -> dict[str, Any]:
    return {
        "number": fault.number,
        "family": fault.family,
        "what": fault.what,
        "targets": ", ".join(fault.targets),
        "when": "never began" if fault.start is None else words.span(fault.start, fault.stop),
        "start": fault.start,
        "stop": fault.stop,
        "bite": fault.bite,
        "seen": fault.seen,
        "after": fault.after,
        "detail": words.shorten(words.compact(fault.detail), 400) if fault.detail else "",
    }


def _result_row(result: Result) -> dict[str, Any]:
    cost = result.cost
    return {
        "verdict": result.verdict,
        "checker": result.checker,
        "promise": verdict.promise(result.checker),
        "why": result.why,
        "anomalies": len(result.anomalies),
        "coverage": [words.measure(str(name), v) for name, v in result.coverage.items()],
        "proved": result.proved_prefix,
        "elapsed": "" if cost is None else f"{cost.elapsed_s:.2f} s",
        "peak": "" if cost is None or not cost.peak_mb else f"{cost.peak_mb:,.0f} MB",
    }
