"""The harness judged by itself: a broken interpreter, caller or nemesis driver is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

import harness.caller
import harness.run
from checkers.history import Op
from harness.caller import Caller
from harness.errors import HarnessError
from harness.interpreter import Interpreter
from harness.nemesis import NemesisDriver
from harness.sim.cluster import SimCluster
from tests.harness.fake import install
from tests.harness.plants import Nth, Patch, ops, run
from workloads.port import CallError, CallTimeoutError


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
