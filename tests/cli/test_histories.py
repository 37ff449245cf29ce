"""Histories at the command line: any format in, some out; the columnar twin of a run; defects of checkers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from checkers import npz
from checkers.linearizability.checker import Linearizability
from harness.twin import TWIN, read_run
from tests.checkers.formats.samples import BARE, register, samples, texts, transactions, written
from tests.cli.conftest import Call, refused

OPS = register(keys=True)


@pytest.mark.parametrize("form", ["jsonl", "columns", "edn", "elle-json", "jepsen-log", "maelstrom"])
def test_check_takes_every_format(call: Call, form: str) -> None:
    Path("h").write_bytes(samples()[form][0])
    for options in ((), ("--format", form)):
        called = call("check", "h", "--json", *options)
        assert called.code == 0, called
        data = json.loads(called.out)
        assert (data["valid"], data["checker"]) == (True, "linearizability")


def test_check_takes_the_folder_of_a_test_of_jepsens(call: Call) -> None:
    folder = Path("store")
    folder.mkdir()
    refused(call("check", "store"), "history.jsonl", "no such file")
    (folder / "history.txt").write_text(BARE)
    called = call("check", "store")
    assert (called.code, "history.txt: 4 operations" in called.out) == (0, True), called
    (folder / "history.edn").write_bytes(written(OPS, "edn"))
    called = call("check", "store")
    assert (called.code, "history.edn: 5 operations" in called.out) == (0, True), called


def test_a_line_that_is_wrong_is_named(call: Call) -> None:
    data = written(OPS, "edn").replace(b":type :ok", b":type :okay", 1)
    Path("h.edn").write_bytes(data)
    refused(call("check", "h.edn"), "h.edn:3:1: ", "expected the type invoke, ok, fail or info", "'okay'")


@pytest.mark.parametrize("form", ["edn", "elle-json", "jsonl", "columns"])
def test_export_and_read_again(call: Call, form: str) -> None:
    Path("h.jsonl").write_bytes(written(OPS, "jsonl"))
    called = call("export", "h.jsonl", "--format", form, "-o", "out")
    assert (called.code, called.out) == (0, ""), called
    if form != "columns":
        assert call("export", "h.jsonl", "--format", form).out.encode() == Path("out").read_bytes()
    assert call("export", "out", "--from", form, "--format", "jsonl", "-o", "back").code == 0
    assert Path("back").read_bytes() == Path("h.jsonl").read_bytes()


def test_export_for_porcupine(call: Call) -> None:
    Path("h.jsonl").write_bytes(written(texts(), "jsonl"))
    called = call("export", "h.jsonl", "--format", "porcupine")
    assert called.out.splitlines()[0] == '{:process 0, :type :invoke, :f :put, :key "k", :value "x 0"}'
    assert called.out.encode() == written(texts(), "porcupine-kv")


def test_export_of_a_run(call: Call) -> None:
    assert call("test", "--seed", "3", "--time-limit", "1").code == 0
    called = call("export", "store/latest", "--format", "edn", "-o", "run.edn")
    assert called.code == 0, called
    assert json.loads(call("check", "run.edn", "--json").out)["valid"] is True


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["h.jsonl", "--format", "porcupine"], ["h.jsonl", "porcupine", "cas"]),
        (["h.jsonl", "--format", "porcupin"], ["porcupin", "'porcupine'"]),
        (["h.jsonl", "--format", "columns"], ["-o FILE"]),
        (["h.jsonl", "--format", "edn", "--from", "jsnl"], ["jsnl", "'jsonl'"]),
        (["h.jsonl", "--format", "edn", "-o", "no/such/folder/x"], ["no/such/folder/x"]),
        (["absent", "--format", "edn"], ["absent", "no such file"]),
        (["h.jsonl"], ["--format"]),
        (["txn.jsonl", "--format", "edn", "--from", "edn"], ["txn.jsonl:1:"]),
    ],
)
def test_exports_that_cannot_be(call: Call, argv: list[str], words: list[str]) -> None:
    Path("h.jsonl").write_bytes(written(OPS, "jsonl"))
    Path("txn.jsonl").write_bytes(written(transactions(), "jsonl"))
    refused(call("export", *argv), *words)
    assert sorted(p.name for p in Path().iterdir()) == ["h.jsonl", "txn.jsonl"]


def run(call: Call) -> Path:
    assert call("test", "--seed", "3", "--time-limit", "1").code == 0
    return Path("store/latest").resolve()


def test_a_run_has_a_columnar_twin_that_says_the_same(call: Call) -> None:
    folder = run(call)
    lines = list(read_run(folder))
    assert list(npz.load(folder / TWIN)) == lines
    (folder / TWIN).unlink()
    assert list(read_run(folder)) == lines
    assert TWIN not in call("replay", str(folder)).out


def test_the_twin_of_one_seed_is_the_same_file(call: Call) -> None:
    assert (run(call) / TWIN).read_bytes() == (run(call) / TWIN).read_bytes()


def test_a_twin_is_read_instead_of_the_lines(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(call)

    def none(path: Path) -> None:
        pytest.fail(f"{path} was parsed")

    monkeypatch.setattr("checkers.formats.jsonl.read", none)
    assert call("check", str(folder)).code == 0


def test_a_stale_twin_is_never_believed(call: Call) -> None:
    folder = run(call)
    path = folder / "history.jsonl"
    before = path.read_bytes()
    read = next(
        op for op in read_run(folder) if op.type == "ok" and op.f == "read" and isinstance(op.value, int)
    )
    lines = before.splitlines(keepends=True)
    old = b'"value":%d' % read.value
    lines[read.index] = lines[read.index].replace(old, b'"value":' + b"7" * len(str(read.value)))
    assert len(b"".join(lines)) == len(before)
    assert b"".join(lines) != before or read.value in (7, 77, 777)
    stamp = path.stat()
    path.write_bytes(b"".join(lines))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert read_run(folder)[read.index].value != read.value or read.value in (7, 77, 777)
    path.write_bytes(before[: before.index(b"\n") + 1])
    assert len(read_run(folder)) == 1
    path.unlink()
    refused(call("check", str(folder)), "history.jsonl", "no such file")


@pytest.mark.parametrize("damage", [b"", b"PK", b"nonsense"])
def test_a_damaged_twin_says_nothing(call: Call, damage: bytes) -> None:
    folder = run(call)
    lines = list(read_run(folder))
    (folder / TWIN).write_bytes(damage)
    assert list(read_run(folder)) == lines


@pytest.mark.parametrize(
    "error", [KeyError("x"), IndexError("list index out of range"), TypeError("no"), ZeroDivisionError()]
)
def test_a_defect_of_a_checker_is_no_fault_of_the_file(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(Linearizability, "check", broken)
    Path("h.jsonl").write_bytes(written(OPS, "jsonl"))
    called = call("check", "h.jsonl")
    assert called.code == 255, called
    assert called.err.count("\n") == 1
    assert "defect of splitbrain itself" in called.err
    assert type(error).__name__ in called.err
