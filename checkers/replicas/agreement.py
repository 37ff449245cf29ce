"""Do replicas agree on one log? ("agreement")

The log of a replicated system is a sequence of decided values. What must hold of it (Hadzilacos and Toueg 1994;
Cachin, Guerraoui and Rodrigues, chapters 3, 5 and 6), over the correct nodes only:

| anomaly | property | what was seen |
|---|---|---|
| disagreement | agreement | two nodes decided different values at one index |
| redecided | integrity | one node decided two values at one index |
| duplicate | integrity | one value was decided at two indexes |
| forged | integrity | a value bears the name of a client's operation that this client never invoked |
| unproposed | validity | a decided value was proposed by nobody |
| gap | prefix order | a node decided an index without having decided the one before |
| prefix | prefix order | of two nodes' deliveries neither is a prefix of the other |
| order | total order | two nodes delivered the same two values in opposite orders |

Three forms of trace fit (docs/formats.md): ``decide`` says index and value, ``deliver`` says the value only and its
index is how many came before it, and a replicated log (Raft's) says ``append``, ``truncate``, ``commit`` and
``apply``. Such a log may hold a request twice, because a client asked again: that is no duplicate.

Nodes in the option ``byzantine`` are not listened to. What such a node proposed nobody can tell, so validity is
judged where the proposer is known to be correct, or nobody is Byzantine.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import msgspec

from checkers.history import NEMESIS, MalformedHistoryError, Op
from checkers.record import TraceEvent
from checkers.replicas.replica_logs import KINDS, UNKNOWN, Log, Positions
from checkers.requests import named, parse
from checkers.result import Anomaly, Result
from checkers.stepwise import Stepwise, integer, names
from checkers.words import identity, plural, seconds

REMEMBERED = 100_000
"""values whose place is remembered, to notice a second one"""
UNPROPOSED = 1000
"""values remembered of a trace in which nobody has proposed anything yet: it may never say who proposed what"""


class _Decision(msgspec.Struct, gc=False):
    """What was decided first at an index; ``by``: bits of the nodes that decided the same."""

    value: Any
    key: Hashable
    event: TraceEvent
    by: int


class _Astray(msgspec.Struct, gc=False):
    """A node that delivered ``got`` where ``wanted`` had been delivered."""

    wanted: Hashable
    got: Hashable
    index: int
    known: TraceEvent
    event: TraceEvent

    def told(self) -> str:
        """What had been delivered; a log tells of its entries elsewhere than where it decides them."""
        return _text(self.known.data.get("value", self.wanted))


class Agreement(Stepwise):
    """Options: ``nodes``: all replicas; ``byzantine``: those whose trace is no testimony; ``gaps`` (default false):
    indexes may be decided in any order; ``repeats`` (default false): a value may be decided at several indexes.
    """

    name = "agreement"
    anomalies = (
        "disagreement",
        "redecided",
        "duplicate",
        "forged",
        "unproposed",
        "gap",
        "prefix",
        "order",
    )

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._liars = frozenset(names(self.options, "byzantine"))
        listed = tuple(n for n in names(self.options, "nodes") if n not in self._liars)
        self._gaps = bool(self.options.get("gaps", False))
        self._repeats = bool(self.options.get("repeats", False))
        self._positions = Positions(listed)
        self._bits: dict[str, int] = {}
        self._decided: dict[int, _Decision] = {}
        self._places: dict[
            Hashable, tuple[int, TraceEvent]
        ] = {}  # value -> where it was decided, oldest first
        self._logs: dict[str, Log] = {}
        self._commits: dict[str, int] = {}
        self._life: dict[str, int] = {}  # node -> the last index it decided in its present life
        self._delivered: dict[str, int] = {}
        self._astray: dict[str, _Astray] = {}
        self._proposed: dict[Hashable, None] = {}
        self._unproposed: dict[Hashable, tuple[Any, TraceEvent]] = {}
        self._invoked: dict[int, int] = {}  # process -> how many operations it invoked
        self._claims: dict[
            int, tuple[int, Any, TraceEvent]
        ] = {}  # process -> its highest operation in the log
        self._ops = self._proposals = self._events = self._compared = self._unknown = self._judged = 0
        self._high = 0
        self._handlers: dict[str, Callable[[str, TraceEvent], None]] = {
            "decide": self._decide,
            "deliver": self._deliver,
            "propose": self._propose,
            "commit": self._commit,
            "apply": self._commit,
        }

    # --- in -----------------------------------------------------------------------------------------------

    def observe(self, op: Op) -> None:
        if op.process == NEMESIS:
            return
        self._ops += 1
        if op.type == "invoke" and type(op.process) is int:
            self._invoked[op.process] = self._invoked.get(op.process, 0) + 1

    def observe_trace(self, event: TraceEvent) -> None:
        kind, node = event.kind, event.node
        if node in self._liars:
            return
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(node, event)
        elif kind in KINDS:
            if kind == "started":
                self._life.pop(node, None)
                self._commits[node] = 0
                self._positions.at[node] = 0
            self._log(node).take(event)

    def _log(self, node: str) -> Log:
        log = self._logs.get(node)
        if log is None:
            log = self._logs[node] = Log()
        return log

    def _bit(self, node: str) -> int:
        bit = self._bits.get(node)
        if bit is None:
            bit = self._bits[node] = 1 << len(self._bits)
        return bit

    def _propose(self, node: str, event: TraceEvent) -> None:
        del node
        key = identity(_value(event))
        self._proposals += 1
        self._unproposed.pop(key, None)
        self._proposed[key] = None
        if len(self._proposed) > REMEMBERED:
            del self._proposed[next(iter(self._proposed))]

    def _decide(self, node: str, event: TraceEvent) -> None:
        index = integer(event, "index" if "index" in event.data else "height")
        last = self._life.get(node)
        if last is not None and index > last + 1 and not self._gaps:
            self._report(
                "gap",
                [],
                [event.index],
                f"{node} decided index {index} at {seconds(event.time)}, and index {last + 1} never "
                "before it: its last "
                f"was {last}",
                node=node,
                index=last + 1,
            )
        self._life[node] = index if last is None else max(last, index)
        value = _value(event)
        self._settle(node, index, value, event)
        self._placed(index, value, event)
        self._passed(node, self._life[node] if not self._gaps else 0)

    def _deliver(self, node: str, event: TraceEvent) -> None:
        index = self._delivered.get(node, 0) + 1
        self._delivered[node] = index
        value = _value(event)
        key = identity(value)
        astray = self._astray.get(node)
        if astray is not None:
            if key == astray.wanted:
                self._crossed(node, astray, event)
            self._events += 1
            return
        known = self._decided.get(index)
        place = self._places.get(key)
        if known is not None and known.key != key:
            self._events += 1
            self._compared += 1
            self._astray[node] = gone = _Astray(known.key, key, index, known.event, event)
            if place is not None and place[0] > index:
                self._crossed(node, gone, place[1])
            return
        self._settle(node, index, value, event)
        if known is None:
            for other, gone in list(self._astray.items()):
                if gone.got == key and gone.index < index:
                    self._crossed(other, gone, event)
        self._placed(index, value, event)
        self._passed(node, index)

    def _crossed(self, node: str, astray: _Astray, last: TraceEvent) -> None:
        """The other value came as well, at the other node or at this one: the two are in opposite orders."""
        if astray.index < 0:
            return
        first, other = astray.told(), _text(astray.event.data["value"])
        self._report(
            "order",
            [],
            sorted({astray.known.index, astray.event.index, last.index}),
            f"{astray.known.node} delivered {first} as its {_nth(astray.index)} and only then, or never, "
            f"{other}; {node} "
            f"delivered {other} first (as its {_nth(astray.index)}, at {seconds(astray.event.time)})",
            nodes=[astray.known.node, node],
            index=astray.index,
        )
        astray.index = -1

    def _commit(self, node: str, event: TraceEvent) -> None:
        """A log is decided up to an index: its entries from the last one on."""
        upto = integer(event, "index")
        done = self._commits.get(node, 0)
        if upto <= done:
            return
        self._commits[node] = upto
        log = self._log(node)
        for index in range(max(done, self._positions.floor) + 1, upto + 1):
            value = log.value(index)
            if value is UNKNOWN:
                self._unknown += 1
            else:
                self._settle(node, index, value, event)
        self._passed(node, upto)

    # --- what must hold -----------------------------------------------------------------------------------

    def _settle(self, node: str, index: int, value: Any, event: TraceEvent) -> None:
        """``node`` decided ``value`` at ``index``."""
        self._events += 1
        self._high = max(self._high, index)
        if index <= self._positions.floor:
            return
        bit, key = self._bit(node), identity(value)
        known = self._decided.get(index)
        if known is None:
            self._decided[index] = _Decision(value, key, event, bit)
            self._sources(value, key, event)
            return
        if known.by != bit:
            self._compared += 1
        if known.key == key:
            known.by |= bit
        elif known.by & bit:
            self._report(
                "redecided",
                [],
                [known.event.index, event.index],
                f"{node} decided {_text(value)} at index {index} ({seconds(event.time)}), where it had decided "
                f"{_text(known.value)}",
                node=node,
                index=index,
                entries=_entries(value, known.value),
            )
        else:
            self._report(
                "disagreement",
                [],
                [known.event.index, event.index],
                f"at index {index} {node} decided {_text(value)} ({_when(event)}), and {known.event.node} "
                "had decided "
                f"{_text(known.value)} ({_when(known.event)})",
                nodes=[known.event.node, node],
                index=index,
                entries=_entries(value, known.value),
            )
            self._sources(value, key, event)

    def _placed(self, index: int, value: Any, event: TraceEvent) -> None:
        if self._repeats or value == "":
            return  # an empty entry may come any number of times
        key = identity(value)
        place = self._places.setdefault(key, (index, event))
        if place[0] != index:
            self._report(
                "duplicate",
                [],
                [place[1].index, event.index],
                f"{event.node} decided {_text(value)} at index {index} ({seconds(event.time)}), and "
                f"{place[1].node} had "
                f"decided it at index {place[0]}",
                node=event.node,
                index=index,
                entries=_entries(value),
            )
        elif len(self._places) > REMEMBERED:
            del self._places[next(iter(self._places))]

    def _sources(self, value: Any, key: Hashable, event: TraceEvent) -> None:
        """Where a value that was decided for the first time came from: judged when all is known."""
        client = parse(value) if type(value) is str else None
        if client is not None:
            process, number = client
            if number > self._claims.get(process, (0,))[0]:
                self._claims[process] = (number, value, event)
        if value == "" or (self._liars and event.data.get("proposer") in (None, *self._liars)):
            return
        kept = self._proposals or len(self._unproposed) < UNPROPOSED
        if kept and key not in self._proposed and event.kind in ("decide", "deliver"):
            self._unproposed.setdefault(key, (value, event))
        self._judged += 1

    def _passed(self, node: str, index: int) -> None:
        if not self._positions.reached(node, index):
            return
        floor = self._positions.floor
        for passed in [i for i in self._decided if i <= floor]:
            del self._decided[passed]
        for log in self._logs.values():
            log.forget(floor)

    # --- out ----------------------------------------------------------------------------------------------

    def violated(self) -> bool:
        return bool(self._counts or self._astray)

    def result(self) -> Result:
        found = [*self._strays(), *self._forgeries(), *self._orphans()]
        coverage: dict[str, Any] = {
            "events": self._events,
            "nodes": len(self._bits),
            "decided": self._high,
            "compared": self._compared,
            "validity": self._judged if self._proposals or self._ops else 0,
            "byzantine": sorted(self._liars),
            "anomalies": dict(sorted(self._counts.items())),
        }
        if self._unknown:
            coverage["entries_unknown"] = self._unknown
        why = ""
        if not self._events:
            why = "no correct node decided anything"
        elif not self._compared:
            why = "no index was decided by two correct nodes"
        return self._verdict(coverage, why, found)

    def _strays(self) -> list[Anomaly]:
        """Deliveries that part ways, with nothing to show that the order alone is wrong."""
        return [
            Anomaly(
                "prefix",
                [],
                [gone.known.index, gone.event.index],
                f"{gone.known.node} delivered {gone.told()} as its {_nth(gone.index)} "
                f"({seconds(gone.known.time)}) and {node} {_text(gone.event.data['value'])} "
                f"({seconds(gone.event.time)}), after the same {plural(gone.index - 1, 'value')}: neither "
                "sequence is a "
                "prefix of the other",
                {"nodes": [gone.known.node, node], "index": gone.index},
            )
            for node, gone in self._astray.items()
            if gone.index > 0
        ]

    def _forgeries(self) -> list[Anomaly]:
        if not self._ops:
            return []
        found = []
        for process, (number, value, event) in sorted(self._claims.items()):
            invoked = self._invoked.get(process, 0)
            if number > invoked:
                told = plural(invoked, "operation") if invoked else "nothing"
                text = (
                    f"{event.node} decided {named(value)} ({_when(event)}), and process {process} "
                    f"invoked {told} in all"
                )
                found.append(Anomaly("forged", [], [event.index], text, {"node": event.node, "value": value}))
        return found

    def _orphans(self) -> list[Anomaly]:
        if not self._proposals:
            return []
        return [
            Anomaly(
                "unproposed",
                [],
                [event.index],
                f"{event.node} decided {_text(value)} ({_when(event)}), which nobody proposed "
                f"({plural(self._proposals, 'proposal')} were seen)",
                {"node": event.node, "value": value},
            )
            for value, event in self._unproposed.values()
        ]


def _value(event: TraceEvent) -> Any:
    if "value" not in event.data:
        raise MalformedHistoryError(f"trace event {event.index}: {event.kind} of {event.node} has no value")
    return event.data["value"]


def _text(value: Any) -> str:
    return named(value) if type(value) is str else repr(value)


def _when(event: TraceEvent) -> str:
    """``round 2, 1.2 s``."""
    tried = event.data.get("round")
    return f"round {tried}, {seconds(event.time)}" if tried is not None else seconds(event.time)


def _entries(*values: Any) -> list[str]:
    return [v for v in dict.fromkeys(v for v in values if type(v) is str) if v]


def _nth(index: int) -> str:
    return f"delivery number {index}"
