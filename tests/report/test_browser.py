"""The pages in a real browser: what a reader clicks, zooms and sees."""

from __future__ import annotations

import msgspec
import pytest

from checkers.history import NEMESIS
from harness.report import campaign_report, run_report
from harness.report.page import BYTES_MAX
from tests.report import chromium, synthetic

SECOND = 1_000_000_000
DASH = "\u2013"


@pytest.fixture(scope="module")
def page():
    path = chromium.find()
    if path is None:
        pytest.skip("no Chromium on this machine: the pages are not tried in a browser")
    with chromium.browser(path) as found:
        yield found


def overlapping(ops, start, stop, end):
    """Indexes of all ops of the operations that ran at some time of [start, stop), as the page defines it."""
    open_, found = {}, []
    for op in ops:
        if op.type == "invoke":
            open_[op.process] = op
        else:
            found.append((open_.pop(op.process), op))
    found += [(op, None) for op in open_.values()]
    return sorted(
        op.index
        for invoke, done in found
        if (invoke.time < stop or stop >= end) and (end if done is None else done.time) >= start
        for op in (invoke, done)
        if op is not None
    )


def end_of(ops, page):
    """The end of the page's time axis, in ns: not before the last op."""
    end = page.eval("(splitbrain.zoom(0, 1e6), splitbrain.stretch()[1])")
    assert end >= max(op.time for op in ops)
    return end


def quiet(page):
    """Nothing was fetched, and no script failed."""
    assert page.errors == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("operations", [100, 2000])
def test_zooming_to_a_stretch_shows_exactly_its_operations(page, tmp_path, operations):
    made = synthetic.make(tmp_path, "valid", operations)
    page.open(run_report(tmp_path))
    end = end_of(made.ops, page)
    stretches = [(0, 1), (1, 2), (0.25, 0.5), (end / SECOND - 1, end / SECOND), (0, end / SECOND)]
    for start, stop in stretches:
        seen = page.eval(f"(splitbrain.zoom({start!r}, {stop!r}), splitbrain.visibleOps())")
        a, b = page.eval("splitbrain.stretch()")
        assert abs(a - start * SECOND) <= 1
        assert abs(b - stop * SECOND) <= 1
        assert seen == overlapping(made.ops, a, b, end)
    quiet(page)


def test_at_100_000_operations_any_second_shows_exactly_that_seconds_ops(page, tmp_path):
    made = synthetic.make(tmp_path, "linearizability", 100_000)
    assert len(made.ops) > 199_000
    path = run_report(tmp_path)
    assert path.stat().st_size < BYTES_MAX
    page.open(path)
    end = end_of(made.ops, page)
    for second in (0, 1, 57, 250, 449):
        seen = page.eval(f"(splitbrain.zoom({second}, {second + 1}), splitbrain.visibleOps())")
        assert seen == overlapping(made.ops, second * SECOND, (second + 1) * SECOND, end)
        assert len(seen) > 100
    assert page.eval("(splitbrain.zoom(0, 1e6), splitbrain.visibleOps().length)") == len(made.ops)
    page.settle()
    assert "100,000 operations" in page.eval("document.getElementById('shown').textContent")
    quiet(page)


@pytest.mark.parametrize("kind", ["linearizability", "cycle"])
def test_a_click_on_an_anomaly_brings_its_operations_into_view(page, tmp_path, kind):
    made = synthetic.make(tmp_path, kind, 2000)
    page.open(run_report(tmp_path))
    anomalies = [anomaly for result in made.results for anomaly in result.anomalies]
    everything = page.eval("splitbrain.visibleOps().length")
    for number, anomaly in enumerate(anomalies):
        page.click(f"#anomaly-{number + 1} button.show")
        seen = page.eval("splitbrain.visibleOps()")
        assert set(anomaly.op_indexes) <= set(seen)
        assert len(seen) < everything / 2
        assert sorted(page.eval("splitbrain.selected()")) == sorted(anomaly.op_indexes)
        marked = page.eval(
            "[...document.querySelectorAll('#rows tr.proof')].map((r) => r.cells[0].textContent)"
        )
        assert sorted(int(n) for text in marked for n in text.split(DASH)) == sorted(anomaly.op_indexes)
        assert 0 <= page.eval("document.getElementById('ops').getBoundingClientRect().top") < 900
    quiet(page)


def test_an_anomaly_of_the_trace_alone_brings_its_time_into_view(page, tmp_path):
    synthetic.make(tmp_path, "invariant", 2000)
    page.open(run_report(tmp_path))
    page.click("#anomaly-1 button.show")
    a, b = page.eval("splitbrain.window()")
    assert a <= 0.155
    assert 1.338 <= b < 2
    assert 0 <= page.eval("document.getElementById('nodes').getBoundingClientRect().top") < 900
    quiet(page)


def test_table_filters_and_says_how_much_it_shows(page, tmp_path):
    made = synthetic.make(tmp_path, "valid", 2000)
    page.open(run_report(tmp_path))
    assert page.eval("document.querySelectorAll('#rows tr').length") == 200
    page.type("#outcome", "1")
    failed = sum(op.type == "fail" for op in made.ops)
    assert 0 < failed < 200
    assert page.eval("document.querySelectorAll('#rows tr').length") == failed
    index = next(op.index for op in made.ops if op.type == "fail")
    page.type("#find", str(index))
    rows = page.eval("[...document.querySelectorAll('#rows tr')].map((r) => r.textContent)")
    assert rows
    assert all(str(index) in row for row in rows)
    assert len(rows) < failed


def test_keys_zoom_pan_and_step(page, tmp_path):
    synthetic.make(tmp_path, "valid", 500)
    page.open(run_report(tmp_path))
    page.eval("document.getElementById('ops').focus()")
    whole = page.eval("splitbrain.window()")
    page.key("+")
    near = page.eval("splitbrain.window()")
    assert near[1] - near[0] == pytest.approx((whole[1] - whole[0]) / 2)
    page.key("ArrowRight")
    moved = page.eval("splitbrain.window()")
    assert moved[0] > near[0]
    assert moved[1] - moved[0] == pytest.approx(near[1] - near[0])
    page.key("n")
    assert "process" in page.eval("document.getElementById('detail').textContent")
    page.key("0")
    assert page.eval("splitbrain.window()") == whole


def test_wheel_drag_and_fields_change_the_view(page, tmp_path):
    synthetic.make(tmp_path, "valid", 500)
    page.open(run_report(tmp_path))
    x, y = page.eval(
        "(() => { const c = document.getElementById('ops'); c.scrollIntoView({block: 'center'});"
        " const b = c.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    whole = page.eval("splitbrain.window()")
    page.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-240)
    page.settle()
    near = page.eval("splitbrain.window()")
    assert near[1] - near[0] < whole[1] - whole[0]
    for kind, at in (("mousePressed", x), ("mouseMoved", x - 60), ("mouseReleased", x - 60)):
        page.call("Input.dispatchMouseEvent", type=kind, x=at, y=y, button="left", buttons=1, clickCount=1)
    page.settle()
    assert page.eval("splitbrain.window()")[0] > near[0]
    page.type("#from", "1.5")
    page.type("#to", "2.25")
    assert page.eval("splitbrain.window()") == [1.5, 2.25]


def test_a_tap_on_a_bar_tells_its_operation(page, tmp_path):
    made = synthetic.make(tmp_path, "linearizability", 1000)
    page.open(run_report(tmp_path), width=390, height=844)
    page.click("#anomaly-1 button.show")
    # the first witness, where its bar must be drawn
    first = made.results[0].anomalies[0].op_indexes[0]
    op = next(op for op in made.ops if op.index == first)
    lane = op.process % 10
    x, y = page.eval(
        "(() => { const c = document.getElementById('ops'); c.scrollIntoView({block: 'center'});"
        " const b = c.getBoundingClientRect(); const [from, to] = splitbrain.stretch();"
        f" const time = {op.time}; const families = 5;"
        " return [b.x + 66 + (time - from) / (to - from) * (b.width - 76) + 2,"
        f" b.y + families * 17 + 2 + ({lane} + 0.5) * 22]; }})()"
    )
    page.mouse(x, y)
    detail = page.eval("document.getElementById('detail').textContent")
    assert f"process {op.process} " in detail
    assert f"index {op.index}{DASH}" in detail


def test_hostile_values_stay_text(page, tmp_path):
    synthetic.make(tmp_path, "hostile", 300)
    page.open(run_report(tmp_path))
    page.eval("splitbrain.select(0)")
    page.settle()
    assert page.eval("document.title").startswith("Invalid: ")
    assert page.eval("document.images.length") == 0
    assert "<img src=x" in page.eval("document.getElementById('rows').textContent")
    quiet(page)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_the_screen(page, tmp_path, width, dark):
    synthetic.make(tmp_path, "linearizability", 1000)
    page.open(run_report(tmp_path), width=width, dark=dark)
    assert page.eval("document.documentElement.scrollWidth") <= width
    # every canvas holds more than one colour: something was drawn
    drawn = page.eval(
        "[...document.querySelectorAll('canvas')].map((c) => new Set(new Uint32Array(c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data.buffer)).size)"
    )
    assert len(drawn) == 6
    assert all(colours > 3 for colours in drawn)
    quiet(page)


def test_the_roles_say_who_led(page, tmp_path):
    made = synthetic.make(tmp_path, "valid", 1000)
    page.open(run_report(tmp_path))
    (cut, healed) = made.faults[0]
    time = (cut + 4 * healed) // 5
    told = page.eval(
        "(() => { const c = document.getElementById('nodes'); c.scrollIntoView({block: 'center'});"
        " const b = c.getBoundingClientRect(); const [from, to] = splitbrain.stretch();"
        f" return [b.x + 88 + ({time} - from) / (to - from) * (b.width - 98), b.y + 12]; }})()"
    )
    page.mouse(*told)
    assert page.eval("document.getElementById('node-detail').textContent").startswith("n0: leader, term 2")


def test_a_campaign_page_filters_its_runs(page, tmp_path):
    runs = [
        {"folder": f"runs/{n}", "seed": n, "system": "raft", "bug": None, "workload": "register", "nemesis": ["kill"],
         "env": "sim", "verdict": "invalid" if n == 3 else "valid", "why": synthetic.HOSTILE, "anomalies": [],
         "operations": 10, "ok": 9, "bite": {}, "elapsed_s": 0.5, "replay": f"splitbrain replay runs/{n}"}
        for n in range(8)
    ]  # fmt: skip
    state = {
        "name": "nightly",
        "started": "x",
        "gate": {"passed": False, "lines": ["NOT MET: invalid runs 1"]},
    }
    (tmp_path / "campaign.json").write_bytes(
        msgspec.json.encode(state | {"runs": runs, "baseline": None, "trend": []})
    )
    page.open(campaign_report(tmp_path), width=390)
    assert page.eval("document.documentElement.scrollWidth") <= 390
    assert "8 of 8" in page.eval("document.getElementById('matches').textContent")
    page.click("#surprises")
    assert "1 of 8" in page.eval("document.getElementById('matches').textContent")
    assert page.eval("document.images.length") == 0
    quiet(page)


def test_the_nemesis_is_no_client(tmp_path):
    """The helper above judges clients' ops: guard that the made-up history keeps them apart."""
    made = synthetic.make(tmp_path, "valid", 100)
    assert all(op.process != NEMESIS for op in made.ops)
