"""Does every node that is started come to work? ("startup")

| anomaly | what was seen |
|---|---|
| never-started | a member of the cluster never said that it started, and never answered, though others did |
| stuck-startup | a node started and did nothing more for ``startup_s`` without a fault: no event, no answer |
| panic | a node gave up by itself and was not started again, all faults being healed |
| panic-loop | a node gave up ``panics_max`` times in a row without having done anything between |

A panic while the node's disk or memory is at fault (nemesis families ``disk``, ``resource``), or is being put at
fault, begins the row anew. A fault is told when it has been applied: so while a run goes on a row counts only
``startup_s`` after its last panic.

Events: ``started`` and ``panic``; ``killed`` and ``power_lost`` end a life from outside. Any other event of a node
but ``paused``, ``resumed`` and ``clock`` shows that it works, and so does an answer to a client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from checkers.history import Op
from checkers.record import TraceEvent
from checkers.result import Anomaly, Result
from checkers.stepwise import KEPT_MAX, SECOND, Disturbances, Stepwise, names, number
from checkers.words import plural, seconds

STARTUP_S = 10.0
PANICS_MAX = 3
SHOWN_MAX = 5
"""starts of others that an anomaly lists"""

OUTSIDE = frozenset({"paused", "resumed", "clock"})
"""kinds that are done to a node"""

UP, DOWN, PANICKED = "up", "down", "panicked"


class _Life(msgspec.Struct, gc=False):
    """The present or last life of a node. ``panics``: lives in a row that ended in panic without any work, their
    last events' indexes and times.
    """

    state: str = DOWN
    event: int = -1
    time: int = 0
    worked: bool = False
    panics: list[tuple[int, int]] = []
    why: str = ""


class Startup(Stepwise):
    """Options: ``nodes``: all members; ``startup_s`` (10), ``panics_max`` (3); ``answers`` (true): an answer to a
    client shows that the node works, which is not so where clients turn to other nodes by themselves; ``byzantine``:
    nodes that are not listened to.
    """

    name = "startup"
    anomalies = ("never-started", "stuck-startup", "panic", "panic-loop")

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._patience = int(number(self.options, "startup_s", STARTUP_S) * SECOND)
        self._panics_max = max(1, int(number(self.options, "panics_max", PANICS_MAX)))
        self._liars = frozenset(names(self.options, "byzantine"))
        self._asked = bool(self.options.get("answers", True))
        self._lives: dict[str, _Life] = {}
        self._answers: dict[str, int] = {}  # node -> time of its last answer
        self._nemesis = Disturbances()
        self._rows: list[tuple[str, list[tuple[int, int]], str]] = []  # node, a row long enough, why the last
        self._starts = self._panics = self._end = 0

    def observe(self, op: Op) -> None:
        self._end = max(self._end, op.time)
        if not self._nemesis.observe(op) and self._asked and op.type == "ok" and op.node is not None:
            self._answers[op.node] = op.time

    def observe_trace(self, event: TraceEvent) -> None:
        self._end = max(self._end, event.time)
        kind, node = event.kind, event.node
        if node in self._liars:
            return
        life = self._lives.get(node)
        if life is None:
            if kind in OUTSIDE:
                return
            life = self._lives[node] = _Life(panics=[])
        if kind == "started":
            self._starts += 1
            life.state, life.event, life.time, life.worked = UP, event.index, event.time, False
        elif kind == "panic":
            self._panic(node, life, event)
        elif kind in ("killed", "power_lost"):
            life.state = DOWN
        elif kind not in OUTSIDE and life.state == UP and not life.worked:
            life.worked = True
            self._done(node, life)

    def _panic(self, node: str, life: _Life, event: TraceEvent) -> None:
        self._panics += 1
        if life.worked and life.state == UP:
            self._done(node, life)
        life.state, life.event, life.time, life.worked = PANICKED, event.index, event.time, False
        life.why = str(event.data.get("why", "no reason given"))
        life.panics.append((event.index, event.time))

    def _done(self, node: str, life: _Life) -> None:
        """A row is over: the node worked."""
        if len(life.panics) >= self._panics_max:
            self._rows.append((node, life.panics, life.why))
        life.panics = []

    def _loops(self) -> list[Anomaly]:
        """Rows of panics that no fault excuses."""
        open_ = [(node, life.panics, life.why) for node, life in sorted(self._lives.items())]
        found = []
        for node, panics, why in [*self._rows, *open_]:
            row = self._unexcused(node, panics)
            if len(row) >= self._panics_max:
                text = (
                    f"{node} gave up {len(row)} times in a row, at last at {seconds(row[-1][1])}, and did nothing "
                    f"between: {why}"
                )
                found.append(Anomaly("panic-loop", [], [event for event, _ in row], text, {"node": node}))
        return found

    def _unexcused(self, node: str, panics: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The longest part of a row without a panic that a fault excuses."""
        if len(panics) < self._panics_max:
            return []
        best: list[tuple[int, int]] = []
        row: list[tuple[int, int]] = []
        for panic in panics:
            row = [] if self._nemesis.disables(node, panic[1]) else [*row, panic]
            best = max(best, row, key=len)
        return best

    def violated(self) -> bool:
        rows = [panics for _, panics, _ in self._rows] + [life.panics for life in self._lives.values()]
        if all(len(panics) < self._panics_max for panics in rows):
            return False
        lives = self._lives.values()
        waiting = max((p[-1][1] for life in lives if (p := life.panics)), default=0)
        return self._end > waiting + self._patience and bool(self._loops())

    def result(self) -> Result:
        coverage = {
            "starts": self._starts,
            "panics": self._panics,
            "nodes": len(self._lives),
            "worked": sum(self._works(node, life) for node, life in self._lives.items()),
        }
        if not self._starts and not self._panics:
            return Result("unknown", self.name, why="the trace tells of no node's start", coverage=coverage)
        since, calm = self._since()
        found = [a for node in sorted(self._lives) if (a := self._judged(node, since, calm=calm)) is not None]
        return self._verdict(
            coverage, "", [*self._loops()[:KEPT_MAX], *found, *(self._absent(since) if calm else ())]
        )

    def _works(self, node: str, life: _Life) -> bool:
        return life.worked or (life.state == UP and self._answers.get(node, -1) >= life.time)

    def _since(self) -> tuple[int, bool]:
        """When the last fault was healed, and whether all are."""
        applied = self._nemesis.faults()
        stops = [f.stop.time for f in applied if f.stop is not None]
        return max(stops, default=0), len(stops) == len(applied)

    def _judged(self, node: str, since: int, *, calm: bool) -> Anomaly | None:
        life = self._lives[node]
        if life.state == PANICKED and calm and len(self._unexcused(node, life.panics)) < self._panics_max:
            text = f"{node} gave up at {seconds(life.time)} and was not seen again: {life.why}"
            return Anomaly("panic", [], [life.event], text, {"node": node})
        waited = self._end - max(life.time, since)
        if life.state != UP or self._works(node, life) or not calm or waited < self._patience:
            return None
        text = (
            f"{node} started at {seconds(life.time)} and did nothing up to {seconds(self._end)}: no event "
            "of its own and "
            f"no answer, {seconds(waited)} without a fault"
        )
        return Anomaly("stuck-startup", [], [life.event], text, {"node": node})

    def _absent(self, since: int) -> list[Anomaly]:
        if self._end - since < self._patience:
            return []
        seen = self._lives.keys() | self._answers.keys() | self._liars
        others = plural(len(self._lives), "other node")
        shown = sorted(life.event for life in self._lives.values())[:SHOWN_MAX]
        return [
            Anomaly("never-started", [], shown, f"{node} never started, and {others} did", {"node": node})
            for node in names(self.options, "nodes")
            if node not in seen
        ]
