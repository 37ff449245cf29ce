"""A command's arguments straight from its signature, where they say plainly what is meant.

The parser behind typer imports more than the verdict on a small history takes. What is not plain is left to it: help,
anything that it would refuse, constraints that are not known here. Of plain arguments it makes the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from typer.models import ArgumentInfo, OptionInfo, ParameterInfo

_FORMS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    str: (r"(?s).+", str),
    Path: (r"(?s).+", Path),
    int: (r"\d{1,18}", int),
    float: (r"\d{1,15}(\.\d{1,15})?", float),
}
"""type of a value -> how it is written plainly, and what reads it"""

_KNOWN = frozenset({"default", "param_decls", "help", "metavar", "min", "max", "envvar"})
"""what may be said of a parameter"""


def arguments(command: Callable[..., Any], argv: Sequence[str]) -> dict[str, Any] | None:
    """Keyword arguments for the command; None where the parser has to be asked."""
    places: list[str] = []
    options: dict[str, str] = {}
    kinds: dict[str, Any] = {}
    needed: set[str] = set()
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in signature(command).parameters.items():
        kind, info = get_args(hints[name])
        if not _is_plain(info):
            return None
        kinds[name] = _kind(kind)
        if isinstance(info, ArgumentInfo):
            places.append(name)
        else:
            options |= dict.fromkeys(info.param_decls or [f"--{name.replace('_', '-')}"], name)
        if parameter.default is Parameter.empty:
            needed.add(name)
    found: dict[str, Any] = {}
    left = iter(argv)
    for word in left:
        if not word.startswith("-"):
            if not places or not _take(found, places.pop(0), kinds, word):
                return None
            continue
        option, equals, text = word.partition("=")
        name = options.get(option, "")
        if not name or (kinds[name] is bool and equals):
            return None
        if kinds[name] is bool:
            found[name] = True
        elif not _take(found, name, kinds, text if equals else next(left, "")):
            return None
    return found if needed <= found.keys() else None


def _is_plain(info: ParameterInfo) -> bool:
    usual = vars(ArgumentInfo() if isinstance(info, ArgumentInfo) else OptionInfo())
    if any(value != usual[name] for name, value in vars(info).items() if name not in _KNOWN):
        return False
    ranged = info.min is not None or info.max is not None
    variables = [info.envvar] if isinstance(info.envvar, str) else info.envvar or []
    return not ranged and not any(os.environ.get(name) for name in variables)


def _kind(hint: Any) -> Any:
    """``float`` of ``float | None``, ``[str]`` of ``list[str] | None``."""
    parts = [part for part in get_args(hint) if part is not NoneType]
    if NoneType in get_args(hint):
        return _kind(parts[0])
    return list(get_args(hint)) if get_args(hint) else hint


def _take(found: dict[str, Any], name: str, kinds: dict[str, Any], text: str) -> bool:
    """Read a value; false where it is not plain. The last one counts, of a list all do."""
    kind = kinds[name]
    many = isinstance(kind, list)
    form, read = _FORMS.get(kind[0] if many else kind, ("(?!)", str))
    if text.startswith("-") or not re.fullmatch(form, text):
        return False
    if many:
        found.setdefault(name, []).append(read(text))
    else:
        found[name] = read(text)
    return True
