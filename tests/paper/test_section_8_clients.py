"""Section 8: client interaction."""

from __future__ import annotations

import pytest

from nodes.raft.messages import Append, Appended, Forward, Forwarded, Heartbeat
from tests.paper.members import Cluster, One, messages, replies, sent, values_of

CAS = "cas key=x from=1 to=2"


def test_8_a_new_leader_begins_its_term_with_an_empty_entry():
    one = One(3, term=2, terms=(1, 2))
    effects = one.elect()
    assert one.terms == (1, 2, 3)
    assert one.core.log[3].body is None
    assert [m.entries for m in messages(effects, Append)] == [(one.core.log[3],)] * 2


def test_8_a_server_that_knows_no_leader_refuses_and_one_that_does_forwards():
    one = One(3)
    assert replies(one.request({"type": "write", "key": "x", "value": 1}))[0]["code"] == 11
    one.receive("n2", Heartbeat(1, 0, 0))
    effects = one.request({"type": "write", "key": "x", "value": 1})
    assert [(e.to, e.message.client, e.message.client_msg_id) for e in sent(effects, Forward)] == [
        ("n2", "c1", 1)
    ]
    assert replies(one.receive("n2", Forwarded("c1", 1, {"type": "write_ok"}))) == [{"type": "write_ok"}]


def test_8_a_forwarded_request_is_not_forwarded_again():
    one = One(3)
    one.receive("n2", Heartbeat(1, 0, 0))
    effects = one.receive("n1", Forward("c1", 1, {"type": "write", "key": "x", "value": 1}))
    assert [(e.to, e.message.reply["code"]) for e in sent(effects)] == [("n1", 0)]


def answered(lines, request):
    """The type of each answer to the request."""
    return [line.split(" ")[3] for line in lines if f"=> {request} " in line]


@pytest.mark.parametrize("bug", [None, "no-sessions"])
def test_8_a_command_that_comes_twice_is_executed_once(bug):
    cluster = Cluster(3, bug=bug)
    cluster.elect("n0")
    cluster.script("request n0 c1:1 write key=x value=1", "settle")
    assert answered(cluster.script(f"request n0 c1:2 {CAS}", "settle"), "c1:2") == ["cas_ok"]
    again = answered(cluster.script(f"request n0 c1:2 {CAS}", "settle"), "c1:2")
    assert again == (["error"] if bug else ["cas_ok"])


def test_8_the_same_command_with_another_serial_number_is_executed():
    cluster = Cluster(3)
    cluster.elect("n0")
    cluster.script("request n0 c1:1 write key=x value=1", "settle")
    assert answered(cluster.script(f"request n0 c1:2 {CAS}", "settle"), "c1:2") == ["cas_ok"]
    assert answered(cluster.script(f"request n0 c1:3 {CAS}", "settle"), "c1:3") == ["error"]
    assert answered(cluster.script(f"request n0 c2:2 {CAS}", "settle"), "c2:2") == ["error"]


def test_8_a_command_that_is_in_the_log_twice_is_executed_once():
    cluster = Cluster(3)
    cluster.elect("n0")
    cluster.script("request n0 c1:1 write key=x value=1", "settle")
    lines = cluster.script(f"request n0 c1:2 {CAS}", f"request n0 c1:2 {CAS}", "settle")
    assert [cluster.core("n0").log[i].identity for i in (3, 4)] == ["c1:2", "c1:2"]
    assert answered(lines, "c1:2") == ["cas_ok"]


def test_8_sessions_are_part_of_the_replicated_state():
    """The retry meets another leader, and then a cluster that was restarted as a whole."""
    cluster = Cluster(3)
    cluster.elect("n0")
    cluster.script("request n0 c1:1 write key=x value=1", "settle", f"request n0 c1:2 {CAS}", "settle")
    cluster.elect("n1")
    assert answered(cluster.script(f"request n2 c1:2 {CAS}", "settle"), "c1:2") == ["cas_ok"]
    cluster.script("settle", "kill n0", "kill n1", "kill n2", "restart n0", "restart n1", "restart n2")
    cluster.elect("n2")
    assert answered(cluster.script(f"request n2 c1:2 {CAS}", "settle"), "c1:2") == ["cas_ok"]


def test_8_a_request_older_than_the_session_is_not_executed():
    cluster = Cluster(3)
    cluster.elect("n0")
    cluster.script("request n0 c1:5 write key=x value=5", "settle")
    before = values_of(cluster.core("n0"))
    lines = cluster.script("request n0 c1:4 write key=x value=4", "settle")
    assert values_of(cluster.core("n0")) == before
    assert answered(lines, "c1:4") == ["error"]
    assert cluster.core("n0").machine.read({"type": "read", "key": "x"})["value"] == 5


def test_8_no_client_is_answered_before_its_command_is_committed():
    one = One(5)
    one.elect()
    assert not replies(one.request({"type": "write", "key": "x", "value": 1}))
    assert not replies(one.receive("n1", Appended(1, ok=True, index=2)))
    assert replies(one.receive("n2", Appended(1, ok=True, index=2)))
    assert not replies(one.receive("n3", Appended(1, ok=True, index=2))), "once"


def test_8_a_leader_that_steps_down_leaves_no_client_without_an_answer():
    one = One(3)
    one.elect()
    one.receive("n1", Appended(1, ok=True, index=1))
    one.request({"type": "write", "key": "x", "value": 1}, "c1", 1)
    one.request({"type": "read", "key": "x"}, "c2", 1)
    one.receive("n2", Forward("c3", 1, {"type": "write", "key": "y", "value": 1}))
    effects = one.receive("n1", Heartbeat(2, 0, 0))
    assert [r["code"] for r in replies(effects)] == [0, 11]
    assert [(m.client, m.reply["code"]) for m in messages(effects, Forwarded)] == [("c3", 0)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "sing"}, 10),
        ({}, 10),
        ({"type": "write", "key": "x"}, 12),
        ({"type": "write", "key": [], "value": 1}, 12),
        ({"type": "txn", "txn": [["r", "x"]]}, 12),
    ],
)
def test_8_what_is_no_request_is_refused_and_never_reaches_the_log(body, code):
    one = One(1)
    one.elect()
    before = one.core.log.last_index
    assert replies(one.request(body))[0]["code"] == code
    assert one.core.log.last_index == before
