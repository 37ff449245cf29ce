"""Our own lines: the kernel takes what msgspec takes, and makes the same ops of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkers import history as lines
from checkers.columns import DEPTH_MAX
from checkers.formats import _input, jsonl
from checkers.history import MalformedHistoryError, Op
from harness.streams import Stream, Streams
from tests.checkers.formats.samples import Mutator
from tests.checkers.test_columns import OPS

pytestmark = pytest.mark.usefixtures("kernels")

LINE = b'{"index":0,"time":9,"process":0,"type":"invoke","f":"read"}'


def outcome(line: bytes) -> Op | None:
    """What msgspec makes of a line, within 64 bits."""
    try:
        op = msgspec.json.decode(line, type=Op)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    numbers = [op.index, op.time, *([op.process] if isinstance(op.process, int) else [])]
    return op if all(-(1 << 63) <= n < 1 << 63 for n in numbers) else None


def read(path: Path, data: bytes) -> list[Op]:
    path.write_bytes(data)
    return list(jsonl.read(path))


@given(ops=st.lists(OPS, max_size=6))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_written_is_read(ops: list[Op], tmp_path: Path) -> None:
    text = [lines.encode(op) for op in ops]
    assert read(tmp_path / "h", b"".join(text)) == [lines.decode(line) for line in text]


VALUES = (
    *(
        "0",
        "-0",
        "1",
        "-1",
        "007",
        "1.5",
        "1e3",
        "1E400",
        "-",
        "+1",
        "9" * 18,
        "9" * 19,
        "9223372036854775807",
    ),
    *("-9223372036854775808", "9223372036854775808", "1" * 40, "null", "nul", "true", "false", "True", "NaN"),
    *(
        '""',
        '"a"',
        '"\\n"',
        '"\\u00e9"',
        '"\\ud800"',
        '"é"',
        '"日本"',
        '"\t"',
        '"a',
        "'a'",
        '"\\x"',
        '"\x7f"',
    ),
    *(
        "[]",
        "[ ]",
        "[1,2]",
        "[1,[2,[]],{}]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{}",
        '{"b":1,"a":{"c":[2]}}',
        '{"a":1,"a":2}',
    ),
    *('{"a":1,}', '{"a"}', "{a:1}", "{1:2}", '{"é":1,"e":2}', "[[[[[[1]]]]]]", '{"":null}'),
)
NAMES = (
    "index",
    "time",
    "process",
    "type",
    "f",
    "key",
    "value",
    "node",
    "error",
    "more",
    "Index",
    "typ",
    "ind\\u0065x",
)
TYPES = ('"invoke"', '"ok"', '"fail"', '"info"', '"maybe"', '"in"', "null", "1", '"o\\u006b"')


def drawn(stream: Stream) -> bytes:
    """A line that is nearly an op."""

    def one(items: tuple[str, ...]) -> str:
        return items[stream.below(len(items))]

    fields = {"index": "3", "time": "7", "process": "1", "type": '"ok"', "f": '"read"'}
    for _ in range(stream.below(4)):
        name = one(NAMES)
        fields[name] = one(TYPES) if name == "type" and stream.below(2) else one(VALUES)
    if stream.below(4) == 0:
        fields["process"] = one(('"nemesis"', '"admin"', "-3", '"nemesi"', "[1]"))
    if stream.below(8) == 0:
        fields.pop(one(("index", "time", "process", "type", "f")), None)
    pairs = list(fields.items())
    if stream.below(8) == 0:
        pairs.append(pairs[stream.below(len(pairs))])
    for i in range(len(pairs) - 1, 0, -1):
        j = stream.below(i + 1)
        if stream.below(2):
            pairs[i], pairs[j] = pairs[j], pairs[i]
    blank = one(("", "", " ", "\t", " \r "))
    text = (blank + "," + blank).join(f'"{name}"{blank}:{blank}{value}' for name, value in pairs)
    return (blank + "{" + blank + text + blank + "}" + blank).encode()


def test_takes_the_lines_that_msgspec_takes_and_no_others(tmp_path: Path) -> None:
    stream, mutator = Streams(1).stream("lines"), Mutator(2)
    taken = refused = 0
    good: list[Op] = []
    text = b""
    for number in range(3000):
        line = drawn(stream)
        if number % 3 == 0:
            line = mutator.mutated(line).replace(b"\n", b" ")
        expected = outcome(line)
        if expected is None:
            refused += 1
            with pytest.raises(MalformedHistoryError, match=r"h:1:\d+: "):
                read(tmp_path / "h", line + b"\n" + LINE)
        else:
            taken += 1
            good.append(expected)
            text += line + b"\n"
    assert taken > 500
    assert refused > 500
    # the others all in one file: strings and pool are shared
    assert read(tmp_path / "h", text) == good
    assert read(tmp_path / "h", text.rstrip(b"\n")) == good


def test_lines_longer_than_a_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_input, "PIECE_BYTES", 300)
    ops = [
        Op(i, i, i % 7, "ok", f"f{i % 90}", i % 5, ["x" * (i * 37 % 900), i, {"k": [i]}], f"n{i % 3}")
        for i in range(400)
    ]
    assert read(tmp_path / "h", b"".join(lines.encode(op) for op in ops)) == ops


def test_more_strings_than_the_table_began_with(tmp_path: Path) -> None:
    ops = [Op(i, i, 0, "ok", "write", f"k{i}", f"v{i * 17}") for i in range(9000)]
    history = jsonl.read(written(tmp_path / "h", ops))
    assert list(history) == ops
    assert history.fs == ["write"]


def written(path: Path, ops: list[Op]) -> Path:
    lines.write(path, ops)
    return path


def nested(depth: int, shape: str) -> bytes:
    value: Any = 1
    for _ in range(depth):
        value = [value] if shape == "list" else {"a": value}
    return LINE[:-1] + b',"value":' + json.dumps(value).encode() + b"}\n"


@pytest.mark.parametrize("shape", ["list", "map"])
def test_depth_is_bounded(shape: str, tmp_path: Path) -> None:
    (op,) = read(tmp_path / "h", nested(DEPTH_MAX, shape))
    assert json.dumps(op.value).count("1") == 1
    for depth in (DEPTH_MAX + 1, 400, 100_000):
        text = (
            nested(400, shape)
            if depth < 1000
            else LINE[:-1] + b',"value":' + b"[" * depth + b"]" * depth + b"}"
        )
        with pytest.raises(MalformedHistoryError, match="deep"):
            read(tmp_path / "h", nested(depth, shape) if depth == DEPTH_MAX + 1 else text)


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        (b"", 1, "truncated"),
        (b"{}", 1, "index"),
        (b'{"index":0,"time":"soon","process":0,"type":"ok","f":"x"}', 19, "int"),
        (b'{"index":0,"time":1,"process":0,"type":"maybe","f":"x"}', 40, "maybe"),
        ('{"f":"é","index":0,"time":1.5,"process":0,"type":"ok"}'.encode(), 27, "int"),
        (LINE[:-1], len(LINE), "truncated"),
        (LINE + b"}", len(LINE) + 1, "trailing"),
        (LINE[:-1] + b',"value":nil}', len(LINE) + 13, "malformed"),
        (LINE[:-1] + b',"value":"\xff"}', len(LINE) + 10, "UTF-8"),
        (b"\xef\xbb\xbf" + LINE, 1, "malformed"),
        (LINE.replace(b'"time":9', b'"time":' + b"9" * 25), 1, "64 bits"),
    ],
)
def test_says_where_and_what(line: bytes, column: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedHistoryError) as raised:
        read(tmp_path / "h", LINE + b"\n" + line + b"\n" + LINE)
    assert str(raised.value).startswith(f"{tmp_path / 'h'}:2:{column}: "), str(raised.value)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_line_without_an_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_input, "OP_BYTES_MAX", 1 << 12)
    monkeypatch.setattr(_input, "PIECE_BYTES", 1 << 10)
    with pytest.raises(MalformedHistoryError, match="h:2:1: an op of more than"):
        read(tmp_path / "h", LINE + b"\n" + LINE[:-1] + b',"value":"' + b"x" * 100_000)
