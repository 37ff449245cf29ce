"""The harness judged by itself: what is broken in it is noticed, on a system of which an oracle knows everything.

Each plant breaks one part of the harness. It has to end the run with an error of the harness (no verdict at all),
or to turn the verdict to unknown, in the words given here; where neither can be, the oracle knows better.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import harness.caller
import harness.run
from checkers.history import NEMESIS, Op, read
from checkers.linearizability import checker as linearizability
from checkers.linearizability.checker import Linearizability
from checkers.linearizability.engines import VALID
from checkers.record import TraceEvent
from checkers.replicas.convergence import Convergence
from checkers.replicas.raft_invariants import RaftInvariants
from checkers.result import Result
from checkers.runs.stats import Stats
from harness.caller import Caller
from harness.errors import HarnessError
from harness.interpreter import Interpreter
from harness.ledger import Ledger
from harness.nemesis import NemesisDriver
from harness.recorder import Recorder
from harness.run import Outcome, execute
from harness.sim.cluster import SimCluster
from harness.sim.network import SimLink
from harness.sim.world import World
from harness.spec import RunSpec
from tests.harness.fake import FLAWED_KEY, clients, install
from workloads.port import CallError, CallTimeoutError

Patch = pytest.MonkeyPatch
EVERYTHING = ["partition", "link", "kill", "power-loss", "pause"]


def run(folder: Path, **fields: Any) -> Outcome:
    spec = RunSpec(
        **{"system": "single", "nodes": 5, "time_limit": 5.0, "nemesis": EVERYTHING, "seed": 1, **fields}
    )
    return execute(spec, folder / "run", report=False)


def ops(folder: Path) -> list[Op]:
    return list(read(folder / "run" / "history.jsonl"))


def whys(outcome: Outcome) -> dict[str, str]:
    return {r.checker: r.why for r in outcome.results if r.verdict == "unknown"}


# --- without a plant ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_sound_system_under_a_sound_harness(tmp_path: Path, monkeypatch: Patch, seed: int) -> None:
    oracle = install(monkeypatch)
    outcome = run(tmp_path, seed=seed)
    history = ops(tmp_path)
    assert outcome.verdict == oracle.verdict() == "valid", whys(outcome)
    assert oracle.contradictions(history) == []
    # a record in which every kind of outcome comes up
    kinds = {op.type for op in clients(history)}
    assert kinds == {"invoke", "ok", "fail", "info"}


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_flawed_system_under_a_sound_harness(tmp_path: Path, monkeypatch: Patch, seed: int) -> None:
    oracle = install(monkeypatch, "lies")
    outcome = run(tmp_path, seed=seed)
    assert outcome.verdict == oracle.verdict() == "invalid"
    assert oracle.contradictions(ops(tmp_path)) == []
    (found,) = [r for r in outcome.results if r.verdict == "invalid"]
    assert found.checker == "linearizability"
    assert {a.data["key"] for a in found.anomalies} == {FLAWED_KEY}


def test_the_oracle_tells_a_false_history_from_a_true_one(tmp_path: Path, monkeypatch: Patch) -> None:
    oracle = install(monkeypatch)
    run(tmp_path)
    history = ops(tmp_path)

    def changed(kind: str, f: str, **fields: Any) -> list[Op]:
        at = next(n for n, op in enumerate(history) if (op.type, op.f) == (kind, f))
        return [*history[:at], msgspec.structs.replace(history[at], **fields), *history[at + 1 :]]

    assert oracle.contradictions(changed("ok", "write", type="info")) == []
    for false in (
        changed("ok", "write", type="fail"),
        changed("ok", "read", value=10**9),
        changed("ok", "write", time=0),
    ):
        assert len(oracle.contradictions(false)) == 1


# --- the recorder ------------------------------------------------------------------------------------------


class Nth:
    """True for the ``n``-th op that satisfies ``test``, once."""

    def __init__(self, n: int, test: Callable[[Op], bool]) -> None:
        self.left = n
        self.test = test

    def __call__(self, op: Op) -> bool:
        if op.process != NEMESIS and self.test(op):
            self.left -= 1
            return self.left == 0
        return False


def drops(monkeypatch: Patch) -> None:
    honest, chosen = Recorder.record, Nth(50, lambda op: op.type == "ok")
    monkeypatch.setattr(Recorder, "record", lambda self, op: op if chosen(op) else honest(self, op))


def drops_the_last(monkeypatch: Patch) -> None:
    def close(self: Recorder) -> None:
        self._file.seek(0)
        lines = self.path.read_bytes().splitlines(keepends=True)
        honest(self)
        self.path.write_bytes(b"".join(lines[:-1]))
        self.ops.pop()

    honest = Recorder.close
    monkeypatch.setattr(Recorder, "close", close)


def swaps(monkeypatch: Patch) -> None:
    honest, chosen, held = Recorder.record, Nth(50, lambda op: op.type == "ok"), []

    def record(self: Recorder, op: Op) -> Op:
        if chosen(op):
            held.append(op)
            return op
        honest(self, op)
        if held:
            honest(self, held.pop())
        return op

    monkeypatch.setattr(Recorder, "record", record)


def alters(**fields: Any) -> Callable[[Patch], None]:
    def plant(monkeypatch: Patch) -> None:
        honest, chosen = Recorder.record, Nth(50, lambda op: (op.type, op.f) == ("ok", "read"))

        def record(self: Recorder, op: Op) -> Op:
            honest(self, msgspec.structs.replace(op, **fields) if chosen(op) else op)
            return op

        monkeypatch.setattr(Recorder, "record", record)

    return plant


def too_early(monkeypatch: Patch) -> None:
    honest, chosen = Recorder.record, Nth(50, lambda op: op.type == "ok")

    def record(self: Recorder, op: Op) -> Op:
        if chosen(op):
            op.time -= 5_000_000
        return honest(self, op)

    monkeypatch.setattr(Recorder, "record", record)


def in_memory_only(monkeypatch: Patch) -> None:
    """The file is right; what checkers get is not."""
    honest, chosen = Recorder.record, Nth(50, lambda op: (op.type, op.f) == ("ok", "read"))

    def record(self: Recorder, op: Op) -> Op:
        honest(self, op)
        if chosen(op):
            self.ops[-1] = msgspec.structs.replace(op, value=10**9)
        return op

    monkeypatch.setattr(Recorder, "record", record)


RECORDERS: dict[str, tuple[Callable[[Patch], None], str]] = {
    "drops a completion": (drops, "history.jsonl, line "),
    "drops the last line": (drops_the_last, "history.jsonl, line "),
    "swaps two lines": (swaps, "history.jsonl, line "),
    "records a wrong value": (alters(value=10**9), "history.jsonl, line "),
    "records a wrong outcome": (alters(type="info"), "history.jsonl, line "),
    "records a completion too early": (too_early, "history.jsonl, line "),
    "gives checkers another value": (in_memory_only, "the ops in memory, number "),
}


@pytest.mark.parametrize("name", RECORDERS)
def test_a_recorder_that(tmp_path: Path, monkeypatch: Patch, name: str) -> None:
    install(monkeypatch)
    plant, words = RECORDERS[name]
    plant(monkeypatch)
    with pytest.raises(HarnessError, match=f"^{words}") as caught:
        run(tmp_path)
    assert "not what the recorder was given" in str(caught.value)
    assert not (tmp_path / "run" / "results.json").exists()


UNLEDGERED = {
    "drops a completion": "is invoked while op",
    "swaps two lines": "after an op of",
    "records a wrong outcome": "is invoked after op",
    "records a completion too early": "after an op of",
}


@pytest.mark.parametrize("name", UNLEDGERED)
def test_even_without_the_ledger_the_rules_of_histories_notice_that_it(
    tmp_path: Path, monkeypatch: Patch, name: str
) -> None:
    install(monkeypatch)
    RECORDERS[name][0](monkeypatch)
    monkeypatch.setattr(Ledger, "discrepancy", lambda *_: "")
    with pytest.raises(HarnessError, match=f"^not a well-formed history: op .*{UNLEDGERED[name]}"):
        run(tmp_path)


def test_an_op_changed_after_it_was_recorded(tmp_path: Path, monkeypatch: Patch) -> None:
    install(monkeypatch)
    honest, chosen = Ledger.record, Nth(50, lambda op: (op.type, op.f) == ("ok", "read"))

    def record(self: Ledger, op: Op) -> Op:
        honest(self, op)
        if chosen(op):
            op.value = 10**9
        return op

    monkeypatch.setattr(Ledger, "record", record)
    with pytest.raises(HarnessError, match=r"^the ops in memory, number "):
        run(tmp_path)


# --- the simulated network ---------------------------------------------------------------------------------


def ignores_cuts(monkeypatch: Patch) -> None:
    def arrive(self: SimLink, message: Any, _: Any) -> None:
        self.delivered += 1
        self.deliver(self.src, message)

    monkeypatch.setattr(SimLink, "_arrive", arrive)


def leaks_now_and_then(monkeypatch: Patch) -> None:
    """Every tenth frame gets through a cut, and all ten count as refused."""

    def arrive(self: SimLink, message: Any, other: Any) -> None:
        honest(self, message, other)
        if self.cuts and self.refused % 10 == 0:
            self.deliver(self.src, message)

    honest = SimLink._arrive
    monkeypatch.setattr(SimLink, "_arrive", arrive)


def loses(where: str) -> Callable[[Patch], None]:
    def plant(monkeypatch: Patch) -> None:
        honest, count = getattr(SimLink, where), [0]

        def lose(self: SimLink, *arguments: Any) -> None:
            count[0] += 1
            if count[0] != 100:
                honest(self, *arguments)

        monkeypatch.setattr(SimLink, where, lose)

    return plant


def doubles(monkeypatch: Patch) -> None:
    honest, count = SimLink._arrive, [0]

    def arrive(self: SimLink, message: Any, other: Any) -> None:
        honest(self, message, other)
        count[0] += 1
        if count[0] == 100:
            honest(self, message, other)

    monkeypatch.setattr(SimLink, "_arrive", arrive)


NETWORKS: dict[str, tuple[Callable[[Patch], None], str]] = {
    "delivers on a cut link": (ignores_cuts, r"network: n\d>n\d delivered \d+ frames while it was cut"),
    "leaks and counts it as refused": (leaks_now_and_then, r"network: n\d received \d+ frames, and links"),
    "loses a frame on sending": (loses("send"), r"network: n\d sent \d+ frames, and its links account for"),
    "loses a frame on arrival": (loses("_arrive"), r"network: n\d sent \d+ frames, and its links account"),
    "delivers a frame twice": (doubles, r"network: n\d sent \d+ frames, and its links account for"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that(tmp_path: Path, monkeypatch: Patch, name: str) -> None:
    install(monkeypatch)
    plant, words = NETWORKS[name]
    plant(monkeypatch)
    with pytest.raises(HarnessError, match=f"^{words}"):
        run(tmp_path, nemesis=["partition"])


@pytest.mark.parametrize(("swapped", "verdict"), [(False, "valid"), (True, "unknown")])
def test_a_network_that_cuts_the_other_direction(
    tmp_path: Path, monkeypatch: Patch, swapped: bool, verdict: str
) -> None:
    install(monkeypatch)
    honest = SimCluster.cut

    async def cut(self: SimCluster, links: Any) -> int:
        return await honest(self, [(b, a) for a, b in links] if swapped else links)

    monkeypatch.setattr(SimCluster, "cut", cut)
    outcome = run(tmp_path, nemesis=["partition:one-way"])
    assert outcome.verdict == verdict
    assert swapped == ("partition" in whys(outcome).get("bite", ""))


# --- checkers ----------------------------------------------------------------------------------------------


def judges(keep: Callable[[Op, Op | None], Op | None]) -> Callable[[Patch], None]:
    """Before it judges, linearizability takes completions for what ``keep(invocation, completion)`` says."""

    def plant(monkeypatch: Patch) -> None:
        honest = linearizability.columnar

        def columnar(history: list[Op]) -> Any:
            out: list[Op] = []
            invoked: dict[int | str, Op] = {}
            for op in history:
                if op.type == "invoke":
                    invoked[op.process] = op
                    out.append(op)
                elif op.process != NEMESIS:
                    kept = keep(invoked.pop(op.process), op)
                    if kept is None:
                        out.remove(next(o for o in reversed(out) if o.process == op.process))
                    else:
                        out.append(kept)
            return honest(out)

        monkeypatch.setattr(linearizability, "columnar", columnar)

    return plant


def _without_info(_invoke: Op, done: Op | None) -> Op | None:
    return None if done is not None and done.type == "info" else done


def _without_key(invoke: Op, done: Op | None) -> Op | None:
    return None if invoke.key == FLAWED_KEY else done


def _fail_is_ok(_invoke: Op, done: Op | None) -> Op | None:
    if done is not None and done.type == "fail" and done.f == "cas":
        return msgspec.structs.replace(done, type="ok")
    return done


CHECKERS: dict[str, tuple[Callable[[Op, Op | None], Op | None], str]] = {
    "skips a key": (_without_key, r"linearizability looked at \d+ keys of \d+"),
    "ignores unknown outcomes": (_without_info, r"linearizability looked at \d+ crashed of \d+"),
    "takes a failure for a success": (_fail_is_ok, r"linearizability looked at \d+ operations of \d+"),
}


@pytest.mark.parametrize("name", CHECKERS)
def test_a_checker_that(tmp_path: Path, monkeypatch: Patch, name: str) -> None:
    install(monkeypatch, "lies" if name == "skips a key" else "")
    keep, words = CHECKERS[name]
    judges(keep)(monkeypatch)
    with pytest.raises(HarnessError, match=f"^{words}"):
        run(tmp_path)


def test_a_checker_that_lies_about_what_it_looked_at_is_for_the_oracle(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    oracle = install(monkeypatch, "lies")
    honest = linearizability.decide

    def decide(objects: Any, *arguments: Any) -> Any:
        decided = honest(objects, *arguments)
        for key in range(objects.keys):
            if objects.key(key) == FLAWED_KEY:
                decided.status[key] = VALID
        return decided

    monkeypatch.setattr(linearizability, "decide", decide)
    assert run(tmp_path).verdict == "valid" != oracle.verdict()


def test_a_checker_that_skips_operations_in_the_counts(tmp_path: Path, monkeypatch: Patch) -> None:
    install(monkeypatch)
    honest = Stats.check
    monkeypatch.setattr(
        Stats,
        "check",
        lambda self, record: honest(self, msgspec.structs.replace(record, history=_half(record))),
    )
    with pytest.raises(HarnessError, match=r"^stats looked at \d+ operations of \d+"):
        run(tmp_path)


def _half(record: Any) -> list[Op]:
    return [op for op in record.history if op.process == NEMESIS or op.process % 2]


def test_a_checker_that_looked_at_nothing_is_not_green(tmp_path: Path, monkeypatch: Patch) -> None:
    install(monkeypatch)
    monkeypatch.setattr(
        Convergence, "check", lambda *_: Result("valid", "convergence", coverage={"operations": 0})
    )
    workload = harness.run.workloads.get("register")
    monkeypatch.setattr(
        harness.run.workloads, "get", lambda _: msgspec.structs.replace(workload, checkers=("convergence",))
    )
    outcome = run(tmp_path, nemesis=[])
    assert (outcome.verdict, whys(outcome)) == ("unknown", {"convergence": "nothing was checked"})


def test_a_checker_that_cannot_judge_is_unknown_and_one_that_breaks_is_no_verdict(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    install(monkeypatch)

    def raising(error: Exception) -> Callable[..., Result]:
        def check(*_: Any) -> Result:
            raise error

        return check

    monkeypatch.setattr(Linearizability, "check", raising(ValueError("no such\nmodel")))
    outcome = run(tmp_path, nemesis=[])
    assert outcome.verdict == "unknown"
    assert whys(outcome) == {"linearizability": "it could not judge this history: no such model"}
    for error in (KeyError("key"), ZeroDivisionError("by zero"), RuntimeError("stack")):
        monkeypatch.setattr(Linearizability, "check", raising(error))
        with pytest.raises(HarnessError, match=f"^checker linearizability: {type(error).__name__}: "):
            run(tmp_path / type(error).__name__, nemesis=[])


# --- interpreter, caller, nemesis driver -------------------------------------------------------------------


def test_an_interpreter_that_reuses_a_process(tmp_path: Path, monkeypatch: Patch) -> None:
    class Stuck(dict[int, int]):
        def __setitem__(self, thread: int, process: int) -> None: ...

    def begin(self: Interpreter, *arguments: Any, **named: Any) -> None:
        honest(self, *arguments, **named)
        self._processes = Stuck(self._processes)

    honest = Interpreter.__init__
    install(monkeypatch)
    monkeypatch.setattr(Interpreter, "__init__", begin)
    with pytest.raises(HarnessError, match=r"is invoked after op .*, whose outcome is unknown"):
        run(tmp_path)


def test_an_interpreter_that_does_not_wait_for_the_end(tmp_path: Path, monkeypatch: Patch) -> None:
    async def perform(self: Interpreter, op: Op, thread: int) -> None:
        if chosen(op):
            self._done.put((thread, msgspec.structs.replace(op, type="ok")))
        else:
            await honest(self, op, thread)

    honest, chosen = Interpreter._perform, Nth(50, lambda _: True)
    install(monkeypatch)
    monkeypatch.setattr(Interpreter, "_perform", perform)
    with pytest.raises(HarnessError, match="not a well-formed history"):
        run(tmp_path)


@pytest.mark.parametrize("outcome", ["fail", "ok"])
def test_a_caller_that_calls_an_unknown_outcome(tmp_path: Path, monkeypatch: Patch, outcome: str) -> None:
    async def call(self: Caller, node: str, body: Any) -> Any:
        try:
            return await honest(self, node, body)
        except CallTimeoutError:
            if outcome == "ok":
                return {"type": body["type"] + "_ok", "value": None}
            raise CallError(11, "try later", definite=True) from None

    honest = Caller.__call__
    install(monkeypatch)
    monkeypatch.setattr(Caller, "__call__", call)
    with pytest.raises(HarnessError, match=f"is called {outcome}, and its outcome is unknown"):
        run(tmp_path)


@pytest.mark.parametrize("broken", [False, True])
def test_a_caller_that_takes_a_crash_for_a_refusal(tmp_path: Path, monkeypatch: Patch, broken: bool) -> None:
    oracle = install(monkeypatch, "crashes")
    if broken:
        monkeypatch.setattr(harness.caller, "DEFINITE", harness.caller.DEFINITE | {13})
        with pytest.raises(HarnessError, match="is called fail, and its outcome is unknown"):
            run(tmp_path)
        return
    assert run(tmp_path).verdict == oracle.verdict() == "valid"
    assert any(op.error == [13, "who knows"] for op in ops(tmp_path))
    assert oracle.contradictions(ops(tmp_path)) == []


async def _nothing(*_: Any) -> None: ...


HEALS = {
    "partition": ("release", r"n\d>n\d refused \d+ frames after the last heal"),
    "link:loss": ("release", r"n\d>n\d altered \d+ frames after the last heal"),
    "kill:one": ("start", r"n\d was not started again after the last heal"),
    "power-loss:one": ("start", r"n\d was not started again after the last heal"),
    "pause:one": ("resume", r"n\d stands still after the last heal"),
}


@pytest.mark.parametrize("nemesis", HEALS)
def test_a_nemesis_that_forgets_to_heal(tmp_path: Path, monkeypatch: Patch, nemesis: str) -> None:
    install(monkeypatch)
    assert run(tmp_path / "sound", nemesis=[nemesis]).verdict == "valid"
    primitive, words = HEALS[nemesis]
    monkeypatch.setattr(SimCluster, primitive, _nothing)
    with pytest.raises(HarnessError, match=f"^{words}"):
        run(tmp_path / "broken", nemesis=[nemesis])


@pytest.mark.parametrize("shape", ["jump", "drift"])
def test_a_nemesis_that_leaves_clocks_wrong(tmp_path: Path, monkeypatch: Patch, shape: str) -> None:
    async def set_clock(self: SimCluster, node: str, offset_ns: int, rate_ppm: int) -> None:
        if offset_ns or rate_ppm:
            await honest(self, node, offset_ns, rate_ppm)

    honest = SimCluster.set_clock
    install(monkeypatch)
    assert run(tmp_path / "sound", nemesis=[f"clock:{shape}"]).verdict == "valid"
    monkeypatch.setattr(SimCluster, "set_clock", set_clock)
    with pytest.raises(HarnessError, match=r"clock .* after the last heal"):
        run(tmp_path / "broken", nemesis=[f"clock:{shape}"])


def test_a_nemesis_driver_that_never_leaves_a_fault(tmp_path: Path, monkeypatch: Patch) -> None:
    def note(self: NemesisDriver, fault: Any, value: dict[str, Any]) -> None:
        if value["phase"] == "stop":
            stops.append(value["fault"])
        if stops != [value["fault"]] or value["phase"] != "stop":
            honest(self, fault, value)

    honest, stops = NemesisDriver._note, list[int]()
    install(monkeypatch)
    monkeypatch.setattr(NemesisDriver, "_note", note)
    with pytest.raises(HarnessError, match=r"starts fault \d+, which was never healed"):
        run(tmp_path)


# --- the trace and its monitors ----------------------------------------------------------------------------


def feed(monkeypatch: Patch, sees: Callable[[int], bool]) -> None:
    honest = RaftInvariants.observe_trace

    def observe(self: RaftInvariants, event: TraceEvent) -> None:
        if sees(event.index):
            honest(self, event)

    monkeypatch.setattr(RaftInvariants, "observe_trace", observe)


def test_a_monitor_that_is_never_fed(tmp_path: Path, monkeypatch: Patch) -> None:
    assert run(tmp_path / "sound", system="raft", nemesis=[]).verdict == "valid"
    feed(monkeypatch, lambda _: False)
    outcome = run(tmp_path / "broken", system="raft", nemesis=[])
    assert outcome.verdict == "unknown"
    assert whys(outcome) == {"raft-invariants": "the trace has no event of a Raft core"}


def test_a_monitor_that_misses_an_event(tmp_path: Path, monkeypatch: Patch) -> None:
    feed(monkeypatch, lambda index: index != 60)
    with pytest.raises(HarnessError, match=r"^raft-invariants saw \d+ events of \d+"):
        run(tmp_path, system="raft", nemesis=[])


def test_a_trace_that_misses_a_line(tmp_path: Path, monkeypatch: Patch) -> None:
    def flush(self: World) -> None:
        del self._lines[-1:]
        honest(self)

    honest = World.flush
    install(monkeypatch)
    monkeypatch.setattr(World, "flush", flush)
    with pytest.raises(HarnessError, match=r"^trace.jsonl has \d+ events, and observers saw \d+"):
        run(tmp_path)
