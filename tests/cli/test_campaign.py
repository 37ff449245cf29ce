"""Campaign files as plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.campaign import Overrides, Planned, baselines, digest, load, plan
from harness.errors import UsageError
from tests.cli.conftest import Call


def planned(text: str, tmp_path: Path, **overrides: object) -> list[Planned]:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return plan(load(path), Overrides(**overrides), str(path))  # type: ignore[arg-type]


TWO = (
    "name: c\nmatrix: {workload: [register, echo], nemesis: [[kill], [pause]]}\nseeds: {start: 3, count: 2}\n"
)


def test_every_combination_with_every_seed_in_order(tmp_path: Path) -> None:
    runs = planned(TWO, tmp_path)
    assert [(r.spec.workload, r.spec.nemesis, r.spec.seed) for r in runs] == [
        (workload, nemesis, seed)
        for workload in ("register", "echo")
        for nemesis in (["kill"], ["pause"])
        for seed in (3, 4)
    ]
    assert [r.number for r in runs] == list(range(8))
    assert {r.spec.name for r in runs} == {"c"}


def test_groups_add_to_the_campaign(tmp_path: Path) -> None:
    runs = planned(
        "name: c\ndefaults: {nodes: 3, rate: 50}\nseeds: [9, 4]\n"
        "runs:\n- {name: a, defaults: {nodes: 7}}\n"
        "- {expect: invalid, seeds: {count: 1}, matrix: {bug: [no-sessions]}}\n",
        tmp_path,
    )
    assert [(r.group, r.spec.nodes, r.spec.rate, r.spec.seed, r.expect, r.spec.bug) for r in runs] == [
        ("a", 7, 50.0, 9, "valid", None),
        ("a", 7, 50.0, 4, "valid", None),
        ("2", 3, 50.0, 1, "invalid", "no-sessions"),
    ]


@pytest.mark.parametrize(
    ("overrides", "seeds"),
    [({}, [3, 4]), ({"seeds": 1}, [3]), ({"seeds": 4}, [3, 4, 5, 6]), ({"seed": 77}, [77])],
)
def test_seeds_of_the_command_line(tmp_path: Path, overrides: dict[str, int], seeds: list[int]) -> None:
    runs = planned(TWO, tmp_path, **overrides)
    assert [r.spec.seed for r in runs[: len(seeds)]] == seeds
    assert len(runs) == 4 * len(seeds)


def test_environment_and_time_of_the_command_line(tmp_path: Path) -> None:
    runs = planned(TWO.replace("matrix: {", "matrix: {env: [sim], "), tmp_path, env="process", time_limit=4.0)
    assert {(r.spec.env, r.spec.time_limit) for r in runs} == {("process", 4.0)}


def test_group_of_the_command_line(tmp_path: Path) -> None:
    text = "name: c\nruns: [{name: a}, {name: b, seeds: {count: 2}}]\n"
    assert [r.group for r in planned(text, tmp_path, groups=("b",))] == ["b", "b"]
    assert [r.number for r in planned(text, tmp_path, groups=("b",))] == [0, 1]


def test_no_more_runs_than_anybody_could_mean(tmp_path: Path) -> None:
    fits = "name: c\nmatrix: {rate: [1, 2]}\nseeds: {count: 50000}\n"
    assert len(planned(fits, tmp_path)) == 100_000
    with pytest.raises(UsageError, match="more than 100000 runs"):
        planned(fits.replace("[1, 2]", "[1, 2, 3]"), tmp_path)


def test_a_baseline_for_each_system_workload_and_environment(tmp_path: Path) -> None:
    text = TWO.replace("matrix: {", "matrix: {env: [sim, process], bug: [no-sessions], ")
    found = baselines(planned(text, tmp_path))
    assert [(s.env, s.workload, s.nemesis, s.bug) for s in found] == [
        (env, workload, [], None) for env in ("sim", "process") for workload in ("register", "echo")
    ]
    # in live environments they cost real time
    assert [s.time_limit for s in found] == [10.0, 10.0, 5.0, 5.0]


def test_the_digest_names_the_content(tmp_path: Path) -> None:
    assert digest(planned(TWO, tmp_path)) == digest(planned("# a comment\n" + TWO, tmp_path))
    assert digest(planned(TWO, tmp_path)) != digest(planned(TWO.replace("count: 2", "count: 3"), tmp_path))
    assert digest(planned(TWO, tmp_path)) != digest(planned(TWO.replace("kill", "link"), tmp_path))


def test_runs_are_held_to_the_gates_limits(tmp_path: Path) -> None:
    runs = planned(
        "name: c\ngate: {max_recovery_s: 4, min_ok_fraction: 0.5, invalid: 1}\n"
        "runs: [{name: a}, {name: own, defaults: {options: {checker: {max_recovery_s: 9}, latency: {}}}},\n"
        "  {name: hunted, expect: invalid, defaults: {bug: no-sessions}}]\n",
        tmp_path,
    )
    assert {r.group: r.spec.options for r in runs} == {
        "a": {"checker": {"max_recovery_s": 4, "min_ok_fraction": 0.5}},
        "own": {"checker": {"max_recovery_s": 9, "min_ok_fraction": 0.5}, "latency": {}},
        "hunted": {},
    }
    assert planned("name: c\n", tmp_path)[0].spec.options == {}


def test_a_run_that_recovers_too_slowly_is_invalid_by_itself(call: Call) -> None:
    text = "name: c\nbaseline: false\ndefaults: {nemesis: [kill], time_limit: 3}\ngate: {max_recovery_s: "
    for limit, code in ((60, 0), (0.0001, 1)):
        Path("c.yaml").write_text(f"{text}{limit}}}\n")
        called = call("run", "c.yaml")
        assert called.code == code, called
        assert ("was healed at" in called.out) == bool(code)
