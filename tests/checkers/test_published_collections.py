"""Histories of sets, queues, counters, ids and forks of which Jepsen's tests publish the verdict: ours is the same.

A line is ``process type f value``, the value as JSON; ``T`` is an operation that is invoked and ok at once. Where the
verdict differs on purpose, ``jepsen`` has theirs; docs/checkers.md says why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import pytest

from checkers import registry
from checkers.history import OpType
from tests.checkers.histories import History, types

READERS = frozenset({"read", "dequeue", "generate"})


class Row(NamedTuple):
    """``found``: types of anomalies, ``?`` for unknown; ``counts``: some of the coverage."""

    case: str
    lines: str
    found: str
    jepsen: str = ""
    options: Mapping[str, Any] = {}
    counts: Mapping[str, int] = {}


JEPSENS: Mapping[str, Any] = {"drained": True, "crashed_take": False, "at_least_once": True}
ADDS = "0 invoke read; 1 invoke add 1; 2 invoke read; 3 invoke add 2; 4 invoke read; 5 invoke add 4; 6 invoke read"
BOTH = "0 invoke add 0; 1 invoke add 1; 2 invoke read; 2 ok read [1]; 0 ok add 0; 1 ok add 1; 2 T read [0, 1]"
FIRST, SECOND = "[['r', 0, 1], ['r', 1, 1], ['r', 2, null]]", "[['r', 2, 1], ['r', 0, 1], ['r', 1, null]]"

ROWS: Mapping[str, tuple[Row, ...]] = {
    "queue": (
        Row("empty", "", "?", "valid"),
        Row("perhaps put in, not taken", "1 invoke enqueue 1", "?", "valid"),
        Row("put in, not taken", "1 T enqueue 1", "?", "valid"),
        Row("both at once", "2 invoke dequeue; 1 invoke enqueue 1; 2 ok dequeue 1", ""),
        Row("taken, not put in", "1 T dequeue 1", "unexpected"),
    ),
    "total-queue": (
        Row("empty", "", "?", "valid"),
        Row(
            "sane",
            "1 invoke enqueue 1; 2 T enqueue 2; 3 T dequeue 1; 3 T dequeue 2",
            "",
            options=JEPSENS,
            counts={"recovered": 1},
        ),
        Row(
            "pathological",
            "1 invoke enqueue 'hung'; 2 T enqueue 'in'; 3 T enqueue 'twice'; 4 invoke dequeue; 5 T dequeue 'wtf';"
            "6 T dequeue 'twice'; 7 T dequeue 'twice'",
            "lost unexpected",
            options=JEPSENS,
        ),
        Row(
            "pathological, strictly",
            "1 invoke enqueue 'hung'; 2 T enqueue 'in'; 3 T enqueue 'twice'; 4 invoke dequeue; 5 T dequeue 'wtf';"
            "6 T dequeue 'twice'; 7 T dequeue 'twice'",
            "duplicated unexpected",
            "lost unexpected",
        ),
    ),
    "set": (
        Row(
            "all outcomes",
            "0 T add 0; 0 T add 1; 1 info add 10; 3 info add 11; 2 fail add 20; 2 fail add 21; "
            "4 T read [0, 10, 20, 30]",
            "lost unexpected",
            counts={"recovered": 1},
        ),
    ),
    "unique-ids": (
        Row("empty", "", "?", "valid"),
        Row(
            "twice",
            "0 T generate 0; 1 T generate 1; 2 T generate 0; 3 T generate 0; 4 info generate",
            "duplicate-id",
        ),
    ),
    "counter": (
        Row("empty", "", "?", "valid"),
        Row("first read", "0 T read 0", ""),
        Row("an addition that failed", "0 fail add 1; 0 T read 0", ""),
        Row("an addition that has not ended", "0 invoke add 1; 1 T read 0; 1 T read 1", ""),
        Row("first read, wrong", "0 T read 1", "above-bounds"),
        Row(
            "all at once",
            ADDS
            + "; 7 invoke add 8; 8 invoke read; 0 ok read 6; 1 ok add 1; 2 ok read 0; 3 ok add 2; 4 ok read 3; "
            "5 ok add 4; 6 ok read 100; 7 ok add 8; 8 ok read 15",
            "above-bounds",
        ),
        Row(
            "one after the other",
            "0 invoke read; 1 invoke add 1; 0 ok read 0; 0 invoke read; 1 ok add 1; 1 invoke add 2; 0 ok read 3; "
            "0 invoke read; 1 ok add 2; 0 ok read 5",
            "above-bounds",
        ),
    ),
    "set-full": (
        Row("never read", "0 T add 0", "?"),
        Row("never confirmed, never read", "0 invoke add 0; 1 T read []", "?"),
        Row("read begins before", "1 invoke read; 0 invoke add 0; 1 ok read [0]; 0 ok add 0", ""),
        Row("read around", "1 invoke read; 0 T add 0; 1 ok read [0]", ""),
        Row("read inside", "0 invoke add 0; 1 T read [0]; 0 ok add 0", ""),
        Row("read ends after", "0 invoke add 0; 1 invoke read; 0 ok add 0; 1 ok read [0]", ""),
        Row("read after", "0 T add 0; 1 T read [0]", ""),
        Row("missing after", "0 T add 0; 1 T read []", "lost"),
        Row("missing at once: before", "1 invoke read; 0 invoke add 0; 1 ok read []; 0 ok add 0", "?"),
        Row("missing at once: around", "1 invoke read; 0 T add 0; 1 ok read []", "?"),
        Row("missing at once: inside", "0 invoke add 0; 1 T read []; 0 ok add 0", "?"),
        Row("missing at once: after", "0 invoke add 0; 1 invoke read; 0 ok add 0; 1 ok read []", "?"),
        Row("there, and then not", BOTH + "; 2 T read [0]; 2 T read []", "lost"),
        Row(
            "it flutters, and one is lost",
            "0 T add 0; 1 invoke add 1; 2 invoke read; 2 ok read [1]; 1 ok add 1; 2 invoke read; 3 invoke read; "
            "3 ok read [1]; 2 ok read [0]",
            "lost",
        ),
    ),
    "causal-reverse": (
        Row("both", "0 T write 1; 0 T write 2; 0 T read [1, 2]", ""),
        Row("the first", "0 T write 1; 0 T write 2; 0 T read [1]", "?", "valid"),
        Row("the second", "0 T write 1; 0 T write 2; 0 T read [2]", "causal-reverse"),
        Row("more", "0 T write 1; 0 T write 2; 0 T write 3; 0 T write 4; 0 T read [1, 2, 3, 4]", ""),
        Row(
            "at once",
            "0 invoke write 2; 1 T write 1; 2 invoke read; 0 ok write 2; 2 ok read [1, 2]",
            "?",
            "valid",
        ),
        Row(
            "at once, turned",
            "0 invoke write 1; 1 invoke write 2; 0 ok write 1; 2 invoke read; 1 ok write 2; 2 ok read [2, 1]",
            "?",
            "valid",
        ),
        Row("the order of what was read says nothing", "0 T write 1; 0 T write 2; 0 T read [2, 1]", ""),
    ),
    "long-fork": (
        Row(
            "two readers",
            "8 T write [['w', 0, 1]]; 8 T write [['w', 1, 1]]; 8 T write [['w', 2, 1]]; "
            f"0 T read {FIRST}; 1 T read {SECOND}",
            "long-fork",
        ),
        Row(
            "of writes that are not in the history",
            f"0 T read {FIRST}; 1 T read {SECOND}",
            "long-fork unwritten-value",
            "long-fork",
        ),
    ),
}


def history(lines: str) -> History:
    h = History()
    began: dict[int, Any] = {}
    for line in filter(None, (line.strip() for line in lines.split(";"))):
        name, type_, f, *text = line.split(" ", 3)
        process = int(name)
        value = json.loads(text[0].replace("'", '"')) if text else None
        asked = None if f in READERS and not isinstance(value, str | None) else value
        if isinstance(value, list) and value and isinstance(value[0], list):
            asked = [[kind, key, None if kind == "r" else v] for kind, key, v in value]
        asked = None if f == "dequeue" else asked
        if process not in began:
            h.invoke(process, f, asked)
            began[process] = asked
        if type_ != "invoke":
            h.op(process, cast("OpType", "ok" if type_ == "T" else type_), f, value)
            del began[process]
    return h


CASES = [pytest.param(name, row, id=f"{name}: {row.case}") for name, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("name", "row"), CASES)
def test_the_published_verdict_is_given(name: str, row: Row) -> None:
    result = history(row.lines).judge(registry.create(name), **row.options)
    if row.found == "?":
        assert result.verdict == "unknown"
    else:
        assert types(result) == sorted(row.found.split())
        assert result.verdict == ("invalid" if row.found else "valid")
    assert {key: result.coverage[key] for key in row.counts} == row.counts
