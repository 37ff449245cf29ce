"""The report of a run, as text: what it says, what it escapes, what it forgives."""

from __future__ import annotations

import base64
import json
import re
import shlex
import zlib
from html.parser import HTMLParser

import msgspec
import pytest
import yaml

from checkers import history
from checkers.history import NEMESIS, Op
from checkers.result import Anomaly, Result
from harness.errors import UsageError
from harness.report import columns, evidence, faults, folder, run_report, words
from harness.report.page import BYTES_MAX
from tests.report import synthetic


class _Text(HTMLParser):
    """The page's text by element, and what its elements would fetch or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.h1 = ""
        self.text: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "script":
            self.scripts.append(found)
        self.links += [found[name] for name in ("src", "href", "action", "srcset") if found.get(name)]
        assert not [name for name in found if name.startswith("on")], f"{tag} has a handler: {found}"
        if tag not in ("meta", "link", "input", "br", "img"):
            self._inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data):
        if "h1" in self._inside:
            self.h1 += data
        if not {"script", "style"} & set(self._inside):
            self.text.append(data)


def report(place):
    return _Text(run_report(place).read_text("utf-8"))


def test_an_invalid_run_names_key_time_fault_and_leader_in_its_first_sentence(tmp_path):
    made = synthetic.make(tmp_path, "linearizability", 1000)
    first = made.results[0].anomalies[0].op_indexes
    times = [op.time for op in made.ops if op.index in first]
    heading = report(tmp_path).h1
    assert heading.startswith("Invalid: on key 3, no order of the operations")
    assert words.span(min(times), max(times)) in heading
    assert "while the leader n2 was cut off from all others (partition, 0.5\u20131.0 s)" in heading
    assert heading.endswith("; 1 more anomaly below.")


def test_a_valid_run_says_what_was_judged_and_which_faults_bit(tmp_path):
    synthetic.make(tmp_path, "valid", 1000)
    heading = report(tmp_path).h1
    assert heading.startswith("Valid: 1,000 operations (")
    assert "judged by linearizability, and nothing was broken" in heading
    # of the five faults the clock's evidence says that nothing moved
    assert heading.endswith("while 4 of 5 faults bit (1 kill, 1 link, 1 partition and 1 pause).")


def test_a_run_says_by_what_its_links_were_disturbed_and_counts_in_its_units(tmp_path):
    synthetic.make(tmp_path, "valid", 1000)
    assert "messages refused" in " ".join(report(tmp_path).text)
    path = tmp_path / "results.json"
    results = json.loads(path.read_bytes())
    results.setdefault("summary", {})["world"] = {"means": {"partition": "packet filter", "link": "proxies"}}
    path.write_text(json.dumps(results))
    text = " ".join(report(tmp_path).text)
    assert "cuts by packet filter" in text
    assert "packets refused" in text
    assert "messages altered" in text


@pytest.mark.parametrize(
    ("family", "detail", "words_"),
    [
        ("link", {"corrupt_ppm": 300_000}, "messages of n1 30.0 % damaged on the way"),
        ("link", {"rate_bytes_s": 10_000}, "messages of n1 let through at 10,000 bytes a second"),
    ],
)
def test_faults_of_links_in_words(family, detail, words_):
    assert faults.describe(family, ["n1"], detail, ["n0", "n1", "n2"]).short == words_


@pytest.mark.parametrize(
    ("family", "state", "words_"),
    [
        ("clock", {"offset_ns": 5, "offset_ns_before": 5}, "n1's clock read as before"),
        ("clock", {"offset_ns": 2_000_000, "offset_ns_before": 0, "rate_ppm": 7}, "n1's clock moved by 2 ms"),
        ("kill", {"was_up": True, "up": False, "exit_status": -9}, "n1 gone, ended by signal 9"),
        ("kill", {"was_up": True, "up": False, "exit_status": 70}, "n1 gone, exit status 70"),
    ],
)
def test_evidence_in_words(family, state, words_):
    assert evidence.observed(family, {"nodes": {"n1": state}}).startswith(words_)


def test_a_valid_run_without_faults_says_that_it_shows_little(tmp_path):
    synthetic.make(tmp_path, "valid", 200)
    ops = [op for op in history.read(tmp_path / "history.jsonl") if op.process != NEMESIS]
    history.write(tmp_path / "history.jsonl", ops)
    (tmp_path / "schedule.yaml").write_text("faults: []\n")
    page = report(tmp_path)
    assert "no fault was planned" in page.h1
    assert "No fault was planned in this run." in page.text


def test_an_unknown_run_says_why(tmp_path):
    synthetic.make(tmp_path, "unknown", 200)
    assert report(tmp_path).h1 == (
        "Unknown: the search ran out of its 60 s after 812 operations of key 3 (linearizability)."
    )


def test_who_led_before_and_after_does_not_stretch_an_anomaly(tmp_path):
    """As harness.leaders tells of foreign systems: shown beside the operations, and no part of when it was."""
    synthetic.make(tmp_path, "linearizability", 1000)
    before = report(tmp_path)
    path = tmp_path / "results.json"
    judged = msgspec.json.decode(path.read_bytes())
    last = len((tmp_path / "trace.jsonl").read_text().splitlines()) - 1
    for anomaly in (a for found in judged["results"] for a in found.get("anomalies", [])):
        anomaly |= {"trace_indexes": [0, last], "data": {"leaders": ["n0"]}}
    path.write_bytes(msgspec.json.encode(judged))
    after = report(tmp_path)
    assert after.h1 == before.h1
    assert f"trace {last}" in " ".join(after.text)


def test_a_trace_anomaly_shows_its_events_in_words(tmp_path):
    synthetic.make(tmp_path, "invariant", 400)
    page = report(tmp_path)
    assert "two members became leader in one term" in page.h1
    assert "became leader in term 1" in page.text
    assert "became leader in term 2" in page.text
    assert "became candidate in term 1" not in page.text


def test_the_witnesses_are_in_the_table_and_others_are_not(tmp_path):
    made = synthetic.make(tmp_path, "linearizability", 1000)
    page = report(tmp_path)
    named = {index for anomaly in made.results[0].anomalies for index in anomaly.op_indexes}
    rows = {text for text in page.text if re.fullmatch(r"\d+\u2013\d+", text)}
    assert rows == {f"{a}\u2013{b}" for a, b in _pairs(made.ops) if a in named or b in named}


def _pairs(ops):
    open_ = {}
    for op in ops:
        if op.type == "invoke":
            open_[op.process] = op.index
        else:
            yield open_.pop(op.process), op.index


def test_replay_commands_come_from_the_run(tmp_path):
    place = tmp_path / "store" / "made up" / "20260101T000000Z-7"
    synthetic.make(place, "cycle", 200)
    text = report(place).text
    assert f"splitbrain replay {shlex.quote(str(place.resolve()))}" in text
    whole = (
        "splitbrain test --system raft --workload list-append --nemesis partition,kill --nodes 5 --time-limit 5 "
        "--seed 7 --env sim"
    )
    assert [part for part in text if part.startswith(whole)]


def test_the_command_from_parts_has_the_settings_that_are_not_the_usual_ones(tmp_path):
    synthetic.make(tmp_path, "cycle", 200)
    spec = yaml.safe_load((tmp_path / "run.yaml").read_text())
    told = {"concurrency": "2n", "quiet": 14.0, "rate": 20.5, "transport": "tcp", "stop_on_violation": True}
    told |= {"args": ["-x y"], "options": {"config": {"appendfsync": "no"}, "init_timeout_s": 3}}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(spec | told))
    command = next(part for part in report(tmp_path).text if part.startswith("splitbrain test "))
    _, _, flags = command.partition(" --env sim ")
    assert shlex.split(flags) == [
        *("--quiet", "14", "--rate", "20.5", "--transport", "tcp", "--stop-on-violation", "--arg", "-x y"),
        *("--option", 'config={"appendfsync":"no"}', "--option", "init_timeout_s=3"),
    ]


def test_data_of_a_system_cannot_become_markup(tmp_path):
    synthetic.make(tmp_path, "hostile", 300)
    page = report(tmp_path)
    assert synthetic.HOSTILE in page.text
    assert [s.get("type") for s in page.scripts] == ["application/octet-stream", None]


def test_a_page_fetches_nothing_and_may_run_only_its_own_script(tmp_path):
    synthetic.make(tmp_path, "linearizability", 400)
    path = run_report(tmp_path)
    page = _Text(path.read_text("utf-8"))
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert "default-src 'none'" in path.read_text("utf-8")


def test_the_same_folder_gives_the_same_bytes(tmp_path):
    synthetic.make(tmp_path, "linearizability", 300)
    assert run_report(tmp_path).read_bytes() == run_report(tmp_path).read_bytes()


@pytest.mark.parametrize("kind", ["linearizability", "cycle"])
def test_a_large_run_stays_small_enough(tmp_path, kind):
    synthetic.make(tmp_path, kind, 8000)
    assert run_report(tmp_path).stat().st_size < BYTES_MAX


def test_a_cut_off_history_is_shown_up_to_the_cut(tmp_path):
    synthetic.make(tmp_path, "valid", 300)
    path = tmp_path / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:100]) + lines[100][:20])
    (tmp_path / "results.json").unlink()
    page = report(tmp_path)
    assert page.h1 == "Unknown: no checker judged this run."
    assert any("cut off or damaged after line 100" in text for text in page.text)
    assert any("results.json is missing" in text for text in page.text)


@pytest.mark.parametrize("damaged", ["run.yaml", "schedule.yaml", "results.json", "trace.jsonl"])
def test_a_damaged_file_is_named_and_the_rest_is_shown(tmp_path, damaged):
    synthetic.make(tmp_path, "linearizability", 300)
    (tmp_path / damaged).write_bytes(b"{[\xff: not this")
    assert any(damaged in text and ("damaged" in text or "cut off" in text) for text in report(tmp_path).text)


def test_threads_and_nodes_of_another_versions_run_are_still_known(tmp_path):
    synthetic.make(tmp_path, "valid", 300, lanes=7)
    path = tmp_path / "run.yaml"
    path.write_text(path.read_text() + "a_field_of_the_future: {}\n")
    run = folder.read(tmp_path)
    assert run.lanes() == 7
    assert run.nodes() == list(synthetic.NODES)
    path.unlink()
    run = folder.read(tmp_path)
    assert run.lanes() == len({op.process for op in run.ops if op.process != NEMESIS})
    assert run.nodes() == list(synthetic.NODES)


def test_what_is_no_run_gets_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"^[^\n]*neither run.yaml nor history.jsonl$"):
        run_report(tmp_path)
    with pytest.raises(UsageError, match=r"^[^\n]*no such folder[^\n]*$"):
        run_report(tmp_path / "nowhere")


def test_foreign_shapes_of_faults_results_and_values_are_shown_as_they_are(tmp_path):
    ops = [
        Op(
            0,
            0,
            NEMESIS,
            "info",
            "membership",
            value={"fault": 0, "phase": "start", "targets": "n1", "detail": 3},
        ),
        Op(1, 5, 0, "invoke", "poll", value={"k": [[1, [2]]]}),
        Op(2, 9, 0, "ok", "poll", key=[1, "x"], value={"k": [[1, [2]]]}),
        Op(3, 9, 7, "ok", "poll"),
        Op(
            4,
            11,
            NEMESIS,
            "info",
            "membership",
            value={"fault": 0, "phase": "stop", "evidence": {"nodes": 4}},
        ),
        Op(5, 12, NEMESIS, "info", "kill", value={"fault": 1, "phase": "start", "targets": ["n1"]}),
        Op(
            6,
            13,
            NEMESIS,
            "info",
            "kill",
            value={"fault": 1, "phase": "stop", "evidence": {"nodes": {"n1": 4}}},
        ),
    ]
    history.write(tmp_path / "history.jsonl", ops)
    results = [Result("invalid", "other", [Anomaly("odd", [1, 2, 99], [5], "", {"key": {"a": 1}})])]
    judged = {"verdict": "invalid", "results": results}
    (tmp_path / "results.json").write_bytes(msgspec.json.encode(judged))
    page = report(tmp_path)
    assert page.h1.startswith('Invalid: on key {"a":1}, odd')
    assert '{"k":[[1,[2]]]}' in page.text


# --- columns ----------------------------------------------------------------------------------------------


def unpack(text):
    """The payload as a reader of its documentation would read it."""
    raw = zlib.decompress(base64.b64decode(text))
    size = int.from_bytes(raw[:4], "little")
    header = msgspec.json.decode(raw[4 : 4 + size])
    at, found = 4 + size, {}
    for name, length in header["columns"]:
        found[name] = list(_varints(raw[at : at + length]))
        at += length
    assert at == len(raw)
    return header, found


def _varints(data):
    n = shift = 0
    for byte in data:
        n |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield n
            n = shift = 0


def test_columns_hold_every_op():
    ops = [
        Op(3, 10, 0, "invoke", "write", 1, 5, "n0"),
        Op(4, 1 << 40, 1, "invoke", "read", 1, None, "n1"),
        Op(6, 12, 0, "info", "write", 1, 5, "n0", "timeout"),
        Op(7, 13, 1, "ok", "read", 1, 5, "n1"),
        Op(8, 14, 11, "ok", "read", "1", None),
    ]
    header, found = unpack(columns.fit(ops, {"end": 9}, 10**6, frozenset())[0])
    assert header["end"] == 9
    assert header["count"] == 5
    assert _summed(found["index"]) == [3, 4, 6, 7, 8]
    assert _summed(found["time"]) == [10, 1 << 40, 12, 13, 14]
    assert [header["processes"][n] for n in found["process"]] == ["0", "1", "0", "1", "11"]
    assert found["type"] == [0, 0, 3, 1, 1]
    # key 1 and key "1" are two keys
    assert found["key"] == [0, 0, 0, 0, 1]
    # new, none, as invoked, the first text again, new (a read that found nothing)
    assert found["value"] == [2, 0, 1, 3, 2]
    assert header["texts"] == ["5", "null"]
    assert [header["errors"][n] for n in found["error"]] == ["", "", "timeout", "", ""]


def _summed(deltas):
    total, out = 0, []
    for z in deltas:
        total += z >> 1 if z % 2 == 0 else -((z + 1) >> 1)
        out.append(total)
    return out


def test_long_values_give_way_first_and_witnesses_keep_theirs():
    long = ["x" * 50 + str(n) for n in range(400)]
    ops = [Op(n, n, n, "invoke", "write", None, text) for n, text in enumerate(long)]
    whole = len(columns.fit(ops, {}, 10**6, frozenset())[0])
    packed, notes = columns.fit(ops, {}, whole - 1, frozenset({7}))
    header, found = unpack(packed)
    assert len(packed) < whole
    assert len(notes) == 1
    assert header["count"] == 400
    assert long[7] in header["texts"]
    assert long[8] not in header["texts"]
    assert found["value"][7] == 2


def test_a_run_too_large_is_thinned_and_keeps_each_witness_whole():
    ops = []
    for n in range(3000):
        ops.append(Op(2 * n, 1000 * n, n % 5, "invoke", "write", n, n * 7919))
        ops.append(Op(2 * n + 1, 1000 * n + 500, n % 5, "ok", "write", n, n * 7919))
    packed, notes = columns.fit(ops, {}, 9000, frozenset({1234}))
    header, found = unpack(packed)
    kept = _summed(found["index"])
    assert len(packed) <= 9000
    assert "one in" in notes[0]
    assert {1234, 1235} <= set(kept)
    assert all(index ^ 1 in kept for index in kept)
    assert 0 < header["count"] < 3000


# --- words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0.000"), (999_999, "0.000"), (4_103_900_000, "4.103"), (-1_500_000_000, "\u22121.500")],
)
def test_seconds_are_cut_so_that_order_is_kept(ns, text):
    assert words.seconds(ns) == text


def test_values_read_as_people_write_them():
    assert words.value("cas", [1, 2]) == "1 → 2"
    assert (
        words.value("txn", [["append", 1, 5], ["r", 1, [5]], ["r", 2, None]]) == "append 1 5, r 1 = [5], r 2"
    )
    assert words.value("read", [1, 2]) == "[1,2]"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.listing([str(n) for n in range(9)], 3) == "0, 1 and 7 more"


@pytest.mark.parametrize(
    ("name", "found", "said"),
    [
        ("ok_ppm", 930_388, ("ok", "93.04 %")),
        ("calm_rate_milli", 46_008, ("calm rate", "46.0 a second")),
        ("longest_gap_ns", [1_906_101_126, 4_013_378_701], ("longest gap", "1.9\u20134.0 s")),
        ("keys_decided", 1600, ("keys decided", "1,600")),
        ("byzantine", [], ("byzantine", "none")),
        ("families", {"kill": {"bit": 3}}, ("families", "kill")),
    ],
)
def test_what_checkers_looked_at_is_said_with_units(name, found, said):
    assert words.measure(name, found) == said
