"""A campaign: many runs (systems x workloads x nemeses x seeds) and a gate, as a YAML file says it.

This module turns the file into a plan, a list of runs in a fixed order; it executes nothing.

| key | what |
|---|---|
| `name` | names the folder in the store |
| `defaults` | fields of `RunSpec` for all runs |
| `matrix` | field -> list of values; every combination is a *cell* |
| `seeds` | `{start, count}` or a list: every cell runs once with each |
| `expect` | `valid`; or `invalid`: every cell must be caught by one of its seeds, and stops there |
| `keep` | `failing`: passing simulated runs drop history and trace, which `replay` makes again; or `all` |
| `baseline` | `true`: a fault-free run of each system x workload x environment is stored beside it |
| `gate` | what the whole must meet (`harness/gate.py`) |
| `runs` | groups with `name`, `defaults`, `matrix`, `seeds`, `expect` of their own on top |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from harness.decode import decode, load_yaml
from harness.errors import UsageError, nearest
from harness.gate import LIMITS, Gate
from harness.spec import EnvName, RunSpec, known
from nemeses import registry as nemeses

Expect = Literal["valid", "invalid"]
Keep = Literal["failing", "all"]

RUNS_MAX = 100_000
"""runs in one campaign"""

FIXED = ("format", "name", "seed")
"""fields of a RunSpec that a campaign sets by itself"""

Count = Annotated[int, msgspec.Meta(ge=1, le=RUNS_MAX)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]


class Seeds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``count`` seeds from ``start`` on."""

    start: Seed = 1
    count: Count = 1


class Group(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One part of a campaign; what it leaves out is the campaign's."""

    name: Name | None = None
    defaults: dict[str, Any] = {}
    matrix: dict[str, Any] | None = None
    seeds: Seeds | list[Seed] | None = None
    expect: Expect | None = None


class Campaign(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A campaign file."""

    name: Name
    defaults: dict[str, Any] = {}
    matrix: dict[str, Any] = {}
    seeds: Seeds | list[Seed] = Seeds()
    expect: Expect = "valid"
    keep: Keep = "failing"
    baseline: bool = True
    gate: Gate = Gate()
    runs: list[Group] | None = None


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line changes: ``seeds`` is a count, ``groups`` the names of the groups to run."""

    env: EnvName | None = None
    seeds: int | None = None
    seed: int | None = None
    time_limit: float | None = None
    groups: tuple[str, ...] = ()


class Planned(msgspec.Struct, frozen=True):
    """One run of the plan: its ``number`` from 0, and that of its ``cell`` (combination)."""

    number: int
    cell: int
    group: str
    expect: Expect
    spec: RunSpec


_SPEC_FIELDS = tuple(f for f in RunSpec.__struct_fields__ if f not in FIXED)

_KNOWN: dict[str, tuple[str, ...]] = {
    "": Campaign.__struct_fields__,
    "runs": Group.__struct_fields__,
    "gate": Gate.__struct_fields__,
    "seeds": Seeds.__struct_fields__,
    "defaults": _SPEC_FIELDS,
    "matrix": _SPEC_FIELDS,
    "env": known("env"),
    "transport": known("transport"),
    "expect": get_args(Expect),
    "keep": get_args(Keep),
}


def _known(place: str) -> Iterable[str]:
    return _KNOWN.get(place.rpartition(".")[2].partition("[")[0], ())


def load(path: Path) -> Campaign:
    """Read a campaign file; UsageError says in one line what is wrong with it, and where."""
    data = load_yaml(path, "a campaign file")
    if not isinstance(data, dict):
        raise UsageError(f"{path}: a campaign is a mapping with name, matrix, seeds and gate")
    if "name" not in data:
        raise UsageError(f"{path}: name is missing: what is the campaign called?")
    content = decode(data, Campaign, str(path), _known)
    for family in content.gate.min_bite if isinstance(content.gate.min_bite, dict) else ():
        if family not in nemeses.names():
            raise UsageError(
                f"{path}: gate.min_bite: unknown nemesis {family!r}{nearest(family, nemeses.names())}"
            )
    return content


def _fields(given: dict[str, Any], place: str, source: str) -> None:
    """Check each field of ``given`` alone, so that the line says which one is wrong."""
    for name, value in given.items():
        if name in FIXED:
            raise UsageError(f"{source}: {place}.{name}: is set by the campaign itself")
        if name not in _SPEC_FIELDS:
            raise UsageError(f"{source}: {place}: unknown key {name!r}{nearest(name, _SPEC_FIELDS)}")
        try:
            decode({name: value}, RunSpec, "", _known)
        except UsageError as e:
            raise UsageError(f"{source}: {place}.{str(e).removeprefix(': ')}") from e


def _cells(matrix: dict[str, Any], place: str, source: str) -> list[dict[str, Any]]:
    cells = 1
    for name, values in matrix.items():
        if not isinstance(values, list):
            raise UsageError(f"{source}: {place}.{name}: expected a list of values, got {values!r}")
        if not values:
            raise UsageError(f"{source}: {place}.{name}: is empty; a matrix needs at least one value of each")
        for value in values:
            _fields({name: value}, place, source)
        cells *= len(values)
        if cells > RUNS_MAX:
            raise UsageError(f"{source}: {place}: more than {RUNS_MAX} combinations")
    names = list(matrix)
    return [dict(zip(names, row, strict=True)) for row in product(*matrix.values())]


def _seed_list(seeds: Seeds | list[int], overrides: Overrides) -> Sequence[int]:
    if overrides.seed is not None:
        return (overrides.seed,)
    if isinstance(seeds, Seeds):
        return range(seeds.start, seeds.start + (overrides.seeds or seeds.count))
    if overrides.seeds is not None and overrides.seeds > len(seeds):
        first = seeds[0] if seeds else 1
        return range(first, first + overrides.seeds)
    return seeds[: overrides.seeds]


def plan(campaign: Campaign, overrides: Overrides, source: str) -> list[Planned]:
    """Every run of the campaign in order; UsageError names the place in ``source`` that is wrong.

    The order is: groups as written, cells with the matrix' last field changing fastest, then seeds.
    """
    groups = [Group()] if campaign.runs is None else campaign.runs
    names = [group.name or (str(n) if campaign.runs is not None else "") for n, group in enumerate(groups, 1)]
    for name in overrides.groups:
        if name not in names:
            raise UsageError(f"{source}: no group {name!r}{nearest(name, [n for n in names if n])}")
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{source}: runs: two groups are called {name!r}")
    _fields(campaign.defaults, "defaults", source)
    planned: list[Planned] = []
    cell = 0
    for n, (name, group) in enumerate(zip(names, groups, strict=True)):
        place = f"runs[{n}]."
        _fields(group.defaults, f"{place}defaults", source)
        own = group.matrix is not None
        cells = _cells(
            campaign.matrix if group.matrix is None else group.matrix,
            f"{place}matrix" if own else "matrix",
            source,
        )
        seeds = _seed_list(campaign.seeds if group.seeds is None else group.seeds, overrides)
        if not seeds:
            raise UsageError(f"{source}: {place if group.seeds is not None else ''}seeds: is empty")
        if seeds[-1] >= 1 << 63:
            raise UsageError(f"{source}: seeds: the last one, {seeds[-1]}, is beyond 2**63 - 1")
        if len(planned) + len(cells) * len(seeds) > RUNS_MAX:
            raise UsageError(f"{source}: more than {RUNS_MAX} runs in one campaign")
        for values in cells:
            cell += 1
            if overrides.groups and name not in overrides.groups:
                continue
            fields = {"name": campaign.name, **campaign.defaults, **group.defaults, **values}
            if overrides.env is not None:
                fields["env"] = overrides.env
            if overrides.time_limit is not None:
                fields["time_limit"] = overrides.time_limit
            expect = group.expect or campaign.expect
            spec = decode(fields, RunSpec, source, _known)
            if expect == "valid":
                spec = _held_to(campaign.gate, spec)
            planned += [
                Planned(len(planned) + i, cell, name, expect, msgspec.structs.replace(spec, seed=seed))
                for i, seed in enumerate(seeds)
            ]
    if not planned:
        raise UsageError(f"{source}: no runs: every campaign needs at least one")
    return planned


def _held_to(gate: Gate, spec: RunSpec) -> RunSpec:
    """The run with the gate's limits as options of its checkers; its own options outrank them."""
    limits = {name: limit for name in LIMITS if (limit := getattr(gate, name)) is not None}
    own = spec.options.get("checker", {})
    if not limits or not isinstance(own, dict):
        return spec
    return msgspec.structs.replace(spec, options={**spec.options, "checker": {**limits, **own}})


def baselines(planned: Sequence[Planned]) -> list[RunSpec]:
    """Fault-free runs of the sound build to compare with: one for each system, workload and environment.

    In live environments they are short: they cost real time.
    """
    found: dict[str, RunSpec] = {}
    for run in planned:
        spec = run.spec
        key = msgspec.json.encode(
            [spec.system, spec.bin, spec.args, spec.workload, spec.env, spec.nodes]
        ).decode()
        if key not in found:
            limit = spec.time_limit if spec.env == "sim" else min(spec.time_limit, 5.0)
            found[key] = msgspec.structs.replace(spec, nemesis=[], bug=None, time_limit=limit)
    return list(found.values())


def digest(planned: Sequence[Planned]) -> str:
    """SHA-256 of the plan: an interrupted campaign goes on only with the same content."""
    return sha256(msgspec.json.encode(list(planned))).hexdigest()
