"""A kernel as the plain Python file that it is, whether or not it was compiled."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

KERNELS = Path(__file__).parents[1] / "checkers" / "kernels"


def uncompiled(name: str) -> ModuleType:
    """The kernel of that name, from its source. Give it memoryviews: numpy's own items are no Python integers."""
    loader = SourceFileLoader(f"uncompiled_{name}", str(KERNELS / f"{name}.py"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
