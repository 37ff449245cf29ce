"""The kernels of transactions as the plain files that they are: the same results as compiled."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest

from checkers.record import Record
from checkers.txn.list_append import ListAppend
from checkers.txn.rw_register import RwRegister
from tests.checkers.test_list_append import history
from tests.checkers.test_txn_twins import scrambled
from tests.kernels import uncompiled

USERS = {
    "checkers.txn.micro": {"kernel": "micro"},
    "checkers.txn.lists": {"kernel": "lists"},
    "checkers.txn.registers": {"kernel": "registers"},
    "checkers.txn.evidence": {"kernel": "registers", "graph_kernel": "graph"},
    "checkers.txn.graph": {"kernel": "graph"},
    "checkers.txn.cycles": {"kernel": "cycles"},
    "checkers.txn.list_append": {"kernel": "lists"},
}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as patch:
        yield patch


def make_plain(patch: pytest.MonkeyPatch) -> None:
    for name, kernels in USERS.items():
        module = import_module(name)
        patch.setattr(module, "view", memoryview)
        for attribute, kernel in kernels.items():
            patch.setattr(module, attribute, uncompiled(kernel))


@pytest.mark.parametrize(("checker", "write"), [(ListAppend, "append"), (RwRegister, "w")])
@pytest.mark.parametrize("model", ["strict-serializable", "strong-session-serializable", "read-committed"])
def test_the_same_anomalies_as_compiled(
    checker: type, write: str, model: str, plain: pytest.MonkeyPatch
) -> None:
    histories = [Record(scrambled(seed, write), options={"model": model}) for seed in range(60)]
    compiled = [checker().check(record) for record in histories]
    make_plain(plain)
    assert [checker().check(record) for record in histories] == compiled
    assert len({r.verdict for r in compiled}) == 3


def test_fans_too(plain: pytest.MonkeyPatch) -> None:
    """Many readers of one version, many appends that nobody read: joined by nodes that are no transactions."""
    readers = [f"{p} T rx[1]" for p in range(1, 15)]
    writers = [f"{p} T ax{p}" for p in range(20, 35)]
    ops = history("0 T ax1", *readers, *writers, "40 T rx[1]").ops
    compiled = ListAppend().check(Record(ops))
    assert [a.type for a in compiled.anomalies] == ["G-single-realtime"]
    make_plain(plain)
    assert ListAppend().check(Record(ops)) == compiled
