"""Logs, Porcupine's and Elle's files, columns; which format a file has; what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checkers import check, formats
from checkers.columns import History
from checkers.formats import CannotWriteError
from checkers.history import MalformedHistoryError, Op
from tests.checkers.formats.samples import LOG, corpora, register, samples, texts, transactions, written

pytestmark = pytest.mark.usefixtures("kernels")


def read(path: Path, text: str | bytes, form: str = "auto") -> list[Op]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(formats.read(path, form))


def test_a_jepsen_log_of_either_layout(tmp_path: Path) -> None:
    ops = read(tmp_path / "h", LOG)
    assert [(op.process, op.type, op.f, op.value, op.error) for op in ops] == [
        (0, "invoke", "read", None, None),
        (1, "invoke", "write", 4, None),
        (1, "ok", "write", 4, None),
        ("nemesis", "info", "start", "cut off #{:n1 :n2}", None),
        (0, "ok", "read", 4, None),
        (2, "invoke", "cas", [4, 5], None),
        (2, "info", "cas", [4, 5], "timed-out"),
        (0, "invoke", "write", 7, None),
        (0, "info", "write", 7, "timed-out"),
    ]
    assert [op.index for op in ops] == list(range(9))


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("INFO  jepsen.util - 0\t:invoked\t:read\tnil", "2:24"),
        ("INFO  jepsen.util - 0\t:ok\t:read\t[1 2", "2:37"),
        ("INFO  jepsen.util - 0\t:ok\t:read\t3x", "2:33"),
    ],
)
def test_a_line_of_a_log_that_is_nearly_an_op(line: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedHistoryError, match=rf"h:{place}: "):
        read(tmp_path / "h", "INFO  jepsen.util - 0\t:invoke\t:read\tnil\n" + line, "jepsen-log")


def test_no_line_of_a_log_at_all(tmp_path: Path) -> None:
    with pytest.raises(MalformedHistoryError, match=r"h:1:1: no line of a Jepsen log"):
        read(tmp_path / "h", "nothing\nhere\n", "jepsen-log")


def test_porcupines_text_is_taken_as_it_stands_between_the_quotes(tmp_path: Path) -> None:
    text = (
        '{:process 0, :type :invoke, :f :put, :key "k", :value "x \\n "y""}\n'
        '{:process 0, :type :ok, :f :put, :key "k", :value "x \\n "y""}\n'
        '{:process 1, :type :invoke, :f :get, :key "é", :value nil}\n'
        '{:process 2, :type :invoke, :f :put, :key "k", :value "("x{""}\n'
        '{:process 3, :type :invoke, :f :put, :key "k", :value "z"}\n'
    )
    ops = read(tmp_path / "h", text)
    assert [(op.key, op.value) for op in ops] == [
        ("k", 'x \\n "y"'),
        ("k", 'x \\n "y"'),
        ("é", None),
        ("k", '("x{"'),
        ("k", "z"),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{:process 0, :type :info, :f :put, :key "k", :value "x}', "expected {:process 0"),
        ('{:process 0, :type :ok, :f :cas, :key "k", :value "x"}', "get, put or append"),
        ('{:process 0, :type :ok, :f :put, :key 1, :value "x"}', "a text as :key"),
        ('{:process 0, :type :ok, :f :put, :key "k", :value 3}', "a text as :value"),
    ],
)
def test_porcupines_text_that_is_none(line: str, words: str, tmp_path: Path) -> None:
    good = '{:process 0, :type :invoke, :f :put, :key "k", :value "x"}\n'
    with pytest.raises(MalformedHistoryError, match=r"h:2:1: ") as raised:
        read(tmp_path / "h", good + line, "porcupine-kv")
    assert words in str(raised.value)


ELLE = (
    '[{"index":0,"process":1,"type":"invoke","value":[["append",253,1],["r",7,null]]},\n'
    ' {"type":"ok","process":1,"index":1,"value":[["append",253,1],["r",7,[]]], "more": 1.5}]\n'
)


def test_elles_json_lacks_functions_and_times(tmp_path: Path) -> None:
    ops = read(tmp_path / "h", ELLE)
    assert [(op.index, op.time, op.process, op.f) for op in ops] == [(0, 0, 1, "txn"), (1, 0, 1, "txn")]
    assert ops[1].value == [["append", 253, 1], ["r", 7, []]]
    one_a_line = ELLE.strip().strip("[]").replace("},\n", "}\n")
    assert read(tmp_path / "h", one_a_line) == ops
    spread = json.dumps(json.loads(ELLE), indent=2)
    assert read(tmp_path / "h", spread) == ops


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[{"type":"ok"} {"type":"ok"}]', "1:16"),
        ('[{"type":"ok"},]', "1:16"),
        ('[,{"type":"ok"}]', "1:2"),
        ('[{"type":"ok"}', "1:15"),
        ('[{"type":"ok"}]]', "1:16"),
        ('[\n{"type":"ok"},\n{"type":"odd"}]', "3:1"),
        ('[{"type":"ok","value":[1,}]', "1:1"),
        ('[{"type":"ok",\n"value":nil}]', "2:11"),
        ("[1]", "1:2"),
        ("[[]]", "1:2"),
    ],
)
def test_elles_json_that_is_none(text: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedHistoryError) as raised:
        read(tmp_path / "h", text, "elle-json")
    line = place.split(":", maxsplit=1)[0]
    assert str(raised.value).startswith(f"{tmp_path / 'h'}:{line}:"), str(raised.value)


@pytest.mark.parametrize("form", formats.NAMES)
def test_a_files_format_is_told_by_its_beginning(form: str, tmp_path: Path) -> None:
    for data in samples()[form]:
        (tmp_path / "h").write_bytes(b"\n " * (form not in ("columns", "jsonl")) + data)
        assert formats.detect(tmp_path / "h") == form.replace("maelstrom", "edn")


@pytest.mark.parametrize("form", formats.WRITTEN)
def test_what_is_written_is_read(form: str, tmp_path: Path) -> None:
    for history in (register(keys=False), register(keys=True), transactions(), texts()):
        if form == "porcupine-kv" and history.fs != texts().fs:
            continue
        assert read(tmp_path / "h", written(history, form), form) == list(history)


def test_of_porcupine_only_what_its_reader_knows(tmp_path: Path) -> None:
    rows = [
        (0, "invoke", "write", 1),
        (0, "ok", "write", 1),
        (1, "invoke", "write", 2),
        (1, "fail", "write", 2),
        (2, "invoke", "write", 3),
        (2, "info", "write", 3),
        (3, "invoke", "read", None),
        (4, "invoke", "read", None),
        (4, "ok", "read", 1),
        (5, "invoke", "read", None),
        (5, "fail", "read", None),
    ]
    history = History.from_ops(Op(i, 0, p, kind, f, None, v) for i, (p, kind, f, v) in enumerate(rows))
    ops = read(tmp_path / "h", written(history, "porcupine-kv"))
    assert [(op.process, op.type, op.f, op.key, op.value) for op in ops] == [
        (0, "invoke", "put", "", "1"),
        (0, "ok", "put", "", "1"),
        (2, "invoke", "put", "", "3"),
        (4, "invoke", "get", "", None),
        (4, "ok", "get", "", "1"),
    ]


@pytest.mark.parametrize(
    ("form", "ops", "words"),
    [
        ("porcupine-kv", [Op(0, 0, 0, "invoke", "cas", 1, [1, 2])], "cas"),
        ("porcupine-kv", [Op(0, 0, 0, "invoke", "write", 1, [1])], "value"),
        (
            "porcupine-kv",
            [Op(0, 0, 0, "invoke", "write", 1, "1"), Op(1, 0, 1, "invoke", "write", 1, 1)],
            "neither all texts nor all integers",
        ),
        ("porcupine-kv", [Op(0, 0, 0, "invoke", "write", 1, 'a"b')], "cannot stand"),
        ("porcupine-kv", [Op(0, 0, 0, "invoke", "write", 1)], "nothing at all"),
        ("edn", [Op(0, 0, 0, "invoke", "a b")], "keyword"),
        (
            "edn",
            [Op(0, 0, 0, "invoke", "write", 1, 1), Op(1, 0, 1, "invoke", "write", None, 1)],
            "some have none",
        ),
        ("elle-json", [Op(0, 0, 0, "invoke", "write", None, float("inf"))], "JSON cannot say"),
        ("jsonl", [Op(0, 0, 0, "invoke", "write", None, [{"a": float("nan")}])], "JSON cannot say"),
        ("jepsen-log", [Op(0, 0, 0, "invoke", "write", None, 1)], "only read"),
    ],
)
def test_what_a_format_cannot_say_is_refused(form: str, ops: list[Op], words: str) -> None:
    with pytest.raises(CannotWriteError) as raised:
        written(History.from_ops(ops), form)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_check_takes_any_format(tmp_path: Path) -> None:
    for form in ("jsonl", "columns", "edn", "elle-json"):
        (tmp_path / "h").write_bytes(written(register(keys=True), form))
        assert check(tmp_path / "h").verdict == "valid", form


@pytest.mark.external
@pytest.mark.skipif(
    not corpora().exists(), reason="the corpora of others' histories are not beside the repository"
)
def test_the_corpora_are_read_as_what_they_are(kernels: str) -> None:
    listed = json.loads((corpora() / "verdicts.json").read_text())
    small = {name: entry for name, entry in listed.items() if (corpora() / name).stat().st_size < 100_000}
    for name, entry in (listed if kernels == "as installed" else dict(list(small.items())[::10])).items():
        path = corpora() / name
        assert formats.detect(path) == entry["format"], name
        history = formats.read(path)
        assert len(history) > 2, name
        assert set(history.type.tolist()) <= {0, 1, 2, 3}
