"""Campaigns executed: order, what is kept, exit codes, interruption and resumption. Runs are fakes here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checkers.result import Verdict
from harness.conduct import read_journal, read_state
from harness.spec import RunSpec
from tests.cli.conftest import Call
from tests.cli.fakes import install

CAMPAIGN = "name: c\nmatrix: {nemesis: [[kill], [pause]]}\nseeds: {start: 1, count: 3}\n"


def always(verdict: Verdict) -> object:
    return lambda spec: verdict  # noqa: ARG005


def newest() -> Path:
    return (Path("store") / "c" / "latest").resolve()


def run(call: Call, text: str = CAMPAIGN, *flags: str) -> tuple[int, str]:
    Path("c.yaml").write_text(text)
    called = call("run", "c.yaml", "--jobs", "1", *flags)
    return called.code, called.out + called.err


def test_every_run_is_made_once_after_the_baseline(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    made = install(monkeypatch, lambda _: "valid")
    code, out = run(call)
    assert code == 0, out
    assert [(s.nemesis, s.seed) for s in made] == [([], 1)] + [
        (n, s) for n in (["kill"], ["pause"]) for s in (1, 2, 3)
    ]
    assert out.splitlines()[0] == "c: seeds 1..3, 6 runs; again: splitbrain run c.yaml"
    for name in ("campaign.json", "junit.xml", "summary.md", "report.html", "runs.jsonl"):
        assert (newest() / name).is_file()


def test_the_baseline_can_be_left_out(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    made = install(monkeypatch, lambda _: "valid")
    assert run(call, CAMPAIGN + "baseline: false\n")[0] == 0
    assert len(made) == 6


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [(["valid"], 0), (["invalid"], 1), (["unknown"], 2), (["unknown", "invalid"], 1)],
)
def test_exit_codes(call: Call, monkeypatch: pytest.MonkeyPatch, verdicts: list[Verdict], code: int) -> None:
    def judge(spec: RunSpec) -> Verdict:
        at = spec.seed - 1
        return verdicts[at] if spec.nemesis == ["kill"] and at < len(verdicts) else "valid"

    install(monkeypatch, judge)
    found, out = run(call)
    assert found == code, out


def test_a_run_that_the_harness_spoils(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(spec: RunSpec) -> Verdict:
        if spec.nemesis == ["kill"] and spec.seed == 2:
            raise ZeroDivisionError("by\nzero")
        return "valid"

    made = install(monkeypatch, judge)
    code, out = run(call)
    assert code == 255
    assert "ZeroDivisionError: by zero" in out
    assert len(made) == 6  # all others went on
    state = read_state(newest())
    assert state is not None
    spoiled = [e for e in state.runs if e.failed]
    assert [e.seed for e in spoiled] == [2]
    assert "Traceback" in (newest() / spoiled[0].folder / "error.txt").read_text()
    assert "Traceback" not in out


def test_passing_runs_drop_what_a_replay_makes_again(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda s: "unknown" if s.nemesis == ["kill"] and s.seed == 1 else "valid")
    run(call)
    state = read_state(newest())
    assert state is not None
    for entry in state.runs:
        folder = newest() / entry.folder
        assert (folder / "run.yaml").is_file()
        assert (folder / "SHA256SUMS").is_file()
        assert (folder / "history.jsonl").is_file() is entry.kept is (entry.verdict == "unknown")
        assert len(entry.history_sha256) == 64
    run(call, CAMPAIGN + "keep: all\n")
    state = read_state(newest())
    assert state is not None
    assert all((newest() / entry.folder / "history.jsonl").is_file() for entry in state.runs)


EXPECTED = (
    "name: c\nbaseline: false\nexpect: invalid\n"
    "matrix: {bug: [no-sessions, always-truncates]}\nseeds: {start: 1, count: 5}\n"
)


def test_a_cell_stops_when_it_is_caught(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    # both bugs show at their third seed, but always-truncates is another checker's to catch
    made = install(monkeypatch, lambda s: "invalid" if s.seed == 3 else "valid")
    code, out = run(call, EXPECTED)
    assert code == 1, out
    assert [(s.bug, s.seed) for s in made] == [
        *(("no-sessions", n) for n in (1, 2, 3)),
        *(("always-truncates", n) for n in (1, 2, 3, 4, 5)),
    ]
    assert "met: no-sessions caught by linearizability:nonlinearizable with seed 3, in 3 runs" in out
    assert "NOT MET: always-truncates: raft-invariants:CommittedIsDurable seen in none of 5 runs" in out
    state = read_state(newest())
    assert state is not None
    assert [(hunt.bug, hunt.caught, hunt.runs) for hunt in state.hunts] == [
        ("no-sessions", True, 3),
        ("always-truncates", False, 5),
    ]


def test_a_hunt_goes_on_until_all_that_is_wanted_was_seen(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs = {2: ("linearizability", "nonlinearizable"), 4: ("raft-invariants", "CommittedIsDurable")}
    made = install(monkeypatch, lambda s: "invalid" if s.seed in signs else "valid", lambda s: signs[s.seed])
    code, out = run(call, EXPECTED.replace("no-sessions, always-truncates", "acknowledges-before-sync"))
    assert code == 0, out
    assert [s.seed for s in made] == [1, 2, 3, 4]
    assert "nonlinearizable with seed 2, raft-invariants:CommittedIsDurable with seed 4, in 4 runs" in out


def test_trends_go_on_from_one_execution_to_the_next(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda _: "valid")
    run(call)
    install(monkeypatch, lambda s: "valid" if s.nemesis != ["kill"] else "unknown")
    _, out = run(call)
    assert "last time" in out
    lines = (newest().parent / "trend.jsonl").read_text().splitlines()
    assert [(json.loads(line)["valid"], json.loads(line)["unknown"]) for line in lines] == [(6, 0), (3, 3)]
    state = read_state(newest())
    assert state is not None
    assert [(t.valid, t.unknown) for t in state.trend] == [(6, 0), (3, 3)]


def interrupted_at(number: int) -> object:
    made: list[int] = []

    def judge(spec: RunSpec) -> Verdict:
        made.append(spec.seed)
        if len(made) == number:
            raise KeyboardInterrupt
        return "valid"

    return judge


def test_an_interrupted_campaign_goes_on(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, interrupted_at(5))
    code, out = run(call)
    assert code == 255
    assert "interrupted" in out
    assert "Traceback" not in out
    folder = newest()
    state = read_state(folder)
    assert state is not None
    assert (state.state, len(state.runs), len(state.baseline)) == ("running", 3, 1)
    made = install(monkeypatch, lambda _: "valid")
    code, out = run(call, CAMPAIGN, "--resume")
    assert code == 0, out
    assert newest() == folder
    assert f"resuming {Path('store') / 'c' / folder.name}: 4 runs are done" in out
    assert [(s.nemesis, s.seed) for s in made] == [(["pause"], 1), (["pause"], 2), (["pause"], 3)]
    state = read_state(folder)
    assert state is not None
    assert (state.state, len(state.runs)) == ("finished", 6)
    assert [e.number for e in state.runs] == list(range(6))


def test_a_killed_campaign_goes_on_after_its_last_whole_line(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, interrupted_at(6))
    run(call)
    journal = newest() / "runs.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])  # the last line was on its way to the disk
    made = install(monkeypatch, lambda _: "valid")
    assert run(call, CAMPAIGN, "--resume")[0] == 0
    assert len(made) == 3
    header, entries = read_journal(newest())
    assert header is not None
    assert sorted(e.number for e in entries) == [-1, *range(6)]


def test_only_the_same_content_goes_on(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, interrupted_at(3))
    run(call)
    folder = newest()
    made = install(monkeypatch, lambda _: "valid")
    _, out = run(call, CAMPAIGN.replace("pause", "link"), "--resume")
    assert "nothing to resume" in out
    assert newest() != folder
    assert len(made) == 7
    # and a finished one is not gone over again
    made = install(monkeypatch, lambda _: "valid")
    _, out = run(call, CAMPAIGN.replace("pause", "link"), "--resume")
    assert "nothing to resume" in out
    assert len(made) == 7


def test_spoiled_runs_are_made_again(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def judge(spec: RunSpec) -> Verdict:
        calls.append(spec.seed)
        if len(calls) == 3:
            raise OSError("disk full")
        if len(calls) == 6:
            raise KeyboardInterrupt
        return "valid"

    install(monkeypatch, judge)
    run(call)
    made = install(monkeypatch, lambda _: "valid")
    code, out = run(call, CAMPAIGN, "--resume")
    assert code == 0, out
    assert [(s.nemesis, s.seed) for s in made] == [(["kill"], 2), (["pause"], 2), (["pause"], 3)]


def test_copies_for_continuous_integration(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda _: "valid")
    run(call, CAMPAIGN, "--junit", "j.xml", "--summary", "s.md")
    assert Path("j.xml").read_text() == (newest() / "junit.xml").read_text()
    assert Path("s.md").read_text() == (newest() / "summary.md").read_text()
