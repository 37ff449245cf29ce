"""What is remembered of names, against a set and a list."""

from __future__ import annotations

from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st

from checkers.seen import ALL, SPAN, Recent, Seen

names = st.one_of(st.integers(-600, 600), st.integers(), st.text(max_size=2), st.binary(max_size=2))


@given(st.lists(st.tuples(names, st.booleans()), max_size=60), names)
def test_it_is_a_set(steps: list[tuple[Hashable, bool]], other: Hashable) -> None:
    seen, twin = Seen(), set()
    for name, goes in steps:
        assert (name in seen) == (name in twin)
        if name in twin and goes:
            seen.remove(name)
            twin.remove(name)
        else:
            seen.add(name)
            twin.add(name)
    assert all(name in seen for name in twin)
    assert (other in seen) == (other in twin)


def test_numbers_in_a_row_share_one_entry() -> None:
    seen = Seen()
    for n in range(-4 * SPAN, 4 * SPAN):
        seen.add(n)
    assert len(seen._parts) == 8
    assert all(bits is ALL for bits in seen._parts.values())


def test_of_the_last_names_something_more_is_known() -> None:
    recent: Recent[int] = Recent(10)
    for n in range(95):
        recent.put(n, -n)
        known = [m for m in range(n + 1) if recent.get(m) == -m]
        assert known == list(range(n + 1))[-len(known) :]
        assert min(10, n + 1) <= len(known) <= 20
