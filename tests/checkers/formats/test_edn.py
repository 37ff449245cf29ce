"""Jepsen's EDN in all its forms, Maelstrom's, and what becomes of them."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkers import formats
from checkers.columns import History
from checkers.formats import _input
from checkers.formats._edn_text import EdnError, first, parse
from checkers.history import MalformedHistoryError, Op
from tests.checkers.formats.samples import register, transactions, written

pytestmark = pytest.mark.usefixtures("kernels")

OP = "{:process 1, :type :ok, :f :read, :value %s}"


def read(path: Path, text: str | bytes, form: str = "edn") -> list[Op]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(formats.read(path, form))


MAPS = """{:process 1, :type :invoke, :f :write, :value 4} ; a remark
#_ {:process 9 :type :odd} {:process 1, :type :ok, :f :write, :value 4 :time 17N, :index 5, :key "k"}"""
AS_READ = [Op(0, 0, 1, "invoke", "write", None, 4), Op(5, 17, 1, "ok", "write", "k", 4)]


@pytest.mark.parametrize(
    "frame",
    ["%s", "[%s]", "(%s)", "; head\n[\n%s]\n; tail", "%s\n#_ {:a 1}", "[%s] ;", "#_ #_ 1 2 %s", "\r\n%s\r\n"],
)
def test_maps_one_by_one_and_in_a_list(frame: str, tmp_path: Path) -> None:
    assert read(tmp_path / "h", frame.replace("%s", MAPS)) == AS_READ


def test_pieces_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"[{MAPS} ; more {{:a\n {MAPS.replace('4', '#{2 1}')}]"
    expected = None
    for size in (1 << 20, 64, 65, 66, 67, 68, 69, 70, 71):
        monkeypatch.setattr(_input, "PIECE_BYTES", size)
        found = read(tmp_path / "h", text)
        assert expected in (None, found)
        expected = found
    assert expected is not None
    assert [op.value for op in expected] == [4, 4, [1, 2], [1, 2]]


def test_records_tags_and_unknown_fields(tmp_path: Path) -> None:
    text = (
        "#jepsen.history.Op{:index 3, :time 8, :type :info, :process :nemesis, :f :start, :value nil, "
        ':clock-offsets {"n1" 0.5}, :exception {:via [{:type java.lang.X}]}, :error [:timeout "x\\ty"]}\n'
        '#foo.Bar{:type :ok, :process 2, :f :jepsen.x/read, :value #inst "2020", :node "n1", :deep {:a {:b [1]}}}'
    )
    assert read(tmp_path / "h", text) == [
        Op(3, 8, "nemesis", "info", "start", None, None, None, ["timeout", "x\ty"]),
        Op(1, 0, 2, "ok", "jepsen.x/read", None, "2020", "n1"),
    ]


def test_elles_examples_lack_process_and_function(tmp_path: Path) -> None:
    text = "{:index 0 :type :invoke :value [[:append 253 1] [:r 7 nil]]}"
    assert read(tmp_path / "h", text) == [
        Op(0, 0, 0, "invoke", "txn", None, [["append", 253, 1], ["r", 7, None]])
    ]


VALUES: list[tuple[str, Any]] = [
    ("[1 -2 3.5 1e3 7N 1.5M 3M]", [1, -2, 3.5, 1000.0, 7, 1.5, 3.0]),
    ("[0x1F 2r101 36rZz -0x10 007 +5]", [31, 5, 1295, -16, 7, 5]),
    ("[1/3 -2/4]", ["1/3", "-2/4"]),
    ("[##Inf ##-Inf]", [math.inf, -math.inf]),
    ('"a\\"b\\n;c\\u00e9\\\\"', 'a"b\n;cé\\'),
    ("(:a b/c :d/e nil true false nilly)", ["a", "b/c", "d/e", None, True, False, "nilly"]),
    ("#{2 10 1}", [1, 2, 10]),
    ('#{:b "a" 3 nil}', [3, None, "a", "b"]),
    ('#inst "2020"', "2020"),
    ("{:a {1 2}}", {"a": {"1": 2}}),
    ("{0 10, 1 20}", {"0": 10, "1": 20}),
    ("{nil 1, true 2, [3] 4, -7 5}", {"nil": 1, "true": 2, "[3]": 4, "-7": 5}),
    ("{:b 1 :a 2 :b 3}", {"b": 3, "a": 2}),
    ("[\\a \\newline \\u0041 \\[ \\space]", ["a", "\n", "A", "[", " "]),
    ("[1 #_ [2 3] 4 #_ #_ 5 6 7]", [1, 4, 7]),
    ("^{:doc 1} [2]", [2]),
    ('["é" :né 123456789012345678901234567890]', ["é", "né", 123456789012345678901234567890]),
    ("[[] {} () #{}]", [[], {}, [], []]),
    ("-9223372036854775808", -9223372036854775808),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_values(text: str, value: Any, tmp_path: Path) -> None:
    assert list(parse(text)) == [value]
    # as a value of an op too, whichever parser takes it; and after it the next op
    first, second = read(tmp_path / "h", OP % text + "\n" + OP % 5)
    assert first.value == value
    assert second.value == 5


def test_not_a_number_is_one(tmp_path: Path) -> None:
    (op,) = read(tmp_path / "h", OP % "##NaN")
    assert math.isnan(op.value)


@pytest.mark.parametrize(
    "text",
    ["[1 2", "]", "{:a}", '"open', "#_", "[#_]", "3x", "1/", ":", "##x", "[" * 500, "#a " * 500, "9" * 5000],
)
def test_what_is_not_edn_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(EdnError):
        list(parse(text))
    with pytest.raises(MalformedHistoryError, match=r"h:2:\d+: "):
        read(tmp_path / "h", OP % 5 + "\n" + OP % text)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (OP % 1 + "\n  {:type :odd}", "2:3", "invoke, ok, fail or info"),
        (OP % 1 + "\n" + "5", "2:1", "expected an op"),
        (OP % 1 + "]", f"1:{len(OP % 1) + 1}", "expected an op"),
        ("[" + OP % 1, f"1:{len(OP % 1) + 2}", "']' of its list"),
        (OP % 1 + "\n{:type :ok\n:value", "2:1", "ends inside"),
        (OP % '\n["é" 3x]', "2:6", "not a number: 3x"),
        (OP.replace(":process 1", ":process 1.5") % 1, "1:1", "process"),
        (OP.replace(":process 1", ":time :x") % 1, "1:1", "time"),
        (OP.replace(":read", "[1]") % 1, "1:1", "as f"),
    ],
)
def test_says_where_and_what(text: str, place: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedHistoryError) as raised:
        read(tmp_path / "h", text)
    assert str(raised.value).startswith(f"{tmp_path / 'h'}:{place}: "), str(raised.value)
    assert words in str(raised.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(MalformedHistoryError, match=r"h:1:\d+: not UTF-8"):
        read(tmp_path / "h", (OP % '"?"').encode().replace(b"?", b"\xff"))


INDEPENDENT = """{:type :invoke, :f :read, :process 0, :value [7 nil]}
{:type :invoke, :f :write, :process 1, :value [8 3]}
{:type :ok, :f :read, :process 0, :value [7 5]}
{:type :info, :f :kill, :process :nemesis, :value [1 2]}
{:type :info, :f :write, :process 1, :value [8 3], :error :timeout}
{:type :invoke, :f :cas, :process 2, :value [7 [5 6]]}
{:type :fail, :f :cas, :process 2, :value nil}"""


@pytest.mark.parametrize("tag", ["", "#jepsen.independent.Tuple ", "#clojure.lang.MapEntry"])
@pytest.mark.parametrize("form", ["edn", "maelstrom"])
def test_tuples_of_independent_are_keys_and_values(tag: str, form: str, tmp_path: Path) -> None:
    text = INDEPENDENT.replace("[7", f"{tag}[7").replace("[8", f"{tag}[8")
    ops = read(tmp_path / "h", text, form)
    keys = [7, 8, 7, None, 8, 7, 7 if not tag else None]
    assert [op.key for op in ops] == keys
    assert [op.value for op in ops] == [None, 3, 5, [1, 2], 3, [5, 6], None]


def test_a_registers_cas_is_no_tuple(tmp_path: Path) -> None:
    text = (
        "{:type :invoke, :f :cas, :process 0, :value [1 2]}{:type :ok, :f :cas, :process 0, :value [1 2]}"
        "{:type :invoke, :f :read, :process 0, :value nil}"
    )
    assert [op.key for op in read(tmp_path / "h", text)] == [None] * 3
    # nor is it where no read tells
    assert [op.key for op in read(tmp_path / "h", text[:96])] == [None] * 2


def test_maelstroms_lin_kv_without_reads(tmp_path: Path) -> None:
    text = (
        "{:type :invoke, :f :write, :process 0, :value [1 2]}{:type :ok, :f :write, :process 0, :value [1 2]}"
    )
    assert [(op.key, op.value) for op in read(tmp_path / "h", text, "maelstrom")] == [(1, 2), (1, 2)]


NAMES = st.sampled_from(["write", "txn", "a-b", "x/y"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
)
WRITTEN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab1-/ é", min_size=1, max_size=3), inner)
    ),
    max_leaves=5,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Op]:
    """With keys or without: a pair as a value would be one where none is, so there are none then."""
    keyed = draw(st.booleans())
    values = (
        WRITTEN if keyed else WRITTEN.filter(lambda value: not isinstance(value, list) or len(value) != 2)
    )
    keys = st.integers(-5, 5) | st.sampled_from(["k", "", "ü"]) if keyed else st.none()
    others = st.builds(
        Op,
        index=st.integers(0, 1 << 40),
        time=st.integers(0, 1 << 60),
        process=st.integers(1, 1 << 40),
        type=st.just("invoke"),
        f=NAMES,
        key=keys,
        value=values,
        node=st.none() | st.just("n1"),
        error=WRITTEN,
    )
    return [Op(0, 0, 0, "invoke", "read", 1 if keyed else None, None), *draw(st.lists(others, max_size=4))]


@given(ops=histories())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@pytest.mark.parametrize("form", ["edn", "elle-json"])
def test_what_is_written_is_read(form: str, ops: list[Op], tmp_path: Path) -> None:
    if form == "elle-json":
        ops = [op for op in ops if "Infinity" not in repr(op) and "inf" not in repr(op)]
    assert read(tmp_path / "h", written(History.from_ops(ops), form), form) == ops


def test_what_elle_looks_for_is_a_keyword() -> None:
    text = written(transactions(), "edn").decode()
    assert ":f :txn, :value [[:append 1 1] [:r 2 nil]]" in text
    assert ":process :nemesis" in written(register(keys=False), "edn").decode()


def test_pairs_are_values_where_no_answer_has_its_key(tmp_path: Path) -> None:
    path = tmp_path / "h.edn"
    path.write_text(
        "{:type :invoke, :f :add, :value [0 5], :process 0}{:type :ok, :f :add, :value [0 5], :process 0}"
        "{:type :invoke, :f :read, :value [0 nil], :process 0}{:type :ok, :f :read, :value [5 6 7], :process 0}"
    )
    assert [(op.key, op.value) for op in formats.read(path)] == [
        (None, [0, 5]),
        (None, [0, 5]),
        (None, [0, None]),
        (None, [5, 6, 7]),
    ]


@pytest.mark.parametrize("prefix", ["^a ", "#a ", "#_ ", "["])
def test_what_is_nested_without_end_is_refused_with_its_place(prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "h.edn"
    path.write_text("{:type :invoke, :process 0, :f :write, :value " + prefix * 5000 + "1}")
    with pytest.raises(MalformedHistoryError, match=r"h\.edn:1:\d+: "):
        formats.read(path)


def test_a_text_of_many_escapes_takes_no_more_room_than_other_texts() -> None:
    text = '"' + "\\u0041" * 100_000 + '"'
    tracemalloc.start()
    try:
        assert first(text) == "A" * 100_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * len(text)
