"""Linearizability of related histories, of every model: what the definition says of both, by whichever engine."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import numpy as np
import pytest

from checkers.linearizability.engines import INVALID, VALID
from tests.checkers.linearizability.batches import batch
from tests.checkers.linearizability.specs import SPECS
from tests.checkers.linearizability.test_against_twin import decided, model_of, samples
from tests.checkers.linearizability.twin import Step

TRIED = 300


def verdicts(name: str, histories: list[list[Step]]) -> np.ndarray:
    """One for each, from one call."""
    model = model_of(name)
    found, keys = decided(model, batch(samples(name)[0].kinds, histories), model.engines)
    assert keys == list(range(len(histories)))
    assert set(found.status.tolist()) <= {VALID, INVALID}
    return found.status


def changed_over(random: Random, steps: list[Step]) -> list[Step]:
    """Invocations next to each other change places, and completions."""
    events = [(s.begin, 0, i) for i, s in enumerate(steps)]
    events = sorted(events + [(s.end, 1, i) for i, s in enumerate(steps) if s.end is not None])
    for _ in range(3 * len(events)):
        at = random.randrange(len(events) - 1)
        if events[at][1] == events[at + 1][1]:
            events[at : at + 2] = events[at + 1], events[at]
    place = {(kind, i): at for at, (_, kind, i) in enumerate(events)}
    return [Step(s.kind, place[0, i], place.get((1, i))) for i, s in enumerate(steps)]


@pytest.mark.parametrize("name", SPECS)
def test_neighbours_without_an_order_may_change_places(name):
    histories = samples(name)[1][:TRIED]
    random = Random(name)
    other = [changed_over(random, steps) for steps in histories]
    assert np.array_equal(verdicts(name, histories), verdicts(name, other))


@pytest.mark.parametrize("name", SPECS)
def test_what_is_valid_stays_so_when_less_is_known(name):
    """Every prefix of it, and it with an answer that was lost."""
    histories = samples(name)[1][:TRIED]
    valid = [h for h, v in zip(histories, verdicts(name, histories), strict=True) if v == VALID]
    random = Random(name)
    less = []
    for steps in valid:
        at = random.randrange(2 * len(steps))
        less.append(
            [Step(k, b, e if e is not None and e < at else None) for k, b, e in steps if b < at] or steps
        )
        lost = random.randrange(len(steps))
        less.append([Step(k, b, None if i == lost else e) for i, (k, b, e) in enumerate(steps)])
    some = [steps for steps in less if any(s.end is not None for s in steps)]
    assert len(some) > 100
    assert set(verdicts(name, some).tolist()) == {VALID}


@pytest.mark.parametrize("name", SPECS)
def test_what_is_invalid_stays_so_whatever_comes_after(name):
    histories = samples(name)[1][:TRIED]
    found = verdicts(name, histories)
    invalid = [h for h, v in zip(histories, found, strict=True) if v == INVALID]
    valid = [h for h, v in zip(histories, found, strict=True) if v == VALID]
    longer = [
        [*one, *(Step(k, b + 100, None if e is None else e + 100) for k, b, e in two)]
        for one, two in zip(invalid, valid, strict=False)
    ]
    assert len(longer) > 50
    assert set(verdicts(name, longer).tolist()) == {INVALID}
