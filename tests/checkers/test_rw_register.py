"""Registers: what the pairs (checkers/pairs/rw-register.yaml) do not show.

Histories are written as lines: ``process op micro-ops``; ``T`` is a transaction that is invoked and ok at once, ``_``
is nothing.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from checkers.history import MalformedHistoryError
from checkers.record import Record
from checkers.result import Result
from checkers.txn.models import FORBIDDEN
from checkers.txn.rw_register import RwRegister
from tests.checkers.histories import History, types
from tests.checkers.test_txn_twins import scrambled
from tests.checkers.txn_twins import serial

MICRO = re.compile(r"([rw])([a-z])(\d+|_)")


def micro_ops(text: str) -> list[list[Any]]:
    return [[f, key, None if v == "_" else int(v)] for f, key, v in MICRO.findall(text)]


def history(*lines: str) -> History:
    h = History()
    for line in lines:
        process, type_, text = [*line.split(" ", 2), ""][:3]
        micro = micro_ops(text)
        asked = [[f, k, None if f == "r" else v] for f, k, v in micro]
        if type_ in ("T", "invoke"):
            h.invoke(int(process), "txn", asked)
        if type_ in ("T", "ok"):
            h.ok(int(process), "txn", micro)
        elif type_ in ("fail", "info"):
            h.op(int(process), type_, "txn", asked)
    return h


def judge(h: History, model: str = "strict-serializable", **options: Any) -> Result:
    return h.judge(RwRegister(), model=model, **options)


def test_a_stale_read_is_found_by_the_order_of_writes_in_time() -> None:
    h = history("0 T wx1", "1 T wx2", "2 T rx1")
    (anomaly,) = judge(h).anomalies
    assert anomaly.type == "G-single-realtime"
    assert anomaly.explanation == (
        "T1: process 2 at n2, 0.005000 s to 0.006000 s (ops 4, 5): r x 1\n"
        "T2: process 1 at n1, 0.003000 s to 0.004000 s (ops 2, 3): w x 2\n"
        "T1 read key x as 1 and T2 wrote 2, which comes later (process 0 at n0 (op 1) had it and was ok before "
        "process 1 at n1 (op 3) began with the other), so T1 < T2 (rw).\n"
        "T2 was ok at 0.004000 s, before T1 was invoked at 0.005000 s, so T2 < T1 (realtime).\n"
        "So T1 < T2 < T1: no order of them is possible."
    )
    assert [part["edge"] for part in anomaly.data["cycle"]] == ["rw", "realtime"]
    assert anomaly.data["key"] == "x"
    assert judge(h, "serializable").verdict == "valid", "nothing but time orders the writes"


def test_a_read_of_what_is_written_later_is_one_after_an_own_write_too() -> None:
    # a model that does not forbid the contradiction itself
    assert types(judge(history("0 T wx1", "1 T wx2rx3wx3"), "consistent-view")) == ["future-read"]
    assert judge(history("0 T wx1", "1 T wx2rx2wx3"), "consistent-view").verdict == "valid"


def test_reads_order_concurrent_writes() -> None:
    both = ["0 invoke wx1", "1 invoke wx2", "0 ok wx1", "2 T rx1", "3 T rx2"]
    assert judge(history(*both, "1 ok wx2")).verdict == "valid"
    assert types(judge(history(*both, "4 T rx1", "1 ok wx2"))) == ["G-single-realtime"]


def test_the_order_of_a_process_is_used_by_session_models() -> None:
    h = history("0 T wx1", "0 T wx2", "1 T rx2", "1 T rx1")
    assert types(judge(h, "strong-session-serializable")) == ["G-single-process"]
    assert judge(h, "serializable").verdict == "valid"


def test_assumptions_that_contradict_the_history_are_cyclic_versions() -> None:
    h = history("0 T wx1", "0 T wx2", "1 T rx2", "1 T rx1")
    for name in ("linearizable_keys", "sequential_keys"):
        result = judge(h, "serializable", **{name: True})
        assert types(result) == ["cyclic-versions"]
        assert result.coverage["not"] == ["read-uncommitted"]
    assert judge(h, "read-committed", wfr_keys=True).verdict == "valid"
    with pytest.raises(ValueError, match="wfr_keys is true or false"):
        judge(h, wfr_keys=3)


def test_assumed_orders_make_plain_edges() -> None:
    """Elle's example of a G0 that only the order of versions by process shows."""
    h = history(
        *("0 invoke wx1wy2", "1 invoke wx2wy1", "0 ok wx1wy2", "1 ok wx2wy1"),
        *("0 T rx2", "1 T ry2"),
    )
    assert types(judge(h, "serializable", sequential_keys=True)) == ["G0"]


def test_writes_follow_reads_from_read_committed_on() -> None:
    h = history("0 invoke ry1wy2wx1", "1 invoke rx1wx2wy1", "0 ok ry1wy2wx1", "1 ok rx1wx2wy1")
    assert types(judge(h, "read-committed")) == ["G0"]
    assert judge(h, "read-uncommitted").verdict == "valid"
    assert types(judge(h, "read-uncommitted", wfr_keys=True)) == ["G0"]


def test_an_unknown_write_that_was_read_did_happen() -> None:
    lost = ["0 invoke wx1wy1", "0 info wx1wy1"]
    assert types(judge(history(*lost, "1 T rx1", "2 T ry_"))) == ["G-single-realtime"]
    assert judge(history(*lost, "1 T rx_", "2 T ry_")).verdict == "valid"


def test_the_initial_value_can_be_given() -> None:
    h = history("0 T rx0", "1 T wx1", "2 T rx0")
    assert types(judge(h)) == ["garbage-read"]
    assert types(judge(h, initial=0)) == ["G-single-realtime"]
    assert judge(history("0 T rx0", "1 T wx1"), initial=0).verdict == "valid"
    with pytest.raises(ValueError, match="initial value"):
        judge(h, initial=[1])


def test_values_written_twice_are_unknown() -> None:
    result = judge(history("0 T wx1", "1 T wx1", "2 T rx1"))
    assert result.verdict == "unknown"
    assert "written twice" in result.why
    assert judge(history("0 invoke wx1", "0 fail wx1", "0 T wx1", "1 T rx1")).verdict == "valid"


def test_nothing_done_or_read_is_unknown() -> None:
    assert judge(history()).verdict == "unknown"
    assert judge(history("0 T wx1")).verdict == "unknown"
    assert judge(history("0 T wx1rx1")).verdict == "valid"


def test_values_may_be_any_json() -> None:
    h = History()
    h.done(0, "txn", [["w", "x", {"a": [1]}], ["w", 1, "one"], ["w", "z", 1.5]])
    h.done(1, "txn", [["r", "x", {"a": [1]}], ["r", 1, "one"], ["r", "z", 1.5]])
    assert judge(h).verdict == "valid"
    h.done(1, "txn", [["r", "x", {"a": [2]}]])
    assert types(judge(h)) == ["garbage-read"]


@pytest.mark.parametrize("value", [None, 3, [1], [["w", 1]], [["append", 1, 2]], {"r": 1}])
def test_what_is_no_transaction_is_one_clear_line(value: Any) -> None:
    h = History()
    h.done(0, "txn", value)
    with pytest.raises(MalformedHistoryError) as caught:
        judge(h)
    assert str(caught.value).startswith("op ")
    assert "\n" not in str(caught.value)


def test_many_readers_of_the_initial_state() -> None:
    """The fan between them and many writers is a path, not a transaction: no cycle passes it wrongly."""
    readers = [f"{p} T rx_" for p in range(1, 15)]
    writers = [f"{p} T wx{p}" for p in range(20, 35)]
    assert judge(history(*readers, *writers)).verdict == "valid"
    assert types(judge(history(*readers, *writers, "40 T rx_"))) == ["G-single-realtime"]


@pytest.mark.parametrize("block", range(2))
def test_agrees_with_all_orders(block: int) -> None:
    """Invalid where there is none, valid where there is one."""
    decided = 0
    for seed in range(block * 750, block * 750 + 750):
        ops = scrambled(seed, "w")
        for model in ("strict-serializable", "serializable"):
            result = RwRegister().check(Record(ops, options={"model": model}))
            if result.verdict != "unknown":
                exists = serial(ops, strict=model.startswith("strict"))
                decided += 1
                assert (result.verdict == "valid") == exists, (seed, model)
    assert decided > 1200


def test_what_no_version_order_shows_is_weighed() -> None:
    """Whoever read y as 2 and overwrote it leaves no room between: so y was 3 before, and x too."""
    lines = ("0 invoke ry2 rx3", "1 invoke wy2 wx2", "2 invoke wx3 wy3", "3 invoke ry2 wy1")
    h = history(*lines, *(line.replace("invoke", "ok") for line in lines))
    (anomaly,) = judge(h, "serializable").anomalies
    assert anomaly.type == "G2-item"
    assert "wrote key y, but not after process" in anomaly.explanation
    assert judge(h, "snapshot-isolation").verdict == "valid"


def test_only_what_the_model_forbids_is_reported() -> None:
    for seed in range(200):
        ops = scrambled(seed, "w")
        for model, forbidden in FORBIDDEN.items():
            result = RwRegister().check(Record(ops, options={"model": model}))
            assert forbidden.issuperset(types(result))
            if result.verdict == "invalid":
                assert model in (*result.coverage["not"], *result.coverage["also_not"])


def test_a_read_that_contradicts_its_transaction_is_still_a_read() -> None:
    h = history("0 invoke ry_ ry1 wx1", "1 invoke rx1 wy1", "0 ok ry_ ry1 wx1", "1 ok rx1 wy1")
    assert types(h.judge(RwRegister(), model="read-committed")) == ["G1c"]
    assert h.judge(RwRegister(), model="read-uncommitted").verdict == "valid"
    assert types(h.judge(RwRegister(), model="read-atomic"))[0] == "internal"


def test_a_read_that_contradicts_its_transaction_may_be_in_the_middle_of_another() -> None:
    h = history("0 T wx1 wx2", "1 T wx3 rx1")
    assert types(h.judge(RwRegister(), model="read-committed")) == ["G1b"]
    assert types(h.judge(RwRegister())) == ["G1b", "internal"]
    last = history("0 T wx1 wx2", "1 T wx3 rx2")
    assert last.judge(RwRegister(), model="read-committed").verdict == "valid"


def test_what_reads_of_unknown_transactions_say_is_nothing() -> None:
    """Such a transaction completes with its reads as they were asked for, which is no read of the initial state."""
    h = history("0 T wx1", "0 invoke rx_", "0 info rx_", "1 T rx1", "1 T wx2")
    for options in ({}, {"linearizable_keys": True}):
        assert judge(h, "strict-serializable", **options).verdict == "valid"


def test_a_transaction_that_reads_its_own_write_loses_no_update() -> None:
    h = history("0 invoke wx1rx1wx2", "1 invoke rx1wx3", "0 ok wx1rx1wx2", "1 ok rx1wx3")
    assert types(judge(h, "serializable")) == ["G1b"]


def test_unknown_transactions_that_were_seen_write_all_that_they_write() -> None:
    h = history("0 T wx1", "1 invoke wx2wy1", "0 T ry1rx1", "1 info wx2wy1")
    result = judge(h, "strict-serializable")
    assert types(result) == ["G-single-realtime"]
