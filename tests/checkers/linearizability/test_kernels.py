"""The kernels of data types, uncompiled, against the compiled ones: same numbers in, same numbers out."""

from __future__ import annotations

import numpy as np
import pytest

from checkers.linearizability.datatypes import containers, counter, mutex
from tests.checkers.linearizability.batches import batch
from tests.checkers.linearizability.specs import SPECS
from tests.checkers.linearizability.test_against_twin import BATCH, decided, model_of, samples
from tests.kernels import uncompiled

USERS = {
    "stack": (containers, "lifo"),
    "priority-queue": (containers, "smallest"),
    "counter": (counter, "deadlines"),
    "mutex": (mutex, "deadlines"),
}


@pytest.mark.parametrize("name", USERS)
def test_an_uncompiled_kernel_decides_as_the_compiled_one(name, monkeypatch):
    model = model_of(name)
    twin, histories, _ = samples(name)
    history = batch(twin.kinds, histories[:BATCH])
    engines = SPECS[name].engines[:1]
    first, _ = decided(model, history, engines)
    module, kernel = USERS[name]
    monkeypatch.setattr(module, kernel, uncompiled(kernel))
    monkeypatch.setattr(module, "view", memoryview)
    plain, _ = decided(model, history, engines)
    assert np.array_equal(first.status, plain.status)
    assert np.array_equal(first.position, plain.position)
