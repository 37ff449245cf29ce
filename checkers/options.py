"""What checkers can be told (``record.options``): every name, and what it takes.

What an option means is in the docstring of the checker that reads it. One that is misspelt would leave the checker
with its default, and a verdict that nobody asked for: so it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from checkers.registry import BUILT_IN


class Wanted(NamedTuple):
    what: str
    fits: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


NUMBER = Wanted("a number of at least 0", lambda value: _number(value) and value >= 0)
FRACTION = Wanted("a number from 0 to 1", lambda value: _number(value) and 0 <= value <= 1)
AMOUNT = Wanted("a number", _number)
TRUTH = Wanted("true or false", lambda value: isinstance(value, bool))
TEXT = Wanted("a name", lambda value: isinstance(value, str))
TEXTS = Wanted("a list of names", _texts)
LIST = Wanted("a list", lambda value: isinstance(value, list | tuple))
DRAINED = Wanted("true, false or auto", lambda value: isinstance(value, bool) or value == "auto")
ANYTHING = Wanted("a value", lambda _: True)

OPTIONS: dict[str, Wanted] = {
    **dict.fromkeys(("budget_mb", "budget_s"), NUMBER),
    **dict.fromkeys(("drift_ppm", "grace_ms", "skew_ms"), NUMBER),
    **dict.fromkeys(("max_convergence_s", "max_recovery_s", "settle_s", "startup_s"), NUMBER),
    **dict.fromkeys(("leader_changes_max", "panics_max", "terms_max"), NUMBER),
    **dict.fromkeys(("total", "total_amount"), AMOUNT),
    **dict.fromkeys(("answers", "one_clock", "quiet", "realtime", "whole"), TRUTH),
    **dict.fromkeys(("at_least_once", "crashed_take", "gaps", "leases", "repeats", "ww_deps"), TRUTH),
    **dict.fromkeys(("linearizable", "negative_balances", "ordered_reads"), TRUTH),
    **dict.fromkeys(("linearizable_keys", "sequential_keys", "wfr_keys"), TRUTH),
    **dict.fromkeys(("crdt", "engine", "level", "model", "version_order"), TEXT),
    **dict.fromkeys(("allow", "byzantine", "fs", "guarantees", "nemesis", "nodes"), TEXTS),
    "accounts": LIST,
    "drained": DRAINED,
    "initial": ANYTHING,
    "min_ok_fraction": FRACTION,
}


def check(options: Mapping[str, Any], checkers: Iterable[str]) -> None:
    """Raises ValueError, ``name: what is wrong``, for an option that none of our checkers has, or not so.

    Where another package's checker is among those that are asked, a name that is none of ours may be its own.
    """
    ours = all(name in BUILT_IN for name in checkers)
    for name, value in options.items():
        wanted = OPTIONS.get(name)
        if wanted is None and ours:
            near = get_close_matches(str(name), OPTIONS, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(OPTIONS))}"
            raise ValueError(f"{name}: no checker has this option; {hint}")
        if wanted is not None and not wanted.fits(value):
            raise ValueError(f"{name}: expected {wanted.what}, got {value!r}")
