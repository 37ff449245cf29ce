"""Five hundred seeded mutations of campaign files and flags: accepted, or one line and 254; never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import run as run_command
from harness.conduct import Conductor
from harness.gate import Judgement
from harness.streams import Stream, Streams
from tests.cli.conftest import Call, refused

MUTATIONS = 500
CAMPAIGNS = sorted((Path(__file__).parents[2] / "campaigns").glob("*.yaml"))

# values no field of a campaign accepts everywhere, and some that a few do
ODD: list[Any] = [
    None, True, -1, 0, 1, 5, 1.5, 10**30, float("nan"), float("inf"), "", "x", "2n", "0n", "raft", "sim", "valid",
    [], [1], [[]], ["partition"],
    [["partition"]], {}, {"start": 1}, {"nodes": 3}, {"x": {"y": [None]}}, "\u0000", "é\n",
]  # fmt: skip

KEYS = ["name", "nodes", "nodez", "seed", "matrix", "runs", "gate", "expect", "env", "", "x y", 7, None, True]


def spots(data: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every (container, key) in a tree, in its own order."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(items):
        found.append((data, key))
        spots(value, found)
    return found


def replace(data: Any, stream: Stream) -> None:
    container, key = stream.choice(spots(data, []))
    container[key] = stream.choice(ODD)


def remove(data: Any, stream: Stream) -> None:
    container, key = stream.choice(spots(data, []))
    del container[key]


def rename(data: Any, stream: Stream) -> None:
    container, key = stream.choice([(c, k) for c, k in spots(data, []) if isinstance(c, dict)])
    container[stream.choice(KEYS)] = container.pop(key)


def add(data: Any, stream: Stream) -> None:
    container, _ = stream.choice([(c, k) for c, k in spots(data, []) if isinstance(c, dict)])
    container[stream.choice(KEYS)] = stream.choice(ODD)


def swap(data: Any, stream: Stream) -> None:
    one, two = stream.choice(spots(data, [])), stream.choice(spots(data, []))
    one[0][one[1]], two[0][two[1]] = two[0][two[1]], one[0][one[1]]


CHANGES: list[Callable[[Any, Stream], None]] = [replace, remove, rename, add, swap]


def mutated_text(text: str, stream: Stream) -> str:
    """A few characters removed, doubled or replaced, or the end cut off."""
    at = stream.below(len(text))
    width = stream.between(1, 4)
    odd = stream.choice(
        ["", text[at : at + width] * 2, ":", "[", "}", "&a", "*a", "- ", "\t", "'", "\x07", "%", "!!x "]
    )
    return text[:at] if stream.chance(150_000) else text[:at] + odd + text[at + width :]


FLAGS = [
    ["--env", "sim"], ["--env", "process"], ["--env", "simm"], ["--seeds", "3"], ["--seeds", "0"],
    ["--seeds", "-1"],
    ["--seed", "5"], ["--seed", "x"], ["--seed", str(1 << 64)], ["--jobs", "2"], ["--jobs", "no"],
    ["--time-limit", "3"],
    ["--time-limit", "nan"], ["--time-limit", ""], ["--group", "simulated"], ["--group", ""], ["--resume"],
    ["--resum"], ["--resume=x"], ["--junit", "/no/such/j.xml"],
    ["extra.yaml"], ["--"], ["-x"], ["--seeds"],
    ["--store", "c.yaml"],
]  # fmt: skip


def mutation(stream: Stream) -> tuple[str, list[str]]:
    """The text of a campaign file and the flags to run it with."""
    text = stream.choice(CAMPAIGNS).read_text()
    flags = [flag for _ in range(stream.below(3)) for flag in stream.choice(FLAGS)]
    if stream.chance(300_000):
        return mutated_text(text, stream), flags
    data = yaml.safe_load(text)
    try:
        for _ in range(stream.between(1, 2)):
            if isinstance(data, dict) and data:
                stream.choice(CHANGES)(data, stream)
        return yaml.safe_dump(data, allow_unicode=True), flags
    except RecursionError:  # swapped into itself
        return "name: c\nruns: &a [*a]\n", flags


@pytest.mark.parametrize("part", range(10))
def test_mutations(call: Call, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    def run(self: Conductor, jobs: int) -> Judgement:
        del jobs
        return self._write("finished")

    monkeypatch.setattr(Conductor, "run", run)
    monkeypatch.setattr(run_command, "_report", lambda folder: folder)
    streams = Streams(2024)
    codes: dict[int, int] = {}
    for number in range(part, MUTATIONS, 10):
        text, flags = mutation(streams.stream("mutation", str(number)))
        Path("c.yaml").write_text(text)
        called = call("run", "c.yaml", *flags)
        # without a run made, what is accepted ends as incomplete
        accepted = called.code == 255 and "NOT MET" in called.out and not called.err
        if not accepted:
            refused(called)
        codes[called.code] = codes.get(called.code, 0) + 1
    assert codes[254] > MUTATIONS // 20, codes


@pytest.mark.parametrize("path", CAMPAIGNS, ids=lambda path: path.stem)
def test_campaigns_as_they_are(call: Call, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("SPLITBRAIN_PYSYNCOBJ", sys.executable)  # a campaign that asks for it is not run here
    monkeypatch.setattr(Conductor, "run", lambda self, jobs: self._write("finished"))  # noqa: ARG005
    monkeypatch.setattr(run_command, "_report", lambda folder: folder)
    called = call("run", str(path))
    assert called.code == 255, called.err
    assert "NOT MET" in called.out
    assert not called.err


SURELY_WRONG = [
    lambda d, s: d.__setitem__(s.choice(["nmae", "matriks", "gates", "sed", "x"]), 1),
    lambda d, s: d.__setitem__("gate", {s.choice(["invlid", "unknwn", "x"]): 0}),
    lambda d, s: d.__setitem__("gate", s.choice([1, "x", [], True])),
    lambda d, s: d.__setitem__("name", s.choice([1, None, "a/b", "", ["x"], ".."])),
    lambda d, s: d.__setitem__("runs", s.choice([1, "x", {}, [1], [None], []])),
    lambda d, s: d["defaults"].__setitem__("nodes", s.choice([0, -1, 1001, "5", None, 2.5, True])),
    lambda d, s: d["defaults"].__setitem__("system", s.choice(["", "rafft", 7, None])),
    lambda d, s: d["defaults"].__setitem__(s.choice(["seed", "name", "format", "time", "sytem"]), 1),
    lambda d, s: d.__setitem__("seeds", s.choice([0, "x", {"count": 0}, {"start": -1}, {"stop": 1}])),
]


@pytest.mark.parametrize("number", range(len(SURELY_WRONG) * 3))
def test_what_is_wrong_is_refused(call: Call, number: int) -> None:
    stream = Streams(7).stream("wrong", str(number))
    data = yaml.safe_load(stream.choice(CAMPAIGNS).read_text())
    SURELY_WRONG[number % len(SURELY_WRONG)](data, stream)
    if data.get("seeds") is not None and isinstance(data.get("runs"), list):
        for group in data["runs"]:
            if isinstance(group, dict):
                group.pop("seeds", None)
    Path("c.yaml").write_text(yaml.safe_dump(data))
    refused(call("run", "c.yaml"), "c.yaml")
