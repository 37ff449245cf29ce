"""The checker around the engines: what is unknown, what is refused, which model is used."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers.columns import columnar
from checkers.history import MalformedHistoryError, Op
from checkers.linearizability.checker import Linearizability, check
from checkers.linearizability.online import OnlineLinearizability
from checkers.models import INCONSISTENT, MODELS, Model, ModelError, freeze, thaw
from checkers.record import Record
from tests.checkers.linearizability.steps import (
    PAIRS,
    history,
    simulated,
    verdict,
)


def test_nothing_checked_is_unknown():
    assert check([]).verdict == "unknown"
    assert "nothing was checked" in check([]).why
    assert check(history([("write", 1, None, 0, 1)])).why == ""


def test_where_clients_did_nothing_there_is_nothing_to_contradict():
    """As Knossos has it of a file in which only the nemesis acts."""
    nemesis = [Op(0, 0, "nemesis", "info", "partition", None, {"fault": 0})]
    batch = check(nemesis)
    assert (batch.verdict, batch.why) == ("valid", "nothing to contradict: no operation succeeded")
    for ops in (nemesis, columnar(nemesis)):
        online = OnlineLinearizability()
        assert online.verdict() == "unknown"
        online.observe_all(ops)
        assert (online.result().verdict, online.result().why) == (batch.verdict, batch.why)


def test_what_never_succeeded_contradicts_nothing():
    """As Knossos has it: a crashed or a failed operation need not have happened."""
    crashed = check(history([("write", 1, None, 0, None)]))
    assert (crashed.verdict, crashed.coverage["operations"]) == ("valid", 0)
    assert "no operation succeeded" in crashed.why
    failed = check([Op(0, 0, 1, "invoke", "write", None, 1), Op(1, 1, 1, "fail", "write", None, 1)])
    assert (failed.verdict, failed.why) == (crashed.verdict, crashed.why)


def test_nemesis_ops_are_passed_over():
    bad, good = PAIRS["stale read"]
    for steps, want in ((bad, "invalid"), (good, "valid")):
        ops = history(steps)
        ops.insert(2, Op(99, 0, "nemesis", "info", "kill", None, {"fault": 0, "phase": "start"}))
        assert check(ops).verdict == want


def test_a_spent_budget_is_unknown_and_says_which_and_how_far():
    random = Random(1)
    ops = history(simulated(random, 3000, 8, values=6, lies=0, crashes=0))
    result = Linearizability(budget_s=0.0).check(Record(ops))
    assert result.verdict == "unknown"
    assert "time budget" in result.why
    assert result.proved_prefix is not None
    assert result.proved_prefix < len(ops)
    result = Linearizability().check(Record(ops, options={"budget_mb": 0.0001}))
    assert result.verdict == "unknown"
    assert "memory budget" in result.why


@pytest.mark.parametrize(
    ("ops", "words"),
    [
        ([Op(0, 0, 1, "ok", "read", None, 1)], "had not invoked"),
        ([Op(0, 0, 1, "invoke", "read"), Op(1, 0, 1, "invoke", "read")], "still open"),
        ([Op(0, 0, 1, "invoke", "read"), Op(1, 0, 1, "ok", "write", None, 1)], "completes write"),
        ([Op(0, 0, 1, "invoke", "read", 1), Op(1, 0, 1, "ok", "read", 2, 1)], "of key 2"),
        ([Op(0, 0, 1, "invoke", "push", None, 1), Op(1, 0, 1, "ok", "push", None, 1)], "no operation 'push'"),
        ([Op(0, 0, 1, "invoke", "cas", None, 1), Op(1, 0, 1, "ok", "cas", None, 1)], "[from, to]"),
    ],
)
def test_a_history_that_makes_no_sense_is_refused_in_one_line(ops, words):
    with pytest.raises((MalformedHistoryError, ModelError)) as e:
        check(ops)
    assert words in str(e.value)
    assert "\n" not in str(e.value)


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(ModelError, match="did you mean 'cas-register'"):
        Linearizability("cas-registre")
    with pytest.raises(ModelError, match="nonsense"):
        Linearizability().check(Record([], options={"model": "nonsense"}))


def test_the_model_of_the_record_is_used():
    ops = history([("write", 1, None, 0, 1), ("cas", (1, 2), None, 2, 3)])
    assert Linearizability().check(Record(ops)).verdict == "valid"
    with pytest.raises(ModelError, match="the model register has no operation 'cas'"):
        Linearizability().check(Record(ops, options={"model": "register"}))


def test_true_is_not_one():
    assert verdict([("write", 1, None, 0, 1), ("read", None, 1, 2, 3)]) == "valid"
    assert verdict([("write", 1, None, 0, 1), ("read", None, True, 2, 3)]) == "invalid"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
        max_leaves=8,
    )
)
def test_values_thaw_to_what_was_frozen(value):
    hash(freeze(value))
    assert thaw(freeze(value)) == value


def counter_step(state, f, invoked, completed, known):
    if f == "increment":
        return state + invoked
    return state if completed == state or not known else INCONSISTENT


def test_a_model_of_ones_own():
    counter = Model("my-counter", 0, counter_step, frozenset({"get"}))
    ops = [
        Op(0, 0, 0, "invoke", "increment", None, 2),
        Op(1, 1, 1, "invoke", "increment", None, 3),
        Op(2, 2, 0, "ok", "increment", None, 2),
        Op(3, 3, 2, "invoke", "get"),
        Op(4, 4, 2, "ok", "get", None, 5),
    ]
    assert check(ops, counter).verdict == "valid"
    ops[4].value = 2
    assert check(ops, counter).verdict == "valid"  # the second increment is still open
    ops[4].value = 3
    result = check(ops, counter)
    assert result.verdict == "invalid"
    assert result.anomalies[0].data["op"] == 4
    assert "No order" in result.anomalies[0].explanation
    assert "my-counter" not in MODELS


def test_results_do_not_depend_on_the_order_of_keys_or_repetition():
    ops = history(simulated(Random(3), 200, 5, values=1000, lies=3))
    first, second = check(ops), check(list(ops))
    first.cost = second.cost = None
    assert first.verdict == "invalid"
    assert first == second
