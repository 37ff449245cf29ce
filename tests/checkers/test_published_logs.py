"""Histories of logs of which the tests of Jepsen's kafka checker publish what is wrong: ours says the same.

A line is ``process type what``; ``T`` is an operation that is invoked and ok at once. ``>x1a`` sends message a to
key x and learns the offset 1 (``.``: none), ``<x1a,x2b`` is one poll. Where the verdict differs on purpose,
``jepsen`` has theirs; docs/checkers.md says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import pytest

from checkers.collections.kafka import Kafka
from checkers.history import OpType
from tests.checkers.histories import History, types


class Row(NamedTuple):
    """``found``: types of anomalies, ``?`` for unknown."""

    case: str
    lines: str
    found: str
    jepsen: str | None = None
    options: Mapping[str, Any] = {}


SKIP = "3 info >x.a >x.b >x.c >x.d >x.g; 0 T <x1a,x2b; 1 T <x3c; {0}; 0 T <x4d; {0}; 2 T >x6f; 0 T <x7g"
BACK = "9 T >x.a >x.b >x.c >x.d; 0 T <x1a,x2b,x3c; {}; 0 T <x2b,x3c,x4d"
SENDS = "0 T >x3c >x4d; {}; 0 T >x1a >x2b"
SIX = "0 T >x0a >x1b >x2c >x3d >x4e >x5f; 2 T <x0a,x1b,x2c,x3d,x4e,x5f; 1 T <x0a; 1 fail <x1b,x2c; "
ALL: Mapping[str, Any] = {"allow": []}
WW: Mapping[str, Any] = {"ww_deps": True}

ROWS = (
    Row(
        "version orders: an offset of two messages",
        "3 info >x.a; 1 invoke >x.c >x.b >x.d; 0 T <x0a,x1b; 1 info >x1c >x3b >x4d",
        "duplicate inconsistent-offsets int-nonmonotonic-send lost-write",
    ),
    Row("version orders: of a run", "0 T >k537a; 1 T >k537b", "inconsistent-offsets"),
    Row("inconsistent offsets: of an unknown outcome", "0 info >x0a >y.b; 1 T >x0c", "?", ""),
    Row(
        "inconsistent offsets: it did happen",
        "0 info >x0a >y.b; 1 T >x0c; 2 T <y5b",
        "inconsistent-offsets",
    ),
    Row("G1a", "0 fail >x.b >y.c; 1 T <x0b", "G1a"),
    Row("lost write", "0 T >x0a; 0 T >x1b >x3d; 1 info >x.c; 0 T <x2c", "lost-write"),
    Row(
        "lost write: behind another at its offset",
        "0 T >x0a; 0 T >x0b >x2c; 0 T <x0b,x2c",
        "inconsistent-offsets lost-write nonmonotonic-send",
    ),
    Row("lost write: perhaps never sent", "0 info >x.a >y0b; 1 info >y.c; 3 T <y1c", ""),
    Row(
        "lost write: sent with another that was polled",
        "0 info >x.a >y0b; 1 info >y.c; 2 T <x0a; 3 T <y1c",
        "lost-write",
    ),
    Row("poll skip", SKIP.format("9 T <"), "lost-write poll-skip"),
    Row("poll skip: other keys", SKIP.format("0 T assign y"), "lost-write"),
    Row("poll skip: the key among them", SKIP.format("0 T assign xy"), "lost-write poll-skip"),
    Row("poll skip: subscribed to others", SKIP.format("0 T subscribe y"), "lost-write"),
    Row("poll skip: subscribed", SKIP.format("0 T subscribe xy"), "lost-write", "poll-skip, allowed"),
    Row("aborted: goes on where it was", SIX + "1 T <x1b,x2c", ""),
    Row("aborted: unknown", SIX + "1 info <x1b,x2c", ""),
    Row("aborted: goes on behind it", SIX + "1 fail <x3d,x4e; 1 T <x5f", "poll-skip"),
    Row("aborted: the next is aborted, too", SIX + "1 fail <x3d,x4e", "poll-skip"),
    Row("aborted: the next is of unknown outcome", SIX + "1 info <x3d,x4e", "poll-skip"),
    Row("nonmonotonic poll", BACK.format("9 T <"), "nonmonotonic-poll"),
    Row("nonmonotonic poll: other keys", BACK.format("0 T assign y"), ""),
    Row("nonmonotonic poll: the key among them", BACK.format("0 T assign xy"), "nonmonotonic-poll"),
    Row("nonmonotonic poll: subscribed to others", BACK.format("0 T subscribe y"), ""),
    Row("nonmonotonic poll: subscribed", BACK.format("0 T subscribe xy"), "", "nonmonotonic-poll, allowed"),
    Row("nonmonotonic send", SENDS.format("9 T <"), "nonmonotonic-send"),
    Row("nonmonotonic send: other keys", SENDS.format("0 T assign y"), "?", ""),
    Row("nonmonotonic send: the key among them", SENDS.format("0 T assign xy"), "nonmonotonic-send"),
    Row("nonmonotonic send: subscribed", SENDS.format("0 T subscribe xy"), "nonmonotonic-send"),
    Row(
        "internal poll skip",
        "1 info >x.a >x.b >x.d; 0 T <x1a,x4d; 2 T <x1a <x4d; 3 T <x2b",
        "int-poll-skip",
    ),
    Row(
        "internal send skip",
        "0 T >x1a >x.c; 1 info >x.b; 2 T <x1a,x2b,x3c",
        "int-send-skip",
        options=ALL,
    ),
    Row("internal send skip: allowed", "0 T >x1a >x.c; 1 info >x.b; 2 T <x1a,x2b,x3c", ""),
    Row(
        "internal nonmonotonic poll",
        "0 info >x.a >x.b >x.c; 1 T <x3c,x1a; 2 T <x2b,x3c <x3c",
        "int-nonmonotonic-poll",
    ),
    Row(
        "internal nonmonotonic send",
        "0 T >x3c >x1a; 3 info >y.d >y.b; 1 info >y.c; 2 T <y2b,y3c,y4d",
        "int-nonmonotonic-send",
    ),
    Row("duplicate", "0 T >x1a; 1 info >x.b; 2 T <x2b,x3a", "duplicate"),
    Row(
        "duplicate: several at the same two offsets",
        "0 T >x0a; 1 T <x1a; 0 T >x0b; 2 T <x1b; 0 T >x0c; 3 T <x1c",
        "duplicate inconsistent-offsets nonmonotonic-send",
    ),
    Row(
        "duplicate: polled by who was aborted", "0 T >x1a; 0 fail >x2b; 1 fail <x11a,x12b; 2 T <", "duplicate"
    ),
    Row("nothing done", "0 T assign x", "?", "not valid"),
    Row("G0", "0 invoke >x.a >y.a; 1 invoke >x.b >y.b; 0 ok >x0a >y1a; 1 ok >x1b >y0b", "G0", options=WW),
    Row(
        "G0: not asked for", "0 invoke >x.a >y.a; 1 invoke >x.b >y.b; 0 ok >x0a >y1a; 1 ok >x1b >y0b", "?", ""
    ),
    Row("G1c: of polls", "0 invoke >x.a <; 1 invoke >y.b <; 0 ok >x0a <y0b; 1 ok >y0b <x0a", "G1c"),
    Row(
        "G1c: of a poll and a log",
        "0 invoke >x.a >y.c; 1 invoke < >y.b; 0 ok >x0a >y2c; 1 ok <x0a >y1b",
        "G1c",
        options=WW,
    ),
    Row(
        "G1c: of a log, not asked for",
        "0 invoke >x.a >y.c; 1 invoke < >y.b; 0 ok >x0a >y2c; 1 ok <x0a >y1b",
        "",
    ),
    Row("precommitted read", "0 T >x0a <x0a", "precommitted-read"),
)


def micro_op(token: str, *, asked: bool) -> list[Any]:
    if token[0] == ">":
        key, offset, value = token[1], token[2:-1], token[-1]
        known = None if offset == "." else int(offset)
        return ["send", key, value if asked else [known, value]]
    polled: dict[str, list[list[Any]]] = {}
    for message in filter(None, token[1:].split(",")):
        polled.setdefault(message[0], []).append([int(message[1:-1]), message[-1]])
    return ["poll"] if asked else ["poll", polled]


def history(lines: str) -> History:
    h = History()
    for line in lines.split(";"):
        name, type_, *what = line.split()
        process = int(name)
        f, asked, done = what[0], list(what[-1]), list(what[-1])
        if f not in ("assign", "subscribe"):
            f, (asked, done) = "txn", ([micro_op(w, asked=a) for w in what] for a in (True, False))
        if type_ != "ok" and process not in _open(h):
            h.invoke(process, f, asked)
        if type_ == "T":
            h.ok(process, f, done)
        elif type_ != "invoke":
            h.op(process, cast("OpType", type_), f, done)
    return h


def _open(h: History) -> set[Any]:
    """Processes that have invoked and not completed."""
    last = {op.process: op.type for op in h.ops}
    return {process for process, type_ in last.items() if type_ == "invoke"}


@pytest.mark.parametrize("row", ROWS, ids=[row.case for row in ROWS])
def test_what_is_published_of_a_log_is_found(row: Row) -> None:
    result = history(row.lines).judge(Kafka(), **row.options)
    if row.found == "?":
        assert result.verdict == "unknown"
    else:
        assert types(result) == sorted(row.found.split())
        assert result.verdict == ("invalid" if row.found else "valid")


def test_what_was_sent_and_not_polled_yet_is_counted() -> None:
    for polled, unseen in (("<", 2), ("<x0a", 1), ("<x0a,x1b", 0)):
        result = history(f"1 T >x0a >x1b; 0 T {polled}").judge(Kafka())
        assert result.coverage["unseen"] == unseen


def test_a_cycle_is_told_by_who_polled_what() -> None:
    (anomaly,) = history("0 invoke >x.a <; 1 T >y0b <x0a; 0 ok >x0a <y0b").judge(Kafka()).anomalies
    assert anomaly.type == "G1c"
    assert anomaly.op_indexes == [0, 1, 2, 3]
    assert anomaly.explanation == (
        "process 1 at n1 at 0.003000 s (op 2) polled what process 0 at 0.004000 s (op 3) sent to key x; "
        "process 0 at 0.004000 s (op 3) polled what process 1 at n1 at 0.003000 s (op 2) sent to key y: "
        "none of them can have come first"
    )
