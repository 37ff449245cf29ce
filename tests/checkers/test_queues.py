"""Queues and sets: counted again from the whole history; and what they say in words."""

from __future__ import annotations

from collections import Counter

import pytest

from checkers.collections.queues import Queue, TotalQueue
from checkers.collections.set_final import FinalSet
from checkers.history import MalformedHistoryError, Op
from checkers.operations import operations
from checkers.record import Record
from tests.checkers.histories import History, types
from tests.checkers.scrambles import scramble


def by_hand(ops: list[Op]) -> tuple[Counter[str], int]:
    """How often a value came out that should not have, and how many acknowledged ones did not come out."""
    tried: Counter[int] = Counter()
    acknowledged: Counter[int] = Counter()
    taken: Counter[int] = Counter()
    for o in operations(ops):
        if o.invoke.f == "enqueue":
            tried[o.invoke.value] += o.type != "fail"
            acknowledged[o.invoke.value] += o.type == "ok"
        elif o.type == "ok" and o.completion is not None:
            out = o.completion.value if o.invoke.f == "drain" else [o.completion.value]
            taken.update(v for v in out if v is not None)
    found: Counter[str] = Counter()
    for value, times in taken.items():
        found["duplicated" if tried[value] else "unexpected"] += times > tried[value]
    return found, sum((acknowledged - taken).values())


@pytest.mark.parametrize("wrong", [0, 10])
def test_queues_are_counted_as_by_hand(wrong: int) -> None:
    verdicts = Counter()
    for seed in range(300):
        ops = scramble("queue", seed, 50, wrong=wrong)
        found, missing = by_hand(ops)
        once, total = Queue().check(Record(ops)), TotalQueue().check(Record(ops))
        kinds = set(types(once))
        # a value that came out before it was put in is unexpected, however many enqueues of it follow
        assert kinds >= {kind for kind, count in found.items() if count}
        assert total.coverage["not_come_out"] == missing
        crashed = sum(o.type == "info" and o.invoke.f != "enqueue" for o in operations(ops))
        strict = TotalQueue().check(Record(ops, options={"drained": True}))
        assert ("lost" in types(strict)) == (missing > crashed)
        if "lost" in types(total):
            assert missing > crashed
        verdicts[total.verdict] += 1
    assert min(verdicts["valid"] + verdicts["unknown"], verdicts["invalid"] if wrong else 99) > 20


def queue(*values: int) -> History:
    h = History()
    for value in values:
        h.done(0, "enqueue", value)
    return h


def test_what_was_put_in_after_the_queue_was_empty_is_not_lost() -> None:
    h = queue(1)
    h.invoke(1, "dequeue")
    h.op(1, "fail", "dequeue", error="empty")
    assert types(h.judge(TotalQueue())) == ["lost"]
    late = History()
    late.invoke(1, "dequeue")
    late.done(0, "enqueue", 1)
    late.op(1, "fail", "dequeue", error=["empty", "nothing there"])
    result = late.judge(TotalQueue())
    assert (result.verdict, "after the queue was last found empty" in result.why) == ("unknown", True)


def test_what_was_put_in_again_after_the_queue_was_empty_is_not_lost() -> None:
    h = queue(1)
    h.done(1, "dequeue", None, 1)
    h.done(1, "drain", None, [])
    h.done(0, "enqueue", 1)
    assert h.judge(TotalQueue()).verdict == "unknown"
    h.done(1, "drain", None, [])
    assert types(h.judge(TotalQueue())) == ["lost"]


def test_a_queue_that_was_never_drained_tells_nothing_of_losses() -> None:
    assert (
        queue(1, 2).judge(TotalQueue()).why
        == "2 values did not come out, and the queue was never found empty"
    )
    assert types(queue(1, 2).judge(TotalQueue(), drained=True)) == ["lost"]


def test_a_crashed_dequeue_may_have_taken_one_value_and_no_more() -> None:
    for values, verdict in (((1,), "unknown"), ((1, 2), "invalid")):
        h = queue(*values)
        h.invoke(1, "dequeue")
        h.op(1, "info", "dequeue")
        h.done(2, "drain", None, [])
        assert h.judge(TotalQueue()).verdict == verdict


def test_a_crashed_dequeue_takes_nothing_where_it_is_said_so() -> None:
    h = queue(1)
    h.invoke(1, "dequeue")
    h.op(1, "info", "dequeue")
    h.done(2, "drain", result=[])
    assert h.judge(TotalQueue()).verdict == "unknown"
    assert types(h.judge(TotalQueue(), crashed_take=False)) == ["lost"]


def test_an_unacknowledged_value_that_comes_out_is_recovered() -> None:
    h = History()
    h.invoke(0, "enqueue", 7)
    h.op(0, "info", "enqueue", 7)
    h.done(1, "dequeue", None, 7)
    result = h.judge(TotalQueue())
    assert (result.verdict, result.coverage["recovered"]) == ("valid", 1)


def test_twice_is_allowed_where_a_queue_delivers_at_least_once() -> None:
    h = queue(7)
    h.done(1, "dequeue", None, 7)
    h.done(1, "dequeue", None, 7)
    assert types(h.judge(Queue())) == ["duplicated"]
    result = h.judge(Queue(), at_least_once=True)
    assert (result.verdict, result.coverage["repeated"]) == ("valid", 1)


def test_a_drain_must_be_a_list() -> None:
    h = queue(1)
    h.done(1, "drain", None, 1)
    with pytest.raises(MalformedHistoryError, match="op 3: a drain returns a list"):
        h.judge(Queue())


def test_the_last_read_of_a_set_is_the_one_invoked_last() -> None:
    h = History()
    h.done(0, "add", 1)
    h.invoke(1, "read")
    h.invoke(2, "read")
    h.ok(2, "read", [1])
    h.ok(1, "read", [])
    assert h.judge(FinalSet()).verdict == "valid"


def test_an_option_must_be_what_it_is_said_to_be() -> None:
    with pytest.raises(ValueError, match="option at_least_once is 1, expected true or false"):
        queue(1).judge(Queue(), at_least_once=1)
