"""The harness judged by itself: what is broken in it is noticed, on a system of which an oracle knows everything.

Each plant breaks one part of the harness. It has to end the run with an error of the harness (no verdict at all),
or to turn the verdict to unknown, in the words given here; where neither can be, the oracle knows better.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checkers.history import NEMESIS, Op, read
from harness.run import Outcome, execute
from harness.spec import RunSpec

Patch = pytest.MonkeyPatch
EVERYTHING = ["partition", "link", "kill", "power-loss", "pause"]


def run(folder: Path, **fields: Any) -> Outcome:
    spec = RunSpec(
        **{"system": "single", "nodes": 5, "time_limit": 5.0, "nemesis": EVERYTHING, "seed": 1, **fields}
    )
    return execute(spec, folder / "run", report=False)


def ops(folder: Path) -> list[Op]:
    return list(read(folder / "run" / "history.jsonl"))


def whys(outcome: Outcome) -> dict[str, str]:
    return {r.checker: r.why for r in outcome.results if r.verdict == "unknown"}


class Nth:
    """True for the ``n``-th op that satisfies ``test``, once."""

    def __init__(self, n: int, test: Callable[[Op], bool]) -> None:
        self.left = n
        self.test = test

    def __call__(self, op: Op) -> bool:
        if op.process != NEMESIS and self.test(op):
            self.left -= 1
            return self.left == 0
        return False
