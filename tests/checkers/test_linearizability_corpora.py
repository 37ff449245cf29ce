"""Histories that others recorded, with the verdicts others gave, and the readers of their formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checkers import edn
from checkers.history import MalformedHistoryError
from checkers.linearizability import check

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
READERS = {"edn": edn.read, "jepsen-log": edn.read_log}


def recorded():
    listed = CORPORA / "verdicts.json"
    if not listed.exists():
        return []
    verdicts = json.loads(listed.read_text(encoding="utf-8"))
    return [
        pytest.param(CORPORA / name, entry, id=name)
        for name, entry in sorted(verdicts.items())
        if entry.get("model") == "cas-register" and entry["format"] in READERS
    ]


@pytest.mark.external
@pytest.mark.skipif(
    not CORPORA.exists(), reason="the corpora of others' histories are not beside the repository"
)
@pytest.mark.parametrize(("path", "entry"), recorded())
def test_agrees_with_the_verdict_on_a_recorded_history(path, entry):
    ops = READERS[entry["format"]](path)
    result = check(ops)
    assert result.verdict == ("valid" if entry["valid"] else "invalid")
    for anomaly in result.anomalies:
        named = set(anomaly.op_indexes)
        assert check([op for op in ops if op.index in named]).verdict == "invalid"


def test_reads_maps_one_by_one_and_in_a_vector(tmp_path):
    maps = """{:process 1, :type :invoke, :f :write, :value 4} ; a remark
    #_ {:process 9 :type :odd} {:process 1, :type :ok, :f :write, :value 4 :time 17N, :index 5, :key "k"}"""
    plain, vector = tmp_path / "plain.edn", tmp_path / "vector.edn"
    plain.write_text(maps, encoding="utf-8")
    vector.write_text(f"[{maps}]", encoding="utf-8")
    ops = edn.read(plain)
    assert ops == edn.read(vector)
    assert [(op.index, op.time, op.process, op.type, op.f, op.key, op.value) for op in ops] == [
        (0, 0, 1, "invoke", "write", None, 4),
        (5, 17, 1, "ok", "write", "k", 4),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1 -2 3.5 1e3 7N]", [1, -2, 3.5, 1000.0, 7]),
        ('"a\\"b\\n;c"', 'a"b\n;c'),
        ("(:a b/c nil true false)", ["a", "b/c", None, True, False]),
        ("#{2 1}", [1, 2]),
        ('#inst "2020"', "2020"),
        ("{:a {1 2}}", {"a": {"1": 2}}),
        ("[\\a \\newline]", ["a", "\n"]),
        ("[1 #_ [2 3] 4]", [1, 4]),
    ],
)
def test_parses(text, value):
    assert list(edn.parse(text)) == [value]


@pytest.mark.parametrize("text", ["[1 2", "]", "{:a}", '"open', "#_", "[#_]"])
def test_refuses_what_is_not_edn(text):
    with pytest.raises(edn.EdnError, match="line 1"):
        list(edn.parse(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{:process 1}", "op 0: expected a map with :type"),
        ("{:type :ok :process 1.5}", "op 0: expected a number or a name for :process, and a name for :f"),
        ("{:type :ok :process 1 :f nil}", "and a name for :f"),
        ("{:type :ok :process 1 :f :read :index :a}", "integers"),
        ("{:type [:ok] :process 1 :f :read}", "op 0: expected a map with :type"),
        ("3", "op 0: expected a map"),
        ("[", "line 1"),
    ],
)
def test_refuses_what_is_no_history_in_one_line(tmp_path, text, words):
    path = tmp_path / "h.edn"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MalformedHistoryError) as e:
        edn.read(path)
    assert words in str(e.value)
    assert "h.edn" in str(e.value)
    assert "\n" not in str(e.value)


def test_transactions_of_one_process_need_no_names(tmp_path):
    path = tmp_path / "h.edn"
    path.write_text("{:type :invoke :value [[:r 1 nil]]} {:type :ok :value [[:r 1 [2]]]}", encoding="utf-8")
    assert [(op.process, op.f, op.value) for op in edn.read(path)] == [
        (0, "txn", [["r", 1, None]]),
        (0, "txn", [["r", 1, [2]]]),
    ]


def test_reads_a_jepsen_log(tmp_path):
    path = tmp_path / "jepsen.log"
    path.write_text(
        "INFO  jepsen.core - starting\n"
        "INFO  jepsen.util - 3\t:invoke\t:cas\t[1 2]\n"
        "INFO  jepsen.util - 3   :info   :cas   :timed-out\n"
        "INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n",
        encoding="utf-8",
    )
    ops = edn.read_log(path)
    assert [(op.process, op.type, op.f, op.value, op.error) for op in ops] == [
        (3, "invoke", "cas", [1, 2], None),
        (3, "info", "cas", [1, 2], "timed-out"),
        ("nemesis", "info", "start", None, None),
    ]
    path.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(MalformedHistoryError, match="no line of a Jepsen log"):
        edn.read_log(path)
