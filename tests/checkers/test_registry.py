from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import checkers
from checkers import Record, Result, UnknownCheckerError, check, create, history, names, registry
from tests.checkers.histories import History


class Nodder:
    name = "nodder"

    def check(self, record: Record) -> Result:
        return Result("valid", self.name, why=str(record.options))


def elsewhere(*, group: str) -> list[EntryPoint]:
    assert group == "splitbrain.checkers"
    return [
        EntryPoint("nodder", "tests.checkers.test_registry:Nodder", group),
        EntryPoint("stats", "tests.checkers.test_registry:Nodder", group),
    ]


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_every_name_makes_the_checker_of_that_name(name: str) -> None:
    assert create(name).name == name
    assert create(name) is not create(name)


def test_other_packages_add_theirs_but_take_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nodder" not in names()
    monkeypatch.setattr(registry, "entry_points", elsewhere)
    assert "nodder" in names()
    assert names() == sorted(set(names()))
    assert isinstance(create("nodder"), Nodder)
    assert not isinstance(create("stats"), Nodder)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("linearisability", "did you mean linearizability?"), ("xyz", "there are " + ", ".join(names()[:2]))],
)
def test_an_unknown_name_is_one_line_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UnknownCheckerError) as caught:
        create(name)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


def stale() -> History:
    h = History()
    h.done(0, "txn", [["append", "x", 1]])
    h.done(1, "txn", [["r", "x", None]], [["r", "x", []]])
    h.done(2, "txn", [["r", "x", None]], [["r", "x", [1]]])
    return h


def test_check_takes_ops_a_path_a_name_or_a_checker(tmp_path: Path) -> None:
    ops = stale().ops
    path = tmp_path / "history.jsonl"
    history.write(path, ops)
    expected = check(ops, "list-append")
    assert expected.verdict == "invalid"
    assert check(iter(ops), create("list-append")) == expected
    assert check(path, "list-append") == expected
    assert check(str(path), "list-append") == expected


def test_check_passes_the_model_and_options() -> None:
    assert check(stale().ops, "list-append", "serializable").verdict == "valid"
    assert check([], Nodder(), "m", limit=3).why == "{'limit': 3, 'model': 'm'}"


def test_the_default_is_linearizability() -> None:
    h = History()
    h.done(0, "write", 1, key="x")
    h.invoke(1, "read", key="x")
    h.ok(1, "read", 2, key="x")
    result = check(h.ops)
    assert (result.checker, result.verdict) == ("linearizability", "invalid")


def test_the_public_names_are_there() -> None:
    assert all(hasattr(checkers, name) for name in checkers.__all__)


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_an_empty_history_is_never_called_good(name: str) -> None:
    result: Any = create(name).check(Record([], options={"nemesis": ["kill"]}))
    assert result.verdict == "unknown"
    assert result.why
