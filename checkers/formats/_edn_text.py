"""EDN, the whole of it, one form at a time. https://github.com/edn-format/edn

| EDN | here |
|---|---|
| nil, true, false, integers, floats (also ``7N``, ``1.5M``, ``0x1f``, ``2r101``) | None, booleans, int, float |
| strings, characters | str |
| keywords and symbols, also with a namespace | str, without the colon |
| ratios | str, as they stand: ``"1/3"`` |
| lists, vectors | list |
| sets | list, sorted |
| maps | dict; keys that are no names are written as JSON would have them: ``"1"`` |
| tagged values, records | the value; ``#jepsen.independent.Tuple`` and ``MapEntry`` a ``Tuple`` |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checkers.columns import DEPTH_MAX

# possessive: what matched is not remembered piece by piece, which a text of a million escapes would make gigabytes
_LEXEME = re.compile(
    r"""
    (?P<blank> (?:[\s,]++|;[^\n]*+)++ ) | (?P<lexeme> \#_ | \#\{ | \#\# | [()\[\]{}^]
    | "(?:[^"\\]++|\\.)*+" | \\(?:\w++|.) | [^\s,;()\[\]{}"]++ )
    """,
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?[NM]?")
_RATIO = re.compile(r"[+-]?\d+/\d+")
_RADIX = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|([1-9]\d?)[rR]([0-9a-zA-Z]+))N?")
_NUMERIC = re.compile(r"[+-]?\d")
_CLOSING = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_NAMED = {"nil": None, "true": True, "false": False}
_CHARACTERS = {
    "newline": "\n",
    "space": " ",
    "tab": "\t",
    "return": "\r",
    "formfeed": "\f",
    "backspace": "\b",
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_SYMBOLIC = {"Inf": float("inf"), "-Inf": float("-inf"), "NaN": float("nan")}

NOTHING = object()
"""what a text of remarks and discarded forms holds"""


class EdnError(ValueError):
    """The text is not EDN: what is wrong, and ``offset``, where."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(what)
        self.offset = offset


class Tuple(list[Any]):
    """A key and a value: what Jepsen's ``independent`` makes of the values of many objects."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.start = 0

    def lexeme(self) -> str | None:
        """The next lexeme, None at the end; ``start`` is where it begins."""
        while self._at < len(self._text):
            found = _LEXEME.match(self._text, self._at)
            if found is None:
                raise EdnError(self._at, f"not EDN: {self._text[self._at : self._at + 20]!r}")
            self.start, self._at = found.span()
            if found["lexeme"] is not None:
                return found["lexeme"]
        self.start = self._at
        return None

    def form(self, lexeme: str, depth: int = 0) -> Any:
        """The value that begins with a lexeme."""
        start = self.start
        if lexeme in _CLOSING:
            if depth >= DEPTH_MAX:
                raise EdnError(start, f"a value is nested deeper than {DEPTH_MAX}")
            items = self._until(_CLOSING[lexeme], depth + 1)
            if lexeme == "{":
                if len(items) % 2:
                    raise EdnError(start, "a map with a key but no value")
                return {_name(key): item for key, item in zip(items[::2], items[1::2], strict=True)}
            return sorted(items, key=_order) if lexeme == "#{" else items
        if lexeme in (")", "]", "}"):
            raise EdnError(start, f"{lexeme!r} closes nothing")
        if lexeme == "##":
            word = self.lexeme()
            if word not in _SYMBOLIC:
                raise EdnError(start, "expected ##Inf, ##-Inf or ##NaN")
            return _SYMBOLIC[word]
        if lexeme[0] in ("^", "#") and depth >= DEPTH_MAX:
            raise EdnError(start, f"a value is nested deeper than {DEPTH_MAX}")
        if lexeme == "^":
            self.next(depth + 1)
            return self.next(depth + 1)
        if lexeme[0] == "#":
            value = self.next(depth + 1)
            if (
                lexeme.endswith(("independent.Tuple", "MapEntry"))
                and isinstance(value, list)
                and len(value) == 2
            ):
                return Tuple(value)
            return value
        return self._atom(lexeme, start)

    def next(self, depth: int = 0) -> Any:
        """The next value. Raises EdnError where there is none."""
        lexeme = self.lexeme()
        while lexeme == "#_":
            self._discard(depth)
            lexeme = self.lexeme()
        if lexeme is None:
            raise EdnError(self.start, "the text ends inside a value")
        return self.form(lexeme, depth)

    def _discard(self, depth: int) -> None:
        if depth >= DEPTH_MAX:
            raise EdnError(self.start, f"a value is nested deeper than {DEPTH_MAX}")
        self.next(depth + 1)

    def _until(self, closing: str, depth: int) -> list[Any]:
        items = []
        while (lexeme := self.lexeme()) != closing:
            if lexeme == "#_":
                self._discard(depth)
            elif lexeme is None:
                raise EdnError(self.start, f"the text ends before its {closing!r}")
            else:
                items.append(self.form(lexeme, depth))
        return items

    def values(self) -> Iterator[Any]:
        """All values, one by one."""
        while (lexeme := self.lexeme()) is not None:
            if lexeme == "#_":
                self._discard(0)
            else:
                yield self.form(lexeme)

    def _atom(self, lexeme: str, start: int) -> Any:
        if lexeme in _NAMED:
            return _NAMED[lexeme]
        if lexeme[0] == '"':
            if len(lexeme) == 1:
                raise EdnError(start, "a text without its closing quote")
            return _ESCAPED.sub(_unescaped, lexeme[1:-1]) if "\\" in lexeme else lexeme[1:-1]
        if lexeme[0] == "\\":
            return _character(lexeme[1:])
        if _NUMERIC.match(lexeme) is not None:
            return _number(lexeme, start)
        if lexeme[0] == ":" and len(lexeme) == 1:
            raise EdnError(start, "a keyword without a name")
        return lexeme.removeprefix(":")


def _number(lexeme: str, start: int) -> Any:
    try:
        number = _NUMBER.fullmatch(lexeme)
        if number is not None:
            digits = lexeme.rstrip("NM")
            return float(digits) if number[1] is not None or number[2] or lexeme[-1] == "M" else int(digits)
        if _RATIO.fullmatch(lexeme):
            return lexeme
        radix = _RADIX.fullmatch(lexeme)
        if radix is not None:
            value = int(radix[2], 16) if radix[2] else int(radix[4], int(radix[3]))
            return -value if radix[1] == "-" else value
    except ValueError as e:
        raise EdnError(start, f"not a number: {lexeme[:40]}") from e
    raise EdnError(start, f"not a number: {lexeme[:40]}")


def _character(name: str) -> str:
    if len(name) == 5 and name[0] == "u":
        try:
            return chr(int(name[1:], 16))
        except ValueError:
            return name
    return _CHARACTERS.get(name, name)


def _unescaped(found: re.Match[str]) -> str:
    name = found[1]
    return chr(int(name[1:], 16)) if len(name) == 5 else _ESCAPES.get(name, name)


def _order(item: Any) -> tuple[str, Any]:
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        return "", item
    return type(item).__name__, item if isinstance(item, str) else repr(item)


def _name(key: Any) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool):
        return {None: "nil", True: "true", False: "false"}[key]
    return repr(key)


def parse(text: str) -> Iterator[Any]:
    """The values of a text, one by one. Raises EdnError."""
    return _Reader(text).values()


def first(text: str) -> Any:
    """The first value of a text, or NOTHING. Raises EdnError."""
    return next(parse(text), NOTHING)
