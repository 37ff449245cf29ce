"""What cannot run is refused before anything is printed or written; nodes that are none get one line each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from checkers.linearizability.checker import Linearizability
from checkers.result import Result
from tests.cli.conftest import Call, refused
from tests.live.clusters import ECHO, script

OPTIONS: list[tuple[str, str, list[str]]] = [
    ("sim", "latncy={}", ["options", "'latncy'", "'latency'"]),
    ("sim", "latency={mean: 3}", ["options.latency", "'mean'", "'mean_us'"]),
    ("sim", "latency={dist: normal}", ["options.latency", "normal", "exponential"]),
    ("sim", "latency={mean_us: 100, min_us: 200}", ["options.latency", "min_us <= mean_us"]),
    ("sim", "latency=3", ["options.latency", "mapping"]),
    ("sim", "disk={min_us: x}", ["options.disk", "min_us", "an integer"]),
    ("sim", "disk={min_us: 300, max_us: 200}", ["options.disk", "min_us <= max_us"]),
    ("sim", "disk={slow_ppm: 2000000}", ["options.disk", "slow_ppm"]),
    ("sim", "workload={keys: 0}", ["options.workload", "keys"]),
    ("sim", "workload={kyes: 3}", ["options.workload", "'kyes'", "'keys'"]),
    ("sim", "checker={budget_s: x}", ["options.checker.budget_s", "number"]),
    ("sim", "checker={budgt_s: 3}", ["options.checker.budgt_s", "'budget_s'"]),
    ("sim", "checker={min_ok_fraction: 7}", ["options.checker.min_ok_fraction", "from 0 to 1", "7"]),
    ("sim", "checker={model: regster}", ["options.checker", "'regster'", "register"]),
    ("sim", "checker={engine: serch}", ["options.checker", "'serch'", "search"]),
    ("sim", "init_timeout_s=-1", ["options.init_timeout_s", "more than 0", "-1"]),
    ("sim", "links=outside", ["options.links", "inside or gateway", "'outside'"]),
    ("sim", "link_faults=none", ["options.link_faults", "netem or proxies", "'none'"]),
    ("sim", "base_image=3", ["options.base_image", "the name of an image"]),
    ("sim", "image=", ["options.image", "the name of an image"]),
    ("sim", "checker={3: 4}", ["options.checker.3", "known are"]),
    ("sim", "config={heartbeat: x}", ["options.config"]),
    ("sim", "config={heartbeat_ms: 0}", ["options.config", "heartbeat_ms", ">= 1"]),
    ("sim", "config={append_entries_max: 0}", ["options.config", "append_entries_max", ">= 1"]),
    ("sim", "config={election_ms_min: 500}", ["options.config", "election_ms_min is 500", "300"]),
    ("process", "latency={meen_us: 3}", ["options.latency", "'meen_us'", "'mean_us'"]),
    ("process", "init_timeout_s=soon", ["options.init_timeout_s", "'soon'"]),
    ("process", "init_timeout_s=0", ["options.init_timeout_s", "more than 0"]),
]


@pytest.mark.parametrize(("env", "option", "words"), OPTIONS)
def test_options(call: Call, env: str, option: str, words: list[str]) -> None:
    called = call("test", "--env", env, "--option", option)
    refused(called, *words)
    assert called.out == ""
    assert not Path("store").exists()


def test_options_that_are_right_run(call: Call) -> None:
    right = ["latency={dist: constant, mean_us: 500}", "disk={max_us: 900}", "workload={keys: 2}"]
    flags = [word for option in right for word in ("--option", option)]
    assert call("test", "--time-limit", "1", "--seed", "1", *flags).code == 0


@pytest.mark.parametrize("how", ["test", "run"])
@pytest.mark.parametrize(
    ("binary", "words"),
    [
        ("./absent", "no such file"),
        ("absent-from-the-path", "here or on the PATH"),
        ("./plain", "chmod"),
        (".", "is a directory"),
    ],
)
def test_binaries(call: Call, how: str, binary: str, words: str) -> None:
    Path("plain").touch()
    if how == "test":
        called = call("test", "--env", "process", "--bin", binary if "/" in binary or binary != "." else "./")
    else:
        binary = "./" if binary == "." else binary
        Path("c.yaml").write_text(f"name: c\ndefaults: {{env: process, bin: {binary}}}\n")
        called = call("run", "c.yaml")
    refused(called, "bin: ", words)
    assert called.out == ""
    assert not Path("store").exists()


NODES = {
    "exits at once": (
        "import sys\nsys.exit('the reason why')",
        "exited at once with status 1",
        "the reason why",
    ),
    "exits without a word": ("", "exited at once with status 0", "nothing on stderr"),
    "prints garbage": (
        "import sys\nprint('hello', flush=True)\nsys.stdin.read()",
        "printed b'hello'",
        "message",
    ),
    "never answers init": ("import sys\nsys.stdin.read()", "did not answer init within 0.5 s", "node n"),
    "refuses init": (ECHO.replace('kind + "_ok"', '"error", "text": "no"'), "refused init: no", "node n"),
}


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("how", ["test", "run"])
def test_a_node_that(call: Call, tmp_path: Path, name: str, how: str) -> None:
    code, *words = NODES[name]
    patience = 0.5 if name == "never answers init" else 60
    path = script(tmp_path, code)
    if how == "test":
        flags = ["--workload", "echo", "--nodes", "2", "--option", f"init_timeout_s={patience}"]
        refused(call("test", "--env", "process", "--bin", path, *flags), *words)
        return
    defaults = {
        "env": "process",
        "bin": path,
        "workload": "echo",
        "nodes": 2,
        "options": {"init_timeout_s": patience},
    }
    Path("c.yaml").write_text(json.dumps({"name": "c", "defaults": defaults}))
    refused(call("run", "c.yaml"), *words)


HISTORY = (
    '{"index":0,"time":0,"process":0,"type":"invoke","f":"write","key":0,"value":1}\n'
    '{"index":1,"time":9,"process":0,"type":"ok","f":"write","key":0,"value":1}\n'
)


@pytest.mark.parametrize(
    "error", [KeyError("k"), IndexError("i"), ZeroDivisionError("z"), AssertionError("a")]
)
def test_a_checker_that_breaks_is_a_defect_of_splitbrain(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def check(*_: Any) -> Result:
        raise error

    monkeypatch.setattr(Linearizability, "check", check)
    Path("h.jsonl").write_text(HISTORY)
    for argv in (["test", "--time-limit", "1"], ["check", "h.jsonl"]):
        called = call(*argv)
        assert called.code == 255, called
        assert called.err.count("\n") == 1
        assert "defect of splitbrain itself" in called.err
        assert type(error).__name__ in called.err
        for word in ("invalid", "malformed", "Traceback"):
            assert word not in called.out + called.err
