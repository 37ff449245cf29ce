"""The harness judged by itself: broken checkers are noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import harness.caller
import harness.run
from checkers.history import NEMESIS, Op
from checkers.linearizability import checker as linearizability
from checkers.linearizability.checker import Linearizability
from checkers.linearizability.engines import VALID
from checkers.replicas.convergence import Convergence
from checkers.result import Result
from checkers.runs.stats import Stats
from harness.errors import HarnessError
from tests.harness.fake import FLAWED_KEY, install
from tests.harness.plants import Patch, run, whys


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
