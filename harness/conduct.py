"""One execution of a campaign: baselines, runs, journal, figures, gate, pages.

`runs.jsonl` is the journal: a header line, then one line for each finished run, appended as they finish. All
else in the folder can be derived from it, which is how an interrupted campaign goes on.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from harness.campaign import Campaign, Keep, Planned, baselines, digest
from harness.entry import Entry, Figures, figures
from harness.errors import UsageError
from harness.gate import Judgement, judge
from harness.hunt import Hunt, hunts
from harness.jobs import Failure, Job, Pool, attempt, blank
from harness.junit import junit
from harness.store import CAMPAIGN_FILE, Store, slug, utc_now, write_atomic
from harness.summary import summary

JOURNAL_FILE = "runs.jsonl"
TREND_FILE = "trend.jsonl"
BASELINE = "baseline"


class Progress(Protocol):
    """Who is told how far a campaign is."""

    def begin(self, name: str, total: int, done: Sequence[Entry]) -> None: ...
    def finished(self, entry: Entry, remaining: int) -> None: ...
    def end(self) -> None: ...


class Header(msgspec.Struct):
    """First line of the journal. ``digest`` names the content: plan, gate and all."""

    name: str
    digest: str
    started: str
    format: Literal[1] = 1


class GateState(msgspec.Struct):
    """The gate as ``campaign.json`` has it."""

    passed: bool
    lines: list[str]


class State(msgspec.Struct, kw_only=True):
    """``campaign.json``; ``state`` is ``running`` until the end; ``hunts``: cells that must be caught;
    ``trend`` ends with this one.
    """

    format: Literal[1] = 1
    name: str
    file: str
    state: Literal["running", "finished"]
    started: str
    seeds: str
    digest: str
    code: int
    gate: GateState
    figures: Figures
    hunts: list[Hunt] = []
    runs: list[Entry]
    baseline: list[Entry]
    trend: list[Figures]


class _Lane:
    """Runs that wait. An ``exclusive`` one (a cell that must be caught) makes one at a time, until all that was
    wanted of it was seen.
    """

    def __init__(self, *, live: bool, exclusive: bool) -> None:
        self.waiting: deque[Planned] = deque()
        self.live = live
        self.exclusive = exclusive
        self.busy = 0
        self.made: list[Entry] = []

    def take(self) -> Planned | None:
        if not self.waiting or (self.exclusive and self.busy):
            return None
        self.busy += 1
        return self.waiting.popleft()

    def back(self, entry: Entry) -> None:
        self.busy -= 1
        if not self.exclusive:
            return
        self.made.append(entry)
        if all(hunt.caught for hunt in hunts(self.made)):
            self.waiting.clear()


def _lanes(planned: Iterable[Planned]) -> dict[tuple[bool, int], _Lane]:
    """The lanes in the plan's order: one for each cell that must be caught, and one for all else."""
    lanes: dict[tuple[bool, int], _Lane] = {}
    for run in planned:
        lane = lanes.setdefault(
            _lane_of(run), _Lane(live=run.spec.env != "sim", exclusive=run.expect == "invalid")
        )
        lane.waiting.append(run)
    return lanes


def _lane_of(run: Planned) -> tuple[bool, int]:
    return run.spec.env != "sim", run.cell if run.expect == "invalid" else 0


class Conductor:
    """Executes a plan. ``run`` returns the judgement; everything recorded until an interruption stays."""

    def __init__(
        self, campaign: Campaign, planned: Sequence[Planned], source: str, store: Store, progress: Progress
    ) -> None:
        self.campaign = campaign
        self.planned = planned
        self.source = source
        self.store = store
        self.progress = progress
        self.digest = digest(planned)
        self.folder = Path()
        self.started = ""
        self.resumed = False
        self.state: State
        self.entries: dict[int, Entry] = {}
        self.baseline_runs = [
            Planned(-n, 0, BASELINE, "valid", spec) for n, spec in enumerate(baselines(planned), 1)
        ]
        if not campaign.baseline:
            self.baseline_runs = []
        everything = [*self.baseline_runs, *planned]
        self._lanes = _lanes(everything)
        self._lane_by_number = {run.number: self._lanes[_lane_of(run)] for run in everything}

    def open(self, *, resume: bool) -> bool:
        """Choose the folder: the newest unfinished one of the same content, or a new one. True: resumed."""
        for folder in self.store.campaigns(self.campaign.name) if resume else ():
            header, entries = read_journal(folder)
            state = read_state(folder)
            if header and header.digest == self.digest and state and state.state == "running":
                self.folder, self.started, self.resumed = folder, header.started, True
                self.entries = {e.number: e for e in entries if not e.failed}
                _cut_to_lines(folder / JOURNAL_FILE)
                break
        else:
            self.folder = self.store.new(self.campaign.name, self.planned[0].spec.seed)
            self.started = utc_now()
            header = Header(self.campaign.name, self.digest, self.started)
            (self.folder / JOURNAL_FILE).write_bytes(msgspec.json.encode(header) + b"\n")
        for lane in self._lanes.values():
            lane.waiting = deque(r for r in lane.waiting if r.number not in self.entries)
        for entry in self.entries.values():
            lane = self._lane_by_number[entry.number]
            lane.busy += 1
            lane.back(entry)
        return self.resumed

    def run(self, jobs: int) -> Judgement:
        """Make every run still to be made, then judge. ``jobs``: worker processes; live runs go alone."""
        self._write("running")
        self.progress.begin(self.campaign.name, self._remaining() + len(self.entries), self._runs())
        try:
            simulated = sum(len(lane.waiting) for lane in self._lanes.values() if not lane.live)
            if min(jobs, simulated) > 1:
                with Pool(min(jobs, simulated)) as pool:
                    for made, result in pool.results(lambda: self._next(live=False)):
                        self._finished(made, result)
            while (job := self._next(live=True)) is not None:
                self._finished(job, attempt(job))
        finally:
            self.progress.end()
            self._write("running")
        return self._write("finished")

    def _next(self, *, live: bool) -> Job | None:
        runs = (lane.take() for lane in self._lanes.values() if live or not lane.live)
        return next((self._job(run) for run in runs if run is not None), None)

    def _job(self, run: Planned) -> Job:
        spec = run.spec
        parts = [spec.bug or spec.system, spec.workload, *(spec.nemesis or ["no-faults"])]
        if run.number < 0:
            relative = f"{BASELINE}/{slug('-'.join([spec.env, *parts]))}-{-run.number}"
        else:
            relative = f"runs/{run.number + 1:05d}-{slug('-'.join(parts))}-{spec.seed}"
        folder = self.folder / relative
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was interrupted
        keep: Keep = "all" if run.number < 0 else self.campaign.keep
        return Job(run, str(folder), relative, keep)

    def _finished(self, job: Job, result: Entry | Failure) -> None:
        if isinstance(result, Failure):
            if result.usage:
                raise UsageError(result.message)
            entry = blank(job)
            entry.failed = True
            entry.why = f"splitbrain itself failed: {result.message}"
            Path(job.folder).mkdir(parents=True, exist_ok=True)
            write_atomic(Path(job.folder) / "error.txt", result.traceback or result.message)
        else:
            entry = result
        self.entries[entry.number] = entry
        self._lane_by_number[entry.number].back(entry)
        with (self.folder / JOURNAL_FILE).open("ab") as journal:
            journal.write(msgspec.json.encode(entry) + b"\n")
        # the whole state is rewritten after each run, and ever less often as it grows
        if len(self.entries) % (len(self.entries) // 50 + 1) == 0:
            self._write("running")
        self.progress.finished(entry, self._remaining())

    def _remaining(self) -> int:
        return sum(len(lane.waiting) + lane.busy for lane in self._lanes.values())

    def _runs(self) -> list[Entry]:
        return [self.entries[n] for n in sorted(self.entries) if n >= 0]

    def _baseline(self) -> list[Entry]:
        return [self.entries[n] for n in sorted(self.entries, reverse=True) if n < 0]

    def _write(self, state: Literal["running", "finished"]) -> Judgement:
        runs, baseline = self._runs(), self._baseline()
        judgement = judge(self.campaign.gate, runs, baseline, self._remaining())
        total = figures(runs, self.started)
        trend_file = self.folder.parent / TREND_FILE
        trend = [*read_trend(trend_file), total]
        seeds = sorted({run.spec.seed for run in self.planned})
        data = State(
            name=self.campaign.name,
            file=self.source,
            state=state,
            started=self.started,
            seeds=f"{seeds[0]}..{seeds[-1]}" if len(seeds) > 1 else str(seeds[0]),
            digest=self.digest,
            code=judgement.code,
            gate=GateState(judgement.passed, judgement.lines),
            figures=total,
            hunts=hunts(runs),
            runs=runs,
            baseline=baseline,
            trend=trend,
        )
        self.state = data
        write_atomic(self.folder / CAMPAIGN_FILE, msgspec.json.encode(data))
        if state == "finished":
            with trend_file.open("ab") as file:
                file.write(msgspec.json.encode(total) + b"\n")
            name = self.campaign.name
            write_atomic(self.folder / "junit.xml", junit(name, runs, judgement))
            write_atomic(self.folder / "summary.md", summary(name, runs, baseline, trend, judgement))
        return judgement


def _cut_to_lines(path: Path) -> None:
    """Take off an unfinished last line, so that what is appended next begins a line of its own."""
    data = path.read_bytes()
    if not data.endswith(b"\n"):
        write_atomic(path, data[: data.rfind(b"\n") + 1])


def read_journal(folder: Path) -> tuple[Header | None, list[Entry]]:
    """Header and finished runs, up to a line that a killed harness left unfinished."""
    entries: list[Entry] = []
    header: Header | None = None
    with suppress(OSError, msgspec.MsgspecError), (folder / JOURNAL_FILE).open("rb") as file:
        header = msgspec.json.decode(file.readline(), type=Header)
        entries.extend(msgspec.json.decode(line, type=Entry) for line in file if line.endswith(b"\n"))
    return header, entries


def read_state(folder: Path) -> State | None:
    """``campaign.json``, or None where there is none that this version can read."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((folder / CAMPAIGN_FILE).read_bytes(), type=State)
    return None


def read_trend(path: Path) -> list[Figures]:
    """The figures of a campaign's earlier executions, oldest first; unreadable lines are left out."""
    found: list[Figures] = []
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            with suppress(msgspec.MsgspecError):
                found.append(msgspec.json.decode(line, type=Figures))
    return found
