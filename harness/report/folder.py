"""A run's folder as read from disk (docs/formats.md), forgiving of what a killed harness left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from checkers import history
from checkers.history import NEMESIS, Op
from checkers.record import TraceEvent
from checkers.result import Result
from harness.errors import UsageError
from harness.spec import RunSpec


class Operation(msgspec.Struct, gc=False):
    """An invocation with its completion, which is None when none was recorded."""

    invoke: Op
    complete: Op | None

    @property
    def stop(self) -> int | None:
        """ns; None while the outcome is open: never answered, or answered by ``info``."""
        return self.complete.time if self.complete is not None and self.complete.type != "info" else None


class Run(msgspec.Struct):
    """What a report is made of. ``notes``: what was missing or cut off, one sentence each, for the reader."""

    folder: Path
    spec: dict[str, Any]
    made_by: dict[str, Any]
    ops: list[Op]
    results: list[Result]
    verdict: str
    summary: dict[str, Any]
    schedule: list[dict[str, Any]]
    notes: list[str]
    end: int
    """ns: time of the last op"""

    def operations(self) -> Iterator[Operation]:
        """In order of invocation."""
        out: list[Operation] = []
        open_: dict[int | str, Operation] = {}
        for op in self.ops:
            if op.process == NEMESIS:
                continue
            if op.type == "invoke":
                open_[op.process] = operation = Operation(op, None)
                out.append(operation)
            elif (found := open_.pop(op.process, None)) is not None:
                found.complete = op
        return iter(out)

    def lanes(self) -> int:
        """Client threads: process p runs in lane p mod lanes."""
        shape = self._shape()
        if shape is not None:
            return shape.clients()
        seen = {op.process for op in self.ops if isinstance(op.process, int)}
        return min(max(len(seen), 1), 64)

    def nodes(self) -> list[str]:
        shape = self._shape()
        if shape is not None:
            return list(shape.node_names())
        return sorted({op.node for op in self.ops if op.node is not None})

    def _shape(self) -> RunSpec | None:
        """What the specification says of nodes and clients. Its other fields may be those of another version."""
        known = {name: self.spec[name] for name in ("nodes", "concurrency") if name in self.spec}
        try:
            return msgspec.convert(known, RunSpec) if known else None
        except msgspec.ValidationError:
            return None


def read(folder: Path) -> Run:
    """Read a run's folder. Raises UsageError, one line, for what is not a run's folder at all."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; expected a run's folder (run.yaml, history.jsonl, ...)")
    if not any((folder / name).is_file() for name in ("run.yaml", "history.jsonl")):
        raise UsageError(f"{folder}: not a run's folder: it holds neither run.yaml nor history.jsonl")
    notes: list[str] = []
    spec = _mapping(folder / "run.yaml", notes)
    made_by = spec.pop("made_by", None)
    ops = _ops(folder / "history.jsonl", notes)
    judged = _json(folder / "results.json", notes)
    results, verdict = _results(judged, folder / "results.json", notes)
    summary = judged.get("summary")
    return Run(
        folder=folder,
        spec=spec,
        made_by=made_by if isinstance(made_by, dict) else {},
        ops=ops,
        results=results,
        verdict=verdict,
        summary=summary if isinstance(summary, dict) else {},
        schedule=_schedule(folder / "schedule.yaml", notes),
        notes=notes,
        end=max((op.time for op in ops), default=0),
    )


def _ops(path: Path, notes: list[str]) -> list[Op]:
    ops: list[Op] = []
    if not path.is_file():
        notes.append(
            "history.jsonl is missing: a campaign drops it when a run passes, and a replay writes it anew."
        )
        return ops
    try:
        for op in history.read(path):
            ops.append(op)  # noqa: PERF402 - what came before a bad line is kept
    except history.MalformedHistoryError:
        notes.append(
            f"history.jsonl is cut off or damaged after line {len(ops):,}: only what is before it is shown."
        )
    return ops


def _results(judged: dict[str, Any], path: Path, notes: list[str]) -> tuple[list[Result], str]:
    try:
        results = msgspec.convert(judged.get("results", []), list[Result])
    except msgspec.ValidationError as e:
        notes.append(f"{path.name} is not a list of results ({e}): the run counts as not judged.")
        return [], "unknown"
    verdict = judged.get("verdict")
    return results, verdict if verdict in ("valid", "invalid", "unknown") else "unknown"


def _json(path: Path, notes: list[str]) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        notes.append(f"{path.name} is missing: the run was not judged.")
        return {}
    except msgspec.MsgspecError as e:
        notes.append(f"{path.name} is damaged ({e}): the run counts as not judged.")
        return {}
    return found if isinstance(found, dict) else {}


def _yaml(path: Path, notes: list[str]) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_text("utf-8"), Loader=loader)  # noqa: S506 - both are safe loaders
    except FileNotFoundError:
        notes.append(f"{path.name} is missing.")
    except (yaml.YAMLError, UnicodeDecodeError):
        notes.append(f"{path.name} is damaged.")
    return None


def _mapping(path: Path, notes: list[str]) -> dict[str, Any]:
    found = _yaml(path, notes)
    return found if isinstance(found, dict) else {}


def _schedule(path: Path, notes: list[str]) -> list[dict[str, Any]]:
    """The planned faults: a list, or a mapping that holds one under ``faults``."""
    found = _yaml(path, notes)
    if isinstance(found, dict):
        found = found.get("faults")
    return [fault for fault in found if isinstance(fault, dict)] if isinstance(found, list) else []


class _Line(msgspec.Struct, gc=False):
    """A trace event whose data stays undecoded until somebody wants it."""

    index: int
    time: int
    node: str
    kind: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


def trace(
    folder: Path, kinds: frozenset[str], indexes: frozenset[int], notes: list[str]
) -> Iterator[TraceEvent]:
    """Stream the trace events of these kinds or indexes: a trace is larger than all else together."""
    decoder = msgspec.json.Decoder(_Line)
    try:
        file = (folder / "trace.jsonl").open("rb")
    except FileNotFoundError:
        notes.append("trace.jsonl is missing: roles and terms of the nodes are not known.")
        return
    with file:
        for number, line in enumerate(file, 1):
            try:
                event = decoder.decode(line)
                if event.kind in kinds or event.index in indexes:
                    data = msgspec.json.decode(event.data)
                    yield TraceEvent(event.index, event.time, event.node, event.kind, data)
            except msgspec.MsgspecError:
                notes.append(f"trace.jsonl is cut off or damaged at line {number:,}.")
                return
