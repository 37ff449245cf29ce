"""Links: cuts refuse frames in flight by direction; every field of a rule does what it says."""

from __future__ import annotations

from math import log

import pytest

from harness.sim.network import Latency, exponential
from harness.streams import Streams
from nemeses.port import LinkRule
from tests.sim.puppet import MS, Stage, Word

LINK = ("n0", "n1")
TIMES = 400


def test_a_cut_refuses_frames_in_flight_and_counts_them_by_direction():
    stage = Stage()

    async def scene(cluster):
        await stage.ask("n0", "say", to="n1", text="before", times=2)
        await stage.sleep(5)
        cluster._nodes["n0"].links["n1"].send(Word("in flight"))
        handle = await cluster.cut([LINK])
        await stage.ask("n0", "say", to="n1", text="cut", times=3)
        await stage.ask("n1", "say", to="n0", text="back", times=4)
        await stage.sleep(5)
        await cluster.release(handle)
        await stage.ask("n0", "say", to="n1", text="healed")
        await stage.sleep(5)
        links = cluster.links()
        assert (links[LINK].delivered, links[LINK].refused) == (3, 4)
        assert (links["n1", "n0"].delivered, links["n1", "n0"].refused) == (4, 0)

    stage.play(scene)
    assert stage.heard("n1") == ["before0", "before1", "healed0"]
    assert stage.heard("n0") == [f"back{i}" for i in range(4)]


def test_overlapping_cuts_add_up():
    stage = Stage()

    async def scene(cluster):
        one = await cluster.cut([LINK])
        other = await cluster.cut([LINK])
        await cluster.release(one)
        await stage.ask("n0", "say", to="n1", text="no")
        await stage.sleep(5)
        await cluster.release(other)
        await stage.ask("n0", "say", to="n1", text="yes")
        await stage.sleep(5)

    assert stage.play(scene).heard("n1") == ["yes0"]


def ruled(times=TIMES, **fields):
    """(texts heard by n1 with their delays in us, link's counts) with a rule on n0 > n1; each word by itself."""
    stage = Stage()
    counts, sent = [], {}

    async def scene(cluster):
        await cluster.shape([LINK], LinkRule(**fields))
        link = cluster._nodes["n0"].links["n1"]
        for i in range(times):
            sent[str(i)] = cluster.now()
            link.send(Word(str(i)))
            await stage.sleep(1)
        await stage.sleep(2_000)
        counts.append(cluster.links()[LINK])

    stage.play(scene)
    heard = [(d["text"], (t - sent[d["text"]]) // 1_000) for t, _, _, d in stage.of("heard", "n1")]
    return heard, counts[0]


def test_no_rule_alters_nothing():
    heard, count = ruled()
    assert heard == [(str(i), 1_000) for i in range(TIMES)]
    assert (count.delivered, count.altered) == (TIMES, 0)


def test_delay_us_adds_to_every_frame():
    heard, count = ruled(delay_us=30_000)
    assert {delay for _, delay in heard} == {31_000}
    assert (len(heard), count.altered) == (TIMES, TIMES)


def test_jitter_us_adds_up_to_its_bound():
    heard, count = ruled(jitter_us=10_000)
    delays = [delay for _, delay in heard]
    assert min(delays) >= 1_000
    assert max(delays) <= 11_000
    assert max(delays) - min(delays) > 8_000
    assert TIMES * 9 // 10 < count.altered <= TIMES


@pytest.mark.parametrize("ppm", [0, 250_000, 1_000_000])
def test_loss_ppm_loses_its_share(ppm):
    heard, count = ruled(loss_ppm=ppm)
    lost = TIMES - len(heard)
    p = ppm / 1_000_000
    assert abs(lost - TIMES * p) <= 6 * (TIMES * p * (1 - p)) ** 0.5
    assert (count.altered, count.delivered) == (lost, len(heard))


@pytest.mark.parametrize("ppm", [0, 250_000, 1_000_000])
def test_duplicate_ppm_doubles_its_share(ppm):
    heard, count = ruled(duplicate_ppm=ppm)
    doubled = len(heard) - TIMES
    assert {text for text, _ in heard} == {str(i) for i in range(TIMES)}
    p = ppm / 1_000_000
    assert abs(doubled - TIMES * p) <= 6 * (TIMES * p * (1 - p)) ** 0.5
    assert (count.altered, count.delivered) == (doubled, len(heard))


def test_reorder_ppm_holds_its_share_back_up_to_the_bound():
    heard, count = ruled(reorder_ppm=300_000, reorder_us_max=50_000)
    held = [delay for _, delay in heard if delay > 1_000]
    assert len(heard) == TIMES
    assert TIMES * 0.2 < len(held) < TIMES * 0.4
    assert max(held) <= 51_000
    assert count.altered == len(held)
    texts = [int(text) for text, _ in heard]
    assert texts != sorted(texts), "frames overtook one another"


def test_rules_that_overlap_add_up_and_are_released_one_by_one():
    stage = Stage()
    delays = []

    async def scene(cluster):
        one = await cluster.shape([LINK], LinkRule(delay_us=10_000))
        other = await cluster.shape([LINK], LinkRule(delay_us=20_000))
        for release in (None, one, other):
            if release is not None:
                await cluster.release(release)
            sent = cluster.now()
            cluster._nodes["n0"].links["n1"].send(Word("x"))
            await stage.sleep(50)
            delays.append((stage.of("heard")[-1][0] - sent) // MS)

    stage.play(scene)
    assert delays == [31, 21, 1]


@pytest.mark.parametrize("length", range(1, 65))
def test_exponential_is_close_to_minus_ln(length):
    mean = 1_000_000_000
    for part in range(32):
        bits = (1 << (length - 1)) | ((part << (length - 1)) >> 5) | 1
        exact = -log(bits / (1 << 64)) * mean
        assert abs(exponential(bits, mean) - exact) < 0.01 * mean


def test_exponential_delays_have_their_mean_and_tail():
    stream = Streams(1).stream("exponential")
    draws = [exponential(stream.bits(), 1_000_000) for _ in range(20_000)]
    assert min(draws) >= 0
    assert 970_000 < sum(draws) / len(draws) < 1_030_000
    tail = sum(d > 3_000_000 for d in draws) / len(draws)
    assert 0.044 < tail < 0.056, "exp(-3) is 0.0498"


@pytest.mark.parametrize(
    ("dist", "low", "high"),
    [("constant", 2_000, 2_000), ("uniform", 500, 3_500), ("exponential", 500, 40_000)],
)
def test_ordinary_delays(dist, low, high):
    stage = Stage(latency={"dist": dist, "mean_us": 2_000, "min_us": 500})
    delays = []

    async def scene(cluster):
        for _ in range(1_000):
            sent = cluster.now()
            cluster._nodes["n0"].links["n1"].send(Word("x"))
            await stage.sleep(60)
            delays.append((stage.of("heard")[-1][0] - sent) / 1_000)

    stage.play(scene)
    assert low <= min(delays)
    assert max(delays) <= high + 1
    assert 1_850 < sum(delays) / len(delays) < 2_150
    assert len(set(delays)) == 1 if dist == "constant" else len(set(delays)) > 900


@pytest.mark.parametrize(
    "wrong", [{"dist": "normal"}, {"min_us": 2_000, "mean_us": 1_000}, {"min_us": -1}], ids=str
)
def test_a_wrong_latency_is_refused(wrong):
    with pytest.raises(ValueError, match="latency"):
        Latency(**wrong)
    Latency()
