"""The report of a campaign, as text."""

from __future__ import annotations

import html

import msgspec
import pytest

from harness.errors import UsageError
from harness.report import campaign_report
from harness.report.page import BYTES_MAX


def entry(**changed):
    return {
        "folder": "runs/1",
        "seed": 1,
        "system": "raft",
        "bug": None,
        "workload": "register",
        "nemesis": ["partition"],
        "env": "sim",
        "verdict": "valid",
        "why": "",
        "anomalies": [],
        "operations": 1000,
        "ok": 950,
        "bite": {"partition": {"bit": 3, "did_not_bite": 1, "unfired": 0}},
        "elapsed_s": 1.5,
        "replay": "splitbrain replay runs/1",
        **changed,
    }


def write(folder, runs, **changed):
    state = {
        "name": "nightly",
        "started": "20260101T000000Z",
        "gate": {"passed": True, "lines": ["met: invalid runs 0, at most 0"]},
        "runs": runs,
        "baseline": None,
        "trend": [],
        **changed,
    }
    (folder / "campaign.json").write_bytes(msgspec.json.encode(state))
    return html.unescape(campaign_report(folder).read_text("utf-8"))


def test_sums_and_gate(tmp_path):
    page = write(tmp_path, [entry(), entry(seed=2, folder="runs/2")])
    assert "Passed</span>: 2 runs: 2 valid; 2,000 operations, 95.0 % of them ok.</h1>" in page
    assert "met: invalid runs 0, at most 0" in page
    assert '<td class="num">75.0 %</td>' in page


def test_an_unexpected_run_comes_first_and_marks_its_combination(tmp_path):
    page = write(
        tmp_path,
        [entry(), entry(seed=77, verdict="invalid", why="key 3")],
        gate={"passed": False, "lines": []},
    )
    assert "Not passed</span>: 2 runs: 1 valid and 1 invalid" in page
    assert page.index('<td class="num">77</td>') < page.index('<td class="num">1</td><td></td>')
    assert page.count('<tr data-state="surprise">') == 1
    assert '<b class="tag invalid">no</b>' in page


def test_a_hunt_is_met_by_one_catch_and_its_other_seeds_are_no_surprise(tmp_path):
    runs = [
        entry(**fields, bug="amnesia", expect="invalid", cell=4) for fields in ({}, {"verdict": "invalid"})
    ]
    hunt = {"cell": 4, "name": "hunt: amnesia", "bug": "amnesia", "runs": 2}
    seen = hunt | {"caught": True, "seeds": {"a:X": 1, "b:Y": 2}}
    page = write(tmp_path, runs, hunts=[seen])
    assert "1 of 1 planted bug caught" in page
    assert '<tr data-state="surprise">' not in page
    assert "a: X (seed 1), b: Y (seed 2)" in page
    # invalid, but not all that should have seen it did: what the gate does not accept, the page does not either
    missed = write(tmp_path, runs, hunts=[hunt | {"caught": False, "seeds": {"a:X": 1, "b:Y": None}}])
    assert "0 of 1 planted bug caught" in missed
    assert missed.count('<tr data-state="surprise">') == 2
    assert 'a: X (seed 1), b: Y <b class="tag invalid">not seen</b>' in missed
    # another cell's catch does not serve
    other = write(tmp_path, runs, hunts=[seen | {"cell": 5}])
    assert other.count('<tr data-state="surprise">') == 2


def test_runs_with_a_page_are_linked_and_others_are_not(tmp_path):
    (tmp_path / "runs" / "a b").mkdir(parents=True)
    (tmp_path / "runs" / "a b" / "report.html").write_text("")
    page = write(tmp_path, [entry(folder="runs/a b"), entry(folder="runs/2")])
    assert page.count('href="runs/') == 1
    assert 'href="runs/a%20b/report.html"' in page


def test_baseline_and_trend_are_shown(tmp_path):
    trend = [
        {"started": f"2026010{n}T000000Z", "runs": 10, "invalid": n, "unknown": 0, "ok_fraction": 0.5}
        for n in range(3)
    ]
    page = write(tmp_path, [entry()], baseline=[entry(nemesis=[], seed=99)], trend=trend)
    assert "Without faults" in page
    assert '<td class="num">99</td>' in page
    assert "20260102T000000Z" in page
    assert page.count("<g>") == 3


def test_a_running_campaign_says_so(tmp_path):
    assert "Still running</span>: 1 run" in write(tmp_path, [entry()], state="running")
    assert "no run has ended yet" in write(tmp_path, [], state="running")


def test_ten_thousand_runs_still_fit(tmp_path):
    runs = [entry(seed=n, why="because " * 20, verdict="valid" if n else "unknown") for n in range(10_000)]
    page = write(tmp_path, runs)
    assert (tmp_path / "report.html").stat().st_size < BYTES_MAX
    assert "7,000 more runs that came out as expected are in campaign.json." in page
    assert page.count('<tr data-state="surprise">') == 1


@pytest.mark.parametrize("content", [None, b"{", b"[]"])
def test_what_is_no_campaign_gets_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "campaign.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"^[^\n]*not a campaign[^\n]*$"):
        campaign_report(tmp_path)
