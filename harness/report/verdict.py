"""The verdict's one sentence, how to replay, and the facts of a run."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from checkers.result import Result
from harness.report import faults as faults_
from harness.report import words
from harness.report.anomalies import View, weightiest
from harness.report.faults import Fault
from harness.report.folder import Operation, Run
from harness.report.roles import Roles
from harness.spec import RunSpec

_USUAL = {
    field: value
    for field, value in msgspec.to_builtins(RunSpec()).items()
    if field in ("transport", "hosts", "concurrency", "rate", "interval", "quiet", "op_timeout")
}
"""settings that a run is told of where they differ"""

# What a checker holds a system to. A checker's name is matched by its beginning; the first that fits counts.
_PROMISES = (
    ("linear", "Every operation seems to happen at one instant between its call and its answer."),
    ("cas-register", "Every operation seems to happen at one instant between its call and its answer."),
    ("set-full", "An element that was acknowledged is seen by every later read."),
    ("broadcast", "A message that was acknowledged reaches every member."),
    ("list-append", "Transactions seem to run one after another, in an order that respects real time."),
    ("rw-register", "Transactions seem to run one after another, in an order that respects real time."),
    ("elle", "Transactions seem to run one after another, in an order that respects real time."),
    ("txn", "Transactions seem to run one after another, in an order that respects real time."),
    (
        "raft",
        "One leader a term; logs agree; what is committed stays (the safety properties of the Raft paper).",
    ),
    (
        "invariant",
        "One leader a term; logs agree; what is committed stays (the safety properties of the Raft paper).",
    ),
    ("converge", "Once every fault is healed, all members come to the same state."),
    ("unique", "No id is handed out twice."),
    ("echo", "A reply repeats what was sent."),
    ("counter", "The counter's value is the sum of what was added."),
    ("stats", "Enough operations succeed for the run to say something."),
    ("bite", "The planned faults had an effect that was observed on the affected side."),
    ("fault", "The planned faults had an effect that was observed on the affected side."),
    ("availab", "Operations succeed, and do so again once a fault is healed."),
    ("recover", "Operations succeed again once a fault is healed."),
    ("progress", "Operations succeed again once a fault is healed, on every node and key."),
    ("elections", "While nothing disturbs them, nodes elect a leader and keep it."),
    ("startup", "A node that is started comes to work."),
    ("state", "Members that applied the same log have the same state."),
    (
        "agreement",
        "Correct members decide one log: the same values in the same order, each asked for by somebody.",
    ),
    ("watch", "A watch delivers every change once, in order, and goes on where it was left."),
    ("leases", "A lease is held by one at a time, and nothing is done with it after its time."),
    ("crdt", "The outcome is the merge of all updates that were acknowledged."),
)


_ABOUT_THE_RUN = frozenset({"availability", "bite", "progress", "startup", "stats"})


def promise(checker: str) -> str:
    name = checker.casefold()
    return next((text for start, text in _PROMISES if name.startswith(start)), "")


def sentence(
    run: Run, operations: Sequence[Operation], views: Sequence[View], faults: Sequence[Fault], roles: Roles
) -> str:
    """One sentence in plain words, without the verdict's own word at its front."""
    if run.verdict == "invalid":
        return _invalid(run, views, faults, roles)
    if run.verdict == "unknown":
        return _unknown(run.results)
    return _valid(run, operations, faults)


def _invalid(run: Run, views: Sequence[View], faults: Sequence[Fault], roles: Roles) -> str:
    if not views:
        blamed = [result for result in run.results if result.verdict == "invalid"]
        why = "; ".join(_bare(result.why) for result in blamed if result.why)
        return f"{why or 'a checker says so, without naming an anomaly'}."
    view = views[0]
    lead = view.meaning or (_bare(view.explanation[0]) if view.explanation else view.type)
    if view.key:
        lead = f"on key {view.key}, {lead}"
    others = len(views) - 1
    more = f"; {words.count(others, 'more anomaly', 'more anomalies')} below" if others else ""
    return f"{lead}{_context(view, faults, roles)}{more}."


def _bare(text: str) -> str:
    return text.strip().rstrip(".")


def _context(view: View, faults: Sequence[Fault], roles: Roles) -> str:
    """When, and under which faults: those in force between first and last witness, or the last one before."""
    if not view.rows:
        return ""
    when = words.span(view.start, view.stop)
    if not faults:
        return f" ({when}), with no fault in the run"
    active = weightiest(view.faults)
    count = len(active) + view.faults_left_out
    if not active:
        before = [fault for fault in faults if fault.stop is not None and fault.stop < view.start]
        if not before:
            return f" ({when}), before any fault began"
        last = max(before, key=lambda fault: fault.stop or 0)
        gap = words.duration(view.start - (last.stop or 0))
        return f" ({when}), {gap} after the end of a fault: {_named(last, roles)}"
    told = [_named(fault, roles) for fault in sorted(active[:2], key=lambda fault: fault.start or 0)]
    if count <= 2:
        return f" ({when}), while {' and '.join(told)}"
    return f" ({when}), while {count} faults came and went, among them {' and '.join(told)}"


def _named(fault: Fault, roles: Roles) -> str:
    leader = _led(fault, roles)
    who = f"the leader {leader}" if fault.phrase.subject == leader else fault.phrase.subject
    clause = msgspec.structs.replace(fault.phrase, subject=who).clause
    also = f", {leader} being the leader" if leader is not None and fault.phrase.subject != leader else ""
    return f"{clause}{also} ({fault.family}, {words.span(fault.start or 0, fault.stop)})"


def _led(fault: Fault, roles: Roles) -> str | None:
    """The leader, if the fault hit it: as the nemesis knew it, else as the trace shows it just before."""
    if fault.leader is not None or fault.start is None:
        return fault.leader
    leader = roles.leader(fault.start - 1) or roles.leader(fault.start)
    return leader[0] if leader is not None and leader[0] in fault.targets else None


def _unknown(results: Sequence[Result]) -> str:
    whys = [
        f"{_bare(result.why)} ({result.checker})"
        for result in results
        if result.verdict == "unknown" and result.why
    ]
    if whys:
        return f"{'; '.join(whys[:3])}{f'; and {len(whys) - 3} more reasons' if len(whys) > 3 else ''}."
    return (
        "no checker judged this run." if not results else "a checker could not decide, and does not say why."
    )


def _valid(run: Run, operations: Sequence[Operation], faults: Sequence[Fault]) -> str:
    ok = sum(o.complete is not None and o.complete.type == "ok" for o in operations)
    # stats, availability and bite say whether a run tells anything, the others what it tells
    names = [result.checker for result in run.results]
    checkers = words.listing([name for name in names if name not in _ABOUT_THE_RUN] or names)
    operations_ = words.count(len(operations), "operation")
    head = f"{operations_} ({ok:,} ok) were judged by {checkers}, and nothing was broken"
    if not faults:
        return f"{head}; no fault was planned, so this says only that it works in fair weather."
    bit = [fault for fault in faults if fault.bite == "bit"]
    kinds = Counter(fault.family for fault in bit)
    named = f" ({words.listing([f'{kinds[family]} {family}' for family in sorted(kinds)])})" if bit else ""
    hidden = sum(fault.bite == "hidden" for fault in faults)
    behind = (
        f", and {hidden} of the rest {'was' if hidden == 1 else 'were'} hidden behind others"
        if hidden
        else ""
    )
    return f"{head}, while {len(bit)} of {words.count(len(faults), 'fault')} bit{named}{behind}."


# --- facts ------------------------------------------------------------------------------------------------


def shown_path(folder: Path) -> str:
    """The folder as a command would name it: from the current directory, if below it, else the whole path."""
    resolved = folder.resolve()
    try:
        return resolved.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return resolved.as_posix()


def _settings(spec: Mapping[str, Any]) -> Iterator[str]:
    """Flags of ``splitbrain test`` for settings that are not the usual ones."""
    for field, usual in _USUAL.items():
        value = spec.get(field, usual)
        if value != usual:
            yield f"--{field.replace('_', '-')} {shlex.quote(_number(value))}"
    if spec.get("stop_on_violation"):
        yield "--stop-on-violation"
    arguments, options = spec.get("args"), spec.get("options")
    for text in arguments if isinstance(arguments, list) else ():
        yield f"--arg {shlex.quote(str(text))}"
    for name, value in options.items() if isinstance(options, dict) else ():
        yield f"--option {shlex.quote(f'{name}={words.compact(value)}')}"


def commands(run: Run) -> list[tuple[str, str]]:
    """(what it does, command) to see this run again."""
    path = shlex.quote(shown_path(run.folder))
    spec = run.spec
    out = [("Run the same plan again and compare", f"splitbrain replay {path}")]
    if spec:
        parts = ["splitbrain test"]
        bin_ = spec.get("bin")
        parts += (
            ["--bin", shlex.quote(str(bin_))]
            if bin_
            else ["--system", shlex.quote(str(spec.get("system", "raft")))]
        )
        if spec.get("bug"):
            parts += ["--bug", shlex.quote(str(spec["bug"]))]
        parts += ["--workload", shlex.quote(str(spec.get("workload", "register")))]
        if spec.get("nemesis"):
            parts += ["--nemesis", shlex.quote(",".join(str(name) for name in spec["nemesis"]))]
        parts += ["--nodes", str(spec.get("nodes", 5)), "--time-limit", _number(spec.get("time_limit", 10))]
        parts += ["--seed", str(spec.get("seed", 1)), "--env", str(spec.get("env", "sim"))]
        parts += _settings(spec)
        out.append(("The same from its parts (what has no flag is in run.yaml)", " ".join(parts)))
    workload = shlex.quote(str(spec.get("workload", "register")))
    out.append(
        (
            "Judge the recorded history once more",
            f"splitbrain check {path}/history.jsonl --workload {workload}",
        )
    )
    return out


_FAULTS = {"link": "late, lost and damaged messages", "partition": "cuts"}
"""family -> what its ``means`` do"""


def _number(n: object) -> str:
    return str(int(n)) if isinstance(n, float) and n.is_integer() else str(n)


def facts(run: Run, operations: Sequence[Operation]) -> list[tuple[str, str]]:
    """What was run, as (name, value)."""
    spec = run.spec
    ends = Counter("open" if o.complete is None else o.complete.type for o in operations)
    counted = ", ".join(
        f"{ends[kind]:,} {name}"
        for kind, name in (("ok", "ok"), ("fail", "failed"), ("info", "unknown"), ("open", "never answered"))
        if ends[kind]
    )
    nemesis = spec.get("nemesis") or []
    made_by = [f"{name} {words.value('', v)}" for name, v in run.made_by.items()]
    rows = [
        ("Run", str(spec.get("name", run.folder.name))),
        ("System", str(spec.get("bin") or spec.get("system", "not known"))),
        ("Planted bug", str(spec.get("bug") or "none")),
        ("Workload", str(spec.get("workload", "not known"))),
        ("Nemesis", ", ".join(str(name) for name in nemesis) or "none"),
        (
            "Nodes",
            f"{spec['nodes']} ({words.listing(run.nodes(), 8)})"
            if "nodes" in spec
            else words.listing(run.nodes(), 8),
        ),
        ("Environment", str(spec.get("env", "not known"))),
        ("Seed", str(spec.get("seed", "not known"))),
        (
            "Clients",
            f"{run.lanes()} threads, {_number(spec.get('rate', 'not known'))} operations a second asked for",
        ),
        ("Operations", f"{len(operations):,} ({counted})" if counted else "0"),
        ("Recorded", f"{words.seconds(run.end, 1)} s, {len(run.ops):,} ops"),
        ("Made by", ", ".join(made_by) or "not recorded"),
    ]
    if means := faults_.means(run):
        rows.insert(
            -1, ("Links", "; ".join(f"{_FAULTS[f]} by {means[f]}" for f in sorted(means) if f in _FAULTS))
        )
    options = spec.get("options")
    if isinstance(options, dict) and options:
        rows.insert(-1, ("Options", words.shorten(words.compact(options), 300)))
    return rows
