"""For every anomaly a history that must be rejected, and a minimally different one that must be accepted.

Histories are written as lines: ``process op micro-ops``; ``T`` is a transaction that is invoked and ok at once.
"""

from __future__ import annotations

import re
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from checkers.formats import edn
from checkers.history import MalformedHistoryError, Op
from checkers.record import Record
from checkers.result import Result
from checkers.txn.list_append import ListAppend
from checkers.txn.models import FORBIDDEN
from checkers.txn.tell import shown
from tests.checkers.histories import History, types

MICRO = re.compile(r"([ar])([a-z])(\d+|\[[\d ]*\])")


def micro_ops(text: str) -> list[list[Any]]:
    """``ax1 ry[1 2]`` -> ``[["append", "x", 1], ["r", "y", [1, 2]]]``"""
    made: list[list[Any]] = []
    for f, key, value in MICRO.findall(text):
        if f == "a":
            made.append(["append", key, int(value)])
        else:
            made.append(["r", key, [int(v) for v in value[1:-1].split()]])
    return made


def blank(micro: list[list[Any]]) -> list[list[Any]]:
    return [[f, k, None if f == "r" else v] for f, k, v in micro]


def history(*lines: str) -> History:
    """Each line: ``<process> <T|invoke|ok|fail|info> <micro-ops>``; completions repeat the micro-ops."""
    h = History()
    for line in lines:
        process, type_, text = [*line.split(" ", 2), ""][:3]
        micro = micro_ops(text)
        if type_ in ("T", "invoke"):
            h.invoke(int(process), "txn", blank(micro))
        if type_ in ("T", "ok"):
            h.ok(int(process), "txn", micro)
        elif type_ in ("fail", "info"):
            h.op(int(process), type_, "txn", blank(micro))
    return h


def concurrent(*txns: str) -> History:
    """All invoked before any is ok: no order but that of the data. One process each."""
    h = History()
    for process, text in enumerate(txns):
        h.invoke(process, "txn", blank(micro_ops(text)))
    for process, text in enumerate(txns):
        h.ok(process, "txn", micro_ops(text))
    return h


def judge(h: History, model: str = "strict-serializable") -> Result:
    return h.judge(ListAppend(), model=model)


# name -> (rejected, accepted, a model that forbids it and one that does not)
CASES: dict[str, tuple[History, History]] = {
    "G0": (
        concurrent("ax1 ay1", "ax2 ay2", "rx[1 2]", "ry[2 1]"),
        concurrent("ax1 ay1", "ax2 ay2", "rx[1 2]", "ry[1 2]"),
    ),
    "G1a": (
        history("0 invoke ax1", "0 fail ax1", "1 T rx[1]"),
        history("0 invoke ax1", "0 info ax1", "1 T rx[1]"),
    ),
    "dirty-update": (
        history("0 invoke ax1", "0 fail ax1", "1 T ax2", "2 T rx[1 2]"),
        history("0 invoke ax1", "0 info ax1", "1 T ax2", "2 T rx[1 2]"),
    ),
    "G1b": (
        concurrent("ax1 ax2", "rx[1]"),
        concurrent("ax1 ax2", "rx[1 2]"),
    ),
    "G1c": (
        concurrent("ax1 ry[1]", "ay1 rx[1]"),
        concurrent("ax1 ry[1]", "ay1 rx[]"),
    ),
    "G-single": (
        concurrent("ax1 ay1", "rx[1] ry[]", "ry[1]"),
        concurrent("ax1 ay1", "rx[1] ry[1]", "ry[1]"),
    ),
    "G2-item": (
        concurrent("rx[] ay1", "ry[] ax1", "rx[1] ry[1]"),
        concurrent("rx[1] ay1", "ry[] ax1", "rx[1] ry[1]"),
    ),
    "G-nonadjacent": (
        concurrent("rx[] ry[1]", "ax1", "rx[1] ry[]", "ay1"),
        concurrent("rx[] ry[1]", "ax1", "rx[1] ry[1]", "ay1"),
    ),
    "G0-process": (
        history(
            *("0 invoke ax1", "1 invoke ax2", "0 ok ax1", "0 invoke ax3", "1 ok ax2"),
            *("0 ok ax3", "2 T rx[3 1 2]"),
        ),
        history(
            *("0 invoke ax1", "1 invoke ax2", "0 ok ax1", "0 invoke ax3", "1 ok ax2"),
            *("0 ok ax3", "2 T rx[1 3 2]"),
        ),
    ),
    "G-single-process": (
        history("0 T ax1", "0 T rx[]", "1 T rx[1]"),
        history("0 T ax1", "0 T rx[1]", "1 T rx[1]"),
    ),
    "G0-realtime": (
        history("0 T ax1", "1 T ax2", "2 T rx[2 1]"),
        history("0 T ax1", "1 T ax2", "2 T rx[1 2]"),
    ),
    "G1c-realtime": (
        history("0 T rx[1]", "1 T ax1"),
        history("0 invoke rx[1]", "1 T ax1", "0 ok rx[1]"),
    ),
    "G-single-realtime": (
        history("0 T ax1", "1 T rx[]", "2 T rx[1]"),
        history("0 invoke ax1", "1 T rx[]", "0 ok ax1", "2 T rx[1]"),
    ),
    "G2-item-realtime": (
        history("0 invoke ax1 ry[]", "1 T ay1", "2 T rx[]", "0 ok ax1 ry[]", "3 T rx[1] ry[1]"),
        history("0 invoke ax1 ry[]", "1 T ay1", "2 T rx[1]", "0 ok ax1 ry[]", "3 T rx[1] ry[1]"),
    ),
    "internal": (
        concurrent("ax1 rx[]", "rx[1]"),
        concurrent("ax1 rx[1]", "rx[1]"),
    ),
    "internal, twice read": (
        concurrent("rx[] rx[1]", "ax1"),
        concurrent("rx[1] rx[1]", "ax1"),
    ),
    "internal, own append lost": (
        concurrent("rx[1] ax2 rx[1]", "ax1"),
        concurrent("rx[1] ax2 rx[1 2]", "ax1"),
    ),
    "duplicate-elements": (
        concurrent("ax1", "rx[1 1]"),
        concurrent("ax1", "rx[1]"),
    ),
    "garbage-read": (
        concurrent("ax1", "rx[1 7]"),
        concurrent("ax1", "rx[1]"),
    ),
    "incompatible-order": (
        concurrent("ax1", "ax2", "rx[1 2]", "rx[2]"),
        concurrent("ax1", "ax2", "rx[1 2]", "rx[1]"),
    ),
    "lost-update": (
        concurrent("rx[] ax1", "rx[] ax2", "rx[1 2]"),
        concurrent("rx[] ax1", "rx[1] ax2", "rx[1 2]"),
    ),
    "lost-update, never read": (
        concurrent("rx[] ax1", "rx[] ax2"),
        concurrent("rx[] ax1", "ax2"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rejects_and_accepts(name: str) -> None:
    bad, good = CASES[name]
    result = judge(bad)
    assert name.partition(",")[0] in types(result)
    assert result.verdict == "invalid"
    assert types(judge(good)) == []
    assert judge(good).verdict == "valid"


@pytest.mark.parametrize("name", CASES)
def test_only_models_that_forbid_it_report_it(name: str) -> None:
    kind = name.partition(",")[0]
    for model, forbidden in FORBIDDEN.items():
        found = types(judge(CASES[name][0], model))
        assert forbidden.issuperset(found)
        if kind in forbidden:
            assert kind in found
        if kind.endswith("-process"):
            assert (kind in found) == (kind in forbidden)


EXACT = [
    "G0",
    "G1c",
    "G-single",
    "G2-item",
    "G-nonadjacent",
    "G0-realtime",
    "G1c-realtime",
    "G-single-realtime",
]


@pytest.mark.parametrize("name", EXACT)
def test_a_cycle_is_told_once_and_by_its_own_name(name: str) -> None:
    assert types(judge(CASES[name][0])) == [name]


def test_write_skew_is_no_matter_under_snapshot_isolation() -> None:
    h = CASES["G2-item"][0]
    assert judge(h, "snapshot-isolation").verdict == "valid"
    assert judge(h, "serializable").verdict == "invalid"


def test_unread_appends_come_after_what_was_read() -> None:
    assert types(judge(history("0 T ax1", "1 T rx[1]", "0 T ax2", "1 T rx[1]"))) == ["G-single-realtime"]
    assert types(judge(history("0 T ax1", "1 T rx[1]", "0 invoke ax2", "1 T rx[1]"))) == []


def test_an_unknown_append_that_was_read_did_happen() -> None:
    stale = ["0 invoke ax1 ay1", "0 info ax1 ay1", "1 T rx[1]"]
    assert types(judge(history(*stale, "2 T ry[]"))) == ["G-single-realtime"]
    assert types(judge(history(*stale, "2 T ry[1]"))) == []


def test_many_readers_of_an_unread_version() -> None:
    """The fan between readers and unread appends is a path, not a transaction: no cycle passes it wrongly."""
    readers = [f"{p} T rx[1]" for p in range(1, 9)]
    writers = [f"{p} T ax{p}" for p in range(11, 19)]
    assert judge(history("0 T ax1", *readers, *writers)).verdict == "valid"
    result = judge(history("0 T ax1", *readers, *writers, "20 T rx[1]"))
    assert types(result) == ["G-single-realtime"]
    assert len(result.anomalies[0].data["txns"]) == 2


def test_the_explanation_names_who_when_and_why() -> None:
    (anomaly,) = judge(CASES["G-single-realtime"][0]).anomalies
    assert anomaly.explanation == (
        "T1: process 1 at n1, 0.003000 s to 0.004000 s (ops 2, 3): r x []\n"
        "T2: process 0 at n0, 0.001000 s to 0.002000 s (ops 0, 1): append x 1\n"
        "T1 read key x as [] and T2 appended 1 after that, so T1 < T2 (rw).\n"
        "T2 was ok at 0.002000 s, before T1 was invoked at 0.003000 s, so T2 < T1 (realtime).\n"
        "So T1 < T2 < T1: no order of them is possible."
    )
    assert anomaly.op_indexes == [0, 1, 2, 3]
    assert anomaly.data["edges"] == ["rw", "realtime"]


def test_of_a_long_list_the_end_is_shown_and_what_the_sentence_is_about() -> None:
    assert shown([1, 2, 3]) == "[1 2 3]"
    assert shown(list(range(20))) == "[… 14 15 16 17 18 19]"
    assert shown([7, 1, 7, *range(20, 30)], 7) == "[7 1 7 20 … 24 25 26 27 28 29]"


def test_the_shortest_cycle_is_shown() -> None:
    h = history("0 T ax1", "1 T ax2", "2 T ax3", "3 T ax4", "4 T rx[4 3 2 1]")
    (anomaly,) = judge(h).anomalies
    assert len(anomaly.data["txns"]) == 2


def test_ambiguous_appends_are_unknown() -> None:
    h = concurrent("ax1", "ax1", "rx[1]")
    assert judge(h).verdict == "unknown"
    assert "appended twice" in judge(h).why
    retried = history("0 invoke ax1", "0 fail ax1", "0 T ax1", "1 T rx[1]")
    assert judge(retried).verdict == "valid"


def test_nothing_done_or_read_is_unknown() -> None:
    assert judge(history()).verdict == "unknown"
    assert judge(history("0 invoke ax1")).verdict == "unknown"
    assert judge(history("0 T ax1")).verdict == "unknown"
    assert judge(history("0 T ax1 rx[1]")).verdict == "valid"


def test_null_is_an_empty_list() -> None:
    h = history("0 T ax1")
    h.done(1, "txn", [["r", "x", None]])
    h.done(2, "txn", [["r", "x", [1]]])
    assert types(judge(h)) == ["G-single-realtime"]


def test_elements_and_keys_may_be_any_json() -> None:
    h = History()
    h.done(0, "txn", [["append", [1, 2], {"a": 1}]])
    h.done(1, "txn", [["r", [1, 2], [{"a": 1}]]])
    assert judge(h).verdict == "valid"
    h.done(1, "txn", [["r", [1, 2], [{"a": 2}]]])
    assert "garbage-read" in types(judge(h))


@pytest.mark.parametrize(
    "value",
    [None, 3, [1], [["append", 1]], [["w", 1, 2]], [["r", 1, 5]], [["r", 1, "ab"]], {"r": 1}],
)
def test_what_is_no_transaction_is_one_clear_line(value: Any) -> None:
    h = History()
    h.done(0, "txn", value)
    with pytest.raises(MalformedHistoryError) as caught:
        judge(h)
    assert str(caught.value).startswith("op ")
    assert "\n" not in str(caught.value)


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean serializable"):
        judge(history(), "serialisable")


# --- a twin: all permutations -------------------------------------------------------------------------------


def replayable(order: tuple[Op, ...]) -> bool:
    state: dict[Any, list[Any]] = {}
    for op in order:
        for f, k, v in op.value:
            if f == "append":
                state.setdefault(k, []).append(v)
            elif state.get(k, []) != v:
                return False
    return True


def twin(ops: list[Op], *, strict: bool) -> bool:
    """Some order of all that was ok, and of some of what may have happened, explains every read.

    If ``strict``, the order respects real time.
    """
    done = [op for op in ops if op.type == "ok"]
    unsure = [replace(op, value=[m for m in op.value if m[0] == "append"]) for op in ops if op.type == "info"]
    began = {op.process: i for i, op in enumerate(ops) if op.type == "invoke"}
    ended = {op.process: i for i, op in enumerate(ops) if op.type == "ok"}

    def in_time(order: tuple[Op, ...]) -> bool:
        return all(
            ended.get(b.process, len(ops)) > began[a.process]
            for i, a in enumerate(order)
            for b in order[i + 1 :]
        )

    return any(
        replayable(order) and (not strict or in_time(order))
        for count in range(len(unsure) + 1)
        for some in combinations(unsure, count)
        for order in permutations([*done, *some])
    )


@st.composite
def tiny(draw: Any) -> History:
    """Up to five transactions of one process each; reads are mostly those of some order, then disturbed."""
    count = draw(st.integers(2, 5))
    state: dict[str, list[int]] = {}
    element = 0
    done: list[list[list[Any]]] = []
    for _ in range(count):
        micro: list[list[Any]] = []
        for _ in range(draw(st.integers(1, 3))):
            key = draw(st.sampled_from("xy"))
            if draw(st.booleans()):
                element += 1
                state.setdefault(key, []).append(element)
                micro.append(["append", key, element])
            else:
                seen = list(state.get(key, []))
                if draw(st.integers(0, 3)) == 0:
                    seen = seen[: draw(st.integers(0, len(seen)))]
                micro.append(["r", key, seen])
        done.append(micro)
    events = [p for p in range(count) for _ in range(2)]
    for at in draw(st.lists(st.integers(0, len(events) - 2), max_size=8)):
        events[at], events[at + 1] = events[at + 1], events[at]
    h = History()
    for at, p in enumerate(events):
        outcome = draw(st.sampled_from(["ok"] * 8 + ["info", "fail"]))
        if p not in events[:at]:
            h.invoke(p, "txn", blank(done[p]))
        elif outcome == "ok":
            h.ok(p, "txn", done[p])
        else:
            h.op(p, outcome, "txn", blank(done[p]))
    return h


@settings(max_examples=400, deadline=None, derandomize=True)
@given(tiny())
def test_agrees_with_all_permutations(h: History) -> None:
    for model, strict in (("strict-serializable", True), ("serializable", False)):
        result = ListAppend().check(Record(h.ops, options={"model": model}))
        if result.verdict != "unknown":
            assert (result.verdict == "valid") == twin(h.ops, strict=strict)


@pytest.mark.external
@pytest.mark.parametrize(
    ("name", "found"), [("paper-example", ["G-single"]), ("huge-scc", ["G-single-realtime"])]
)
def test_histories_of_elle(name: str, found: list[str]) -> None:
    path = Path(__file__).parents[2] / ".." / "shared" / "corpora" / "elle" / f"{name}.edn"
    if not path.exists():
        pytest.skip("the corpora are not beside this checkout")
    result = ListAppend().check(Record(edn.read(path)))
    assert result.verdict == "invalid"
    assert types(result) == found


def test_a_read_that_contradicts_its_transaction_is_still_a_read() -> None:
    """Of models that do not forbid the contradiction itself it may break others."""
    aborted = history("0 invoke ax1", "0 fail ax1", "1 T ax2 ax3 rx[1 2]")
    weak = aborted.judge(ListAppend(), model="read-committed")
    assert weak.verdict == "invalid"
    assert types(weak) == ["dirty-update"]
    assert aborted.judge(ListAppend(), model="read-uncommitted").verdict == "valid"
    twice = history("0 T ax1", "1 T rx[1] rx[1 1]")
    assert types(twice.judge(ListAppend(), model="read-uncommitted")) == ["duplicate-elements"]
    around = concurrent("ry[] ry[1] ax1", "rx[1] ay1")
    assert types(around.judge(ListAppend(), model="read-committed")) == ["G1c"]
    skewed = concurrent("rx[] rx[1]", "ax1")
    assert types(skewed.judge(ListAppend(), model="repeatable-read")) == ["G-single"]
    assert skewed.judge(ListAppend(), model="read-committed").verdict == "valid"
    assert types(skewed.judge(ListAppend(), model="serializable")) == ["internal"]


def test_a_read_that_contradicts_its_transaction_may_foresee_it_too() -> None:
    h = history("0 T ax1", "1 T ax2 rx[1 2 3] ax3")
    assert types(h.judge(ListAppend(), model="read-committed")) == ["future-read"]
    assert types(h.judge(ListAppend())) == ["future-read", "internal"]
    by_another = history("0 T ax1", "0 T ax3", "1 T ax2 rx[1 3] ax4")
    assert by_another.judge(ListAppend(), model="read-committed").verdict == "valid"
    again = history("0 T ax1", "0 T ax3", "1 T ax2 rx[1 3] ax3")
    assert again.judge(ListAppend(), model="read-committed").verdict == "unknown"


def test_every_read_of_an_aborted_element_that_the_longest_has_not_is_one() -> None:
    """Neither of the two readers is told to contradict the longest read besides."""
    h = history("1 T rx[8]", "2 T rx[1]", "3 T rx[1]", "0 invoke ax1", "0 fail ax1", "0 T ax8")
    result = h.judge(ListAppend(), model="read-committed")
    assert sorted(set(types(result))) == ["G1a"]
    assert result.coverage["anomalies"] == {"G1a": 2}


def test_what_the_model_allows_rules_out_others_too() -> None:
    skew = ("0 invoke rx[] ay1", "1 invoke ry[] ax1", "0 ok rx[] ay1", "1 ok ry[] ax1")
    result = history(*skew, "2 T az1 rz[]").judge(ListAppend(), model="repeatable-read")
    assert types(result) == ["G2-item"]
    assert set(result.coverage["not"]) == {"read-atomic", "repeatable-read"}
    alone = history(*skew, "2 T az1 rz[1]").judge(ListAppend(), model="repeatable-read")
    assert alone.coverage["not"] == ["repeatable-read"]


def test_a_cursor_that_missed_an_append_is_told_as_a_cycle_where_the_model_forbids_that() -> None:
    h = concurrent("rx[] ax2", "ax1", "rx[1 2]")
    assert types(judge(h, "cursor-stability")) == ["G-cursor"]
    assert types(judge(h, "consistent-view")) == ["G-single"]
    assert judge(h, "read-committed").verdict == "valid"
    lost = concurrent("rx[] ax2", "rx[] ax1", "rx[1 2]")
    assert types(judge(lost, "cursor-stability")) == ["lost-update"]


def test_appends_of_a_transaction_keep_their_order() -> None:
    (anomaly,) = judge(concurrent("ax1 ax2", "ax3", "rx[2 1 3]"), "read-committed").anomalies
    assert anomaly.type == "incompatible-order"
    assert "T1 appended 1 and then 2 to key x, which T2 read as [2 1 3]." in anomaly.explanation
    assert judge(concurrent("ax1 ax2", "ax3", "rx[1 2 3]"), "read-committed").verdict == "valid"
