"""Options of workloads: each is declared once, with its default and bounds, and checked in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec


class OptionError(ValueError):
    """An option that does not exist, or a value out of bounds. One line: workload, option, what was
    expected.
    """


class Option(msgspec.Struct, frozen=True):
    """An integer option of a workload, from ``low`` to ``high``."""

    name: str
    default: int
    low: int
    high: int
    doc: str


def resolve(workload: str, options: Sequence[Option], given: Mapping[str, Any]) -> dict[str, int]:
    """Every option's value: what is given, else its default. OptionError for what is wrong."""
    names = [o.name for o in options]
    for name in given:
        if name not in names:
            near = get_close_matches(str(name), names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise OptionError(
                f"workload {workload!r} has no option {name!r}; {hint}it has: {', '.join(names) or 'none'}"
            )
    return {o.name: _value(workload, o, given.get(o.name, o.default)) for o in options}


def _value(workload: str, option: Option, value: object) -> int:
    if type(value) is not int or not option.low <= value <= option.high:
        raise OptionError(
            f"workload {workload!r}: {option.name} is {value!r}, "
            f"expected an integer from {option.low} to {option.high}"
        )
    return value
