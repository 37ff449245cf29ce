"""Families that benchmarks/growth.py measures are decided without a search, so that their size is not their cost."""

from __future__ import annotations

import pytest

from benchmarks import datatypes, histories
from checkers.linearizability.checker import Linearizability
from checkers.record import Record

FAMILIES = [
    *(("zones", "cas-register", name, make) for name, make in histories.FAMILIES.items()),
    *datatypes.families(),
]


@pytest.mark.parametrize(
    ("engine", "model", "make"),
    [(engine, model, make) for engine, model, _, make in FAMILIES],
    ids=[f"{engine}, {name}" for engine, _, name, _ in FAMILIES],
)
def test_an_adversarial_family_is_decided_by_the_engine_that_it_is_for(engine, model, make):
    for operations in (2, 10, 1000):
        result = Linearizability(model).check(Record(make(operations)))
        assert (result.verdict, list(result.coverage["engines"])) == ("valid", [engine]), operations
