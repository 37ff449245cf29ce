"""Histories of transactions of which the tests of Elle publish what is wrong: our checkers say the same.

A row names the published case, the transactions, and what is found under each model: types of anomalies, nothing
where the history is valid, ``?`` where it is unknown. Transactions that are parted by ``|`` run at the same time, one
process each; lines that are parted by ``;`` are as in test_list_append.py and test_rw_register.py. Where the names
differ on purpose, ``elle`` has theirs; docs/checkers.md says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from checkers.history import Op
from checkers.record import Record
from checkers.txn.list_append import ListAppend
from checkers.txn.models import FORBIDDEN, ruled_out
from checkers.txn.rw_register import RwRegister
from tests.checkers import test_list_append as lists
from tests.checkers import test_rw_register as registers
from tests.checkers.histories import History, types

RU, RC, RA, RR, SI, SER, SSER, SESSION = (
    *("read-uncommitted", "read-committed", "read-atomic", "repeatable-read"),
    *("snapshot-isolation", "serializable", "strict-serializable", "strong-session-snapshot-isolation"),
)
SINGLE_NOT = "consistent-view parallel-snapshot-isolation repeatable-read"


class Row(NamedTuple):
    """``ruled_out``: the weakest models that the history cannot have, where something is found."""

    case: str
    txns: str
    found: Mapping[str, str]
    ruled_out: str = ""
    elle: str = ""
    options: Mapping[str, Any] = {}


LISTS = (
    Row("G0", "ax1 ay1 | ax2 ay2 | rx[1 2] ry[2 1]", {RU: "G0", RC: "G0", SER: "G0"}, RU),
    Row("G1a", "0 invoke ax1; 0 fail ax1; 1 T rx[1]", {RU: "", RC: "G1a", RR: "G1a"}, RC),
    Row(
        "G1a: an element on top of it, an element of nobody",
        "0 invoke ax1; 0 fail ax1; 1 T rx[1] ax2; 2 T rx[1 2] ry[3]",
        {RC: "dirty-update garbage-read"},
        RU,
        elle="G1a",
    ),
    Row("G1b", "0 T ax1 ax2; 0 T rx[1]", {RU: "", RC: "G1b", SSER: "G1b"}, RC, elle="G1b G-single"),
    Row("G1b: later reads", "rx[1] | rx[1 2] | ax1 ax2 | rx[1 2 3] | ax3", {RC: "G1b"}, RC),
    Row("G1b: of one's own", "ax1 rx[1] ax2", {RC: "", SSER: ""}),
    Row("G1c", "ax1 ry[1] | ax2 ay1 | rx[1 2] ry[1]", {RU: "", RC: "G1c", SER: "G1c"}, RC),
    Row(
        "G-single",
        "ax1 ay1 | ax2 ry[] | rx[1 2]",
        {RC: "", "consistent-view": "G-single", SER: "G-single"},
        SINGLE_NOT,
    ),
    Row("G-single: repeatable read", "0 T ax1 ay1; 0 T rx[1] ry[]", {RR: "G-single"}, SINGLE_NOT),
    Row("G2", "ax1 ry[] | ay1 rx[]", {RC: "", RR: "G2-item", SER: "G2-item"}, RR),
    Row("repeatable read", "rx[] ay1 | ry[] ax1", {RC: "", RR: "G2-item"}, RR),
    Row(
        "strong snapshot isolation",
        "0 T ax1; 1 T ax2; 2 T rx[1]; 3 T rx[1 2]",
        {SER: "", SSER: "G-single-realtime"},
        "strong-snapshot-isolation",
    ),
    Row(
        "strong session snapshot isolation",
        "0 T ax1; 1 T ax2; 1 T rx[1]; 2 T rx[1 2]",
        {SER: "", SESSION: "G-single-process"},
        SESSION,
    ),
    Row(
        "G-nonadjacent-process",
        "0 T rx[] rz[1]; 1 T ax1; 1 T rz[]; 2 T az1",
        {SER: "", SESSION: "G-nonadjacent-process"},
        SESSION,
    ),
    Row(
        "wr-process",
        "1 T rx[1] ay1; 2 T ry[1]; 2 T ax1",
        {SESSION: "G1c-process"},
        "strong-session-read-committed",
    ),
    Row(
        "contradictory reads",
        "ax1 ry[1] | ax2 | ax3 ay1 | rx[1 3] | rx[1 2 3]",
        {RC: "G1c incompatible-order"},
        RC,
    ),
    Row("dirty update: none", "0 invoke ax1; 0 fail ax1", {RC: "?"}),
    Row("dirty update", "0 invoke ax1; 0 fail ax1; 1 T ax2; 2 T rx[1 2]", {RC: "dirty-update"}, RC),
    Row(
        "dirty update: one between",
        "0 invoke ax1; 0 fail ax1; 1 invoke ax2; 1 info ax2; 2 T ax3; 3 T rx[1 2 3]",
        {RC: "dirty-update"},
        RC,
    ),
    Row("duplicates", "ax1 ry[1] | ax2 ay1 | rx[1 2 1]", {RC: "G1c duplicate-elements"}, RU),
    Row("internal", "ax1 ax2 ax4 | ax3 rx[1 2 3 4]", {RU: "G0", RA: "G0 internal"}, RU),
    Row("internal: nothing, then something", "rx[] rx[2] | ax2", {RC: "", RA: "internal"}, RA),
    Row("internal: stale", "rx[1 2] ax3 rx[1 2] | ax1 ax2", {RA: "internal"}, RA),
    Row(
        "internal: another beginning",
        "rx[1 2] ax3 rx[0 2 3] | ax1 ax2 | ax0",
        {RA: "incompatible-order internal"},
        RC,
    ),
    Row("internal: more", "rx[1 2] ax3 rx[1 2 3 4] | ax1 ax2 | ax4", {RA: "internal"}, RA),
    Row("internal: less", "rx[1 2] ax3 rx[1] | ax1 ax2", {RA: "internal"}, RA),
    Row("internal: not what was appended", "ax3 rx[1 2 3 4] | ax1 ax2 ax4", {RA: "G0 internal"}, RU),
    Row("internal: nothing of it", "ax3 rx[]", {RA: "internal"}, RA),
    Row("internal: good", "ry[5 6] ax3 rx[1 2 3] ax4 rx[1 2 3 4] | ax1 ax2 ay5 ay6", {RA: "", SER: ""}),
    Row("future read", "0 T rx[1] ax1", {RU: "", RC: "future-read"}, RC),
    Row("future read: among others", "rx[0 1 2] ax1 | ax0 | ax2", {RA: "future-read G1c"}, RC),
    Row("future read: on top of one's own", "ax1 rx[0 1] ax0 ax3", {RA: "future-read"}, RC),
    Row(
        "appends that nobody read come last",
        "ax1 ay1 | ax2 ay2 | ax3 ay3 | rx[1 2] | ry[2]",
        {SER: "G-single G0"},
        RU,
    ),
    Row(
        "G-nonadjacent",
        "0 T ax1; 1 T rx[1] ry[]; 2 T ay1; 3 T ry[1] rx[]",
        {SI: "G-nonadjacent", SER: "G-nonadjacent", SSER: "G-nonadjacent G-single-realtime"},
        "repeatable-read snapshot-isolation",
        elle="G-nonadjacent",
    ),
    Row(
        "G-nonadjacent: repeatable read",
        "0 T ax1 at1; 0 T rx[1] ry[]; 0 T ay1 az2; 0 T rz[2] rt[]",
        {RR: "G-nonadjacent"},
        "repeatable-read snapshot-isolation",
    ),
    Row(
        "rw edges that make no cycle",
        "rx[5] ay1 | ry[] az2 | rz[] at3 | rt[3] au4 | ru[] ax5",
        {SI: "", RR: ""},
    ),
    Row(
        "lost update",
        "0 T ax0; 1 T rx[0] ax1; 2 T rx[0] ax2",
        {RC: "", "cursor-stability": "lost-update", SSER: "lost-update"},
        "cursor-stability update-atomic",
        elle="lost-update G2-item",
    ),
    Row("lost update: one that appends twice", "0 T rx[] ax1 ax2; 1 T rx[1 2]", {SSER: ""}),
    Row(
        "reads of unknown outcome",
        "0 invoke ax2 ry[]; 0 info ax2 ry[]; 1 T ax1 ay1; 2 T rx[1 2] ry[1]",
        {SSER: ""},
    ),
    Row("one append that nobody read", "0 T ax1; 1 T rx[]", {SER: "", SSER: "G-single-realtime"}),
    Row(
        "several appends that nobody read", "0 T ax1; 1 T ax2; 2 T rx[]", {SER: "", SSER: "G-single-realtime"}
    ),
    Row("Adya, Liskov and O'Neil, figure 3", "az1 ax1 ay1 | rx[1] ay2 | ry[1 2] az3 | rz[1 3]", {SER: ""}),
    Row(
        "snapshots, and a cycle through others",
        "ax1 ry[] | ay1 rx[] | rx[1] | ry[1]",
        {SI: "", RR: "G2-item"},
        RR,
    ),
    Row("appended twice", "ax1 ry[] | ay2 ax1", {SSER: "?"}, elle="refused"),
)

REGISTERS = (
    Row(
        "a read of nobody's value",
        "0 T wx1; 0 T rx2",
        {SSER: "garbage-read"},
        RU,
        elle="",
        options={"linearizable_keys": True},
    ),
    Row(
        "and back again",
        "0 T wx1; 1 invoke wx2; 0 T rx2; 0 T rx1",
        {RU: "cyclic-versions"},
        RU,
        options={"linearizable_keys": True},
    ),
    Row("G0: who knows", "0 T wx1 wy2; 1 T wx2 wy1", {RU: "?"}),
    Row(
        "G0: sequential keys",
        "0 T wx1 wy2; 1 T wx2 wy1; 0 T rx2; 1 T ry2",
        {RU: "G0"},
        RU,
        options={"sequential_keys": True},
    ),
    Row("G1a", "0 invoke wx2; 0 fail wx2; 1 T rx2", {RU: "", RC: "G1a"}, RC),
    Row("G1a: good", "0 T wx1; 1 T rx1", {RC: ""}),
    Row("G1b", "wx2 wx1 | rx2", {RU: "", RC: "G1b", RR: "G1b"}, RC),
    Row("G1b: good", "wx1 wx2 | rx_ | rx2", {RC: ""}),
    Row("an order of transactions that is not asked for", "rx_ wy2 | wx3 wy4", {SER: ""}),
    Row("the same of four", "wx1 wy2 wz3 | rx1 wy5 | rz3 wx4 | wz7 wy8", {SER: ""}),
    Row("G1c", "wx1 ry1 | wy1 rx1", {RU: "", RC: "G1c", SER: "G1c"}, RC),
    Row("wr: one register", "0 T rx0 wx1; 0 T rx1 wx0", {RC: "G1c"}, RC),
    Row("wr: two registers", "0 T rx0 wy1; 0 T ry1 wx0", {RC: "G1c"}, RC),
    Row("wr: write skew", "9 T wx0 wy0; 0 T rx0 ry0 wx1; 0 T rx0 ry0 wy1", {RC: ""}),
    Row(
        "G2-item",
        "9 T wx1 wy1; 0 T rx1 ry1; 1 invoke rx1 wy2; 2 invoke ry1 wx2; 2 ok ry1 wx2; 1 ok rx1 wy2",
        {RC: "", RR: "G2-item"},
        RR,
        options={"linearizable_keys": True},
    ),
    Row("internal: good", "wy2 | ry2 wx2 rx2 wx1 rx1", {RA: ""}),
    Row("internal", "rx1 wx2 rx1 | wx1", {RC: "", RA: "internal"}, RA),
    Row("internal: nothing", "rx_ rx2 | wx2", {RA: "internal"}, RA),
    Row("internal: two values", "rx1 rx2 | wx1 | wx2", {RA: "internal"}, RA),
    Row(
        "initial state", "0 invoke rx_ ry1; 1 T wy1 wx2; 0 ok rx_ ry1", {RC: "", SER: "G-single"}, SINGLE_NOT
    ),
    Row(
        "writes follow reads: not assumed",
        "wy1 | ry1 wx1 wy2 | rx1 ry1",
        {"consistent-view": "", SER: "G2-item"},
        RR,
        elle="valid",
        options={"wfr_keys": False},
    ),
    Row(
        "writes follow reads",
        "wy1 | ry1 wx1 wy2 | rx1 ry1",
        {SER: "G-single"},
        SINGLE_NOT,
        options={"wfr_keys": True},
    ),
    Row(
        "cyclic versions",
        "0 T wx1; 0 T wx2; 0 T rx1",
        {SER: "cyclic-versions", SSER: "cyclic-versions G-single-realtime"},
        RU,
        elle="cyclic-versions",
        options={"sequential_keys": True},
    ),
    Row(
        "lost update",
        "9 T wx0; 0 T rx0 wx1; 1 T rx0 wx2",
        {RC: "", "cursor-stability": "lost-update", SSER: "lost-update"},
        "cursor-stability update-atomic",
    ),
    Row(
        "what contradicts the initial state, and itself",
        "9 invoke wx1; 0 T rx1; 0 T rx_; 0 T rx4 wx3; 0 T wx4",
        {SER: "cyclic-versions", SSER: "cyclic-versions G0-process G-single-process"},
        RU,
        elle="cyclic-versions G1c-realtime",
        options={"linearizable_keys": True, "wfr_keys": True},
    ),
    Row(
        "versions that are not cyclic",
        "0 invoke rx_; 1 T wx4; 0 ok rx_; 0 T rx4",
        {SER: "", SSER: ""},
        options={"linearizable_keys": True},
    ),
    Row(
        "one process that loses its own update",
        "4 T wx14 wy1; 4 T ry1 wy11; 4 T ry1 wy13",
        {"strong-session-serializable": "lost-update"},
        "cursor-stability update-atomic",
        options={"wfr_keys": True},
    ),
)


def _made(notation: Any, txns: str) -> History:
    """Rows of either notation."""
    if txns[0].isdigit():
        lines = [line.strip() for line in txns.split(";")]
    else:
        micro = [txn.strip() for txn in txns.split("|")]
        lines = [f"{n} {type_} {txn}" for type_ in ("invoke", "ok") for n, txn in enumerate(micro)]
    made: History = notation.history(*lines)
    return made


CASES = [
    pytest.param(checker, notation, row, model, id=f"{checker.name}: {row.case}: {model}")
    for checker, notation, rows in ((ListAppend, lists, LISTS), (RwRegister, registers, REGISTERS))
    for row in rows
    for model in row.found
]


@pytest.mark.parametrize(("checker", "notation", "row", "model"), CASES)
def test_what_is_published_of_a_history_is_found(checker: Any, notation: Any, row: Row, model: str) -> None:
    result = _made(notation, row.txns).judge(checker(), model=model, **row.options)
    found = row.found[model]
    if found == "?":
        assert result.verdict == "unknown"
        return
    assert types(result) == sorted(found.split())
    assert result.verdict == ("invalid" if found else "valid")
    if found and row.ruled_out:
        assert result.coverage["not"] == row.ruled_out.split()


UNCOMMITTED = "read-uncommitted strong-read-uncommitted strong-session-read-uncommitted"
COMMITTED = "read-committed strong-read-committed strong-session-read-committed"
VIEWS = "consistent-view forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view"
POSSIBLE = {
    "cyclic-versions": "",
    "G1a": UNCOMMITTED,
    "dirty-update": UNCOMMITTED,
    "internal": f"{UNCOMMITTED} {COMMITTED} {VIEWS} cursor-stability repeatable-read update-serializable",
}
"""the models that a history with an anomaly may still have"""


@pytest.mark.parametrize("anomaly", POSSIBLE)
def test_an_anomaly_rules_out_the_published_models(anomaly: str) -> None:
    weakest, above = ruled_out([anomaly])
    assert {*FORBIDDEN} - {*weakest, *above} == {*POSSIBLE[anomaly].split()}


@pytest.mark.parametrize("model", ["snapshot-isolation", "strict-serializable"])
def test_one_cycle_of_hundreds_is_found_among_thousands_that_the_model_allows(model: str) -> None:
    """A ring of ww edges that one rw closes; from each in it two rw in a row lead to where it begins."""
    ring, others = 300, 10
    txns: list[list[list[Any]]] = [[["append", "ring", i], ["append", i, 0]] for i in range(ring)]
    txns[0][1] = ["append", "gate", 1]
    txns[-1][1] = ["r", "gate", []]
    txns.append([["r", "ring", list(range(ring))]])
    for i in range(1, ring - 1):
        txns += [[["append", i, j]] for j in range(1, others)]
        txns.append([["r", i, list(range(others))], ["r", f"side {i}", []]])
        txns.append([["append", f"side {i}", 0], ["r", "ring", []]])
    ops: list[Op] = []
    for process, txn in enumerate(txns):
        asked = [[f, k, None if f == "r" else v] for f, k, v in txn]
        ops.append(Op(len(ops), len(ops), process, "invoke", "txn", value=asked))
    for process, txn in enumerate(txns):
        ops.append(Op(len(ops), len(ops), process, "ok", "txn", value=txn))
    result = ListAppend().check(Record(ops, options={"model": model}))
    assert types(result) == ["G-single"]
    assert len(result.anomalies[0].data["txns"]) == ring
