# ruff: noqa: PT017 (whatever is raised is looked at, if anything is)
"""Ten thousand files with random bytes in them: a line with a place, or a verdict."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import pytest

from checkers import formats, registry
from checkers.columns import History
from checkers.history import MalformedHistoryError
from checkers.record import Record
from checkers.result import merge
from harness.cli.check import checker_of_model, checkers_of, workload_of
from harness.cli.telling import model_of, writes
from harness.errors import UsageError
from tests.checkers.formats.samples import Mutator, samples

FILES = 10_000
MEMORY_MB_MAX = 300
SAMPLES = samples()

PLACE = re.compile(r"^\S+:\d+:\d+: \S[^\n]*$")
REFUSED = re.compile(r"^[^\n]+$")


def judged(path: Path, history: History) -> str:
    """The verdict of the checkers that ``splitbrain check`` would ask."""
    model = model_of(history)
    if model is not None:
        names: tuple[str, ...] = (checker_of_model(model, writes(history)),)
    else:
        names = checkers_of(workload_of(path, path, history), history)
    options = {"budget_s": 1.0} | ({"model": model} if model else {})
    return merge([registry.create(name).check(Record(history, options=options)) for name in names])


@pytest.mark.parametrize("form", formats.NAMES)
def test_a_damaged_file_is_refused_with_its_place_or_judged(form: str, tmp_path: Path) -> None:
    mutator = Mutator(len(form))
    files = SAMPLES[form]
    path = tmp_path / "history"
    seen = dict.fromkeys(("malformed", "refused", "valid", "invalid", "unknown"), 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(FILES // len(formats.NAMES) + 1):
        data = mutator.mutated(files[number % len(files)])
        path.write_bytes(data)
        try:
            history = formats.read(path, form)
        except MalformedHistoryError as e:
            seen["malformed"] += 1
            # a columnar file has no lines
            assert (REFUSED if form == "columns" else PLACE).match(str(e)), (str(e), data)
            continue
        try:
            seen[judged(path, history)] += 1
        except (UsageError, ValueError) as e:
            # functions that tell of no workload, ops that do not pair up, values that no model knows
            seen["refused"] += 1
            assert REFUSED.match(str(e)), (str(e), data)
            assert isinstance(e, UsageError) or type(e).__module__.startswith("checkers"), (repr(e), data)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEMORY_MB_MAX
    assert seen["malformed"] > 100, seen
    assert sum(seen.values()) - seen["malformed"] > 20, seen


@pytest.mark.parametrize("form", [name for name in formats.NAMES if name != "columns"])
@pytest.mark.parametrize(
    "text", [b"", b"\n", b"[", b"\xff\xfe", b"{", b"\x00", b'"', b"[" * 100_000, b"{:a " * 100_000]
)
def test_hardly_a_file_is_refused_or_empty(form: str, text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(text)
    try:
        assert list(formats.read(path, form)) == []
    except MalformedHistoryError as e:
        assert PLACE.match(str(e)), str(e)
