"""The families there are, by name: this package's and, by the entry-point group ``splitbrain.nemeses``,
others'.

A nemesis is named ``family`` or ``family:shape``. The family's name is the capability its environment must
have.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import entry_points

from nemeses import clock, disk, kill, link, partition, pause, power_loss, resource
from nemeses.family import Family, Shape

GROUP = "splitbrain.nemeses"
FAMILIES: dict[str, Family] = {
    f.name: f
    for f in (
        partition.FAMILY,
        link.FAMILY,
        kill.FAMILY,
        power_loss.FAMILY,
        pause.FAMILY,
        clock.FAMILY,
        disk.FAMILY,
        resource.FAMILY,
    )
}


class UnknownNameError(ValueError):
    """No nemesis of that name. The message is one line and suggests the nearest."""


def names() -> list[str]:
    """All families, this package's first."""
    others = {e.name for e in entry_points(group=GROUP)} - FAMILIES.keys()
    return [*FAMILIES, *sorted(others)]


def get(name: str) -> Family:
    """The family that ``family`` or ``family:shape`` names; UnknownNameError if there is none."""
    return parse(name)[0]


def parse(name: str) -> tuple[Family, Shape | None]:
    """Family and, if one is named, shape."""
    family_name, colon, shape_name = name.partition(":")
    family = FAMILIES.get(family_name) or _from_others(family_name)
    if family is None:
        raise UnknownNameError(_message("nemesis", family_name, names()))
    if not colon:
        return family, None
    shape = family.shape(shape_name)
    if shape is None:
        known = [f"{family.name}:{s.name}" for s in family.shapes]
        raise UnknownNameError(_message("nemesis", name, known))
    return family, shape


def _from_others(name: str) -> Family | None:
    for entry in entry_points(group=GROUP, name=name):
        try:
            family = entry.load()
        except Exception as e:
            raise ValueError(f"nemesis {name!r}: {entry.value} cannot be loaded: {e}") from e
        if not isinstance(family, Family):
            raise ValueError(f"nemesis {name!r}: {entry.value} is not a Family")  # noqa: TRY004  bad input
        return family
    return None


def _message(what: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
    return f"unknown {what} {name!r}: {hint}"
