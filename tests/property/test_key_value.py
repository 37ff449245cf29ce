"""The replicated state machine against a dumb twin that knows only dictionaries and lists."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.kv import KeyValue

KEYS = st.one_of(st.integers(0, 2), st.sampled_from(["a", "b"]))
VALUES = st.one_of(st.none(), st.integers(0, 3), st.lists(st.integers(0, 2), max_size=2))
OFFSETS = st.dictionaries(st.sampled_from(["0", "a"]), st.integers(0, 3), max_size=2)
REQUESTS = st.one_of(
    st.fixed_dictionaries({"type": st.just("write"), "key": KEYS, "value": VALUES}),
    st.fixed_dictionaries(
        {"type": st.just("cas"), "key": KEYS, "from": VALUES, "to": VALUES},
        optional={"create_if_not_exists": st.booleans()},
    ),
    st.fixed_dictionaries({"type": st.just("delete"), "key": KEYS}),
    st.fixed_dictionaries({"type": st.just("read"), "key": KEYS}),
    st.fixed_dictionaries(
        {
            "type": st.just("txn"),
            "txn": st.lists(
                st.one_of(
                    st.tuples(st.just("r"), KEYS, st.none()),
                    st.tuples(st.just("w"), KEYS, st.one_of(st.none(), st.integers(0, 9))),
                    st.tuples(st.just("append"), KEYS, st.integers(0, 9)),
                ).map(list),
                max_size=5,
            ),
        }
    ),
    st.fixed_dictionaries({"type": st.just("add"), "element": VALUES}),
    st.fixed_dictionaries({"type": st.just("add"), "delta": st.integers(-2, 3)}),
    st.fixed_dictionaries(
        {"type": st.just("transfer"), "from": KEYS, "to": KEYS, "amount": st.integers(0, 2)}
    ),
    st.fixed_dictionaries({"type": st.just("send"), "key": KEYS, "msg": VALUES}),
    st.fixed_dictionaries({"type": st.just("poll"), "offsets": OFFSETS}),
    st.fixed_dictionaries({"type": st.just("commit_offsets"), "offsets": OFFSETS}),
    st.fixed_dictionaries({"type": st.just("list_committed_offsets"), "keys": st.lists(KEYS, max_size=3)}),
    st.fixed_dictionaries({"type": st.just("broadcast"), "message": VALUES}),
    st.just({"type": "read"}),
)


class Twin:
    """What each request means, in the fewest words: (answer, or the code of its error)."""

    def __init__(self):
        self.values, self.elements, self.messages = {}, [], []
        self.sum, self.logs, self.committed = None, {}, {}

    def apply(self, body):
        values = self.values
        kind, key = body["type"], body.get("key")
        if kind == "txn":
            return self.txn(body["txn"])
        if kind == "transfer":
            return self.transfer(body["from"], body["to"], body["amount"])
        if kind in ("send", "poll", "commit_offsets", "list_committed_offsets"):
            return self.topic(kind, body)
        if "delta" in body:
            self.sum = (self.sum or 0) + body["delta"]
            return None
        if kind in ("add", "broadcast"):
            items, item = {
                "add": (self.elements, body.get("element")),
                "broadcast": (self.messages, body.get("message")),
            }[kind]
            if item not in items:
                items.append(item)
            return None
        if kind == "read" and "key" not in body:
            return (list(self.elements) if self.sum is None else self.sum, list(self.messages))
        if kind == "write":
            values[key] = body["value"]
            return None
        if kind == "cas" and key not in values and body.get("create_if_not_exists"):
            values[key] = body["to"]
            return None
        if key not in values:
            return 20
        if kind == "read":
            return ("value", values[key])
        if kind == "delete":
            del values[key]
            return None
        if values[key] != body["from"]:
            return 22
        values[key] = body["to"]
        return None

    def transfer(self, giver, taker, amount):
        if type(self.values.get(giver)) is not int or type(self.values.get(taker)) is not int:
            return 20
        if self.values[giver] < amount:
            return 22
        self.values[giver] -= amount
        self.values[taker] += amount
        return None

    def topic(self, kind, body):
        if kind == "send":
            self.logs.setdefault(str(body["key"]), []).append(body["msg"])
            return ("offset", len(self.logs[str(body["key"])]) - 1)
        if kind == "poll":
            return (
                "msgs",
                {
                    k: [list(r) for r in enumerate(self.logs.get(k, []))][o:]
                    for k, o in body["offsets"].items()
                },
            )
        if kind == "commit_offsets":
            for key, offset in body["offsets"].items():
                self.committed[key] = max(offset, self.committed.get(key, 0))
            return None
        return ("offsets", {k: o for k, o in self.committed.items() if k in map(str, body["keys"])})

    def txn(self, micros):
        values, done = copy.deepcopy(self.values), []
        for f, key, value in micros:
            if f == "r":
                done.append([f, key, copy.deepcopy(values.get(key))])
                continue
            if f == "append":
                if values.get(key) is None:
                    values[key] = []
                if not isinstance(values[key], list):
                    return 22
                values[key] = values[key] + [value]
            else:
                values[key] = value
            done.append([f, key, value])
        self.values = values
        return ("txn", done)


def meaning(reply):
    """A reply as the twin would give it."""
    if reply["type"] == "error":
        return reply["code"]
    if "messages" in reply:
        return (reply["value"], reply["messages"])
    for name in ("value", "txn", "offset", "msgs", "offsets"):
        if name in reply:
            return (name, reply[name])
    return None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(requests=st.lists(REQUESTS, max_size=25))
def test_it_answers_as_its_twin(requests):
    machine, twin = KeyValue(), Twin()
    for body in requests:
        before = copy.deepcopy(body)
        assert machine.refuse(body) is None
        assert meaning(machine.apply(body)) == twin.apply(body)
        assert body == before, "a request is not changed"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(requests=st.lists(REQUESTS, max_size=25))
def test_what_changes_nothing_is_a_read_and_only_that(requests):
    machine, twin = KeyValue(), Twin()
    for body in requests:
        before = copy.deepcopy(vars(twin))
        answer = twin.apply(body)
        if machine.is_read(body):
            assert vars(twin) == before
            assert meaning(machine.read(body)) == answer
        machine.apply(body)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(requests=st.lists(REQUESTS, min_size=2, max_size=12), data=st.data())
def test_the_digest_tells_the_order_of_what_was_applied(requests, data):
    one, same, other = KeyValue(), KeyValue(), KeyValue()
    shuffled = data.draw(st.permutations(requests))
    for a, b in zip(requests, shuffled, strict=True):
        one.apply(a)
        same.apply(copy.deepcopy(a))
        other.apply(b)
    assert one.digest == same.digest
    if repr(requests) != repr(shuffled):
        assert one.digest != other.digest


@pytest.mark.parametrize(
    "body",
    [
        {"type": "add", "element": 1, "delta": 1},
        {"type": "add"},
        {"type": "add", "delta": "1"},
        {"type": "transfer", "from": "a", "to": "b", "amount": -1},
        {"type": "poll", "offsets": {"k": -1}},
        {"type": "commit_offsets", "offsets": [1]},
        {"type": "list_committed_offsets", "keys": "k"},
        {"type": "send", "key": 1.5, "msg": 1},
    ],
)
def test_fields_that_make_no_sense_are_refused(body):
    assert KeyValue().refuse(body)["code"] == 12


@pytest.mark.parametrize("body", [{"type": "write", "key": True, "value": 1}, {"type": "read", "key": None}])
def test_a_key_is_a_string_or_an_integer(body):
    assert KeyValue().refuse(body)["code"] == 12
    assert KeyValue().refuse({**body, "key": 1}) is None
