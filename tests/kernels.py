"""A kernel as the plain Python file that it is, whether or not it was compiled."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

KERNELS = Path(__file__).parents[1] / "checkers" / "kernels"


def uncompiled(name: str, *bases: str) -> ModuleType:
    """The kernel of that name, from its source, as are the kernels it builds on, in order.

    Give it memoryviews: numpy's own items are no Python integers.
    """
    kept = {base: sys.modules.get(f"checkers.kernels.{base}") for base in bases}
    try:
        for base in bases:
            sys.modules[f"checkers.kernels.{base}"] = _loaded(base)
        return _loaded(name)
    finally:
        for base, module in kept.items():
            if module is None:
                del sys.modules[f"checkers.kernels.{base}"]
            else:
                sys.modules[f"checkers.kernels.{base}"] = module


def _loaded(name: str) -> ModuleType:
    loader = SourceFileLoader(f"uncompiled_{name}", str(KERNELS / f"{name}.py"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
