"""A run again: same plan, same seed. In simulation the record must come out byte for byte the same.

A difference is a defect of the harness (something decided by the wall clock, by the order of a set, by an
address), unless another build of the sources made the record: `run.yaml` names the build.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from checkers.result import Verdict
from harness.decode import decode, load_yaml
from harness.errors import UsageError, one_line
from harness.spec import EnvName, RunSpec, known
from harness.store import DROPPED, RUN_FILE, SUMS_FILE, Store, file_sha256, read_sums
from nemeses.schedule import Schedule

SCHEDULE_FILE = "schedule.yaml"
COMPARED = (SCHEDULE_FILE, *DROPPED)
"""files of a simulated run that must come out the same: its plan and its record"""

LINE_MAX = 400
"""characters of a differing line that are shown"""


class Difference(msgspec.Struct, kw_only=True):
    """The first difference of two records. ``line`` counts from 1; a line that is missing is empty.

    ``time_ns`` is the simulated time of the differing line, where it can be read. ``agreed_step`` and
    ``agreed_hash`` are the world's last event and state hash that both traces have.
    """

    file: str
    line: int
    recorded: str
    replayed: str
    time_ns: int | None = None
    agreed_step: int | None = None
    agreed_hash: int | None = None
    agreed_time_ns: int | None = None


class Replayed(msgspec.Struct, kw_only=True):
    """``identical`` is None for live environments, where only the plan is the same.

    ``sums``: file -> SHA-256 of the replay. ``restored``: files of the record that had been dropped and are
    there again. ``other_build``: the record was made by other sources than these.
    """

    spec: RunSpec
    recorded: Verdict | None
    replayed: Verdict
    identical: bool | None
    sums: dict[str, str] = {}
    difference: Difference | None = None
    differing: list[str] = []
    restored: list[str] = []
    other_build: bool = False
    folder: str = ""


def load_spec(folder: Path) -> tuple[RunSpec, dict[str, Any]]:
    """The spec in a run's folder, and what made it (versions, source hash)."""
    path = folder / RUN_FILE
    data = load_yaml(path, "the run.yaml of a run")
    if not isinstance(data, dict):
        raise UsageError(f"{path}: not the run.yaml of a run: expected a mapping")
    made_by = data.pop("made_by", None)
    spec = decode(data, RunSpec, str(path), known)
    return spec, made_by if isinstance(made_by, dict) else {}


def recorded_verdict(folder: Path) -> Verdict | None:
    """The verdict in a run's ``results.json``; None for a run that never came to one."""
    try:
        data: Any = msgspec.json.decode((folder / "results.json").read_bytes())
        found: Verdict = msgspec.convert(data["verdict"], Verdict)
    except (OSError, msgspec.MsgspecError, KeyError, TypeError):
        return None
    return found


def replay(folder: Path, store: Store, env: EnvName | None = None) -> Replayed:
    """Execute the run in ``folder`` again and compare. A live replay is a run of its own in the store.

    ``env``: play its schedule there instead, as a run of its own with nothing to compare.
    """
    from harness.run import check_spec, execute  # noqa: PLC0415 (imports every environment)

    spec, made_by = load_spec(folder)
    recorded_in = spec.env
    spec = msgspec.structs.replace(spec, env=env or recorded_in)
    check_spec(spec)
    recorded = recorded_verdict(folder)
    real = spec.env != "sim" or recorded_in != "sim"
    # faults that were given to a simulated run (test --schedule) do not follow from its seed either
    schedule = _schedule(folder) if real or not spec.nemesis else None
    if real:
        live = store.new(spec.name, spec.seed)
        outcome = execute(spec, live, schedule=schedule)
        return Replayed(
            spec=spec, recorded=recorded, replayed=outcome.verdict, identical=None, folder=str(live)
        )
    with tempfile.TemporaryDirectory(prefix="splitbrain-replay-") as scratch:
        again = Path(scratch)
        outcome = execute(spec, again, schedule=schedule, report=False)
        result = Replayed(
            spec=spec,
            recorded=recorded,
            replayed=outcome.verdict,
            identical=True,
            sums={name: file_sha256(again / name) for name in COMPARED},
            other_build=load_spec(again)[1].get("sources") != made_by.get("sources"),
            folder=str(folder),
        )
        compare(folder, again, result)
    return result


def _schedule(folder: Path) -> Schedule | None:
    """The faults as recorded; None where the run ended before it had any written."""
    path = folder / SCHEDULE_FILE
    if not path.is_file():
        return None
    try:
        return Schedule.load(path)
    except (ValueError, OSError) as e:
        raise UsageError(one_line(str(e) if str(path) in str(e) else f"{path}: {e}")) from e


def compare(folder: Path, again: Path, result: Replayed) -> None:
    """Hold the record in ``folder`` against the one in ``again``; fills in what is identical and what is not.

    Where the record was dropped its sums are compared, and files that are the same are put back.
    """
    sums = read_sums(folder)
    for name in COMPARED:
        kept = (folder / name).is_file()
        known = file_sha256(folder / name) if kept else sums.get(name, "")
        if not known and (folder / SUMS_FILE).is_file() and not (again / name).is_file():
            continue
        if not known:
            raise UsageError(
                f"{folder / name}: is missing, and {SUMS_FILE} has no sum of it: nothing to compare"
            )
        if known == result.sums[name]:
            if not kept:
                shutil.copyfile(again / name, folder / name)
                result.restored.append(name)
            continue
        result.identical = False
        result.differing.append(name)
        found = first_difference(folder, again, name) if kept else None
        earlier = result.difference is None or (
            found and (found.time_ns or 0) < (result.difference.time_ns or 0)
        )
        if found and earlier:
            result.difference = found


def first_difference(folder: Path, again: Path, name: str) -> Difference | None:
    """The first line in which two versions of a file differ; None where they are the same."""
    with (folder / name).open("rb") as left, (again / name).open("rb") as right:
        pairs = enumerate(zip_longest(left, right, fillvalue=b""), 1)
        number, (one, two) = next((pair for pair in pairs if pair[1][0] != pair[1][1]), (0, (b"", b"")))
    if not number:
        return None
    time = _field(one, "time")
    found = Difference(
        file=name,
        line=number,
        recorded=_shown(one),
        replayed=_shown(two),
        time_ns=time if time is not None else _field(two, "time"),
    )
    for last in _common(folder / "trace.jsonl", again / "trace.jsonl"):
        if (
            name != "trace.jsonl"
            and found.time_ns is not None
            and (_field(last, "time") or 0) > found.time_ns
        ):
            break
        found.agreed_step, found.agreed_hash = _field(last, "step"), _field(last, "hash")
        found.agreed_time_ns = _field(last, "time")
    return found


def _common(left: Path, right: Path) -> Iterator[bytes]:
    """The leading lines that two files share."""
    if left.is_file() and right.is_file():
        with left.open("rb") as one, right.open("rb") as two:
            for line, other in zip(one, two, strict=False):
                if line != other:
                    return
                yield line


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace").rstrip("\n")
    return text if len(text) <= LINE_MAX else text[:LINE_MAX] + "..."


def _field(line: bytes, name: str) -> int | None:
    try:
        value: Any = msgspec.json.decode(line).get(name)
    except (msgspec.MsgspecError, AttributeError):
        return None
    return value if isinstance(value, int) else None
