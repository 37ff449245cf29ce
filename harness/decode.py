"""Data of people's files into typed values; what is wrong with them in one line: file, place, expected.

`msgspec` says where and what, in its own words; this module puts them into a user's, and adds the nearest
name where a key is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from harness.errors import UsageError, nearest, one_line, refused_file

T = TypeVar("T")

FILE_BYTES_MAX = 16 << 20
"""a campaign or run file is written by people: more than this is another kind of file"""

# YAML's and JSON's names for what msgspec calls object and array
WORDS = {
    "`str` matching regex '^[1-9][0-9]*n?$'": "a number of clients, or 2n for two of each node",
    "`str` matching regex '^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$'": "a name of letters, digits, dots, dashes and _",
    "`object | null`": "a mapping",
    "`array | null`": "a list",
    "`object`": "a mapping",
    "`array`": "a list",
    "`str`": "a text",
    "`int`": "an integer",
    "`float`": "a number",
    "`bool`": "true or false",
    "`null`": "nothing",
    "`int | str`": "an integer or a text",
    "`str | null`": "a text",
    "`float | null`": "a number",
    "`object | array | null`": "a mapping or a list",
    "`float | object`": "a number or a mapping",
}

_AT = re.compile(r"^(?P<what>.*?)(?: - at (?P<at>.*))?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>.*)`", re.DOTALL)
_ENUM = re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which a key given twice is an error instead of a silent loss of the first."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key_node.start_mark)
        if key in found:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is given twice", key_node.start_mark
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_text(path: Path, what: str) -> str:
    """The text of a file that a user named; ``what`` says in an error what it should have been."""
    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; expected {what}")
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as e:
        raise refused_file(path, e, what) from e
    except ValueError as e:  # a NUL in the name
        raise UsageError(one_line(f"{path}: not the name of a file: {e}")) from e
    if len(data) > FILE_BYTES_MAX:
        raise UsageError(f"{path}: larger than {FILE_BYTES_MAX >> 20} MiB; expected {what}")
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise UsageError(f"{path}:{line}: not UTF-8 text; expected {what}") from e


def load_yaml(path: Path, what: str) -> Any:
    """The plain data of a YAML file; UsageError names file and line."""
    text = read_text(path, what)
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader's subclass)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError(one_line(f"{path}{line}: not YAML: {e.problem or e.context or 'malformed'}")) from e
    except (yaml.YAMLError, ValueError, TypeError, ArithmeticError) as e:
        raise UsageError(one_line(f"{path}: not YAML: {e}")) from e
    except RecursionError as e:
        raise UsageError(f"{path}: nested too deeply, or a part contains itself") from e


def decode(data: Any, kind: type[T], source: str, fields: Callable[[str], Iterable[str]]) -> T:
    """``data`` as ``kind``, or UsageError ``source: place: what is expected``.

    ``fields(place)`` lists the keys, or the values, known at a place such as ``gate`` or ``runs[0].seeds``.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as e:
        raise UsageError(one_line(f"{source}: {in_words(str(e), fields)}")) from e
    except RecursionError as e:
        raise UsageError(f"{source}: nested too deeply, or a part contains itself") from e
    except (ValueError, TypeError, OverflowError) as e:
        raise UsageError(one_line(f"{source}: {e}")) from e


def in_words(message: str, fields: Callable[[str], Iterable[str]]) -> str:
    """What msgspec says, as ``place: what``."""
    match = _AT.match(message)
    assert match is not None
    what, at = match["what"], match["at"] or ""
    key_of = at.startswith("`key` in ")
    place = at.removeprefix("`key` in ").strip("`").removeprefix("$").removeprefix(".")
    prefix = f"{place}: " if place else ""
    if key_of:
        return f"{prefix}a key is not a text (quote it)"
    if unknown := _UNKNOWN.fullmatch(what):
        return f"{prefix}unknown key {unknown['field']!r}{nearest(unknown['field'], fields(place))}"
    if missing := _MISSING.fullmatch(what):
        return f"{prefix}{missing['field']} is missing"
    if enum := _ENUM.fullmatch(what):
        value = enum["value"].strip("'")
        return f"{prefix}unknown value {value!r}{nearest(value, fields(place))}"
    for word, plain in WORDS.items():
        what = what.replace(word, plain)
    return prefix + what[:1].lower() + what[1:]
