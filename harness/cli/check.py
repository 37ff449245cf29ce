"""``splitbrain check``: a history judged alone, without a run; with its trace for the checkers that look at one."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer

from checkers import options as of_checkers
from checkers import registry
from checkers.columns import INVOKE, NEMESIS, History
from checkers.formats import AUTO
from checkers.kernels import COMPILED
from checkers.memory import peak_mb
from checkers.record import Record
from checkers.result import Result, merge
from harness.cli import telling
from harness.cli.common import say, say_results
from harness.cli.histories import FORMATS, load
from harness.errors import VERDICT_CODES, UsageError, nearest
from harness.store import RUN_FILE
from harness.tracefile import load_trace

BESIDE = frozenset(
    {
        "stats",
        "availability",
        "progress",
        "bite",
        "raft-invariants",
        "state-divergence",
        "elections",
        "startup",
    }
)
"""checkers of a run that say nothing about the promises a history alone could break"""

MEASURES = frozenset({"stats", "availability", "bite"})
"""those that judge the run and never the system: nothing to check a history by"""

TRACED = frozenset({"raft-invariants", "state-divergence", "agreement", "elections", "startup"})
"""those that look at a trace"""

TRACE_FILE = "trace.jsonl"


def register(app: typer.Typer) -> None:
    app.command("check", help="Judge a history.")(check)


def check(
    history: Annotated[
        Path, typer.Argument(help="A file with a history, or the folder of a run.", metavar="HISTORY")
    ],
    model: Annotated[
        str | None,
        typer.Option(help="A sequential model, one of consistency, or FILE.py:NAME.", metavar="NAME"),
    ] = None,
    workload: Annotated[
        str | None, typer.Option(help="The checkers of this workload, or this one.", metavar="NAME")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    budget_s: Annotated[
        float | None, typer.Option(help="Give up after so many seconds: unknown.", metavar="S")
    ] = None,
    budget_mb: Annotated[
        float | None, typer.Option(help="Give up beyond so much memory: unknown.", metavar="MB")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="The only engine of linearizability to ask.", metavar="NAME")
    ] = None,
    format: Annotated[str, typer.Option(help=f"{', '.join(FORMATS)}.", metavar="NAME")] = AUTO,  # noqa: A002
    trace: Annotated[
        Path | None, typer.Option(help="A trace, JSON lines; of a run's folder its own.", metavar="FILE")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="An option of a checker; its value as JSON.", metavar="NAME=VALUE"),
    ] = None,
) -> int:
    """Returns the verdict's exit code."""
    started = time.perf_counter()
    if format not in FORMATS:
        raise UsageError(f"check: --format: unknown format {format!r}{nearest(format, FORMATS)}")
    if model is not None and workload is not None:
        raise UsageError("check: --model and --workload exclude each other")
    for flag, value in (("--budget-s", budget_s), ("--budget-mb", budget_mb)):
        if value is not None and not value > 0:
            raise UsageError(f"check: {flag}: expected more than 0, got {value:g}")
    model, workload = named(model, workload)
    if model is not None:
        checker_of_model(model, "")
    if trace is not None and not trace.is_file():
        raise UsageError(f"check: --trace: {trace}: no such file; expected a trace, JSON lines")
    path, ops = load(history, format)
    loaded = time.perf_counter()
    if model is None and workload is None and not (history / RUN_FILE).is_file():
        model = telling.model_of(ops)
    if model == "kv" and telling.absent_is_text(ops):
        model = "append-kv"
    by_model = None if model is None else checker_of_model(model, telling.writes(ops))
    if trace is None and history.is_dir() and (history / TRACE_FILE).is_file():
        trace = history / TRACE_FILE
    names = (
        (by_model,)
        if by_model
        else checkers_of(
            workload_of(history, path, ops) if workload is None else workload, ops, traced=trace is not None
        )
    )
    if engine is not None and "linearizability" not in names:
        raise UsageError(f"check: --engine: only linearizability has engines; asked here: {', '.join(names)}")
    options: dict[str, Any] = {"model": model, "budget_s": budget_s, "budget_mb": budget_mb, "engine": engine}
    given = options_of(history, option or ())
    try:
        of_checkers.check(given, names)
    except ValueError as e:
        raise UsageError(f"check: --option {e}") from e
    record = Record(
        ops,
        load_trace(trace) if trace is not None and not TRACED.isdisjoint(names) else (),
        tuple(given.get("nodes", ())),
        {**given, **{k: v for k, v in options.items() if v is not None}},
    )
    try:
        results = [registry.create(name).check(record) for name in names]
    except (ValueError, registry.UnknownCheckerError) as e:
        raise UsageError(f"{path}: {' '.join(str(e).split())}") from e
    verdict = merge(results)
    operations = int(((ops.type == INVOKE) & (ops.process != NEMESIS)).sum())
    ended = time.perf_counter()
    if json:
        times = {"elapsed_s": ended - started, "load_s": loaded - started, "check_s": ended - loaded}
        sys.stdout.write(as_json(results, operations, times) + "\n")
    else:
        seconds = f"loaded in {loaded - started:.2f} s, checked in {ended - loaded:.2f} s"
        say(f"{path}: {operations:,} operations, checked by {', '.join(names)}; {seconds}")
        if not COMPILED:
            say(
                "the checkers' inner loops are not compiled here (no C compiler at hand): the same verdicts, slower"
            )
        say_results(verdict, results)
    return VERDICT_CODES[verdict]


def workload_of(history: Path, path: Path, ops: History) -> str:
    """What clients did: as the run's own file says, else by the functions in the history."""
    if history.is_dir() and (history / RUN_FILE).is_file():
        from harness.replay import load_spec  # noqa: PLC0415 (a history alone needs no run)

        return load_spec(history)[0].workload
    return telling.workload_of(path, ops)


def options_of(history: Path, given: Sequence[str]) -> dict[str, Any]:
    """Options of checkers, ``name=value`` each; the nodes of a run are known from its folder."""
    found: dict[str, Any] = {}
    if history.is_dir() and (history / RUN_FILE).is_file():
        from harness.replay import load_spec  # noqa: PLC0415 (a history alone needs no run)

        found["nodes"] = load_spec(history)[0].node_names()
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"check: --option: expected NAME=VALUE, got {text!r}")
        try:
            found[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            found[name] = value
    return found


def named(model: str | None, workload: str | None) -> tuple[str | None, str | None]:
    """The model and the workload by the names they have here; UsageError if one has no such name.

    A model that is none, but a checker or a workload, as elle-cli and Knossos call some of them, is that; and so is
    a workload that is none, but a model.
    """
    from checkers.models import MODELS, own  # noqa: PLC0415
    from checkers.txn.models import ALIASES, FORBIDDEN  # noqa: PLC0415

    for flag, name in (("--model", model), ("--workload", workload)):
        if name in telling.INSTEAD:
            raise UsageError(f"check: {flag}: there is no {name!r} here; {telling.INSTEAD[name]}")
    name = workload if model is None else model
    if name is None or own.is_in_file(name):
        return model, workload
    from workloads import registry as workloads  # noqa: PLC0415

    is_model = name in MODELS or name in FORBIDDEN or name in ALIASES
    if model is not None and is_model:
        return model, None
    name = telling.OTHERS.get(name, name)
    if name in workloads.names() or (name in registry.names() and name not in MEASURES):
        return None, name
    if is_model:
        return name, None
    return model, workload


def checkers_of(workload: str, ops: History, *, traced: bool = False) -> tuple[str, ...]:
    """The checkers of a workload that a history alone can answer, or the one checker of that name.

    Convergence needs marked final reads.
    """
    from workloads import registry as workloads  # noqa: PLC0415

    if workload not in workloads.names() and workload in registry.names() and workload not in MEASURES:
        if workload in TRACED and not traced:
            raise UsageError(
                f"check: --workload: {workload!r} looks at a trace; expected --trace FILE, or the folder of a run"
            )
        return (workload,)
    try:
        names = workloads.get(workload).checkers
    except ValueError as e:
        raise UsageError(f"check: --workload: {e}") from e
    marks = np.flatnonzero((ops.process == NEMESIS) & (ops.f == ops.code_of("phase"))).tolist()
    final = any(ops[at].value == {"name": "final"} for at in marks)
    return tuple(n for n in names if n not in BESIDE and (final or n != "convergence"))


def checker_of_model(name: str, write: str) -> str:
    """Who judges by a model: a sequential specification, or a consistency model of transactions.

    ``write``: what the transactions do besides reading.
    """
    from checkers.models import MODELS, own  # noqa: PLC0415
    from checkers.txn.models import ALIASES, FORBIDDEN  # noqa: PLC0415

    if own.is_in_file(name):
        return "linearizability"
    if name not in MODELS and name not in FORBIDDEN and name not in ALIASES:
        known = (*MODELS, *FORBIDDEN, *ALIASES)
        raise UsageError(f"check: --model: unknown model {name!r}{nearest(name, known)}")
    if name in MODELS:
        return "linearizability"
    return "rw-register" if write == "w" else "list-append"


def ruled_out(results: Sequence[Result]) -> dict[str, list[str]]:
    """Elle's ``not`` and ``also-not``: the weakest consistency models that are ruled out, and those above them."""
    found = [r.coverage for r in results if "not" in r.coverage]
    return {
        name: list(dict.fromkeys(m for c in found for m in c[name])) for name in ("not", "also_not") if found
    }


def as_json(results: Sequence[Result], operations: int, times: dict[str, float]) -> str:
    """The object of ``--json``, on one line."""
    valid = {"valid": True, "invalid": False, "unknown": "unknown"}[merge(results)]
    anomalies = [
        {"type": a.type, "ops": a.op_indexes, "explanation": a.explanation}
        for r in results
        for a in r.anomalies
    ]
    data = {
        "valid": valid,
        "checker": "+".join(r.checker for r in results),
        "operations": operations,
        "anomalies": anomalies,
        **ruled_out(results),
        "why": "; ".join(r.why for r in results if r.why and (valid is True or r.verdict != "valid")),
        **{name: round(seconds, 6) for name, seconds in times.items()},
        "peak_mb": peak_mb(),
    }
    return msgspec.json.encode(data).decode()
