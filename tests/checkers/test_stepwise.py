"""Step by step or all at once: the same verdict on every prefix, however ops and events were mixed."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers import registry, selftest
from checkers.history import Op
from checkers.record import Record, TraceEvent
from checkers.requests import resolved
from checkers.stepwise import Stepwise
from tests.checkers.histories import History

MS = 1_000_000
NODES = ("n0", "n1", "n2")
STEPWISE = sorted(
    name for name in registry.ONLINE if isinstance(registry.online(name, {"nodes": NODES}), Stepwise)
)

nodes = st.sampled_from(NODES)
small = st.integers(0, 3)


def data(**fields: Any) -> Any:
    return st.fixed_dictionaries(
        {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in fields.items()}
    )


values = st.sampled_from(["a", "b", "c1:1"])
events = st.one_of(
    st.tuples(nodes, st.just("role"), data(role=st.sampled_from(["leader", "candidate"]), term=small)),
    st.tuples(nodes, st.sampled_from(["killed", "paused", "panic"]), data()),
    st.tuples(nodes, st.just("started"), data(term=0, vote=None, last_index=0, last_term=0)),
    st.tuples(nodes, st.just("decide"), data(index=small, value=values)),
    st.tuples(nodes, st.sampled_from(["propose", "deliver"]), data(value=values)),
    st.tuples(nodes, st.just("apply"), data(index=small, state=st.integers(0, 1))),
)
# whether an op or an event comes next, the event, and what a client or the nemesis does
steps = st.lists(st.tuples(st.booleans(), events, st.integers(0, 5), st.integers(0, 900)), max_size=25)


def mixed(drawn: list[Any], only: type | None = None) -> list[Op | TraceEvent]:
    """A run: clients that write, read and fail, faults that come and go, and a trace, as time goes on."""
    h = History()
    out: list[Op | TraceEvent] = []
    now = traced = 0
    waiting: dict[int, Op] = {}
    fault = [0, False]
    for is_event, (node, kind, data), what, gap in drawn:
        now += gap
        if is_event:
            out.append(TraceEvent(traced, now * MS, node, kind, data))
            traced += 1
        elif what == 5:
            phase = "stop" if fault[1] else "start"
            out.append(h.nemesis("kill", {"fault": fault[0], "phase": phase, "targets": ["n1"]}, at_ms=now))
            fault = [fault[0] + fault[1], not fault[1]]
        elif (process := what % 3) in waiting:
            invoked = waiting.pop(process)
            ended: Any = ("ok", "fail", "ok", "info", "ok")[what]
            out.append(h.op(process, ended, invoked.f, invoked.value, key=invoked.key, at_ms=now))
        else:
            waiting[process] = h.invoke(process, "write", what, key="xy"[what % 2], at_ms=now)
            out.append(waiting[process])
    return [one for one in out if only is None or isinstance(one, only)]


def record(steps: list[Op | TraceEvent]) -> Record:
    ops = [s for s in steps if isinstance(s, Op)]
    return Record(ops, [s for s in steps if isinstance(s, TraceEvent)], NODES, {"max_recovery_s": 0.5})


@pytest.mark.parametrize("name", STEPWISE)
@settings(max_examples=40, deadline=None)
@given(drawn=steps)
def test_every_prefix_gets_the_verdict_of_the_whole_record(name: str, drawn: list[Any]) -> None:
    made = mixed(drawn)
    online = registry.online(name, {"nodes": NODES, "max_recovery_s": 0.5})
    assert isinstance(online, Stepwise)
    for upto, step in enumerate(made, 1):
        if isinstance(step, Op):
            online.observe(step)
        else:
            if name == "raft-invariants" and step.kind == "apply":
                continue  # a log of its own is asked for: tests/checkers/test_raft_invariants.py
            online.observe_trace(step)
        whole = record(
            [s for s in made[:upto] if name != "raft-invariants" or isinstance(s, Op) or s.kind != "apply"]
        )
        batch = registry.create(name).check(whole)
        assert resolved(online.result(), whole.history) == batch
        assert online.verdict() == batch.verdict
        # what is called final is a violation, and what violates stays one
        assert not online.violated() or batch.verdict == "invalid"


junk = st.sampled_from([None, True, "x", 3.5, -1, [], [1], [[1, 2]], {}, {"a": 1}])
raft_events = st.one_of(
    st.tuples(nodes, st.just("vote"), data(term=small, **{"for": nodes})),
    st.tuples(
        nodes,
        st.just("append"),
        data(index=st.integers(1, 4), entries=st.lists(st.tuples(small, values), max_size=2)),
    ),
    st.tuples(nodes, st.just("truncate"), data(after=small)),
    st.tuples(nodes, st.just("commit"), data(index=small, term=small, entry_term=small)),
)


@pytest.mark.parametrize("name", STEPWISE)
@settings(max_examples=150, deadline=None)
@given(
    drawn=st.lists(st.one_of(events, raft_events), min_size=1, max_size=12),
    at=st.integers(0, 11),
    field=st.integers(0, 3),
    value=junk,
    left_out=st.booleans(),
)
def test_an_event_that_is_none_is_told_or_judged(
    name: str, drawn: list[Any], at: int, field: int, value: Any, left_out: bool
) -> None:
    """No KeyError, no TypeError: what does not fit is a ValueError."""
    node, kind, fields = drawn[at % len(drawn)]
    if fields:
        chosen = sorted(fields)[field % len(fields)]
        changed = {k: v for k, v in fields.items() if k != chosen or not left_out}
        drawn[at % len(drawn)] = (node, kind, changed if left_out else {**changed, chosen: value})
    made = [TraceEvent(i, i * MS, *event) for i, event in enumerate(drawn)]
    with contextlib.suppress(ValueError):
        result = registry.create(name).check(Record([], made, NODES))
        assert result.verdict == "valid" or result.why


def prefixes(name: str, ops: list[Op], options: dict[str, Any]) -> set[str]:
    """Holds what is said step by step against the batch; the verdicts on the way."""
    online = registry.online(name, options)
    assert online is not None
    verdicts = set()
    for upto, op in enumerate(ops, 1):
        online.observe(op)
        batch = registry.create(name).check(Record(ops[:upto], options=options))
        assert online.result() == batch
        assert online.verdict() == batch.verdict
        assert not online.violated() or batch.verdict == "invalid"
        verdicts.add(batch.verdict)
    return verdicts


@pytest.mark.parametrize("name", ["convergence", "crdt", "leases", "progress", "watch"])
def test_every_prefix_of_the_pairs_gets_the_verdict_of_the_whole(name: str) -> None:
    seen: set[str] = set()
    for case in selftest.cases(name):
        for one in selftest.records(case):
            seen |= prefixes(name, list(one.history), one.options)
    assert seen == {"valid", "invalid", "unknown"}


deeds = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "read", "read", "fault", "final"]),
        small,
        small,
        st.integers(0, 600),
    ),
    max_size=24,
)


@pytest.mark.parametrize(
    ("name", "options"), [("convergence", {"max_convergence_s": 0.5}), ("crdt", {"crdt": "or-set"})]
)
@settings(max_examples=60, deadline=None)
@given(drawn=deeds)
def test_every_prefix_of_sets_gets_the_verdict_of_the_whole(
    name: str, options: dict[str, Any], drawn: list[Any]
) -> None:
    h = History()
    now = faults = 0
    for f, node, value, gap in drawn:
        now += gap
        if f == "final":
            h.phase("final", at_ms=now)
        elif f == "fault":
            h.nemesis("kill", {"fault": faults // 2, "phase": ("start", "stop")[faults % 2]}, at_ms=now)
            faults += 1
        elif value == 3:
            h.invoke(100 + len(h.ops), f, 0, at_ms=now)  # never completed
        else:
            h.invoke(node, f, value, at_ms=now)
            h.ok(node, f, list(range(value)) if f == "read" else None)
            now += 1
    prefixes(name, h.ops, options)
