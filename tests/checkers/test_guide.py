"""docs/checkers.md is true: its table is that of the registry, and its worked example works."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from checkers import catalogue, registry, selftest
from checkers.record import Record
from tests.checkers.histories import History

PAGE = Path(__file__).parents[2] / "docs" / "checkers.md"


def test_the_table_is_that_of_the_registry() -> None:
    page = PAGE.read_text(encoding="utf-8")
    hint = "the table is not up to date: splitbrain list checkers --markdown --into docs/checkers.md"
    assert catalogue.rewrite(page) == page, hint


def test_every_line_says_what_a_checker_asks() -> None:
    assert [name for name in registry.BUILT_IN if not catalogue.purpose(name)] == []


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks"):
        catalogue.rewrite("nothing")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of the page as an installed package."""
    for body in re.findall(r"```(?:python|yaml|toml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        place, _, text = body.partition("\n")
        path = tmp_path / place.removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    points = project["project"]["entry-points"][registry.GROUP]
    entries = [EntryPoint(name, place, registry.GROUP) for name, place in points.items()]
    monkeypatch.setattr(registry, "entry_points", lambda *, group: entries if group == registry.GROUP else [])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "rate_limit", raising=False)


@pytest.mark.usefixtures("example")
def test_the_worked_example_passes_its_own_pairs() -> None:
    assert "rate-limit" in registry.names()
    (outcome,) = selftest.run("rate-limit")
    assert (outcome.case, outcome.problem) == ("over-limit", "")
    assert registry.online("rate-limit", {}) is not None


@pytest.mark.usefixtures("example")
def test_the_worked_example_says_unknown_and_takes_its_option() -> None:
    h = History()
    assert registry.create("rate-limit").check(Record(h.ops)).verdict == "unknown"
    for _ in range(3):
        h.done(0, "take")
    assert h.judge(registry.create("rate-limit")).verdict == "invalid"
    assert h.judge(registry.create("rate-limit"), per_second=3).verdict == "valid"
    (anomaly,) = h.judge(registry.create("rate-limit")).anomalies
    assert anomaly.explanation == (
        "3 takes began and ended between 0.001000 s and 0.006000 s; 2 are allowed in a second"
    )


@pytest.mark.usefixtures("example")
def test_a_pair_too_few_is_found_out_in_another_package_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(registry.create("rate-limit")), "anomalies", ("over-limit", "unfair"))
    assert [o.problem for o in selftest.run("rate-limit")] == ["", "has no pair"]
