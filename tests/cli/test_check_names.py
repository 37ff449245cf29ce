"""``splitbrain check``: what a history tells by itself, names that other tools use, and models that are ruled out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checkers import history
from tests.checkers.histories import History
from tests.cli.conftest import Call, refused


def written(h: History) -> str:
    history.write(Path("h.jsonl"), h.ops)
    return "h.jsonl"


def lists() -> History:
    """The second transaction does not see what the first had appended before it began."""
    h = History()
    h.done(0, "txn", [["append", "x", 1]])
    h.done(1, "txn", [["r", "x", None]], [["r", "x", []]])
    h.done(1, "txn", [["r", "x", None]], [["r", "x", [1]]])
    return h


def registers() -> History:
    h = History()
    h.done(0, "txn", [["w", "x", 1]])
    h.done(1, "txn", [["r", "x", None]], [["r", "x", 1]])
    return h


def balances() -> History:
    h = History()
    h.done(0, "read", result={"a": 7, "b": 3})
    h.done(0, "read", result={"a": 5, "b": 3})
    return h


def amounts() -> History:
    h = History()
    h.done(0, "add", 2)
    h.done(0, "read", result=3)
    return h


def together() -> History:
    h = History()
    h.done(0, "txn", [["write", "x", 1], ["write", "y", 2]])
    h.done(1, "txn", [["read", "x", None]], [["read", "x", 2]])
    return h


def jobs() -> History:
    h = History()
    h.done(0, "enqueue", 1)
    h.done(0, "dequeue", result=2)
    return h


def comments() -> History:
    """The later of two comments is seen without the earlier one."""
    h = History()
    h.done(0, "write", 1)
    h.done(0, "write", 2)
    h.done(1, "read", result=[2])
    return h


@pytest.mark.parametrize(
    ("made", "name", "code", "checker"),
    [
        (lists, "list-append", 1, "list-append"),
        (lists, "append", 1, "list-append"),
        (registers, "rw-register", 0, "rw-register"),
        (registers, "wr", 0, "rw-register"),
        (balances, "bank", 1, "bank"),
        (amounts, "pn-counter", 1, "pn-counter"),
        (comments, "comments", 1, "causal-reverse"),
        (together, "multi-register", 1, "linearizability"),
        (jobs, "fifo-queue", 1, "linearizability"),
        (lists, "PL-SS", 1, "list-append"),
        (registers, "snapshot-isolation", 0, "rw-register"),
    ],
)
def test_models_by_the_names_of_others(made, name, code, checker, call: Call) -> None:
    path = written(made())
    for flag in ("--model", "--workload"):
        called = call("check", path, flag, name)
        assert (called.code, f"checked by {checker};" in called.out) == (code, True), called


@pytest.mark.parametrize(
    ("made", "checker"),
    [
        (lists, "list-append"),
        (registers, "rw-register"),
        (balances, "bank"),
        (amounts, "counter"),
        (together, "linearizability"),
        (jobs, "total-queue"),
    ],
)
def test_a_history_tells_what_it_is_of(made, checker, call: Call) -> None:
    called = call("check", written(made()))
    assert called.code == (0 if made is registers else 1), called
    assert f"checked by {checker};" in called.out


def test_what_a_name_asks_for_may_hang_on_the_flag(call: Call) -> None:
    """Of names that are a model's and a checker's, or a workload's."""
    path = written(amounts())
    assert "checked by counter;" in call("check", path, "--workload", "counter").out
    assert "checked by linearizability;" in call("check", path, "--model", "counter").out


def test_a_name_without_a_checker_says_what_to_ask_for(call: Call) -> None:
    path = written(registers())
    refused(
        call("check", path, "--model", "sequential"), "--workload sessions", "strong-session-serializable"
    )
    refused(call("check", path, "--model", "list-appendix"), "list-appendix", "list-append")
    refused(call("check", path, "--model", "stats"), "stats")


@pytest.mark.parametrize(("absent", "written_first", "code"), [("", None, 0), ("", "", 1), (None, None, 0)])
def test_a_store_may_answer_the_empty_text_for_an_absent_key(absent, written_first, code, call: Call) -> None:
    """As Porcupine's do; not where the empty text is written, or nothing is answered."""
    h = History()
    h.done(0, "get", key="x", result=absent)
    if written_first is not None:
        h.done(0, "put", written_first, key="y")
    h.done(0, "append", "a", key="x")
    h.done(0, "get", key="x", result="a")
    assert call("check", written(h), "--model", "kv").code == code


def test_json_has_the_models_that_are_ruled_out(call: Call) -> None:
    found = json.loads(call("check", written(lists()), "--json").out)
    assert found["not"] == ["strong-snapshot-isolation"]
    assert "strict-serializable" in found["also_not"]
    assert "serializable" not in found["not"] + found["also_not"]
    assert "not" not in json.loads(call("check", written(amounts()), "--json").out)
