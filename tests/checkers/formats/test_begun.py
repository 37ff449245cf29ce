"""Transactions of which only the ends are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkers import formats
from checkers.columns import History
from checkers.history import Op
from checkers.record import Record
from checkers.txn.list_append import ListAppend
from tests.checkers.formats.samples import register, transactions, written

pytestmark = pytest.mark.usefixtures("kernels")

ENDED = """[{:type :ok, :value [[:append :x 1]]}
 {:process :nemesis, :type :info, :f :start}
 {:type :ok, :value [[:r :x nil]]}
 {:type :ok, :value [[:r :x [1]] %s]}
 {:type :fail, :value [[:append :x 2]]}]
"""


def ended(tmp_path: Path, more: str = "") -> Path:
    path = tmp_path / "h.edn"
    path.write_text(ENDED % more)
    return path


def test_all_of_them_had_begun_before_one_ended(tmp_path: Path) -> None:
    ops = list(formats.read(ended(tmp_path)))
    assert [(op.index, op.process, op.type) for op in ops] == [
        (0, 0, "invoke"),
        (2, 1, "invoke"),
        (3, 2, "invoke"),
        (4, 3, "invoke"),
        (0, 0, "ok"),
        (1, "nemesis", "info"),
        (2, 1, "ok"),
        (3, 2, "ok"),
        (4, 3, "fail"),
    ]
    history = formats.read(ended(tmp_path))
    assert ListAppend().check(Record(history)).verdict == "valid", "nobody knows when the read began"


def test_what_no_order_explains_is_found(tmp_path: Path) -> None:
    history = formats.read(ended(tmp_path, "[:r :x [2]]"))
    result = ListAppend().check(Record(history))
    assert result.verdict == "invalid"
    assert set().union(*(a.op_indexes for a in result.anomalies)) <= {0, 2, 3, 4}


def test_processes_that_ended_once_keep_their_names(tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    path.write_text(
        '[{"process": 7, "type": "ok", "value": []}, {"process": "c", "type": "info", "value": []}]'
    )
    assert [op.process for op in formats.read(path)] == [7, "c", 7, "c"]


@pytest.mark.parametrize("form", ["edn", "elle-json"])
def test_only_transactions_and_only_where_nothing_is_invoked(form: str, tmp_path: Path) -> None:
    reads = [op for op in register(keys=False) if op.type != "invoke"]
    part = [op for op in transactions() if op.index]
    crashed = [Op(0, 0, 0, "info", "txn", value=[["append", "x", 1]])]
    for ops in (reads, part, crashed, list(transactions())):
        (tmp_path / "h").write_bytes(written(History.from_ops(ops), form))
        assert [op.type for op in formats.read(tmp_path / "h")] == [op.type for op in ops]
