"""A register that begins with something is one that was written first."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import pytest

from checkers.history import Op
from checkers.linearizability.checker import Linearizability
from checkers.linearizability.online import OnlineLinearizability
from checkers.models import MODELS, ModelError
from checkers.record import Record
from tests.checkers.linearizability.steps import history, sampled

VALUE = 1


def written_first(ops):
    first = [Op(0, 0, 10**6, "invoke", "write", None, VALUE), Op(1, 0, 10**6, "ok", "write", None, VALUE)]
    return [*first, *(Op(op.index + 2, op.time, op.process, op.type, op.f, None, op.value) for op in ops)]


@pytest.mark.parametrize("model", ["cas-register", "cas-register-strict"])
def test_what_a_register_begins_with_is_as_if_it_had_been_written(model):
    random = Random(model)
    seen = {"valid": 0, "invalid": 0}
    for _ in range(200):
        ops = history(sampled(random, random.randint(3, 6), 3))
        options = {"model": model, "initial": VALUE}
        found = Linearizability().check(Record(ops, options=options))
        if not found.coverage["operations"]:
            continue
        wanted = Linearizability(model).check(Record(written_first(ops)))
        assert found.verdict == wanted.verdict, ops
        seen[found.verdict] += 1
        for engine in MODELS[model].engines:
            alone = Linearizability(engine=engine).check(Record(ops, options=options))
            assert alone.verdict in (found.verdict, "unknown"), (engine, ops)
        online = OnlineLinearizability(options)
        online.observe_all(ops)
        assert online.verdict() == found.verdict, ops
    assert min(seen.values()) > 20


@pytest.mark.parametrize("initial", [0, "zero"])
def test_a_read_of_it_needs_no_write(initial):
    ops = [Op(0, 0, 0, "invoke", "read"), Op(1, 0, 0, "ok", "read", None, initial)]
    assert Linearizability().check(Record(ops)).verdict == "invalid"
    for engine in (None, "search"):
        record = Record(ops, options={"initial": initial})
        assert Linearizability(engine=engine).check(record).verdict == "valid"


@pytest.mark.parametrize("options", [{"initial": [1]}, {"initial": True}, {"initial": 1, "model": "counter"}])
def test_other_objects_and_values_are_refused(options):
    with pytest.raises(ModelError, match="option initial"):
        Linearizability().check(Record([Op(0, 0, 0, "invoke", "read")], options=options))
    with pytest.raises(ModelError, match="option initial"):
        OnlineLinearizability(options)
