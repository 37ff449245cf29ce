from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.history import NEMESIS, Op
from harness.streams import Streams
from tests.workloads.drive import drive, instantly, invoked, values
from workloads import generators as g

NUMBERS = g.count(lambda _ctx, n: ("w", None, n))


def named(name: str, n: int) -> g.Gen:
    return g.limit(n, g.count(lambda _ctx, i: (name, None, i)))


def fs(history: list[Op]) -> str:
    return "".join(op.f for op in invoked(history))


def test_one_and_nothing() -> None:
    assert [(op.f, op.key, op.value) for op in invoked(drive(g.one("w", 1, 2)))] == [("w", 1, 2)]
    assert drive(g.NOTHING) == []


def test_fn_until_none() -> None:
    assert fs(drive(g.fn(lambda ctx: ("a", None, None) if ctx.time < 50 else None), threads=1)) == "aaaaa"


def test_limit_and_once() -> None:
    assert values(drive(g.limit(3, NUMBERS))) == [0, 1, 2]
    assert values(drive(g.once(NUMBERS))) == [0]
    assert values(drive(g.limit(0, NUMBERS))) == []


def test_repeat_does_not_advance_but_cycle_does() -> None:
    assert values(drive(g.repeat(NUMBERS, 3))) == [0, 0, 0]
    assert values(drive(g.cycle(g.limit(2, NUMBERS), 2))) == [0, 1, 0, 1]


def test_cycle_of_nothing_ends() -> None:
    assert drive(g.cycle(g.NOTHING)) == []


def test_concat_is_in_order() -> None:
    assert fs(drive(g.concat(named("a", 2), named("b", 1), named("c", 2)))) == "aabcc"


def test_flip_flop_ends_with_the_first_that_is_exhausted() -> None:
    assert fs(drive(g.flip_flop(named("a", 2), named("b", 9)))) == "abab"


def test_mix_uses_all_and_drops_the_exhausted() -> None:
    out = fs(drive(g.mix(named("a", 20), named("b", 20))))
    assert sorted(out) == sorted("a" * 20 + "b" * 20)
    assert out[:20] not in ("a" * 20, "b" * 20)


def test_any_takes_the_soonest() -> None:
    out = invoked(drive(g.any_of(g.delay(100, named("a", 3)), g.delay(1000, named("b", 2)))))
    assert [(op.f, op.time) for op in out][-1] == ("b", 1000)
    assert sorted(op.f for op in out) == ["a", "a", "a", "b", "b"]
    assert [op.time for op in out] == sorted(op.time for op in out)


def test_delay_is_exact() -> None:
    assert [op.time for op in invoked(drive(g.limit(4, g.delay(1000, NUMBERS))))] == [0, 1000, 2000, 3000]


def test_stagger_keeps_the_mean_rate_and_varies() -> None:
    times = [op.time for op in invoked(drive(g.limit(900, g.stagger(1000, NUMBERS)), ops_max=5000))]
    assert 800 * 900 < times[-1] < 1200 * 900
    assert len({b - a for a, b in pairwise(times)}) > 100


def test_stagger_is_no_faster_for_being_asked_often() -> None:
    def slow(op: Op) -> tuple[int, str, object]:
        return 3_333, "ok", op.value

    times = [op.time for op in invoked(drive(g.limit(900, g.stagger(1000, NUMBERS)), slow, 9, ops_max=5000))]
    assert times[-1] > 800 * 900


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=10**10))
def test_spacing_is_bounded_and_integer(seed: int, mean: int) -> None:
    gap = g.spacing(mean, Streams(seed).stream("s"))
    assert type(gap) is int
    assert 0 <= gap <= 22 * mean


def test_spacing_has_its_mean() -> None:
    stream = Streams(7).stream("s")
    mean = sum(g.spacing(1000, stream) for _ in range(20_000)) // 20_000
    assert 970 < mean < 1030


def test_sleep_delays_what_follows_and_leaves_marks() -> None:
    history = drive(g.concat(named("a", 1), g.sleep(5000), named("b", 1)))
    assert [op.f for op in history if op.process == NEMESIS] == ["sleep", "wake"]
    slept = next(op.time for op in history if op.f == "sleep")
    assert next(op.time for op in history if op.f == "b") == slept + 5000


def test_time_limit() -> None:
    times = [op.time for op in invoked(drive(g.time_limit(5000, g.delay(1000, NUMBERS))))]
    assert times == [0, 1000, 2000, 3000, 4000]


def test_phases_wait_for_what_is_in_flight_and_concat_does_not() -> None:
    def slow_a(op: Op) -> tuple[int, str, object]:
        return (1000 if op.f == "a" else 1), "ok", op.value

    assert invoked(drive(g.phases(named("a", 1), named("b", 1)), slow_a))[1].time == 1000
    assert invoked(drive(g.then(named("a", 1), named("b", 1)), slow_a))[1].time == 1000
    assert invoked(drive(g.concat(named("a", 1), named("b", 1)), slow_a))[1].time == 0


def test_until_ok_stops_at_the_first_success() -> None:
    def third(op: Op) -> tuple[int, str, object]:
        return 10, ("ok" if op.value == 2 else "fail"), op.value

    assert values(drive(g.until_ok(NUMBERS), third, threads=1)) == [0, 1, 2]


def test_until_ok_does_not_count_the_success_of_others() -> None:
    def only_b(op: Op) -> tuple[int, str, object]:
        return 10, ("ok" if op.f == "b" else "fail"), op.value

    tries = g.on_threads(lambda t: t == 0, g.limit(5, g.until_ok(g.fn(lambda _: ("a", None, None)))))
    out = fs(drive(g.any_of(tries, g.on_threads(lambda t: t == 1, named("b", 5))), only_b))
    assert out.count("a") == 5


def test_on_threads() -> None:
    out = invoked(drive(g.on_threads(lambda t: t >= 2, named("a", 9)), threads=4))
    assert len(out) == 9
    assert {op.process for op in out} == {2, 3}


def test_reserve() -> None:
    gen = g.reserve([(1, named("a", 4)), (2, named("b", 4))], named("c", 4))
    out = invoked(drive(gen, threads=5))
    assert {(op.f, op.process) for op in out} <= {("a", 0), ("b", 1), ("b", 2), ("c", 3), ("c", 4)}
    assert sorted(fs(out)) == list("aaaabbbbcccc")


def test_each_thread_runs_all_of_it() -> None:
    out = invoked(drive(g.each_thread(g.limit(3, NUMBERS)), threads=3))
    assert sorted((op.process, op.value) for op in out) == [(p, v) for p in range(3) for v in range(3)]


def test_each_thread_goes_on_after_a_crash() -> None:
    def crash_first(op: Op) -> tuple[int, str, object]:
        return 10, ("info" if op.value == 0 else "ok"), op.value

    out = invoked(drive(g.each_thread(g.limit(3, NUMBERS)), crash_first, threads=2))
    assert sorted((op.process, op.value) for op in out) == [(0, 0), (1, 0), (2, 1), (2, 2), (3, 1), (3, 2)]


def test_process_limit() -> None:
    def crash(op: Op) -> tuple[int, str, object]:
        return 10, "info", op.value

    out = invoked(drive(g.process_limit(5, NUMBERS), crash, threads=2))
    assert len({op.process for op in out}) == len(out) == 5


def test_map_and_filter() -> None:
    def double(op: Op) -> Op:
        op.value *= 2
        return op

    assert values(drive(g.limit(3, g.map_ops(double, NUMBERS)))) == [0, 2, 4]
    assert values(drive(g.limit(3, g.filter_ops(lambda op: op.value % 2 == 1, NUMBERS)))) == [1, 3, 5]


def test_log_and_nemesis_are_marks() -> None:
    history = drive(g.concat(g.log("here"), g.nemesis(named("n", 2)), g.clients(named("a", 1))))
    assert [(op.process, op.type, op.f) for op in history[:3]] == [
        (NEMESIS, "info", "log"),
        (NEMESIS, "info", "n"),
        (NEMESIS, "info", "n"),
    ]
    assert fs(history) == "a"


def test_routed_keeps_both_apart() -> None:
    history = drive(g.routed(named("a", 3), g.delay(100, named("n", 2))))
    assert [op.process for op in history if op.f == "n"] == [NEMESIS, NEMESIS]
    assert {op.process for op in history if op.f == "a"} <= {0, 1}


MENU = st.deferred(
    lambda: st.one_of(
        st.builds(named, st.sampled_from("ab"), st.integers(0, 5)),
        st.builds(g.mix, MENU, MENU),
        st.builds(g.any_of, MENU, MENU),
        st.builds(g.concat, MENU, MENU),
        st.builds(g.flip_flop, MENU, MENU),
        st.builds(g.phases, MENU, MENU),
        st.builds(g.stagger, st.integers(1, 100), MENU),
        st.builds(g.delay, st.integers(1, 100), MENU),
        st.builds(g.limit, st.integers(0, 5), MENU),
        st.builds(g.each_thread, MENU),
        st.builds(g.time_limit, st.integers(1, 300), MENU),
        st.builds(lambda a, b: g.reserve([(1, a)], b), MENU, MENU),
        st.builds(g.until_ok, MENU),
    )
)


@settings(deadline=None)
@given(MENU, st.integers(0, 9), st.integers(1, 4), st.booleans())
def test_any_composition_keeps_the_rules(gen: g.Gen, seed: int, threads: int, ask_again: bool) -> None:
    def mixed(op: Op) -> tuple[int, str, object]:
        return 7 * (1 + op.value), ("ok", "fail", "info")[op.value % 3], op.value

    history = drive(gen, mixed, threads, seed, ops_max=300, ask_again=ask_again)
    times = [op.time for op in history]
    assert times == sorted(times)
    again = drive(gen, mixed, threads, seed, ops_max=300, ask_again=ask_again)
    assert history == again, "a generator is a value: it can be run again from where it was"


@pytest.mark.parametrize("threads", [1, 3])
def test_pending_when_no_thread_is_free(threads: int) -> None:
    ctx = g.Context(0, tuple(range(threads)), (), {t: t for t in range(threads)}, Streams(1).stream("t"))
    for gen in (
        NUMBERS,
        g.one("a"),
        g.fn(lambda _: ("a", None, None)),
        g.mix(NUMBERS),
        g.stagger(5, NUMBERS),
    ):
        answer = gen.op(ctx)
        assert answer is not None
        assert answer[0] is g.PENDING


def test_instantly_is_the_default_oracle() -> None:
    assert [op.type for op in drive(g.one("a", None, 1), instantly)] == ["invoke", "ok"]
