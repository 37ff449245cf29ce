"""JUnit XML and Markdown of a campaign."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from checkers.result import Result
from harness.entry import figures, recovery_s
from harness.gate import Gate, judge
from harness.junit import junit
from harness.summary import summary
from tests.cli.entries import entry

NASTY = 'read "<5>" & \x00\x1b[31m | `x` \n\ufffe'


def test_junit_counts_what_failed() -> None:
    entries = [
        entry(0),
        entry(1, verdict="invalid", why=NASTY, anomalies=["stale-read"]),
        entry(2, verdict="unknown", why="too few"),
        entry(3, verdict="unknown", failed=True, why="splitbrain itself failed"),
        entry(4, expect="invalid", verdict="valid", group="caught"),
    ]
    judgement = judge(Gate(), entries, [], 0)
    suite = ET.fromstring(junit("c", entries, judgement)).find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    runs = [case for case in cases if case.get("classname") != "c.gate"]
    assert [len(case) for case in runs] == [0, 1, 1, 1, 0]
    assert [child.tag for case in runs for child in case] == ["failure", "failure", "error"]
    gate = [case for case in cases if case.get("classname") == "c.gate"]
    assert sum(len(case) for case in gate) == sum(line.startswith("NOT") for line in judgement.lines) > 0
    assert int(suite.get("failures", "0")) == sum(len(case.findall("failure")) for case in cases)
    assert int(suite.get("errors", "0")) == 1
    assert int(suite.get("tests", "0")) == len(cases)
    assert "stale-read" in (runs[1][0].text or "")
    assert "splitbrain replay" in (runs[1][0].text or "")


def test_a_green_campaign_has_no_failure() -> None:
    text = junit("c", [entry()], judge(Gate(), [entry()], [], 0))
    assert "<failure" not in text
    assert 'failures="0"' in text


def test_the_summary_shows_what_to_look_at() -> None:
    entries = [entry(0), entry(1, verdict="invalid", why=NASTY)]
    text = summary(
        "c",
        entries,
        [entry(-1, nemesis=[])],
        [figures(entries, "20260101T000000Z")],
        judge(Gate(), entries, [], 0),
    )
    assert text.startswith("# c: NOT passed")
    assert "## Runs to look at (1)" in text
    assert "&lt;5>" in text
    assert "\\|" in text
    assert "20260101T000000Z" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in table)
    fine = summary("c", entries[:1], [], [], judge(Gate(), entries[:1], [], 0))
    assert fine.startswith("# c: passed")
    assert "Runs to look at" not in fine


def test_figures_add_up() -> None:
    total = figures(
        [entry(0), entry(1, verdict="unknown", ok=10, max_recovery_s=4.0), entry(2, max_recovery_s=None)]
    )
    assert (total.runs, total.valid, total.invalid, total.unknown) == (3, 2, 0, 1)
    assert (total.operations, total.ok, total.ok_fraction) == (300, 190, 0.633333)
    assert total.max_recovery_s == 4.0
    assert total.bite_rate("kill") == 0.75
    assert total.bite_rate("pause") is None


def test_recovery_counts_heals_that_left_nothing_in_force() -> None:
    def result(*rows: tuple[int, int, float | None]) -> list[Result]:
        faults = [{"start_ns": a, "stop_ns": b, "first_ok_ms": c} for a, b, c in rows]
        return [Result("valid", "availability", coverage={"faults": faults})]

    second = 1_000_000_000
    alone = (second, 2 * second, 250.0)
    assert recovery_s(result(alone)) == 0.25
    assert recovery_s(result(alone, (3 * second, 4 * second, 10.0))) == 0.25
    # the second fault was in force at the first one's heal
    assert recovery_s(result(alone, (second + 1, 4 * second, 10.0))) == 0.01
    # it began before the first success
    assert recovery_s(result(alone, (2 * second + 1, 4 * second, 10.0))) == 0.01
    assert recovery_s(result((second, 2 * second, None))) is None
    assert recovery_s([]) is None
