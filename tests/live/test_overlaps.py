"""Pauses and kills that overlap on one node mean the same in every world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.streams import Streams
from nemeses.fault import Fault
from nemeses.registry import get
from tests.live.clusters import ECHO, live, script
from tests.sim.puppet import Stage

Scene = Callable[[Any], Awaitable[None]]


@pytest.fixture(params=["sim", "process", "tcp"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scene], None]:
    """Play a scene on a started cluster of two nodes."""

    def act(scene: Scene) -> None:
        if request.param == "sim":
            Stage(nodes=2).play(scene)
        elif request.param == "tcp":
            live(scene, tmp_path / "run", nodes=2, transport="tcp")
        else:
            live(scene, tmp_path / "run", nodes=2, bin=script(tmp_path, ECHO))

    return act


async def seen(cluster: Any) -> tuple[bool, bool]:
    """Is n0 up, and does it stand still?"""
    state = (await cluster.observe())["n0"]
    return state.up, state.paused


def fault(family: str) -> Fault:
    return Fault(start_ms=0, stop_ms=1, family=family, shape="explicit", target=("n0",))


def test_the_last_of_two_pauses_lets_it_go_on(play: Callable[[Scene], None]) -> None:
    async def scene(cluster: Any) -> None:
        await cluster.pause("n0")
        await cluster.pause("n0")
        await cluster.resume("n0")
        assert await seen(cluster) == (True, True)
        await cluster.resume("n0")
        assert await seen(cluster) == (True, False)
        await cluster.resume("n0")
        await cluster.pause("n0")
        assert await seen(cluster) == (True, True)

    play(scene)


def test_death_ends_every_pause(play: Callable[[Scene], None]) -> None:
    async def scene(cluster: Any) -> None:
        await cluster.pause("n0")
        await cluster.pause("n0")
        await cluster.kill("n0")
        assert await seen(cluster) == (False, False)
        await cluster.start("n0")
        assert await seen(cluster) == (True, False)
        await cluster.pause("n0")
        await cluster.resume("n0")
        assert await seen(cluster) == (True, False)

    play(scene)


def test_a_dead_node_is_not_paused_nor_is_its_successor(play: Callable[[Scene], None]) -> None:
    async def scene(cluster: Any) -> None:
        await cluster.kill("n0")
        await cluster.pause("n0")
        assert await seen(cluster) == (False, False)
        await cluster.start("n0")
        assert await seen(cluster) == (True, False)

    play(scene)


@pytest.mark.parametrize("first", ["older", "newer"])
def test_faults_that_overlap_are_left_in_any_order(play: Callable[[Scene], None], first: str) -> None:
    async def scene(cluster: Any) -> None:
        stacks = {"older": AsyncExitStack(), "newer": AsyncExitStack()}
        for stack in stacks.values():
            family = get("pause").applied(fault("pause"), cluster, Streams(1).stream("nemesis", "0"))
            await stack.enter_async_context(family)
        await stacks.pop(first).aclose()
        assert await seen(cluster) == (True, True)
        await stacks.popitem()[1].aclose()
        assert await seen(cluster) == (True, False)

    play(scene)


def test_a_pause_whose_node_has_died_leaves_the_next_pause_alone(play: Callable[[Scene], None]) -> None:
    async def scene(cluster: Any) -> None:
        older, newer = AsyncExitStack(), AsyncExitStack()
        stream = Streams(1).stream("nemesis", "0")
        await older.enter_async_context(get("pause").applied(fault("pause"), cluster, stream))
        async with get("kill").applied(fault("kill"), cluster, stream):
            assert await seen(cluster) == (False, False)
        assert await seen(cluster) == (True, False)
        await newer.enter_async_context(get("pause").applied(fault("pause"), cluster, stream))
        await older.aclose()
        assert await seen(cluster) == (True, True)
        await newer.aclose()
        assert await seen(cluster) == (True, False)

    play(scene)
