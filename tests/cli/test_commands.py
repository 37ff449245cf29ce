"""The commands on real simulated runs, as their user would call them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.conduct import read_journal, read_state
from tests.cli.conftest import Call, refused

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
# whoever runs the tests in the background has told its children to ignore SIGINT
HEEDS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
COMMAND = [sys.executable, "-c", f"{HEEDS}; import sys; from harness.cli import main; sys.exit(main())"]


def test_a_valid_run(call: Call) -> None:
    called = call("test", "--seed", "3", "--time-limit", "2")
    assert called.code == 0, called
    assert called.out.splitlines()[0].startswith("seed 3; again: splitbrain replay ")
    assert "verdict: valid" in called.out
    folder = Path("store/latest").resolve()
    names = ("run.yaml", "schedule.yaml", "history.jsonl", "trace.jsonl", "results.json", "report.html")
    assert all((folder / name).is_file() for name in names)


def test_the_build_says_which_it_is(call: Call) -> None:
    called = call("--version")
    assert called.code == 0, called
    assert re.fullmatch(r"splitbrain \S+ python 3\.\d+\.\S+ sources [0-9a-f]{24}", called.out.strip())


def test_an_invalid_run(call: Call) -> None:
    found = [
        call(
            "test",
            "--seed",
            str(seed),
            "--time-limit",
            "10",
            "--nemesis",
            "kill,power-loss",
            "--bug",
            "vote-not-persisted",
        )
        for seed in range(3)
    ]
    caught = [called for called in found if called.code == 1]
    assert caught, found
    assert "verdict: invalid" in caught[0].out


def test_an_unknown_run(call: Call) -> None:
    # no reply can come in a microsecond: nothing is known to have succeeded
    called = call("test", "--seed", "3", "--time-limit", "1", "--op-timeout", "0.000001")
    assert called.code == 2, called
    assert "verdict: unknown" in called.out
    assert "unknown stats: " in called.out


def test_a_seed_is_drawn_and_said(call: Call) -> None:
    lines = {call("test", "--time-limit", "0.5").out.split(";")[0] for _ in range(3)}
    assert len(lines) == 3


def test_check_of_a_history_alone(call: Call) -> None:
    assert call("test", "--seed", "3", "--time-limit", "2").code == 0
    folder = Path("store/latest").resolve()
    called = call("check", str(folder / "history.jsonl"), "--json")
    assert called.code == 0, called
    assert called.out.count("\n") == 1
    data = json.loads(called.out)
    times = ["elapsed_s", "load_s", "check_s"]
    assert list(data) == ["valid", "checker", "operations", "anomalies", "why", *times, "peak_mb"]
    assert abs(data["load_s"] + data["check_s"] - data["elapsed_s"]) < 1e-5
    assert (data["valid"], data["checker"], data["anomalies"]) == (True, "linearizability", [])
    assert data["operations"] == json.loads((folder / "results.json").read_bytes())["summary"]["operations"]
    assert call("check", str(folder)).code == 0


WRITE = (
    '{"index":0,"time":0,"process":0,"type":"invoke","f":"write","key":0,"value":1}\n'
    '{"index":1,"time":9,"process":0,"type":"ok","f":"write","key":0,"value":1}\n'
    '{"index":2,"time":10,"process":0,"type":"invoke","f":"read","key":0}\n'
)
READ = '{{"index":3,"time":11,"process":0,"type":"ok","f":"read","key":0,"value":{}}}\n'


@pytest.mark.parametrize(("value", "code", "valid"), [("1", 0, True), ("null", 1, False)])
@pytest.mark.parametrize(
    "how", [[], ["--model", "register"], ["--workload", "register"], ["--format", "jsonl"]]
)
def test_check_by_model_and_workload(call: Call, how: list[str], value: str, code: int, valid: bool) -> None:
    Path("h.jsonl").write_text(WRITE + READ.format(value))
    called = call("check", "h.jsonl", "--json", *how)
    assert called.code == code, called
    data = json.loads(called.out)
    assert data["valid"] is valid
    if not valid:
        assert 3 in data["anomalies"][0]["ops"]
        assert data["anomalies"][0]["explanation"]
    assert call("check", "h.jsonl", *how).code == code


# one write and one read of it, or of what was never written, in each format
STALE = {
    "edn": "{{:process 0 :type :invoke :f :write :value 1}}\n{{:process 0 :type :ok :f :write :value 1}}\n"
    "{{:process 0 :type :invoke :f :read}}\n{{:process 0 :type :ok :f :read :value {}}}\n",
    "jepsen-log": "INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - 0\t:ok\t:write\t1\n"
    "INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok\t:read\t{}\n",
    "jsonl": '{{"index":0,"time":0,"process":0,"type":"invoke","f":"write","value":1}}\n'
    '{{"index":1,"time":0,"process":0,"type":"ok","f":"write","value":1}}\n'
    '{{"index":2,"time":0,"process":0,"type":"invoke","f":"read"}}\n'
    '{{"index":3,"time":0,"process":0,"type":"ok","f":"read","value":{}}}\n',
}


@pytest.mark.parametrize("form", STALE)
def test_check_reads_each_format_and_finds_out_which(call: Call, form: str) -> None:
    for value, code in ((1, 0), (2, 1)):
        Path("h").write_text(STALE[form].format(value))
        assert call("check", "h").code == code
        assert call("check", "h", "--format", form, "--model", "cas-register").code == code
        for other in [f for f in STALE if f != form]:
            refused(call("check", "h", "--format", other), "h")


def test_check_by_a_consistency_model(call: Call) -> None:
    # the second transaction misses what the first had appended before it began: only real time forbids that
    Path("h.edn").write_text(
        "{:type :invoke :value [[:append 1 1]]} {:type :ok :value [[:append 1 1]]}"
        "{:process 1 :type :invoke :value [[:r 1 nil]]} {:process 1 :type :ok :value [[:r 1 []]]}"
        "{:process 2 :type :invoke :value [[:r 1 nil]]} {:process 2 :type :ok :value [[:r 1 [1]]]}"
    )
    codes = {m: call("check", "h.edn", "--model", m).code for m in ("serializable", "strict-serializable")}
    assert codes == {"serializable": 0, "strict-serializable": 1}
    assert call("check", "h.edn", "--workload", "list-append").code == 1
    refused(call("check", "h.edn", "--model", "serialisable"), "serialisable", "serializable")
    refused(call("check", "h.edn", "--workload", "stats"), "stats")
    refused(call("check", "h.edn", "--engine", "zones"), "--engine", "list-append")


def test_check_of_nothing_is_not_green(call: Call) -> None:
    Path("h.jsonl").write_text("")
    called = call("check", "h.jsonl", "--workload", "register", "--json")
    assert called.code == 2, called
    assert json.loads(called.out)["valid"] == "unknown"


@pytest.mark.parametrize("what", ["systems", "workloads", "nemeses", "checkers", "models", "bugs"])
def test_lists(call: Call, what: str) -> None:
    called = call("list", what)
    assert called.code == 0
    assert called.out.strip()
    assert not called.err


def test_report_writes_pages_anew(call: Call) -> None:
    assert call("test", "--seed", "3", "--time-limit", "1").code == 0
    page = Path("store/latest").resolve() / "report.html"
    page.unlink()
    called = call("report", "latest")
    assert called.code == 0
    assert page.is_file()


CAMPAIGN = (
    "name: c\ndefaults: {time_limit: 2}\nmatrix: {workload: [register, txn-list-append]}\nseeds: {count: 3}\n"
)


def test_results_do_not_depend_on_the_number_of_jobs(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CAMPAIGN)
    found = []
    for jobs in ("1", "3"):
        argv = [*COMMAND, "run", "c.yaml", "--jobs", jobs, "--store", f"s{jobs}"]
        done = subprocess.run(
            argv, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done
        state = read_state((tmp_path / f"s{jobs}" / "c" / "latest").resolve())
        assert state is not None
        found.append([(e.number, e.seed, e.verdict, e.history_sha256, e.trace_sha256) for e in state.runs])
    assert found[0] == found[1]
    assert len({history for *_, history, _ in found[0]}) == 6


def start(tmp_path: Path, count: int) -> subprocess.Popen[str]:
    """A campaign of many short runs on two workers, with some of them done."""
    (tmp_path / "c.yaml").write_text(CAMPAIGN.replace("count: 3", f"count: {count}"))
    running = subprocess.Popen(
        [*COMMAND, "run", "c.yaml", "--jobs", "2"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    for line in running.stdout:
        if line.lstrip().startswith("4/"):
            return running
    raise AssertionError(running.communicate())


def children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(path.parent.name))
    return found


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ended_in_the_middle(tmp_path: Path, number: signal.Signals) -> None:
    running = start(tmp_path, 100)
    workers = children(running.pid)
    assert len(workers) >= 2
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    if number == signal.SIGINT:
        assert running.returncode == 255
        assert err.count("\n") == 1
        assert "interrupted" in err
    deadline = time.monotonic() + 60
    while not all(gone(pid) for pid in workers):
        assert time.monotonic() < deadline, "workers stay behind"
        time.sleep(0.05)
    folder = (tmp_path / "store" / "c" / "latest").resolve()
    header, entries = read_journal(folder)
    assert header is not None
    assert len(entries) >= 4
    state = read_state(folder)
    assert state is not None
    assert state.state == "running"
