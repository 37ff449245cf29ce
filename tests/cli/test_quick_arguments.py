"""Arguments read without the parser are those that the parser reads."""

from __future__ import annotations

from functools import wraps
from inspect import signature
from typing import Annotated, Any

import pytest
import typer

from harness.cli import quick
from harness.cli.check import check

PLAIN = [
    "h.jsonl",
    "h.jsonl --model cas-register",
    "--model=cas-register h.jsonl --json",
    "runs/a --workload register --budget-s 10 --budget-mb 512.5",
    "h.edn --engine zones --format edn --trace t.jsonl",
    "h.edn --option a=1 --option=b=x --option nodes=[]",
    "h.edn --model register --model kv",
]

LEFT = [
    "",
    "--help",
    "h.edn -h",
    "h.edn other.edn",
    "h.edn --model",
    "h.edn --model -x",
    "h.edn --nonsense 1",
    "h.edn --budget-s soon",
    "h.edn --budget-s -1",
    "h.edn --budget-s 1e3",
    "h.edn --json=yes",
    "--model m",
    "-- h.edn",
    "h.edn --workl register",
]


def by_parser(argv: list[str]) -> dict[str, Any]:
    """What the parser gives to the command."""
    given: dict[str, Any] = {}

    @wraps(check)
    def note(**found: Any) -> None:
        given.update(found)

    app = typer.Typer(add_completion=False)
    app.callback()(lambda: None)
    app.command("check")(note)
    app(args=["check", *argv], standalone_mode=False)
    return given


@pytest.mark.parametrize("line", PLAIN)
def test_plain_arguments_are_read_as_the_parser_reads_them(line):
    found = quick.arguments(check, line.split())
    assert found is not None
    parsed = by_parser(line.split())
    usual = dict.fromkeys(parsed) | {"json": False, "format": "auto"}
    assert {name: value or None for name, value in (usual | found).items()} == {
        name: value or None for name, value in parsed.items()
    }


def test_the_lines_above_give_every_argument_there_is():
    assert set().union(*(quick.arguments(check, line.split()) for line in PLAIN)) == set(
        signature(check).parameters
    )


@pytest.mark.parametrize("line", LEFT)
def test_what_is_not_plain_is_left_to_the_parser(line):
    assert quick.arguments(check, line.split()) is None


def test_constraints_and_variables_of_the_environment_are_left_to_the_parser(monkeypatch):
    def ranged(n: Annotated[int, typer.Option(min=1)] = 1) -> None: ...
    def existing(path: Annotated[str, typer.Argument(exists=True)]) -> None: ...
    def variable(n: Annotated[int, typer.Option(envvar="QUICK_N")] = 1) -> None: ...

    assert quick.arguments(ranged, ["--n", "3"]) is None
    assert quick.arguments(existing, ["x"]) is None
    assert quick.arguments(variable, ["--n", "3"]) == {"n": 3}
    monkeypatch.setenv("QUICK_N", "4")
    assert quick.arguments(variable, []) is None
