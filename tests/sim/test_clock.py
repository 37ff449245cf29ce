"""A node's clocks: offsets show on the wall clock, rates on both and in when timers ring."""

from __future__ import annotations

import pytest

from harness.sim.clock import SimClock
from tests.sim.puppet import MS, SECOND, Stage

PPM = [-500_000, -200, 0, 200, 1_000_000]


@pytest.mark.parametrize("rate_ppm", PPM)
def test_a_timer_under_drift_rings_by_the_nodes_clock(rate_ppm):
    stage = Stage()
    armed = []

    async def scene(cluster):
        await cluster.set_clock("n0", 0, rate_ppm)
        cluster.spawn(_order(stage))
        armed.append(cluster.now())
        await stage.sleep(3_000)

    stage.play(scene)
    world = stage.of("rang")[0][0] - armed[0]
    expected = 1_000 * MS * 1_000_000 // (1_000_000 + rate_ppm)
    assert expected <= world <= expected + MS, "the request took up to half a millisecond"


async def _order(stage):
    await stage.ask("n0", "wait", name="a", ms=1_000)


@pytest.mark.parametrize("rate_ppm", PPM)
@pytest.mark.parametrize("offset_ns", [-SECOND, 0, 7])
def test_the_monotonic_clock_never_jumps_and_the_wall_clock_does(rate_ppm, offset_ns):
    clock = SimClock()
    before = clock.read(5 * SECOND)
    clock.set(5 * SECOND, offset_ns, rate_ppm)
    after = clock.read(5 * SECOND)
    assert after.monotonic_ns == before.monotonic_ns == 5 * SECOND
    assert after.wall_ns - before.wall_ns == offset_ns
    later = clock.read(6 * SECOND)
    assert later.monotonic_ns - after.monotonic_ns == SECOND + SECOND * rate_ppm // 1_000_000
    assert later.wall_ns - after.wall_ns == later.monotonic_ns - after.monotonic_ns


def test_rates_add_up_over_time_and_healing_keeps_what_was_gained():
    clock = SimClock()
    clock.set(0, 0, 1_000_000)
    clock.set(SECOND, 0, -500_000)
    assert clock.monotonic(SECOND) == 2 * SECOND
    clock.set(3 * SECOND, 0, 0)
    assert clock.monotonic(4 * SECOND) == 4 * SECOND
    assert clock.read(4 * SECOND).monotonic_ns == 4 * SECOND


def test_a_node_reads_its_own_clock_and_no_other():
    stage = Stage()

    async def scene(cluster):
        await cluster.set_clock("n0", 3 * SECOND, 0)
        one, other = await stage.ask("n0", "clock"), await stage.ask("n1", "clock")
        assert 3 * SECOND - 2 * MS <= one["wall"] - other["wall"] <= 3 * SECOND
        assert abs(one["monotonic"] - other["monotonic"]) < 2 * MS
        state = await cluster.observe()
        assert (state["n0"].clock_offset_ns, state["n1"].clock_offset_ns) == (3 * SECOND, 0)

    stage.play(scene)


@pytest.mark.parametrize("rate_ppm", PPM)
def test_the_rate_is_observed_on_the_node(rate_ppm):
    stage = Stage()

    async def scene(cluster):
        await cluster.set_clock("n1", 0, rate_ppm)
        await stage.sleep(500)
        state = await cluster.observe()
        assert (state["n0"].clock_rate_ppm, state["n1"].clock_rate_ppm) == (0, rate_ppm)

    stage.play(scene)


def test_a_clock_does_not_stand_still():
    with pytest.raises(AssertionError, match="stand still"):
        SimClock().set(0, 0, -1_000_000)
