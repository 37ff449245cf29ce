"""The harness judged by itself: a broken simulated network is noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.sim.cluster import SimCluster
from harness.sim.network import SimLink
from tests.harness.fake import install
from tests.harness.plants import Patch, run, whys


def ignores_cuts(monkeypatch: Patch) -> None:
    def arrive(self: SimLink, message: Any, _: Any) -> None:
        self.delivered += 1
        self.deliver(self.src, message)

    monkeypatch.setattr(SimLink, "_arrive", arrive)


def leaks_now_and_then(monkeypatch: Patch) -> None:
    """Every tenth frame gets through a cut, and all ten count as refused."""

    def arrive(self: SimLink, message: Any, other: Any) -> None:
        honest(self, message, other)
        if self.cuts and self.refused % 10 == 0:
            self.deliver(self.src, message)

    honest = SimLink._arrive
    monkeypatch.setattr(SimLink, "_arrive", arrive)


def loses(where: str) -> Callable[[Patch], None]:
    def plant(monkeypatch: Patch) -> None:
        honest, count = getattr(SimLink, where), [0]

        def lose(self: SimLink, *arguments: Any) -> None:
            count[0] += 1
            if count[0] != 100:
                honest(self, *arguments)

        monkeypatch.setattr(SimLink, where, lose)

    return plant


def doubles(monkeypatch: Patch) -> None:
    honest, count = SimLink._arrive, [0]

    def arrive(self: SimLink, message: Any, other: Any) -> None:
        honest(self, message, other)
        count[0] += 1
        if count[0] == 100:
            honest(self, message, other)

    monkeypatch.setattr(SimLink, "_arrive", arrive)


NETWORKS: dict[str, tuple[Callable[[Patch], None], str]] = {
    "delivers on a cut link": (ignores_cuts, r"network: n\d>n\d delivered \d+ frames while it was cut"),
    "leaks and counts it as refused": (leaks_now_and_then, r"network: n\d received \d+ frames, and links"),
    "loses a frame on sending": (loses("send"), r"network: n\d sent \d+ frames, and its links account for"),
    "loses a frame on arrival": (loses("_arrive"), r"network: n\d sent \d+ frames, and its links account"),
    "delivers a frame twice": (doubles, r"network: n\d sent \d+ frames, and its links account for"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that(tmp_path: Path, monkeypatch: Patch, name: str) -> None:
    install(monkeypatch)
    plant, words = NETWORKS[name]
    plant(monkeypatch)
    with pytest.raises(HarnessError, match=f"^{words}"):
        run(tmp_path, nemesis=["partition"])


@pytest.mark.parametrize(("swapped", "verdict"), [(False, "valid"), (True, "unknown")])
def test_a_network_that_cuts_the_other_direction(
    tmp_path: Path, monkeypatch: Patch, swapped: bool, verdict: str
) -> None:
    install(monkeypatch)
    honest = SimCluster.cut

    async def cut(self: SimCluster, links: Any) -> int:
        return await honest(self, [(b, a) for a, b in links] if swapped else links)

    monkeypatch.setattr(SimCluster, "cut", cut)
    outcome = run(tmp_path, nemesis=["partition:one-way"])
    assert outcome.verdict == verdict
    assert swapped == ("partition" in whys(outcome).get("bite", ""))
