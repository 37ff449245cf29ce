"""Bad input as a new user gives it: one clear line, code 254, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Call, refused

FLAGS = [
    ([], ["no command given"]),
    (["tset"], ["tset", "test"]),
    (["frobnicate"], ["frobnicate", "there are run, test, replay"]),
    (["cluster", "frobnicate"], ["frobnicate", "there are up, status"]),
    (["cluster", "up", "--nodes", "x"], ["cluster up: ", "--nodes"]),
    (["cluster"], ["Missing command", "there are up, status"]),
    (["test", "--sead", "3"], ["--sead", "--seed"]),
    (["test", "--seed"], ["--seed"]),
    (["test", "--seed", "x"], ["--seed"]),
    (["test", "--seed", "-1"], ["--seed", "-1"]),
    (["test", "--seed", str(1 << 63)], ["--seed"]),
    (["test", "--nodes", "0"], ["--nodes", "got 0"]),
    (["test", "--nodes", "five"], ["--nodes"]),
    (["test", "--time-limit", "0"], ["--time-limit"]),
    (["test", "--time-limit", "nan"], ["--time-limit"]),
    (["test", "--time-limit", "inf"], ["--time-limit"]),
    (["test", "--rate", "-5"], ["--rate"]),
    (["test", "--concurrency", "2x"], ["--concurrency", "2x"]),
    (["test", "--concurrency", "0"], ["--concurrency", "a number of clients, or 2n"]),
    (["test", "--transport", "udp"], ["--transport", "'udp'", "known are stdio, tcp"]),
    (["test", "--hosts", "hosts.yaml"], ["--hosts", "--env ssh"]),
    (["test", "--image", "redis"], ["--image", "--env docker"]),
    (["test", "--arg", "x"], ["--arg", "--bin"]),
    (["test", "--schedule", "absent.yaml"], ["--schedule", "absent.yaml", "no such file", "a schedule"]),
    (["test", "--schedule", "."], ["--schedule", "is a directory", "a schedule"]),
    (["test", "--env", "simm"], ["simm", "'sim'"]),
    (["test", "--system", "rafft"], ["rafft", "'raft'"]),
    (["test", "--workload", "regster"], ["regster", "'register'"]),
    (["test", "--nemesis", "partitoin"], ["partitoin", "'partition'"]),
    (["test", "--nemesis", "partition:halfs"], ["partition:halfs", "partition:halves"]),
    (["test", "--nemesis", "kill,,pause"], ["--nemesis", "empty name"]),
    (["test", "--bug", "short-red-quorum"], ["short-red-quorum", "'short-read-quorum'"]),
    (["test", "--option", "keys"], ["--option", "NAME=VALUE"]),
    (["test", "--bin", "./node"], ["./node", "simulation"]),
    (["test", "--workload", "unique-ids"], ["unique-ids", "generate", "raft"]),
    (["run"], ["CAMPAIGN.yaml"]),
    (["run", "absent.yaml"], ["absent.yaml", "no such file"]),
    (["run", "."], [".", "folder", "campaign file"]),
    (["run", "c.yaml", "--seeds", "0"], ["--seeds"]),
    (["run", "c.yaml", "--jobs", "0"], ["--jobs"]),
    (["run", "c.yaml", "--seeds", "2", "--seed", "3"], ["--seeds", "--seed"]),
    (["run", "c.yaml", "--env", "docekr"], ["docekr", "'docker'"]),
    (["run", "c.yaml", "--time-limit", "-1"], ["--time-limit"]),
    (["run", "c.yaml", "--group", "x"], ["no group 'x'"]),
    (["run", "c.yaml", "--junit", "no/such/folder/j.xml"], ["--junit", "no/such/folder"]),
    (["run", "c.yaml", "--junit", "."], ["--junit", "is a folder"]),
    (["run", "c.yaml", "--summary", "."], ["--summary", "is a folder"]),
    (["replay"], ["RUN"]),
    (["replay", "latest"], ["nothing ran yet"]),
    (["replay", "absent"], ["absent", "does not exist"]),
    (["replay", "."], ["run.yaml"]),
    (["report", "absent"], ["absent", "does not exist"]),
    (["check", "absent.jsonl"], ["absent.jsonl", "no such file"]),
    (["check", "h.jsonl", "--model", "registre"], ["registre", "'register'"]),
    (["check", "h.jsonl", "--workload", "regster"], ["regster", "'register'"]),
    (["check", "h.jsonl", "--model", "register", "--workload", "register"], ["exclude"]),
    (["check", "h.jsonl", "--format", "jsnl"], ["jsnl", "'jsonl'"]),
    (["check", "h.jsonl", "--budget-s", "0"], ["--budget-s"]),
    (["check", "h.jsonl", "--workload", ""], ["--workload", "''"]),
    (["check", "h.jsonl", "--trace", "absent"], ["--trace", "absent", "a trace"]),
    (["check", "h.jsonl", "--option", "budgt_s=3"], ["--option budgt_s", "'budget_s'"]),
    (["check", "h.jsonl", "--option", "budget_s=x"], ["--option budget_s", "a number", "'x'"]),
    (["check", "h.jsonl", "--workload", "monotonic", "--option", "fs=1"], ["--option fs", "a list of names"]),
    (["list", "checkers", "--into", "absent.md"], ["absent.md", "no such file", "a page"]),
    (["list", "sytems"], ["sytems", "'systems'"]),
    (["bugs", "no-sesions"], ["no-sesions", "'no-sessions'"]),
    (["bugs", "--campaign", "c.yaml"], ["c.yaml", "plants no such bug"]),
]


@pytest.mark.parametrize(
    ("argv", "words"), FLAGS, ids=lambda v: " ".join(v)[:40] if isinstance(v, list) else None
)
def test_flags(call: Call, argv: list[str], words: list[str]) -> None:
    Path("c.yaml").write_text("name: c\nmatrix: {nemesis: [[power-loss]]}\n")
    Path("h.jsonl").write_text('{"index":0,"time":0,"process":0,"type":"invoke","f":"read","key":0}\n')
    refused(call(*argv), *words)
    assert not Path("store").exists()


GOOD = "name: c\nmatrix:\n  nemesis: [[partition]]\nseeds: {start: 1, count: 2}\ngate: {invalid: 0}\n"

FILES = [
    ("", ["mapping"]),
    ("- a\n- b\n", ["mapping"]),
    ("matrix: {}\n", ["name is missing"]),
    ("name: [c]\n", ["name", "a text"]),
    ("name: ../c\n", ["name", "a name of letters"]),
    ("name: c\nmatrx: {}\n", ["'matrx'", "'matrix'"]),
    ("name: c\nmatrix: [raft]\n", ["matrix", "a mapping", "a list"]),
    ("name: c\nmatrix: {system: raft}\n", ["matrix.system", "a list"]),
    ("name: c\nmatrix: {sytem: [raft]}\n", ["matrix", "'sytem'", "'system'"]),
    ("name: c\nmatrix: {nemesis: [partition]}\n", ["matrix.nemesis", "a list"]),
    ("name: c\nmatrix: {nemesis: []}\n", ["matrix.nemesis", "empty"]),
    ("name: c\nmatrix: {nemesis: [[partitoin]]}\n", ["'partitoin'", "'partition'"]),
    ("name: c\nmatrix: {seed: [1]}\n", ["matrix.seed"]),
    ("name: c\nmatrix: {system: [raftt]}\n", ["'raftt'", "'raft'"]),
    ("name: c\nmatrix: {workload: [registr]}\n", ["'registr'", "'register'"]),
    ("name: c\ndefaults: {nodes: 0}\n", ["defaults.nodes", ">= 1"]),
    ("name: c\ndefaults: {nodes: many}\n", ["defaults.nodes", "an integer", "a text"]),
    ("name: c\ndefaults: {nodes: }\n", ["defaults.nodes", "an integer", "nothing"]),
    ("name: c\ndefaults: {node: 5}\n", ["defaults", "'node'", "'nodes'"]),
    ("name: c\ndefaults: {env: simm}\n", ["defaults.env", "'simm'", "'sim'"]),
    (
        "name: c\ndefaults: {env: process, bin: /bin/cat, nemesis: [power-loss]}\n",
        ["'power-loss'", "'process'"],
    ),
    ("name: c\ndefaults: {transport: udp}\n", ["defaults.transport", "'udp'", "known are stdio, tcp"]),
    ("name: c\ndefaults: {rate: -5}\n", ["defaults.rate", "> 0"]),
    ("name: c\ndefaults: {options: {checker: {budgt_s: 3}}}\n", ["options.checker.budgt_s", "'budget_s'"]),
    ("name: c\nseeds: {start: -1}\n", ["seeds.start"]),
    ("name: c\nseeds: {cuont: 3}\n", ["seeds", "'cuont'", "'count'"]),
    ("name: c\nseeds: 5\n", ["seeds"]),
    ("name: c\nseeds: []\n", ["seeds", "empty"]),
    ("name: c\nseeds: {start: 9223372036854775807, count: 2}\n", ["seeds", "2**63"]),
    ("name: c\nseeds: {count: 1000000000}\n", ["seeds.count"]),
    ("name: c\ngate: {invalid: none}\n", ["gate.invalid", "an integer"]),
    ("name: c\ngate: {invlid: 0}\n", ["gate", "'invlid'", "'invalid'"]),
    ("name: c\ngate: {min_ok_fraction: 2}\n", ["gate.min_ok_fraction"]),
    ("name: c\ngate: {min_bite: {partition: high}}\n", ["gate.min_bite"]),
    ("name: c\ngate: {min_bite: {partitoin: 0.5}}\n", ["gate.min_bite", "'partitoin'", "'partition'"]),
    ("name: c\nruns: 3\n", ["runs: expected a list, got an integer"]),
    ("name: c\nexpect: vlid\n", ["expect", "'vlid'", "'valid'"]),
    ("name: c\nkeep: some\n", ["keep", "'some'"]),
    ("name: c\nruns: [{name: a}, {name: a}]\n", ["two groups", "'a'"]),
    ("name: c\nruns: [{matrix: {bug: [nosuch]}}]\n", ["nosuch"]),
    ("name: c\nruns: []\n", ["no runs"]),
    ("name: c\nname: d\n", ["c.yaml:2", "'name'", "twice"]),
    ("name: c\n  bad: indent\n", ["c.yaml:2", "not YAML"]),
    ("name: c\nmatrix: {nemesis: [[partition]\n", ["c.yaml:3", "not YAML"]),
    ("name: !!python/object/apply:os.system [echo]\n", ["not YAML"]),
    ("name: c\ndefaults: &a {options: *a}\n", ["c.yaml"]),
    ("name: c\n1: 2\n", ["not a text"]),
    ("name: c\x00\n", ["not YAML"]),
]


@pytest.mark.parametrize(("text", "words"), FILES)
def test_campaign_files(call: Call, text: str, words: list[str]) -> None:
    Path("c.yaml").write_text(text)
    refused(call("run", "c.yaml"), "c.yaml", *words)
    assert not Path("store").exists()


def test_not_text(call: Call) -> None:
    Path("c.yaml").write_bytes(b"name: c\nx: \xff\xfe\n")
    refused(call("run", "c.yaml"), "c.yaml:2", "UTF-8")


def test_deep_nesting(call: Call) -> None:
    Path("c.yaml").write_text("name: c\ndefaults: " + "[" * 5000 + "]" * 5000)
    refused(call("run", "c.yaml"), "c.yaml")


def test_store_is_a_file(call: Call) -> None:
    Path("store").write_text("")
    refused(call("test", "--time-limit", "1"), "--store", "expected a folder")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("faults: 3", ["faults: expected a list, got an integer"]),
        ("faults: [3]", ["faults[0]: expected a mapping, got an integer"]),
        ("faults: [{}]", ["faults[0]: start_ms is missing"]),
        ("format: 9\nfaults: []", ["format: unknown value '9'", "1"]),
        ("faults: [", ["not YAML"]),
        (
            "faults: [{family: kil, shape: one, start_ms: 1, stop_ms: 2, target: all}]",
            ["faults[0].family", "'kil'", "'kill'"],
        ),
    ],
)
def test_schedules(call: Call, text: str, words: list[str]) -> None:
    Path("s.yaml").write_text(text)
    refused(call("test", "--schedule", "s.yaml"), "--schedule", "s.yaml", *words)
    assert not Path("store").exists()


HISTORY = (
    '{"index":0,"time":0,"process":0,"type":"invoke","f":"write","key":0,"value":1}\n'
    '{"index":1,"time":9,"process":0,"type":"ok","f":"write","key":0,"value":1}\n'
)


def test_a_history_cut_off(call: Call) -> None:
    Path("h.jsonl").write_text(HISTORY)
    assert call("check", "h.jsonl").code == 0
    for cut in (len(HISTORY) - 2, len(HISTORY) - 30, len(HISTORY) // 2 + 3):
        Path("h.jsonl").write_text(HISTORY[:cut])
        refused(call("check", "h.jsonl"), "h.jsonl:2")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{}", ["h.jsonl:3"]),
        ("[1]", ["h.jsonl:3"]),
        ("\xff", ["h.jsonl:3"]),
        ('{"index":2,"time":9,"process":0,"type":"maybe","f":"write"}', ["h.jsonl:3", "maybe"]),
        ('{"index":2,"time":"soon","process":0,"type":"ok","f":"write"}', ["h.jsonl:3"]),
    ],
)
def test_a_line_that_is_no_op(call: Call, line: str, words: list[str]) -> None:
    Path("h.jsonl").write_bytes(HISTORY.encode() + line.encode("latin-1") + b"\n")
    refused(call("check", "h.jsonl"), *words)


def test_functions_that_say_nothing(call: Call) -> None:
    Path("h.jsonl").write_text(HISTORY.replace("write", "juggle"))
    refused(call("check", "h.jsonl"), "juggle", "--workload")
