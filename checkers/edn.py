"""Histories of Jepsen's family: EDN (maps one after the other, or one vector of maps) and its text log.

What EDN is: https://github.com/edn-format/edn. Keywords and symbols become strings without their colon, lists and
vectors lists, sets sorted lists, a tagged value is its value. Ops without ``:index`` are numbered as they come, ops
without ``:time`` get 0; where ``:process`` or ``:f`` is absent, they are 0 and ``txn``, as in Elle's examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checkers.history import NEMESIS, MalformedHistoryError, Op

TYPE_NAMES = ("invoke", "ok", "fail", "info")

_LEXEME = re.compile(
    r"""
    [\s,]+ | ;[^\n]* | (?P<lexeme> \#_ | \#\{ | [()\[\]{}] | "(?:[^"\\]|\\.)*" | \\(?:\w+|.) | [^\s,;()\[\]{}"]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?[NM]?")
_CLOSING = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_NAMED = {"nil": None, "true": True, "false": False}
_CHARACTERS = {"newline": "\n", "space": " ", "tab": "\t", "return": "\r"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class EdnError(ValueError):
    """The text is not EDN. The message is one line with the line number."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def lexeme(self) -> str | None:
        """The next lexeme, None at the end."""
        while self._at < len(self._text):
            found = _LEXEME.match(self._text, self._at)
            if found is None:
                raise EdnError(f"line {self.line()}: not EDN: {self._text[self._at : self._at + 20]!r}")
            self._at = found.end()
            lexeme = found["lexeme"]
            if lexeme is not None:
                return lexeme
        return None

    def form(self, lexeme: str) -> Any:
        """The value that begins with a lexeme."""
        if lexeme in _CLOSING:
            items = self._until(_CLOSING[lexeme])
            if lexeme == "{":
                if len(items) % 2:
                    raise EdnError(f"line {self.line()}: a map with a key but no value")
                return {_name(key): item for key, item in zip(items[::2], items[1::2], strict=True)}
            return sorted(items, key=repr) if lexeme == "#{" else items
        if lexeme in (")", "]", "}"):
            raise EdnError(f"line {self.line()}: {lexeme!r} closes nothing")
        if lexeme[0] == "#":
            return self._next()
        return _atom(lexeme)

    def skip(self) -> None:
        """Pass over one value."""
        self._next()

    def _next(self) -> Any:
        lexeme = self.lexeme()
        while lexeme == "#_":
            self.skip()
            lexeme = self.lexeme()
        if lexeme is None:
            raise EdnError(f"line {self.line()}: the text ends inside a value")
        return self.form(lexeme)

    def _until(self, closing: str) -> list[Any]:
        items = []
        while (lexeme := self.lexeme()) != closing:
            if lexeme == "#_":
                self.skip()
            elif lexeme is None:
                raise EdnError(f"line {self.line()}: the text ends before its {closing!r}")
            else:
                items.append(self.form(lexeme))
        return items


def _name(key: Any) -> str:
    return key if isinstance(key, str) else repr(key)


def _atom(lexeme: str) -> Any:
    if lexeme in _NAMED:
        return _NAMED[lexeme]
    if lexeme[0] == '"':
        return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), lexeme[1:-1], flags=re.DOTALL)
    if lexeme[0] == "\\":
        return _CHARACTERS.get(lexeme[1:], lexeme[1:])
    number = _NUMBER.fullmatch(lexeme)
    if number is not None:
        digits = lexeme.rstrip("NM")
        return float(digits) if number[1] or number[2] else int(digits)
    return lexeme.removeprefix(":")


def parse(text: str) -> Iterator[Any]:
    """The values of a text, one by one. Raises EdnError."""
    reader = _Reader(text)
    while (lexeme := reader.lexeme()) is not None:
        if lexeme == "#_":
            reader.skip()
        else:
            yield reader.form(lexeme)


def read(path: Path) -> list[Op]:
    """The ops of an EDN history. Raises MalformedHistoryError with file and line or op, and OSError."""
    ops: list[Op] = []
    try:
        for form in parse(path.read_text(encoding="utf-8")):
            ops += [
                _op(item, len(ops) + i) for i, item in enumerate(form if isinstance(form, list) else [form])
            ]
    except (EdnError, UnicodeDecodeError) as e:
        raise MalformedHistoryError(f"{path}: {e}") from e
    except MalformedHistoryError as e:
        raise MalformedHistoryError(f"{path}: {e}") from e
    return ops


def _op(form: Any, number: int) -> Op:
    if not isinstance(form, dict) or form.get("type") not in TYPE_NAMES:
        raise MalformedHistoryError(f"op {number}: expected a map with :type :invoke, :ok, :fail or :info")
    process, f = form.get("process", 0), form.get("f", "txn")
    if not isinstance(process, (int, str)) or not isinstance(f, str):
        raise MalformedHistoryError(
            f"op {number}: expected a number or a name for :process, and a name for :f"
        )
    index, time = form.get("index", number), form.get("time", 0)
    if not isinstance(index, int) or not isinstance(time, int):
        raise MalformedHistoryError(f"op {number}: expected integers for :index and :time")
    return Op(
        index,
        time,
        process,
        form["type"],
        f,
        form.get("key"),
        form.get("value"),
        form.get("node"),
        form.get("error"),
    )


_LOG_LINE = re.compile(r"INFO\s+jepsen\.util\s+-\s+(\S+)\s+:(invoke|ok|fail|info)\s+:(\S+)\s*(.*)")


def read_log(path: Path) -> list[Op]:
    """The ops of a Jepsen text log (``INFO  jepsen.util - 3 :invoke :write 4``); other lines are passed over.

    What is written where the value of an unknown outcome would be (``:timed-out``) is the op's error. Raises
    MalformedHistoryError with file and line, and OSError.
    """
    ops: list[Op] = []
    opened: dict[int | str, Any] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        found = _LOG_LINE.match(line)
        if found is None:
            continue
        name, kind, f, text = found.groups()
        process: int | str = int(name) if name.isdigit() else name.removeprefix(":")
        try:
            value = next(parse(text), None)
        except EdnError as e:
            raise MalformedHistoryError(f"{path}:{number}: not a value: {text!r}") from e
        error = None
        if process != NEMESIS and kind in ("info", "fail") and isinstance(value, str):
            value, error = opened.get(process), value
        opened[process] = value
        ops.append(Op(len(ops), 0, process, kind, f, None, value, None, error))  # type: ignore[arg-type]
    if not ops:
        raise MalformedHistoryError(
            f"{path}: no line of a Jepsen log (INFO  jepsen.util - 0 :invoke :read nil)"
        )
    return ops
