from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.streams import Streams
from nemeses import registry
from nemeses.fault import Fault, Trigger
from nemeses.registry import FAMILIES, UnknownNameError, get, parse
from nemeses.schedule import MalformedScheduleError, Schedule, parse_yaml, plan, to_yaml

NODES = ("n0", "n1", "n2", "n3", "n4")
NAMES = [*FAMILIES, *(f"{f.name}:{s.name}" for f in FAMILIES.values() for s in f.shapes if s.weight)]


def planned(
    nemesis: list[str], seed: int = 1, time_limit_ms: int = 10_000, interval_ms: int = 1000, n: int = 5
) -> Schedule:
    nodes = tuple(f"n{i}" for i in range(n))
    return plan(nemesis, nodes, time_limit_ms, interval_ms, Streams(seed).stream("schedule"))


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True),
    st.integers(0, 10**6),
    st.integers(1_000, 60_000),
    st.integers(200, 20_000),
    st.integers(5, 9),
)
def test_invariants_of_plans(names: list[str], seed: int, limit: int, interval: int, n: int) -> None:
    schedule = planned(names, seed, limit, interval, n)
    families = {name.partition(":")[0] for name in names}
    assert {f.family for f in schedule.faults} <= families
    starts = [f.start_ms for f in schedule.faults]
    assert starts == sorted(starts)
    for family in sorted(families):
        own = [f for f in schedule.faults if f.family == family]
        for fault in own:
            assert min(500, limit // 4) <= fault.start_ms < fault.stop_ms <= fault.end_ms <= limit
        # what is triggered may act beside the rest of its bout
        timed = [f for f in own if f.trigger is None]
        for first, second in pairwise(timed):
            assert first.end_ms <= second.start_ms
    assert parse_yaml(to_yaml(schedule)) == schedule


@pytest.mark.parametrize("name", NAMES)
def test_each_name_plans_faults_of_itself(name: str) -> None:
    for seed in range(10):
        faults = planned([name], seed).faults
        family, _, shape = name.partition(":")
        assert {f.family for f in faults} == {family}
        assert not shape or shape in {f.shape for f in faults}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_draws_all_its_shapes(family: str) -> None:
    drawn = {f.shape for seed in range(60) for f in planned([family], seed).faults}
    assert drawn == {s.name for s in FAMILIES[family].shapes if s.weight and not s.by_name}


def test_same_seed_same_schedule_and_different_seeds_differ() -> None:
    everything = list(FAMILIES)
    assert to_yaml(planned(everything, 5)) == to_yaml(planned(everything, 5))
    assert len({to_yaml(planned(everything, seed)) for seed in range(20)}) == 20


def test_leaders_are_hit_often() -> None:
    for family in ("partition", "kill", "pause"):
        targets = [
            f.target for seed in range(50) for f in planned([family], seed).faults if f.shape != "rolling"
        ]
        assert sum("leader" in t for t in targets) * 3 > len(targets)


def test_pace_follows_the_interval() -> None:
    slow, fast = (len(planned(["kill:one"], 1, 60_000, interval).faults) for interval in (5000, 1000))
    assert 8 <= slow <= 13
    assert 40 <= fast <= 62


def test_no_fault_begins_in_a_blackout_of_another_family() -> None:
    dark = starts = 0
    for seed in range(50):
        faults = planned(["kill", "pause", "power-loss"], seed).faults
        for blackout in (f for f in faults if f.shape == "all" and f.family != "pause"):
            dark += 1
            for other in (f for f in faults if f.family != blackout.family and f.trigger is None):
                later = (other.start_ms, other.family) > (blackout.start_ms, blackout.family)
                starts += later
                assert not (blackout.start_ms < other.start_ms < blackout.stop_ms)
    assert dark > 50
    assert starts > 50


def test_new_leader_is_triggered_by_the_election_that_its_prelude_brings() -> None:
    for name in ("kill:new-leader", "power-loss:new-leader", "partition:new-leader"):
        faults = planned([name]).faults
        triggered = [f for f in faults if f.trigger is not None]
        assert triggered
        for fault in triggered:
            prelude = faults[faults.index(fault) - 1]
            assert prelude.stop_ms == fault.start_ms
            assert prelude.trigger is None
            assert fault.trigger is not None
            assert (fault.trigger.kind, fault.trigger.where) == ("role", {"role": "leader"})
            assert fault.target == "leader"


def test_rolling_hits_each_node_once_in_a_bout() -> None:
    faults = planned(["kill:rolling"], time_limit_ms=3_000, interval_ms=1_500).faults
    assert sorted(f.target for f in faults[:5]) == [(n,) for n in NODES]


def test_strobe_is_the_same_jump_again_and_again() -> None:
    faults = planned(["clock:strobe"], time_limit_ms=2_000).faults
    assert len(faults) >= 3
    first, second = faults[:2]
    assert (first.target, first.parameters) == (second.target, second.parameters)
    assert second.start_ms - first.stop_ms == first.stop_ms - first.start_ms


def test_one_family_with_two_shapes() -> None:
    shapes = {f.shape for seed in range(9) for f in planned(["kill:one", "kill:all"], seed).faults}
    assert shapes == {"one", "all"}


def test_no_nemesis_no_faults() -> None:
    assert planned([]).faults == []


@pytest.mark.parametrize(
    ("name", "nodes", "message"),
    [
        ("partition", 1, "takes 2 nodes at least, not 1"),
        ("link", 1, "takes 2 nodes at least, not 1"),
        ("partition:bridge", 2, "takes 3 nodes at least, not 2"),
        ("partition:majorities-ring", 3, "takes 4 nodes at least, not 3"),
        ("kill:explicit", 5, "for schedules written by hand"),
        ("partitoin", 5, "unknown nemesis 'partitoin': did you mean 'partition'"),
        ("kill:leadr", 5, "unknown nemesis 'kill:leadr': did you mean 'kill:leader'"),
        ("zzz", 5, "expected one of partition, link, kill"),
    ],
)
def test_refusals(name: str, nodes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        planned([name], n=nodes)


def test_few_nodes_draw_only_what_they_can_have() -> None:
    shapes = {f.shape for seed in range(40) for f in planned(["partition"], seed, n=2).faults}
    assert shapes.isdisjoint({"bridge", "partial", "majorities-ring"})
    assert len(shapes) > 3


def test_registry() -> None:
    assert get("kill") is get("kill:leader") is FAMILIES["kill"]
    assert parse("kill")[1] is None
    shape = parse("kill:leader")[1]
    assert shape is not None
    assert shape.name == "leader"
    assert registry.names() == [
        "partition",
        "link",
        "kill",
        "power-loss",
        "pause",
        "clock",
        "disk",
        "resource",
    ]
    with pytest.raises(UnknownNameError):
        get("")


# --- files --------------------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "start_ms": 10,
    "stop_ms": 20,
    "family": "link",
    "shape": "loss",
    "target": ["n1"],
    "parameters": {"loss_ppm": 5},
}


def document(**changes: Any) -> str:
    entry = {k: v for k, v in {**GOOD, **changes}.items() if v is not ...}
    return yaml.safe_dump({"format": 1, "faults": [entry]})


def test_round_trip_through_a_file(tmp_path: Path) -> None:
    trigger = Trigger(kind="role", where={"role": "leader"}, delay_ms=3, hold_ms=200)
    schedule = Schedule(
        faults=[
            Fault(
                start_ms=1, stop_ms=2, family="kill", shape="explicit", target=("n1", "n2"), trigger=trigger
            ),
            *planned(list(FAMILIES)).faults,
        ]
    )
    path = tmp_path / "schedule.yaml"
    schedule.dump(path)
    assert Schedule.load(path) == schedule
    assert [p.name for p in tmp_path.iterdir()] == ["schedule.yaml"]
    first = yaml.safe_load(path.read_text())["faults"][0]
    assert first["target"] == ["n1", "n2"]
    assert first["trigger"] == {"kind": "role", "where": {"role": "leader"}, "delay_ms": 3, "hold_ms": 200}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_ms": "soon"}, r"Expected `int`, got `str` - at `\$.faults\[0\].start_ms`"),
        ({"start_ms": -1}, r"`\$.faults\[0\].start_ms`"),
        ({"start_ms": ...}, "missing required field `start_ms`"),
        ({"stop": 3}, "unknown field `stop`"),
        ({"stop_ms": 10}, r"faults\[0\].stop_ms: 10 is not after start_ms 10"),
        ({"family": "lonk"}, r"faults\[0\].family: unknown nemesis 'lonk': did you mean 'link'"),
        ({"shape": "los"}, r"faults\[0\].shape: unknown nemesis 'link:los': did you mean 'link:loss'"),
        ({"target": "everyone"}, r"faults\[0\].target: no target 'everyone'"),
        ({"target": []}, r"faults\[0\].target: no node at all"),
        ({"parameters": {}}, r"faults\[0\].parameters: loss_ppm is missing"),
        (
            {"parameters": {"loss_ppm": 5, "x": 1}},
            r"faults\[0\].parameters.x: no such parameter; link:loss has",
        ),
        (
            {"parameters": {"loss_ppm": 1_000_001}},
            r"parameters.loss_ppm: 1000001, expected an integer from 0",
        ),
        (
            {"parameters": {"loss_ppm": "5"}},
            r"parameters.loss_ppm: '5', expected an integer from 0 to 1000000",
        ),
        ({"trigger": {"where": {}}}, r"missing required field `kind` - at `\$.faults\[0\].trigger`"),
    ],
)
def test_bad_schedules(changes: dict[str, Any], message: str) -> None:
    assert len(parse_yaml(document()).faults) == 1
    with pytest.raises(MalformedScheduleError, match=message) as caught:
        parse_yaml(document(**changes), "schedule.yaml")
    assert str(caught.value).startswith("schedule.yaml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[", "a: b: c", "- 1", "format: 2", "\x00", b"\xff\xfe\xfd", "faults: 7"]
)
def test_not_a_schedule_at_all(text: str | bytes) -> None:
    with pytest.raises(MalformedScheduleError) as caught:
        parse_yaml(text, "schedule.yaml")
    assert "\n" not in str(caught.value)
