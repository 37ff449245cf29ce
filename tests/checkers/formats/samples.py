"""Small histories in every format, and what may become of their bytes."""

from __future__ import annotations

import io
from pathlib import Path

from checkers import formats
from checkers.columns import History
from checkers.history import Op
from harness.streams import Streams

LOG = """INFO  jepsen.core - Worker 0 starting
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO  jepsen.util - 1\t:invoke\t:write\t4
INFO  jepsen.util - 1\t:ok\t:write\t4
INFO  jepsen.util - :nemesis\t:info\t:start\t"cut off #{:n1 :n2}"
INFO  jepsen.util - 0\t:ok\t:read\t4
2026-01-02 03:04:05,678{UTC} INFO [jepsen worker 2] jepsen.util: 2 :invoke :cas [4 5]
2026-01-02 03:04:06,678{UTC} INFO [jepsen worker 2] jepsen.util: 2 :info :cas [4 5] :timed-out
INFO  jepsen.util - 0\t:invoke\t:write\t7
INFO  jepsen.util - 0\t:info\t:write\t:timed-out
"""

BARE = """0\t:invoke\t:write\t3
:nemesis\t:info\t:start\t"cut off \\"n1\\""
1\t:invoke\t:read\tnil
1\t:ok\t:read\t3
0\t:ok\t:write\t3

2\t:invoke\t:cas\t[3 4]
2\t:info\t:cas\t[3 4]\t:conn-lost
1\t:invoke\t:read\tnil
1\t:fail\t:read\tnil\t:no-conns
"""
VECTORS = "".join(f"[{line}]\n" for line in BARE.replace("\t", "  ").splitlines() if line)


def register(keys: bool) -> History:
    """Reads, writes and a crash of one register or two."""
    rows = [
        (0, "invoke", "write", "a", 1),
        (1, "invoke", "read", "a", None),
        (0, "ok", "write", "a", 1),
        ("nemesis", "info", "partition", None, {"fault": 0, "phase": "start", "targets": ["n1", "n2"]}),
        (1, "ok", "read", "a", 1),
        (2, "invoke", "cas", "a", [1, 2]),
        (1, "invoke", "write", "b", 3),
        (1, "fail", "write", "b", 3),
        (2, "info", "cas", "a", [1, 2]),
        (0, "invoke", "read", "a", None),
        (0, "ok", "read", "a", 2),
        ("nemesis", "info", "partition", None, {"fault": 0, "phase": "stop", "targets": ["n1", "n2"]}),
    ]
    return History.from_ops(
        Op(
            i,
            i * 1000,
            process,
            kind,
            f,
            key if keys else None,
            value,
            node=None if process == "nemesis" else f"n{process}",
            error="timeout" if kind == "info" and f == "cas" else None,
        )
        for i, (process, kind, f, key, value) in enumerate(rows)
        if keys or key != "b"
    )


def transactions() -> History:
    """Appends and reads, one of them of what was not appended yet."""
    rows = [
        (0, "invoke", [["append", 1, 1], ["r", 2, None]]),
        (1, "invoke", [["append", 2, 1]]),
        (0, "ok", [["append", 1, 1], ["r", 2, [1]]]),
        (1, "ok", [["append", 2, 1]]),
        (2, "invoke", [["r", 1, None], ["r", 2, None]]),
        (2, "ok", [["r", 1, [1]], ["r", 2, [1]]]),
    ]
    return History.from_ops(Op(i, i, p, kind, "txn", value=value) for i, (p, kind, value) in enumerate(rows))


def texts() -> History:
    """Puts, gets and appends of texts."""
    rows = [
        (0, "invoke", "put", "k", "x 0"),
        (1, "invoke", "append", "k", "y"),
        (0, "ok", "put", "k", "x 0"),
        (1, "ok", "append", "k", "y"),
        (0, "invoke", "get", "k", None),
        (0, "ok", "get", "k", "x 0y"),
        (1, "invoke", "get", "other", None),
        (1, "ok", "get", "other", ""),
    ]
    return History.from_ops(Op(i, 0, p, kind, f, key, v) for i, (p, kind, f, key, v) in enumerate(rows))


def written(history: History, form: str) -> bytes:
    out = io.BytesIO()
    formats.write(history, out, form)
    return out.getvalue()


def samples() -> dict[str, list[bytes]]:
    """Files of every format that is read."""
    plain, keyed, txn, kv = register(keys=False), register(keys=True), transactions(), texts()
    return {
        "jsonl": [written(h, "jsonl") for h in (plain, keyed, txn)],
        "columns": [written(h, "columns") for h in (keyed, txn)],
        "edn": [written(h, "edn") for h in (plain, keyed, txn)]
        + [
            b"; a remark\n["
            + written(plain, "edn").replace(b":process 0", b":process 0, :more #{1 2/3 \\a}")
            + b"]",
            written(plain, "edn").replace(b"{:index", b"#jepsen.history.Op{:index"),
        ],
        "jepsen-log": [text.encode() for text in (LOG, BARE, VECTORS)],
        "porcupine-kv": [written(kv, "porcupine-kv")],
        "elle-json": [written(h, "elle-json") for h in (keyed, txn)],
        "maelstrom": [written(keyed, "edn")],
    }


class Mutator:
    """Bytes changed at random: flipped, inserted, taken out, cut off, doubled, moved. Seeded."""

    def __init__(self, seed: int) -> None:
        self._stream = Streams(seed).stream("mutations")

    def mutated(self, data: bytes) -> bytes:
        below = self._stream.below
        for _ in range(1 + below(3)):
            at = below(len(data) + 1)
            length = below(12)
            some = bytes(below(256) for _ in range(1 + below(3)))
            how = below(7)
            if how == 0 and at < len(data):
                data = data[:at] + bytes((data[at] ^ (1 << below(8)),)) + data[at + 1 :]
            elif how == 1:
                data = data[:at] + some + data[at:]
            elif how == 2:
                data = data[:at] + data[at + length :]
            elif how == 3:
                data = data[:at]
            elif how == 4:
                data = data[:at] + data[at : at + 10 * length] * (1 + below(3)) + data[at:]
            elif how == 5:
                other = below(len(data) + 1)
                data = data[:at] + data[other : other + length] + data[at + length :]
            else:
                # what means something to some format
                data = data[:at] + TOKENS[below(len(TOKENS))] + data[at:]
        return data


TOKENS = (
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b"(",
        b")",
        b'"',
        b"\\",
        b"#_",
        b"#{",
        b"#x ",
        b";",
        b":",
        b",",
        b"\n",
        b"\0",
        b"nil",
        b"null",
    ),
    *(
        b"1" * 30,
        b"-",
        b"1e400",
        b"##NaN",
        b"1/2",
        b"\\u",
        b"[" * 300,
        b"{:a " * 300,
        b'{"a":' * 300,
        b"\xff",
        b"\xc3\xa9",
    ),
    *(b"9" * 5000, b"0x", b"36rZZ", b":process 7", b"true", b"-0", b"^"),
)


def corpora() -> Path:
    """Histories of others, beside the repository where they are there."""
    return Path(__file__).resolve().parents[4] / "shared" / "corpora"
