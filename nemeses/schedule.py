"""Schedules: the timed list of faults of one run, as data. ``plan`` makes one, ``load`` and ``dump`` keep it
as YAML.

Planning: the faults of one family follow one another and never overlap; those of different families do.
Starts are about an interval apart, lengths vary from 20 to 120 % of it. All faults end before the time
limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from nemeses.draws import Draws, weighted
from nemeses.family import LENGTH_MS_MIN, Family, Shape, Slot
from nemeses.fault import Fault
from nemeses.registry import parse
from nemeses.targets import check

FIRST_MS = 500
"""no fault before this: a cluster without a leader yet has nothing to lose"""

RESTART_MS = 50
"""nodes that were all down are back and talking this long after"""


class MalformedScheduleError(ValueError):
    """Not a schedule. The message is one line: file, path, what was expected."""


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``faults`` in order of their start; a fault's number is its position."""

    format: Literal[1] = 1
    faults: list[Fault] = []

    def dump(self, path: Path) -> None:
        """Write the schedule as YAML; the file appears whole or not at all."""
        scratch = path.with_name(f".{path.name}.tmp")
        scratch.write_text(to_yaml(self), encoding="utf-8")
        scratch.replace(path)

    @staticmethod
    def load(path: Path) -> Schedule:
        """Read a schedule. MalformedScheduleError for what it holds; OSError as it comes."""
        return parse_yaml(path.read_bytes(), str(path))


# --- planning -----------------------------------------------------------------------------------------------


def plan(
    nemesis: Sequence[str], nodes: Sequence[str], time_limit_ms: int, interval_ms: int, stream: Draws
) -> Schedule:
    """Faults of the named families (``family`` or ``family:shape``) for a cluster of ``nodes``.

    A family named alone draws from all its shapes; named with shapes, from those. ValueError, one line, for
    an unknown name, or a shape that so few nodes cannot have.
    """
    wanted: dict[str, tuple[Family, list[Shape]]] = {}
    for name in nemesis:
        family, shape = parse(name)
        _, shapes = wanted.setdefault(family.name, (family, []))
        shapes.extend([_plannable(name, shape, len(nodes))] if shape else _drawable(family, len(nodes)))
    found: list[tuple[int, Fault]] = []
    for rank, (family, shapes) in enumerate(wanted.values()):
        options = [(shape, max(1, shape.weight)) for shape in shapes]
        faults = _follow(family.name, options, tuple(nodes), time_limit_ms, interval_ms, stream)
        found.extend((rank, fault) for fault in faults)
    dark = [(rank, fault) for rank, fault in found if _shape_of(fault).blackout]
    kept: list[tuple[int, int, Fault]] = []
    for rank, fault in found:
        later = _after_dark(rank, fault, dark)
        if later is not None:
            kept.append((later.start_ms, rank, later))
    kept.sort(key=lambda item: item[:2])
    return Schedule(faults=[fault for _, _, fault in kept])


def _shape_of(fault: Fault) -> Shape:
    shape = parse(f"{fault.family}:{fault.shape}")[1]
    assert shape is not None
    return shape


def _after_dark(rank: int, fault: Fault, dark: Sequence[tuple[int, Fault]]) -> Fault | None:
    """The fault, begun after any blackout of another family that it would begin in; None: nothing is left of
    it.

    Of two blackouts that would begin in one another, the first stays.
    """
    start = fault.start_ms
    for other, blackout in sorted(dark, key=lambda item: (item[1].start_ms, item[0])):
        inside = blackout.start_ms <= start < blackout.stop_ms + RESTART_MS
        if inside and other != rank and (blackout.start_ms, other) < (fault.start_ms, rank):
            start = blackout.stop_ms + RESTART_MS
    if start == fault.start_ms or fault.trigger is not None:
        return fault
    least = min(LENGTH_MS_MIN, fault.stop_ms - fault.start_ms)
    return msgspec.structs.replace(fault, start_ms=start) if fault.stop_ms - start >= least else None


def _plannable(name: str, shape: Shape, nodes: int) -> Shape:
    if shape.weight == 0:
        raise ValueError(f"nemesis {name!r}: for schedules written by hand, it cannot be planned")
    if nodes < shape.nodes_min:
        raise ValueError(f"nemesis {name!r} takes {shape.nodes_min} nodes at least, not {nodes}")
    return shape


def _drawable(family: Family, nodes: int) -> list[Shape]:
    shapes = [s for s in family.shapes if s.weight and not s.by_name and s.nodes_min <= nodes]
    if not shapes:
        fewest = min(s.nodes_min for s in family.shapes)
        raise ValueError(f"nemesis {family.name!r} takes {fewest} nodes at least, not {nodes}")
    return shapes


def _follow(
    family: str,
    shapes: list[tuple[Shape, int]],
    nodes: tuple[str, ...],
    time_limit_ms: int,
    interval_ms: int,
    stream: Draws,
) -> list[Fault]:
    """One family's faults, bout after bout, as many as fit."""
    out: list[Fault] = []
    start = min(FIRST_MS, time_limit_ms // 4)
    start += stream.below(1 + min(interval_ms // 2, time_limit_ms // 4))
    while start + LENGTH_MS_MIN <= time_limit_ms:
        shape = weighted(stream, shapes)
        length = max(LENGTH_MS_MIN, interval_ms * stream.between(*shape.percent) // 100)
        length = min(length, time_limit_ms - start)
        bout = shape.bout(family, shape, Slot(start, length, nodes, stream))
        out.extend(fault for fault in bout if fault.end_ms <= time_limit_ms)
        # a moment of health between two, or the next would begin in the shadow of the last
        healthy = bout[-1].end_ms + stream.between(20, max(20, interval_ms // 4))
        start = max(healthy, start + interval_ms * stream.between(70, 130) // 100)
    return out


# --- YAML ---------------------------------------------------------------------------------------------------


# libyaml's where it is at hand: ten times as fast, the same text
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def to_yaml(schedule: Schedule) -> str:
    """The schedule as YAML, the same on every Python."""
    return yaml.dump(msgspec.to_builtins(schedule), Dumper=_DUMPER, sort_keys=False, width=110)


def parse_yaml(text: str | bytes, source: str = "schedule") -> Schedule:
    """The schedule that ``text`` is. MalformedScheduleError says where and what is wrong."""
    try:
        data = yaml.load(text, Loader=_LOADER)  # noqa: S506  both are safe loaders
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise MalformedScheduleError(f"{source}: not YAML: {_one_line(e)}") from e
    try:
        schedule = msgspec.convert(data, Schedule)
    except msgspec.ValidationError as e:
        raise MalformedScheduleError(f"{source}: {_one_line(e)}") from e
    for number, fault in enumerate(schedule.faults):
        _check(fault, f"{source}: faults[{number}]")
    return schedule


def _check(fault: Fault, where: str) -> None:
    """What the types cannot say: names that must exist, bounds, order."""
    at = "family"
    try:
        family = parse(fault.family.partition(":")[0])[0]
        at = "shape"
        shape = parse(f"{family.name}:{fault.shape}")[1]
        at = "target"
        check(fault.target)
    except ValueError as e:
        raise MalformedScheduleError(f"{where}.{at}: {e}") from e
    assert shape is not None
    for problem in _parameter_problems(f"{family.name}:{shape.name}", shape, fault.parameters):
        raise MalformedScheduleError(f"{where}.{problem}")
    if fault.stop_ms <= fault.start_ms:
        raise MalformedScheduleError(
            f"{where}.stop_ms: {fault.stop_ms} is not after start_ms {fault.start_ms}"
        )


def _parameter_problems(name: str, shape: Shape, values: Mapping[str, int | str]) -> Iterator[str]:
    known = {p.name: p for p in shape.parameters}
    for given in values:
        if given not in known:
            yield f"parameters.{given}: no such parameter; {name} has: {', '.join(known) or 'none'}"
    for parameter in shape.parameters:
        if parameter.name not in values:
            yield f"parameters: {parameter.name} is missing"
        elif wrong := parameter.wrong(values[parameter.name]):
            yield f"parameters.{parameter.name}: {wrong}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
