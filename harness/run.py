"""One run: from a specification to a record, a verdict and a report.

The data's way: spec -> schedule (data) -> cluster of the environment -> interpreter and nemesis driver, which
record -> checkers, which see the record and nothing else -> results.json -> report.html.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from checkers import registry as checkers
from checkers.history import Op
from checkers.liveness.elections import SETTLE_S
from checkers.record import Checker, Record, TraceEvent
from checkers.requests import resolved
from checkers.result import Result, Verdict, merge
from checkers.runs.well_formed import WellFormed
from checkers.stepwise import Stepwise
from harness import leaders
from harness.audit import Attempts, Outcomes, Tally, uncovered, unhealed, unseen, vacuous
from harness.caller import Caller
from harness.environment import (
    Cluster,
    Observer,
    capabilities,
    check_environment,
    drive_of,
    one_clock,
    reason,
)
from harness.errors import HarnessError, UsageError, nearest, one_line
from harness.interpreter import Interpreter
from harness.ledger import Ledger
from harness.nemesis import NemesisDriver, Triggers
from harness.options import check_options
from harness.provenance import made_by
from harness.recorder import Recorder
from harness.spec import SECOND, RunSpec
from harness.store import RUN_FILE, write_atomic
from harness.streams import Streams
from harness.systems.registry import adapter, adapters, is_own
from harness.tracefile import Elections, TraceFile
from harness.twin import write_twin
from harness.watch import Until, Watch, judges_of
from nemeses import registry as nemeses
from nemeses.schedule import Schedule, plan
from nemeses.targets import check as check_target
from nodes.bugs import BUGS
from nodes.systems import SYSTEMS
from workloads import registry as workloads
from workloads.generators import stagger, time_limit
from workloads.port import Workload


class Outcome(msgspec.Struct):
    """What became of a run. ``summary`` holds figures for campaigns; its names are in docs/formats.md."""

    verdict: Verdict
    results: list[Result]
    summary: dict[str, Any]
    folder: Path


MONITORS: dict[str, tuple[str, ...]] = {
    "raft": ("raft-invariants", "state-divergence", "agreement", "elections", "startup"),
}
"""system -> checkers that watch the trace of its nodes, event by event"""


class Plan(msgspec.Struct):
    """A checked specification with everything that it names."""

    spec: RunSpec
    workload: Workload
    nemesis: list[str]
    """families that this seed plays: all of the specification's, or the swarm's share"""
    schedule: Schedule
    streams: Streams


def check_spec(spec: RunSpec) -> None:
    """Raises UsageError, one line, where the run could not even begin."""
    _workload(spec)
    if spec.bug is not None and spec.bug not in BUGS:
        raise UsageError(f"bug: unknown bug {spec.bug!r}{nearest(spec.bug, BUGS)}")
    _system(spec)
    able = capabilities(spec)
    for name in spec.nemesis:
        try:
            family = nemeses.parse(name)[0].name
        except ValueError as e:
            raise UsageError(f"nemesis: {e}") from e
        if family not in able:
            raise UsageError(
                f"nemesis: {family!r} cannot be done in environment {spec.env!r}; it can do {', '.join(sorted(able))}"
                f"{reason(spec, family)}"
            )
    check_environment(spec)
    check_options(spec, _workload(spec))
    try:
        _planned_faults(msgspec.structs.replace(spec, swarm=0), Streams(spec.seed))
    except ValueError as e:
        raise UsageError(f"nemesis: {e}") from e


def _workload(spec: RunSpec) -> Workload:
    try:
        return workloads.get(spec.workload)
    except ValueError as e:
        raise UsageError(f"workload: {e}") from e


def _system(spec: RunSpec) -> None:
    if spec.bin is not None:
        return
    foreign = adapter(spec)
    if foreign is None and spec.system not in SYSTEMS:
        known = (*SYSTEMS, *adapters())
        raise UsageError(f"system: unknown system {spec.system!r}{nearest(spec.system, known)}")
    requests = foreign.requests if foreign is not None else SYSTEMS[spec.system].requests
    missing = sorted(set(_workload(spec).requests) - requests)
    if missing:
        raise UsageError(
            f"workload: {spec.workload!r} sends {', '.join(missing)}, which system {spec.system!r} does not answer"
        )
    if foreign is not None:
        return
    try:
        SYSTEMS[spec.system].build("n0", spec.node_names(), spec.bug, spec.options.get("config", {}))
    except ValueError as e:
        raise UsageError(f"options.config: {e}") from e


def _planned_faults(spec: RunSpec, streams: Streams) -> tuple[list[str], Schedule]:
    """The families that a seed plays, and when. Raises ValueError for a shape that cannot be planned."""
    nemesis = spec.nemesis
    if spec.swarm:
        swarm = streams.stream("swarm")
        nemesis = swarm.shuffle(nemesis)[: 1 + swarm.below(spec.swarm)]
    return nemesis, plan(
        nemesis,
        spec.node_names(),
        int(spec.time_limit * 1000),
        int(spec.interval * 1000),
        streams.stream("schedule"),
    )


def check_schedule(spec: RunSpec, schedule: Schedule) -> None:
    """Raises UsageError, one line, for a fault that this run's environment or nodes cannot have."""
    able = capabilities(spec)
    for number, fault in enumerate(schedule.faults):
        try:
            check_target(fault.target, spec.node_names())
        except ValueError as e:
            raise UsageError(f"schedule: faults[{number}]: {e}") from e
        if fault.family not in able:
            raise UsageError(
                f"schedule: faults[{number}]: {fault.family!r} cannot be done in environment {spec.env!r}; "
                f"it can do {', '.join(sorted(able))}"
            )


def make_plan(spec: RunSpec, schedule: Schedule | None = None) -> Plan:
    """Everything that follows from the seed before the first event. ``schedule`` replaces the planned one."""
    check_spec(spec)
    streams = Streams(spec.seed, spec.overrides)
    if schedule is not None:
        check_schedule(spec, schedule)
        nemesis = sorted({fault.family for fault in schedule.faults})
    else:
        nemesis, schedule = _planned_faults(spec, streams)
    return Plan(spec, _workload(spec), nemesis, schedule, streams)


def execute(
    spec: RunSpec,
    folder: Path,
    *,
    schedule: Schedule | None = None,
    report: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Run ``spec`` and write its folder. ``on_progress(now_ns, ops)`` is called now and then.

    Raises UsageError before anything is written, and HarnessError where the harness's own books do not agree
    (harness/audit.py); what a failing run recorded stays readable.
    """
    started = time.perf_counter()
    planned = make_plan(spec, schedule)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / RUN_FILE, msgspec.yaml.encode({**msgspec.to_builtins(spec), "made_by": made_by()}))
    planned.schedule.dump(folder / "schedule.yaml")
    recorder = Recorder(folder / "history.jsonl", unbuffered=spec.env != "sim")
    judges = judges_of(planned.workload.checkers, _checker_options(planned)) if spec.stop_on_violation else []
    guard = Watch(recorder, judges)
    ledger = Ledger(guard)
    triggers, elections, tally = Triggers(), Elections(), Tally()
    monitors = monitors_of(planned)
    observers: list[Observer] = [tally.observe, elections.observe, triggers.observe, partial(watch, monitors)]
    trace_path = folder / "trace.jsonl"
    try:
        with trace_path.open("wb") as trace:
            world = drive_of(spec)(
                spec,
                folder,
                planned.streams,
                trace,
                observers,
                partial(conduct, planned, ledger, guard, triggers, on_progress),
            )
    finally:
        recorder.close()
    ran = time.perf_counter()
    trust(ledger.discrepancy(recorder.ops, recorder.path))
    trust(WellFormed().check(Record(recorder.ops, options={"whole": True})).why)
    record = Record(recorder.ops, TraceFile(trace_path), spec.node_names(), _checker_options(planned))
    results = judge(planned.workload, record, monitors)
    if adapter(spec) is not None:
        results = leaders.told(results, recorder.ops, TraceFile(trace_path))
    trust(unseen(tally, trace_path, results))
    trust(uncovered(results, recorder.ops))
    trust(guard.discrepancy(results))
    write_twin(folder)
    verdict = merge(results)
    summary = {
        "operations": sum(op.type == "invoke" for op in recorder.ops),
        "ok": sum(op.type == "ok" for op in recorder.ops),
        "ops": len(recorder.ops),
        "anomalies": sorted({a.type for r in results for a in r.anomalies}),
        "bite": bite_counts(results),
        "leader_changes": elections.changes(),
        "deposed_by": elections.deposed_by(recorder.ops),
        "draws": planned.streams.counts(),
        "world": world,
        **({"stopped": msgspec.to_builtins(guard.stop)} if spec.stop_on_violation else {}),
        "run_s": round(ran - started, 3),
        "check_s": round(time.perf_counter() - ran, 3),
        "elapsed_s": round(time.perf_counter() - started, 3),
    }
    outcome = Outcome(verdict, results, summary, folder)
    write_atomic(
        folder / "results.json",
        msgspec.json.encode({"verdict": verdict, "seed": spec.seed, "results": results, "summary": summary}),
    )
    if report:
        from harness.report import run_report  # noqa: PLC0415  campaigns of many runs do not need it

        run_report(folder)
    return outcome


async def conduct(
    planned: Plan,
    ledger: Ledger,
    guard: Watch,
    triggers: Triggers,
    on_progress: Callable[[int, int], None] | None,
    cluster: Cluster,
) -> None:
    """The run's course: start, main phase under faults, healed and quiet, final reads."""
    spec, workload, streams = planned.spec, planned.workload, planned.streams
    nodes = cluster.nodes
    sessions = is_own(spec) and SYSTEMS[spec.system].sessions
    attempts = Attempts(cluster)
    caller = partial(Caller, attempts, nodes, timeout_ns=int(spec.op_timeout * SECOND), sessions=sessions)
    interpreter = Interpreter(
        workload,
        cluster,
        Outcomes(ledger, attempts, workload.reads),
        nodes,
        spec.clients(),
        lambda process: caller(process=process),
        streams.stream("generator"),
    )
    driver = NemesisDriver(planned.schedule, cluster, cluster, ledger, streams, triggers, guard)
    await cluster.start_all()
    if workload.setup is not None:
        setup = caller(process=SETUP_PROCESS)
        for node, body in workload.setup(nodes):
            await setup(node, body)
    ledger.nemesis(cluster.now(), "phase", {"name": "main"})
    faults = cluster.mailbox()
    ended = cluster.mailbox()

    async def play() -> None:
        await driver.run(cluster.now())
        faults.put(True)

    async def progress() -> None:
        assert on_progress is not None
        while not len(ended):
            on_progress(cluster.now(), len(ledger))
            await cluster.sleep_until(cluster.now() + SECOND // 5)

    cluster.spawn(play())
    if on_progress is not None and spec.env != "sim":
        cluster.spawn(progress())
    main = stagger(int(SECOND / spec.rate), workload.generator(spec.options.get("workload", {})))
    await interpreter.run(Until(guard.over, time_limit(int(spec.time_limit * SECOND), main)))
    await cluster.receive(faults, None)
    await cluster.sleep_until(cluster.now() + int(spec.quiet * SECOND))
    ledger.nemesis(cluster.now(), "phase", {"name": "final"})
    await cluster.refresh()
    quiet = cluster.links()
    if workload.final is not None:
        await interpreter.run(workload.final(spec.options.get("workload", {})))
    ended.put(True)
    await cluster.refresh()
    trust(unhealed(ledger.faults, await cluster.observe(), quiet, cluster.links()))


SETUP_PROCESS = 1_000_000_000
"""a client of its own for requests that come before the run; no operation of the history is its"""


def monitors_of(planned: Plan) -> list[Stepwise]:
    """Checkers that watch the trace of our own nodes, event by event."""
    spec = planned.spec
    options = _checker_options(planned)
    found = [checkers.online(name, options) for name in MONITORS.get(spec.system, ())] if is_own(spec) else []
    return [monitor for monitor in found if isinstance(monitor, Stepwise)]


def watch(
    monitors: Sequence[Stepwise], index: int, time: int, node: str, kind: str, data: dict[str, Any]
) -> None:
    """Show one event of the trace to all monitors."""
    event = TraceEvent(index, time, node, kind, data)
    for monitor in monitors:
        monitor.observe_trace(event)


def judge(workload: Workload, record: Record, monitors: Sequence[Stepwise]) -> list[Result]:
    """Every checker's result: the workload's, bite's, and the monitors', which saw the trace already."""
    found: list[Checker] = [checkers.create(name) for name in (*workload.checkers, "bite")]
    results = [judged(checker.name, partial(checker.check, record)) for checker in found]
    return results + [
        judged(monitor.name, partial(_concluded, monitor, record.history)) for monitor in monitors
    ]


def _concluded(monitor: Stepwise, history: Sequence[Op]) -> Result:
    """A monitor's result, once it has seen the ops as well."""
    monitor.observe_all(history)
    return resolved(monitor.result(), history)


def judged(name: str, check: Callable[[], Result]) -> Result:
    """A checker's result. What it cannot judge (ValueError) is unknown; whatever else it raises is its defect."""
    try:
        return vacuous(check())
    except ValueError as e:
        return Result("unknown", name, why=f"it could not judge this history: {one_line(str(e))}")
    except Exception as e:
        raise HarnessError(f"checker {name}: {type(e).__name__}: {one_line(str(e))}") from e


def trust(discrepancy: str) -> None:
    """Raises HarnessError where one of the harness's accounts contradicts another: no verdict follows then."""
    if discrepancy:
        raise HarnessError(discrepancy)


def _checker_options(planned: Plan) -> dict[str, Any]:
    spec = planned.spec
    return {
        "nodes": spec.node_names(),
        "nemesis": planned.nemesis,
        "concurrency": spec.clients(),
        "workload": spec.workload,
        "settle_s": min(SETTLE_S, spec.quiet),
        "one_clock": one_clock(spec),
        "answers": not is_own(spec) or not SYSTEMS[spec.system].sessions,
        **planned.workload.judging,
        **spec.options.get("checker", {}),
    }


def bite_counts(results: Sequence[Result]) -> dict[str, Any]:
    """Per family: how many faults bit, did not, never fired."""
    return next((r.coverage.get("families", {}) for r in results if r.checker == "bite"), {})
