from __future__ import annotations

from typing import Any

import pytest

from checkers.faults import faults
from checkers.history import Op
from checkers.runs.bite import outcome
from harness.streams import Streams
from nemeses.family import Effect, Shape, Slot
from nemeses.fault import Fault, Trigger
from nemeses.registry import FAMILIES, get
from tests.nemeses.fake import FakePort, run

SHAPES = [(f.name, s) for f in FAMILIES.values() for s in f.shapes]
IDS = [f"{name}:{shape.name}" for name, shape in SHAPES]


def stream(seed: int = 1) -> Any:
    return Streams(seed).stream("test")


def fault_of(family: str, shape: Shape, seed: int = 1) -> Fault:
    """The last fault of a bout: the one the shape is about."""
    nodes = tuple(f"n{i}" for i in range(5))
    if shape.weight == 0:
        return Fault(start_ms=0, stop_ms=300, family=family, shape=shape.name, target=("n1", "n3"))
    return shape.bout(family, shape, Slot(1000, 500, nodes, stream(seed)))[-1]


async def play(fault: Fault, port: FakePort, seed: int = 1) -> Effect:
    """Apply the fault; meanwhile there is traffic before, during and after it."""
    port.traffic()
    async with get(fault.family).applied(fault, port, stream(seed)) as effect:
        assert effect.evidence == {}, "evidence comes with the heal"
        port.traffic()
    port.traffic()
    return effect


def judged(fault: Fault, effect: Effect) -> str:
    """What the checker says of the fault's ops."""
    start = {"fault": 0, "phase": "start", "targets": effect.targets, "detail": effect.detail}
    stop = {"fault": 0, "phase": "stop", "targets": effect.targets, "evidence": effect.evidence}
    ops = [Op(i, i, "nemesis", "info", fault.family, None, v) for i, v in enumerate((start, stop))]
    return outcome(faults(ops)[0])


@pytest.mark.parametrize(("family", "shape"), SHAPES, ids=IDS)
def test_each_shape_bites_and_heals(family: str, shape: Shape) -> None:
    for seed in range(5):
        port = FakePort()
        fault = fault_of(family, shape, seed)
        effect = run(play(fault, port, seed))
        assert judged(fault, effect) == "bit"
        assert effect.detail["shape"] == shape.name
        assert effect.targets
        assert port.healed()


@pytest.mark.parametrize(("family", "shape"), SHAPES, ids=IDS)
def test_each_shape_shows_nothing_where_its_primitive_does_nothing(family: str, shape: Shape) -> None:
    port = FakePort(works=False)
    fault = fault_of(family, shape)
    assert judged(fault, run(play(fault, port))) == "did_not_bite"


@pytest.mark.parametrize(("family", "shape"), SHAPES, ids=IDS)
def test_each_shape_heals_when_the_run_fails(family: str, shape: Shape) -> None:
    port = FakePort()

    async def fail() -> None:
        async with get(family).applied(fault_of(family, shape), port, stream()):
            assert not port.healed()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        run(fail())
    assert port.healed()


@pytest.mark.parametrize(
    ("family", "act", "heal"),
    [
        ("kill", "kill", "start"),
        ("power-loss", "power_loss", "start"),
        ("pause", "pause", "resume"),
        ("clock", "set_clock", "set_clock"),
    ],
)
def test_one_node_that_fails_does_not_keep_others_broken(family: str, act: str, heal: str) -> None:
    parameters: dict[str, int | str] = {"offset_ms": 5} if family == "clock" else {}
    shape = "jump" if family == "clock" else "all"
    fault = Fault(start_ms=0, stop_ms=300, family=family, shape=shape, target="all", parameters=parameters)
    port = FakePort()
    port.failing = {(act, "n2")}
    with pytest.raises(OSError, match=f"{act} n2"):
        run(play(fault, port))
    assert port.healed() or family == "clock"
    assert [n for n, s in port.states.items() if not s.up or s.paused or s.clock_offset_ns] == []

    port = FakePort()

    async def fail_to_heal() -> None:
        async with get(family).applied(fault, port, stream()):
            port.failing = {(heal, "n1")}

    with pytest.raises(OSError, match=f"{heal} n1"):
        run(fail_to_heal())
    broken = [n for n, s in port.states.items() if not s.up or s.paused or s.clock_offset_ns]
    assert broken == ["n1"]


def kill(target: str | tuple[str, ...]) -> Fault:
    return Fault(start_ms=0, stop_ms=300, family="kill", shape="explicit", target=target)


def test_kill_evidence_is_what_was_seen() -> None:
    effect = run(play(kill(("n1", "n2")), FakePort()))
    entry = {
        "was_up": True,
        "incarnation_before": 1,
        "incarnation_after": 1,
        "exit_status": -9,
        "up": False,
        "lost_bytes": 0,
    }
    assert effect.evidence == {"nodes": {"n1": entry, "n2": entry}}


def test_a_node_that_is_down_already_was_not_up() -> None:
    port = FakePort()

    async def twice() -> Effect:
        async with get("kill").applied(kill(("n1",)), port, stream()):
            async with get("kill").applied(kill(("n1",)), port, stream()) as second:
                pass
            return second

    second = run(twice())
    assert second.evidence["nodes"]["n1"]["was_up"] is False
    assert judged(kill(("n1",)), second) == "did_not_bite"
    assert port.healed()


def test_power_loss_counts_the_bytes_of_this_fault_only() -> None:
    port = FakePort()
    fault = Fault(start_ms=0, stop_ms=300, family="power-loss", shape="all", target="all")
    for _ in range(2):
        effect = run(play(fault, port))
        assert [s["lost_bytes"] for s in effect.evidence["nodes"].values()] == [100] * 5


def test_pause_that_a_crash_ends_still_was_one() -> None:
    port = FakePort()
    fault = Fault(start_ms=0, stop_ms=300, family="pause", shape="one", target=("n1",))

    async def crash_meanwhile() -> Effect:
        async with get("pause").applied(fault, port, stream()) as effect:
            port.traffic()
            async with get("kill").applied(kill(("n1",)), port, stream()):
                pass
        return effect

    effect = run(crash_meanwhile())
    assert effect.evidence == {"nodes": {"n1": {"paused": True, "stalled": 4}}}
    assert port.healed()


def test_pause_without_messages_does_not_bite() -> None:
    port = FakePort()
    fault = Fault(start_ms=0, stop_ms=300, family="pause", shape="one", target=("n1",))

    async def silence() -> Effect:
        async with get("pause").applied(fault, port, stream()) as effect:
            pass
        return effect

    assert judged(fault, run(silence())) == "did_not_bite"


def cut_of(shape: str, target: Any, n: int = 5, seed: int = 1, **parameters: Any) -> tuple[set[Any], Effect]:
    port = FakePort(n)
    fault = Fault(
        start_ms=0, stop_ms=1, family="partition", shape=shape, target=target, parameters=parameters
    )
    found: list[set[Any]] = []

    async def look() -> Effect:
        async with get("partition").applied(fault, port, stream(seed)) as effect:
            found.append({link for links in port.cuts.values() for link in links})
        return effect

    effect = run(look())
    return found[0], effect


def reach(cut: set[Any], node: str, n: int = 5) -> set[str]:
    return {m for m in (f"n{i}" for i in range(n)) if (node, m) not in cut}


def test_halves_are_the_first_and_the_second() -> None:
    cut, effect = cut_of("halves", "first-half")
    assert effect.detail["groups"] == [["n0", "n1"], ["n2", "n3", "n4"]]
    assert reach(cut, "n0") == {"n0", "n1"}
    assert reach(cut, "n4") == {"n2", "n3", "n4"}
    assert len(cut) == 2 * 2 * 3


def test_majority_cuts_off_a_minority_with_the_leader() -> None:
    for seed in range(9):
        cut, effect = cut_of("majority", "leader-minority", seed=seed)
        assert "n0" in effect.targets
        assert len(effect.targets) == 2
        assert reach(cut, "n0") == set(effect.targets)
        assert effect.detail["leader"] == "n0"


@pytest.mark.parametrize("n", [4, 5, 6, 7, 8, 9])
def test_majorities_ring(n: int) -> None:
    cut, _ = cut_of("majorities-ring", "all", n)
    seen = [frozenset(reach(cut, f"n{i}", n)) for i in range(n)]
    assert all(len(view) > n // 2 for view in seen)
    assert len(set(seen)) == n, "no two see the same majority"
    assert all((b, a) in cut for a, b in cut)


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_bridge_reaches_all_and_the_halves_do_not(n: int) -> None:
    cut, effect = cut_of("bridge", "follower", n)
    (bridge,) = effect.targets
    assert reach(cut, bridge, n) == {f"n{i}" for i in range(n)}
    a, middle, b = effect.detail["groups"]
    assert middle == [bridge]
    assert sorted(a + middle + b) == [f"n{i}" for i in range(n)]
    assert cut == {(x, y) for x in a for y in b} | {(y, x) for x in a for y in b}


def test_partial_leaves_a_group_that_reaches_everybody() -> None:
    for seed in range(20):
        cut, effect = cut_of("partial", "leader", seed=seed)
        side, cut_off, reached = effect.detail["groups"]
        assert side == ["n0"]
        assert cut_off
        assert reached
        assert reach(cut, "n0") == {"n0", *reached}
        assert all(len(reach(cut, node)) == 5 for node in reached)


def test_one_way() -> None:
    cut, _ = cut_of("one-way", "leader", direction="in")
    assert cut == {(f"n{i}", "n0") for i in range(1, 5)}
    cut, _ = cut_of("one-way", "leader", direction="out")
    assert cut == {("n0", f"n{i}") for i in range(1, 5)}


def test_partition_counts_refusals_of_its_own_time_only() -> None:
    port = FakePort()
    fault = Fault(start_ms=0, stop_ms=1, family="partition", shape="isolated-node", target=("n4",))
    for _ in range(2):
        assert set(run(play(fault, port)).evidence["refused"].values()) == {1}


def test_no_leader_falls_back_on_a_draw_and_says_so() -> None:
    port = FakePort(leader=None)
    effect = run(play(kill("leader"), port))
    assert len(effect.targets) == 1
    assert effect.detail["leader"] is None
    assert effect.detail["fallback"] == f"no leader known: drew {effect.targets[0]}"
    port = FakePort()
    port.states["n0"].paused = True
    effect = run(play(kill("leader"), port))
    assert effect.targets != ["n0"]
    assert effect.detail["fallback"].startswith("n0 is down or paused: drew ")


def test_link_rule_and_links() -> None:
    port = FakePort()
    parameters: dict[str, int | str] = {"delay_us": 5000, "jitter_us": 7}
    fault = Fault(start_ms=0, stop_ms=1, family="link", shape="delay", target=("n1",), parameters=parameters)

    async def look() -> Effect:
        async with get("link").applied(fault, port, stream()) as effect:
            ((links, rule),) = port.rules.values()
            assert (rule.delay_us, rule.jitter_us, rule.loss_ppm) == (5000, 7, 0)
            assert len(links) == 8
            assert all("n1" in link for link in links)
        return effect

    assert run(look()).detail["delay_us"] == 5000


def test_clock_is_set_and_set_back() -> None:
    port = FakePort()
    parameters: dict[str, int | str] = {"offset_ms": -250}
    fault = Fault(start_ms=0, stop_ms=1, family="clock", shape="jump", target=("n1",), parameters=parameters)
    effect = run(play(fault, port))
    assert effect.detail["offset_ns"] == -250_000_000
    assert effect.evidence == {
        "nodes": {
            "n1": {
                "offset_ns": -250_000_000,
                "rate_ppm": 0,
                "offset_ns_before": 0,
                "rate_ppm_before": 0,
            }
        }
    }
    assert port.healed()


def test_a_triggered_fault_that_came_late_stays_for_its_time() -> None:
    port = FakePort()
    port.time = 7_000_000
    trigger = Trigger(kind="role", where={"role": "leader"}, hold_ms=300)
    fault = Fault(start_ms=0, stop_ms=1, family="kill", shape="leader", target="leader", trigger=trigger)
    run(play(fault, port))
    assert port.time == 307_000_000


def test_trigger_matches_kind_and_fields() -> None:
    trigger = Trigger(kind="role", where={"role": "leader"})
    assert trigger.matches("role", {"role": "leader", "term": 3})
    assert not trigger.matches("role", {"role": "follower", "term": 3})
    assert not trigger.matches("vote", {"role": "leader"})
