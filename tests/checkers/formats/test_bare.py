"""Ops alone, one a line: Jepsen's ``history.txt``, Knossos' first files. Logs that begin with other lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkers import check, formats
from checkers.history import MalformedHistoryError, Op
from tests.checkers.formats.samples import BARE, VECTORS, register, samples, texts, transactions, written

pytestmark = pytest.mark.usefixtures("kernels")


def read(path: Path, text: str | bytes, form: str = "auto") -> list[Op]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(formats.read(path, form))


@pytest.mark.parametrize("text", [BARE, VECTORS])
def test_ops_alone_are_read_like_a_log(text: str, tmp_path: Path) -> None:
    ops = read(tmp_path / "history.txt", text)
    assert [(op.process, op.type, op.f, op.value, op.error) for op in ops] == [
        (0, "invoke", "write", 3, None),
        ("nemesis", "info", "start", 'cut off "n1"', None),
        (1, "invoke", "read", None, None),
        (1, "ok", "read", 3, None),
        (0, "ok", "write", 3, None),
        (2, "invoke", "cas", [3, 4], None),
        (2, "info", "cas", [3, 4], "conn-lost"),
        (1, "invoke", "read", None, None),
        (1, "fail", "read", None, "no-conns"),
    ]
    assert check(tmp_path / "history.txt").verdict == "valid"


def test_transactions_of_a_history_txt(tmp_path: Path) -> None:
    text = "".join(
        f"{op.process}\t:{op.type}\t:txn\t[{' '.join(f'[:{f} {k} {v}]' for f, k, v in op.value)}]\n"
        for op in transactions()
    ).replace("None", "nil")
    assert [op.value for op in read(tmp_path / "history.txt", text)] == [op.value for op in transactions()]


@pytest.mark.parametrize(
    ("line", "place"),
    [("Caught an error", "3:1"), ("0\t:invoked\t:read\tnil", "3:4"), ("[0 :ok :read [1 2]", "3:18")],
)
def test_among_ops_alone_there_is_nothing_else(line: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedHistoryError, match=rf"h:{place}: "):
        read(tmp_path / "h", f"0\t:invoke\t:read\tnil\n\n{line}\n")


def test_a_log_may_begin_with_much_else_and_tell_times(tmp_path: Path) -> None:
    began = "2024-02-03 01:01:02,049{GMT}\tINFO\t[jepsen test runner] jepsen.core: Running test:\n"
    rest = "".join(
        f"2024-02-03 01:01:03,000{{GMT}}\tINFO\t[jepsen worker 0] jepsen.util: [ 23{i} ] 0\t{op}\n"
        for i, op in enumerate((":invoke\t:write\t1", ":ok\t:write\t1"))
    )
    ops = read(tmp_path / "jepsen.log", began + "{:name 1,\n :gen ({:type :invoke})}\n" * 400 + rest)
    assert [(op.type, op.value) for op in ops] == [("invoke", 1), ("ok", 1)]


@pytest.mark.parametrize("form", [name for name in formats.NAMES if name not in ("columns", "maelstrom")])
def test_the_mark_that_editors_put_before_a_text_is_passed_over(form: str, tmp_path: Path) -> None:
    for text in samples()[form]:
        plain = read(tmp_path / "h", text)
        assert read(tmp_path / "h", b"\xef\xbb\xbf" + text) == plain
        assert read(tmp_path / "h", b"\xef\xbb\xbf" + text, form) == plain


def test_ops_alone_are_told_from_every_other_format(tmp_path: Path) -> None:
    for history in (register(keys=True), transactions()):
        for form in ("jsonl", "edn", "elle-json"):
            (tmp_path / "h").write_bytes(written(history, form))
            assert formats.detect(tmp_path / "h") == form
    (tmp_path / "h").write_bytes(written(texts(), "porcupine-kv"))
    assert formats.detect(tmp_path / "h") == "porcupine-kv"
