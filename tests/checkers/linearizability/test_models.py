"""Models as users meet them: their own in ten lines, bad values refused in one line, states told in words."""

from __future__ import annotations

import json

import pytest

from checkers import Model, check
from checkers.history import Op, write
from checkers.linearizability.checker import Linearizability, model_named
from checkers.models import INCONSISTENT, MODELS, ModelError, multi_register, own, semaphore
from checkers.record import Record
from harness.cli import main

OWN = """
from checkers.models import INCONSISTENT, Model, ModelError

def step(state, f, invoked, completed, known):
    if f == "swap":
        return invoked if not known or completed == state else INCONSISTENT
    raise ModelError(f"a swap register has no operation {f!r}")

MODEL = Model("swap-register", None, step)
"""


def ops(*parts):
    """(process, type, f, value) one after the other."""
    return [
        Op(i, i * 1000, process, type_, f, None, value) for i, (process, type_, f, value) in enumerate(parts)
    ]


def done(*parts):
    """(f, asked, answer) one after the other, each by itself."""
    return ops(
        *(
            event
            for f, asked, answer in parts
            for event in ((0, "invoke", f, asked), (0, "ok", f, asked if answer is ... else answer))
        )
    )


SWAPS = done(("swap", 1, None), ("swap", 2, 1))
WRONG = done(("swap", 1, None), ("swap", 2, 3))


@pytest.fixture
def mymodel(tmp_path):
    path = tmp_path / "mymodel.py"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_model_of_ones_own_in_ten_lines_judges(mymodel, tmp_path, capsys):
    assert len([line for line in OWN.splitlines() if line]) <= 10
    assert check(SWAPS, model=f"{mymodel}:MODEL").verdict == "valid"
    assert check(SWAPS, model=own.from_file(str(mymodel))).verdict == "valid"
    history = tmp_path / "h.jsonl"
    for made, code in ((SWAPS, 0), (WRONG, 1)):
        write(history, made)
        assert main(["check", str(history), "--model", f"{mymodel}:MODEL"]) == code
    out = capsys.readouterr().out
    assert "swap-register" in out


def test_a_model_is_a_value():
    def step(state, f, *_):
        return INCONSISTENT if f == "never" else state

    never = Model("never", 0, step)
    assert check(done(("other", 1, 1)), model=never).verdict == "valid"
    assert check(done(("never", 1, 1)), model=never).verdict == "invalid"


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (OWN, "NONE", "no model is called NONE, only MODEL"),
        ("x = 1", "MODEL", "no model is called MODEL, none at all"),
        ("1 /", "MODEL", "SyntaxError"),
        ("raise RuntimeError('a\\nb')", "MODEL", "RuntimeError: a b"),
    ],
)
def test_a_file_without_the_model_is_refused_in_one_line(tmp_path, text, name, words):
    path = tmp_path / "m.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as e:
        model_named(f"{path}:{name}")
    assert words in str(e.value)
    assert "\n" not in str(e.value)
    with pytest.raises(ModelError, match="expected a Python file"):
        model_named(f"{path}x/nothing.py:MODEL")


@pytest.mark.parametrize(
    ("model", "f", "value", "words"),
    [
        ("kv", "cas", 3, "the value of a cas is [from, to], not 3"),
        ("append-kv", "append", [1], "what is appended to a string is a string, not [1]"),
        ("multi-register", "txn", 3, "the value of a transaction is a list of [f, register, value], not 3"),
        (
            "multi-register",
            "txn",
            [["swap", "x", 1]],
            "a part of a transaction is [read or write, register, value]",
        ),
        ("counter", "add", "x", "what is added to a counter is a number, not 'x'"),
        ("set", "contains", 1, "contains 1 answers true or false, not 1"),
        ("fifo-queue", "enqueue", None, "nil is no element to enqueue"),
        ("unordered-queue", "enqueue", None, "nil is no element to enqueue"),
        ("stack", "push", None, "nil is no element to push"),
        ("append-list", "read", 3, "a read of a list answers a list, not 3"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_it(model, f, value, words):
    for engine in ("table", None):
        with pytest.raises(ModelError) as e:
            Linearizability(model, engine=engine).check(Record(done((f, value, ...))))
        assert words in str(e.value)
        assert "\n" not in str(e.value)


def test_elements_of_a_priority_queue_have_an_order():
    mixed = done(("enqueue", 1, ...), ("enqueue", "x", ...))
    for engine in MODELS["priority-queue"].engines:
        with pytest.raises(ModelError, match="elements of a priority queue are numbers, strings, or lists"):
            Linearizability("priority-queue", engine=engine).check(Record(mixed))
    pairs = done(("enqueue", [2, "a"], ...), ("enqueue", [1, "b"], ...), ("dequeue", None, [1, "b"]))
    assert check(pairs, model="priority-queue").verdict == "valid"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_refuses_a_function_that_it_does_not_know(name):
    with pytest.raises(ModelError, match="has no operation 'frobnicate', only"):
        check(done(("frobnicate", 1, 1)), model=name)


def test_registers_of_which_the_first_values_are_given():
    first = [["read", "x", 7]]
    assert check(done(("txn", [["read", "x", None]], first)), model="multi-register").verdict == "valid"
    for value, verdict in ((7, "valid"), (0, "invalid")):
        given = multi_register({"x": value})
        assert check(done(("txn", [["read", "x", None]], first)), model=given).verdict == verdict
    twice = done(("txn", [["read", "x", None]], first), ("txn", [["read", "x", None]], [["read", "x", 8]]))
    assert check(twice, model="multi-register").verdict == "invalid"


def test_a_semaphore_has_so_many_permits():
    taken = done(("acquire", None, ...), ("acquire", None, ...))
    assert check(taken, model=semaphore(2)).verdict == "valid"
    assert check(taken, model=semaphore(1)).verdict == "invalid"
    assert check(
        done(("acquire", 2, ...), ("release", 1, ...), ("acquire", 1, ...)), model=semaphore(2)
    ).verdict == ("valid")


def test_a_lock_that_knows_its_owner_tells_processes_apart():
    by_two = ops((0, "invoke", "acquire", None), (0, "ok", "acquire", None), (1, "invoke", "release", None))
    by_two += [Op(3, 3000, 1, "ok", "release", None, None)]
    assert check(by_two, model="mutex").verdict == "valid"
    assert check(by_two, model="owner-aware-mutex").verdict == "invalid"
    one_client = [Op(o.index, o.time, o.process, o.type, o.f, None, {"client": "c"}) for o in by_two]
    assert check(one_client, model="owner-aware-mutex").verdict == "valid"


def test_tokens_of_a_fenced_lock_grow():
    def held(*tokens):
        return done(
            *(
                part
                for token in tokens
                for part in (("acquire", None, {"fence": token}), ("release", None, ...))
            )
        )

    for name in ("fenced-mutex", "reentrant-fenced-mutex"):
        assert check(held(1, 2, 5), model=name).verdict == "valid"
        assert check(held(1, 2, 2), model=name).verdict == "invalid"
        assert check(held(3, 2), model=name).verdict == "invalid"
    again = done(("acquire", None, 4), ("acquire", None, 4))
    assert check(again, model="reentrant-fenced-mutex").verdict == "valid"
    assert check(again, model="fenced-mutex").verdict == "invalid"


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("set", [("add", 1, ...), ("read", None, [1, 2])]),
        (
            "multi-register",
            [("txn", [["write", "x", 1]], ...), ("txn", [["read", "x", None]], [["read", "x", 2]])],
        ),
        ("unordered-queue", [("enqueue", 1, ...), ("dequeue", None, 2)]),
        ("reentrant-mutex", [("acquire", None, ...), ("release", None, ...), ("release", None, ...)]),
        ("counter", [("inc", None, ...), ("read", None, 3)]),
        ("append-list", [("append", 1, ...), ("read", None, [2])]),
    ],
)
def test_the_states_that_an_explanation_shows_can_be_written_down(model, parts):
    result = check(done(*parts), model=model)
    assert result.verdict == "invalid"
    assert "in one of these states" in result.anomalies[0].explanation
    assert json.loads(json.dumps(result.anomalies[0].data)) == result.anomalies[0].data
