"""Columnar histories are the same histories."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers import columns, npz
from checkers.columns import BOOL, FLOAT, INT, LIST, History, columnar
from checkers.history import MalformedHistoryError, Op
from checkers.operations import operations, pair
from tests.kernels import uncompiled

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS | st.integers(-(1 << 70), 1 << 70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
OPS = st.builds(
    Op,
    index=st.integers(0, 1 << 40),
    time=st.integers(0, 1 << 60),
    process=st.integers(0, 5) | st.sampled_from(["nemesis", "admin", -7]),
    type=st.sampled_from(["invoke", "ok", "fail", "info"]),
    f=st.sampled_from(["read", "write", "cas"]),
    key=VALUES,
    value=VALUES,
    node=st.none() | st.sampled_from(["n0", "n1"]),
    error=VALUES,
)


@given(st.lists(OPS, max_size=8))
def test_ops_come_back_as_they_were(ops: list[Op]) -> None:
    history = History.from_ops(ops)
    assert list(history) == ops
    assert history[:] == ops
    assert columnar(history) is history


@given(st.lists(OPS, max_size=8))
def test_a_file_gives_them_back_and_is_the_same_each_time(ops: list[Op]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder, "one.npz"), Path(folder, "two.npz")
        npz.save(History.from_ops(ops), one, {"made": "here"})
        npz.save(History.from_ops(ops), two, {"made": "here"})
        assert one.read_bytes() == two.read_bytes()
        assert list(npz.load(one)) == ops
        assert npz.load_origin(one) == {"made": "here"}


@given(st.lists(VALUES, max_size=12))
def test_codes_are_equal_where_values_are(values: list[object]) -> None:
    history = History.from_ops(Op(i, 0, 0, "invoke", "f", None, value) for i, value in enumerate(values))
    codes, firsts = history.codes(history.value)

    def exact(value: object) -> object:
        if isinstance(value, list):
            return [exact(item) for item in value]
        if isinstance(value, dict):
            return {name: exact(item) for name, item in value.items()}
        return (type(value).__name__, repr(value))

    plain = [exact(value) for value in values]
    assert [plain.index(value) for value in plain] == [int(firsts[code]) for code in codes]
    assert sorted(set(codes.tolist())) == list(range(len(firsts)))


def test_one_true_and_a_float_are_three_values() -> None:
    history = History.from_ops(Op(i, 0, 0, "invoke", "f", None, v) for i, v in enumerate([1, True, 1.0, [1]]))
    assert history.value.kind.tolist() == [INT, BOOL, FLOAT, LIST]
    assert history.codes(history.value)[0].tolist() == [0, 1, 2, 3]


def test_codes_of_some_positions_only() -> None:
    history = History.from_ops(Op(i, 0, 0, "invoke", "f", None, v) for i, v in enumerate([5, 6, 5, 7]))
    codes, firsts = history.codes(history.value, np.array([3, 1, 3]))
    assert codes.tolist() == [0, 1, 0]
    assert firsts.tolist() == [3, 1]


FAR = [1 << 40, -(1 << 40), 1 << 62, (1 << 63) - 1, -(1 << 63)]


@given(st.lists(st.sampled_from([None, True, False, 0, 1, -2, 900, "", "a", "b", *FAR]), max_size=30))
def test_codes_of_plain_values_are_those_of_any(values: list[object]) -> None:
    history = History.from_ops(Op(i, 0, 0, "invoke", "f", None, value) for i, value in enumerate(values))
    codes, firsts = history.codes(history.value)
    plain = [(type(value), value) for value in values]
    assert [plain.index(value) for value in plain] == [int(firsts[code]) for code in codes]


@pytest.mark.parametrize("far", FAR)
def test_codes_of_integers_that_are_all_far_away(far: int) -> None:
    history = History.from_ops(Op(i, 0, 0, "invoke", "f", None, far) for i in range(3))
    assert history.codes(history.value)[0].tolist() == [0, 0, 0]


def test_uncompiled_numbers_of_plain_values_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [None, True, 5, "b", 7, False, 5, "a", None, "b"]
    history = History.from_ops(Op(i, 0, 0, "invoke", "f", None, v) for i, v in enumerate(values))
    codes = history.codes(history.value)[0].tolist()
    monkeypatch.setattr(columns, "dense", uncompiled("dense"))
    monkeypatch.setattr(columns, "view", memoryview)
    assert history.codes(history.value)[0].tolist() == codes


def test_uncompiled_numbers_are_the_same() -> None:
    values = [[1, [2, "a"]], {"x": 1, "b": [1]}, [1, [2, "a"]], -5, "a", 1 << 80]
    history = History.from_ops(Op(i, 0, 0, "invoke", "f", None, v) for i, v in enumerate(values))
    kind, word = (memoryview(part) for part in history.value)
    pool = [memoryview(part) for part in history.pool]
    table, firsts, codes = [-1] * 16, [0] * 6, [0] * 6
    assert uncompiled("dense").number(kind, word, *pool, table, firsts, codes) == 5
    assert codes == history.codes(history.value)[0].tolist()


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(MalformedHistoryError, match="op 0"):
        History.from_ops([Op(0, 0, 0, "invoke", "f", None, value)])


def test_endless_nesting_is_refused() -> None:
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(MalformedHistoryError, match="nested deeper"):
        History.from_ops([Op(0, 0, 0, "invoke", "f", None, deep)])


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["invoke", "ok", "fail", "info"])), max_size=10))
def test_pairs_are_those_of_the_slow_way(steps: list[tuple[int, str]]) -> None:
    opened: set[int] = set()
    ops: list[Op] = []
    for process, kind in steps:
        if (kind == "invoke") == (process in opened):
            continue
        (opened.add if kind == "invoke" else opened.discard)(process)
        ops.append(Op(len(ops), 0, process, kind, "read"))  # type: ignore[arg-type]
    slow = operations(ops)
    fast = pair(History.from_ops(ops))
    assert fast.begin.tolist() == [o.begin for o in slow]
    assert fast.end.tolist() == [-1 if o.end is None else o.end for o in slow]
    assert [["invoke", "ok", "fail", "info"][c] for c in fast.outcome] == [o.type for o in slow]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, "invoke", "read", 1), (0, "invoke", "read", 1)], "invokes read while its read of op 0"),
        ([(0, "ok", "read", 1)], "completes .ok. read but had not invoked"),
        ([(0, "invoke", "read", 1), (0, "ok", "write", 1)], "completes write, but had invoked read"),
        ([(0, "invoke", "read", 1), (0, "ok", "read", 2)], "of key 2, but had invoked it of key 1"),
        ([(9 << 50, "invoke", "read", 1), (9 << 50, "invoke", "read", 1)], "is still open"),
    ],
)
def test_what_does_not_pair_is_told(rows: list[tuple[int, str, str, int]], words: str) -> None:
    ops = [Op(i, 0, p, t, f, k) for i, (p, t, f, k) in enumerate(rows)]  # type: ignore[arg-type]
    with pytest.raises(MalformedHistoryError, match=words):
        pair(History.from_ops(ops))


def test_an_info_of_a_process_without_an_operation_is_a_remark() -> None:
    assert (
        len(pair(History.from_ops([Op(0, 0, 1, "info", "note"), Op(1, 0, "nemesis", "info", "kill")])).begin)
        == 0
    )


@pytest.mark.parametrize("cut", [0, 1, 40, 400])
def test_a_broken_file_is_one_line(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "history.npz"
    npz.save(History.from_ops([Op(0, 0, 0, "invoke", "f", None, [1, "a"])]), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(MalformedHistoryError) as error:
        npz.load(path)
    assert "\n" not in str(error.value)
