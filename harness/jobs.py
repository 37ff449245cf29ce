"""Many runs on many processors: worker processes that execute one run at a time.

A worker is started afresh (not forked: no state of the parent's threads leaks into a run), ignores ctrl-C,
which is the parent's to handle, and ends when the parent's end of its pipe closes, however the parent died.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Self

import msgspec

from harness.campaign import Keep, Planned
from harness.entry import Bite, Entry, recovery_s, why
from harness.errors import UsageError
from harness.store import DROPPED, write_sums
from harness.twin import TWIN
from nodes.bugs import BUGS


class Job(msgspec.Struct, frozen=True):
    """One run to make: ``folder`` is new or to be overwritten, ``relative`` is how the campaign calls it."""

    planned: Planned
    folder: str
    relative: str
    keep: Keep


class Failure(msgspec.Struct, frozen=True):
    """A run that the harness itself spoiled. ``usage``: what was asked for turned out to be impossible."""

    message: str
    traceback: str
    usage: bool = False


def make(job: Job) -> Entry:
    """Execute one run and sum it up. A page is written for runs whose files are kept."""
    from harness.report import run_report  # noqa: PLC0415 (only runs that need a page pay for it)
    from harness.run import execute  # noqa: PLC0415 (what executes imports every environment)

    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    spec = job.planned.spec
    outcome = execute(spec, folder, report=False)
    entry = blank(job)
    entry.verdict = outcome.verdict
    entry.why = why(outcome.results, outcome.verdict)
    entry.anomalies = sorted({f"{r.checker}:{a.type}" for r in outcome.results for a in r.anomalies})
    if entry.verdict == "invalid":
        entry.caught_by = [sign for sign in entry.anomalies if not entry.wanted or sign in entry.wanted]
        entry.caught = bool(entry.caught_by) or not entry.wanted
    figures = outcome.summary
    entry.operations = int(figures.get("operations", 0))
    entry.ok = int(figures.get("ok", 0))
    entry.bite = msgspec.convert(figures.get("bite", {}), dict[str, Bite])
    entry.max_recovery_s = recovery_s(outcome.results)
    entry.elapsed_s = round(float(figures.get("elapsed_s", 0.0)), 3)
    if spec.env == "sim":
        sums = write_sums(folder)
        entry.history_sha256 = sums.get("history.jsonl", "")
        entry.trace_sha256 = sums.get("trace.jsonl", "")
    entry.kept = spec.env != "sim" or entry.verdict != "valid" or job.keep == "all"
    if entry.kept:
        run_report(folder)
    else:
        for name in (*DROPPED, TWIN):
            (folder / name).unlink(missing_ok=True)
    return entry


def blank(job: Job) -> Entry:
    """The entry of a run of which nothing is known yet."""
    spec = job.planned.spec
    return Entry(
        number=job.planned.number,
        cell=job.planned.cell,
        group=job.planned.group,
        expect=job.planned.expect,
        folder=job.relative,
        seed=spec.seed,
        system=Path(spec.bin).name if spec.bin else spec.system,
        bug=spec.bug,
        workload=spec.workload,
        nemesis=list(spec.nemesis),
        env=spec.env,
        verdict="unknown",
        wanted=[":".join(sign) for sign in BUGS[spec.bug].caught_by] if spec.bug else [],
        replay=f"splitbrain replay {job.folder}",
    )


def attempt(job: Job) -> Entry | Failure:
    """Like ``make``, with what goes wrong as a value: other runs go on."""
    import traceback  # noqa: PLC0415 (rarely)

    try:
        return make(job)
    except UsageError as e:
        return Failure(str(e), "", usage=True)
    except Exception as e:  # noqa: BLE001 (whatever it is, it is this run's)
        text = " ".join(str(e).split()) or "no message"
        return Failure(f"{type(e).__name__}: {text}", traceback.format_exc())


def _work(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while (job := pipe.recv()) is not None:
            pipe.send(attempt(job))


class Pool:
    """``jobs`` worker processes; as a context manager it ends them on leaving."""

    def __init__(self, jobs: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._idle: deque[Connection] = deque()
        self._workers: dict[Connection, SpawnProcess] = {}
        self._busy: dict[Connection, Job] = {}
        for _ in range(jobs):
            here, there = context.Pipe()
            worker = context.Process(target=_work, args=(there,), daemon=True)
            worker.start()
            there.close()  # else a dead worker's pipe would never end
            self._workers[here] = worker
            self._idle.append(here)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe, worker in self._workers.items():
            if pipe in self._busy:
                worker.terminate()
            else:
                with suppress(OSError):
                    pipe.send(None)
        for pipe, worker in self._workers.items():
            worker.join()
            pipe.close()

    def results(self, source: Callable[[], Job | None]) -> Iterator[tuple[Job, Entry | Failure]]:
        """Execute what ``source`` gives, in its order, and yield results as they come.

        ``source`` is asked again after each result; None means nothing for now; the end is when all are back.
        """
        while True:
            while self._idle and (job := source()) is not None:
                pipe = self._idle.popleft()
                pipe.send(job)
                self._busy[pipe] = job
            if not self._busy:
                return
            ready: list[Any] = wait(list(self._busy))
            for pipe in ready:
                job = self._busy.pop(pipe)
                try:
                    result = pipe.recv()
                except (EOFError, OSError):
                    self._workers[pipe].join()
                    code = self._workers.pop(pipe).exitcode
                    pipe.close()
                    yield job, Failure(f"the worker process died with exit status {code}", "")
                    if not self._workers:
                        return
                    continue
                self._idle.append(pipe)
                yield job, result
