"""What checkers can be told: the table of names is that of their readers, and what is not in it is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import checkers
from checkers import options
from checkers.txn import evidence

SOURCES = Path(checkers.__file__).parent
READ = re.compile(r'(?:\boptions\.get|\.flag|\b(?:number|names)\((?:self\.)?options,)\(?\s*"(\w+)"')


def read() -> Iterator[str]:
    """Every name that a checker asks its options for."""
    yield from (evidence.WFR, evidence.SEQUENTIAL, evidence.LINEARIZABLE)
    for path in SOURCES.rglob("*.py"):
        yield from READ.findall(path.read_text())


def test_every_option_that_is_read_is_known_and_every_known_one_is_read() -> None:
    assert set(read()) == options.OPTIONS.keys()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"budgt_s": 3}, ["budgt_s", "'budget_s'"]),
        ({"zzz": 3}, ["zzz", "known are", "budget_s"]),
        ({"budget_s": "x"}, ["budget_s", "a number of at least 0", "'x'"]),
        ({"budget_s": -1}, ["budget_s", "-1"]),
        ({"budget_s": True}, ["budget_s", "True"]),
        ({"budget_s": float("nan")}, ["budget_s", "nan"]),
        ({"min_ok_fraction": 7}, ["min_ok_fraction", "from 0 to 1"]),
        ({"fs": "read"}, ["fs", "a list of names"]),
        ({"fs": [1]}, ["fs", "a list of names"]),
        ({"gaps": 1}, ["gaps", "true or false"]),
        ({"drained": "yes"}, ["drained", "auto"]),
        ({"total": None}, ["total", "a number"]),
        ({"model": 3}, ["model", "a name"]),
    ],
)
def test_what_is_refused(given: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ValueError, match=words[0]) as refused:
        options.check(given, ["linearizability"])
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_what_is_taken() -> None:
    given = {
        "budget_s": 0.5,
        "total": -3,
        "drained": "auto",
        "nodes": ("n0",),
        "initial": None,
        "gaps": False,
    }
    options.check(given, ["linearizability"])


def test_a_name_that_may_be_another_packages_own_is_left_to_it() -> None:
    options.check({"per_second": 3}, ["linearizability", "theirs"])
    with pytest.raises(ValueError, match="budget_s"):
        options.check({"budget_s": "x"}, ["theirs"])


def test_the_library_refuses_them_too() -> None:
    with pytest.raises(ValueError, match="did you mean 'budget_s'"):
        checkers.check([], budget=3)
