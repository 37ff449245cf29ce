"""Readers with the kernels compiled, and with the same files as they are."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from checkers import formats
from checkers.formats import _forms, _rows, edn, elle_json, jsonl, maelstrom, porcupine_kv
from checkers.kernels import COMPILED
from tests.kernels import uncompiled


def plain_kernels() -> tuple[ModuleType, ModuleType]:
    """json_ops and edn_ops from their sources, on top of text from its source."""
    compiled = sys.modules["checkers.kernels.text"]
    sys.modules["checkers.kernels.text"] = uncompiled("text")
    try:
        return uncompiled("json_ops"), uncompiled("edn_ops")
    finally:
        sys.modules["checkers.kernels.text"] = compiled


PLAIN = plain_kernels()


@pytest.fixture(params=["as installed", "uncompiled"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The readers use kernels of this kind."""
    monkeypatch.setattr(jsonl, "PARSED", True)
    if request.param == "uncompiled" or not COMPILED:
        json_ops, edn_ops = PLAIN
        for module in (jsonl, elle_json):
            monkeypatch.setattr(module, "JsonParser", json_ops.JsonParser)
        for module in (edn, maelstrom, porcupine_kv):
            monkeypatch.setattr(module, "EdnParser", edn_ops.EdnParser)
        for module in (jsonl, _forms, _rows):
            monkeypatch.setattr(module, "view", memoryview)
    return str(request.param)


__all__ = ["formats", "kernels"]
