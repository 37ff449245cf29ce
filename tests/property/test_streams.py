"""Random streams: uniform enough, independent of one another, and open to overrides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.streams import MASK, Stream, Streams

SEEDS = st.integers(0, (1 << 63) - 1)
DRAWS = 20_000


def reference(key, n):
    """SplitMix64's n-th output, written down once more from the paper."""
    z = (key + n * 0x9E3779B97F4A7C15) % (1 << 64)
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % (1 << 64)
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % (1 << 64)
    return z ^ (z >> 31)


def test_the_published_first_outputs_of_seed_0():
    stream = Stream(0)
    assert [stream.bits() for _ in range(3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@settings(max_examples=30, deadline=None)
@given(key=st.integers(0, MASK))
def test_draws_made_ahead_are_the_draws_made_one_by_one(key):
    stream = Stream(key)
    for n in range(1, 400):
        assert stream.bits() == reference(key, n)
        assert stream.count == n


@pytest.mark.parametrize("n", [2, 3, 10, 64])
def test_below_is_uniform(n):
    stream = Streams(1).stream("uniform", str(n))
    counts = [0] * n
    for _ in range(DRAWS):
        counts[stream.below(n)] += 1
    expected = DRAWS / n
    chi2 = sum((c - expected) ** 2 / expected for c in counts)
    # mean n - 1, variance 2 (n - 1): six standard deviations
    assert chi2 < n - 1 + 6 * (2 * (n - 1)) ** 0.5


@pytest.mark.parametrize("ppm", [0, 1_000, 500_000, 1_000_000])
def test_chance_has_its_probability(ppm):
    stream = Streams(2).stream("chance", str(ppm))
    hits = sum(stream.chance(ppm) for _ in range(DRAWS))
    p = ppm / 1_000_000
    assert abs(hits - DRAWS * p) <= 6 * (DRAWS * p * (1 - p)) ** 0.5


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, low=st.integers(-5, 5), span=st.integers(0, 6))
def test_between_reaches_both_ends_and_nothing_else(seed, low, span):
    stream = Streams(seed).stream("between")
    seen = {stream.between(low, low + span) for _ in range(400)}
    assert seen == set(range(low, low + span + 1))


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, items=st.lists(st.integers(), max_size=12))
def test_shuffle_and_choice_take_what_is_there(seed, items):
    stream = Streams(seed).stream("shuffle")
    before = list(items)
    assert sorted(stream.shuffle(items)) == sorted(items)
    assert items == before
    if items:
        assert stream.choice(items) in items


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, others=st.integers(0, 40))
def test_a_draw_in_one_place_moves_nothing_elsewhere(seed, others):
    alone, beside = Streams(seed), Streams(seed)
    expected = [alone.stream("timer", "n0").bits() for _ in range(40)]
    got = []
    for i in range(40):
        if i < others:
            beside.stream("timer", "n1").bits()
            beside.stream("link", "n0").bits()
        got.append(beside.stream("timer", "n0").bits())
    assert got == expected


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, other=SEEDS)
def test_names_and_seeds_make_different_streams(seed, other):
    streams = Streams(seed)
    names = [("a", ""), ("b", ""), ("a", "b"), ("a", "c"), ("ab", "")]
    firsts = {name: tuple(streams.stream(*name).bits() for _ in range(4)) for name in names}
    assert len(set(firsts.values())) == len(names)
    if other != seed:
        again = Streams(other).stream("a")
        assert tuple(again.bits() for _ in range(4)) != firsts["a", ""]


def test_two_streams_are_not_correlated():
    one, other = Streams(3).stream("x", "1"), Streams(3).stream("x", "2")
    same = sum((one.bits() ^ other.bits()).bit_count() for _ in range(2_000))
    bits = 2_000 * 64
    assert abs(same - bits / 2) < 6 * (bits / 4) ** 0.5


@settings(max_examples=60, deadline=None)
@given(
    seed=SEEDS,
    overrides=st.dictionaries(st.integers(1, 300), st.integers(0, MASK), max_size=8),
)
def test_an_override_replaces_its_draw_and_no_other(seed, overrides):
    plain = Streams(seed).stream("timer", "n0")
    streams = Streams(seed, {"timer/n0": overrides})
    bent, elsewhere = streams.stream("timer", "n0"), streams.stream("timer", "n1")
    untouched = Streams(seed).stream("timer", "n1")
    for n in range(1, 301):
        drawn = plain.bits()
        assert bent.bits() == overrides.get(n, drawn)
        assert elsewhere.bits() == untouched.bits()
    assert streams.counts() == {"timer/n0": 300, "timer/n1": 300}


def test_asking_twice_goes_on_with_the_same_stream():
    streams = Streams(1)
    one = streams.stream("a")
    one.bits()
    assert streams.stream("a") is one
    assert streams.counts() == {"a/": 1}
