"""A fault whose primitive does nothing did not bite: the run is unknown, and says which family.

On the affected side there is nothing to be seen then, whatever the nemesis says that it did. Live: partition, kill,
pause, disk and resource on real processes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.live.cluster import LiveCluster
from harness.run import Outcome, execute
from harness.sim.cluster import SimCluster
from harness.spec import EnvName, RunSpec


async def _cut_nothing(self: Any, links: Any) -> int:
    del links
    return await honest_cut[type(self)](self, [])


async def _shape_nothing(self: Any, links: Any, rule: Any) -> int:
    del links
    return await honest_shape[type(self)](self, [], rule)


async def _nothing(*_: Any) -> None: ...


honest_cut: dict[type, Any] = {SimCluster: SimCluster.cut, LiveCluster: LiveCluster.cut}
honest_shape: dict[type, Any] = {SimCluster: SimCluster.shape, LiveCluster: LiveCluster.shape}


async def _damage_nothing(*_: Any) -> int:
    return 0


# family -> the primitives that are all it does, and what does nothing in their place
PRIMITIVES: dict[str, dict[str, Any]] = {
    "partition": {"cut": _cut_nothing},
    "link": {"shape": _shape_nothing},
    "kill": {"kill": _nothing},
    "power-loss": {"power_loss": _nothing},
    "pause": {"pause": _nothing},
    "clock": {"set_clock": _nothing},
    "disk": {"set_disk": _nothing, "damage": _damage_nothing},
    "resource": {"limit_cpu": _nothing},
}


def run(folder: Path, env: EnvName, nemesis: list[str], seed: int = 1) -> Outcome:
    live: dict[str, Any] = {"nodes": 3, "time_limit": 4.0, "quiet": 1.0}
    spec = RunSpec(env=env, nemesis=nemesis, seed=seed, **(live if env == "process" else {}))
    return execute(spec, folder, report=False)


def unknown(outcome: Outcome) -> dict[str, str]:
    return {r.checker: r.why for r in outcome.results if r.verdict == "unknown"}


def disarm(monkeypatch: pytest.MonkeyPatch, cluster: type, family: str) -> None:
    for primitive, nothing in PRIMITIVES[family].items():
        monkeypatch.setattr(cluster, primitive, nothing)


def test_every_family_of_the_simulation_is_tried() -> None:
    assert set(PRIMITIVES) == SimCluster.capabilities


@pytest.mark.parametrize("family", PRIMITIVES)
def test_in_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    sound = run(tmp_path / "sound", "sim", [family])
    assert (sound.verdict, unknown(sound)) == ("valid", {})
    assert sound.summary["bite"][family]["bit"] > 0
    disarm(monkeypatch, SimCluster, family)
    outcome = run(tmp_path / "disarmed", "sim", [family])
    assert outcome.verdict == "unknown"
    assert list(unknown(outcome)) == ["bite"]
    assert unknown(outcome)["bite"].startswith(f"no {family} fault bit (")
    assert outcome.summary["bite"][family]["bit"] == 0
    assert outcome.summary["bite"][family]["did_not_bite"] > 0


@pytest.mark.parametrize("family", PRIMITIVES)
def test_one_that_bites_does_not_speak_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    other = "partition" if family != "partition" else "kill"
    disarm(monkeypatch, SimCluster, family)
    outcome = run(tmp_path, "sim", [other, family])
    assert outcome.verdict == "unknown"
    assert unknown(outcome)["bite"].startswith(f"no {family} fault bit (")
    assert outcome.summary["bite"][other]["bit"] > 0


@pytest.mark.parametrize("family", ["partition", "kill", "pause", "disk", "resource"])
def test_on_real_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    sound = run(tmp_path / "sound", "process", [family])
    assert (sound.verdict, unknown(sound)) == ("valid", {})
    assert sound.summary["bite"][family]["bit"] > 0
    disarm(monkeypatch, LiveCluster, family)
    outcome = run(tmp_path / "disarmed", "process", [family])
    assert outcome.verdict == "unknown"
    assert unknown(outcome)["bite"].startswith(f"no {family} fault bit (")
    assert outcome.summary["bite"][family]["bit"] == 0
