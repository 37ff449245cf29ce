"""Models of users' own, in files: ``path/to/mymodel.py:MODEL``."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from checkers.models.model import Model, ModelError


def is_in_file(name: str) -> bool:
    """Whether a name is that of a model in a file."""
    return name.partition(":")[0].endswith(".py")


def from_file(name: str) -> Model:
    """Run the file and take the model; without ``:NAME`` the one called MODEL. Raises ModelError, one line."""
    path, _, attribute = name.partition(":")
    attribute = attribute or "MODEL"
    spec = spec_from_file_location(f"splitbrain_model_{Path(path).stem}", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise ModelError(f"{path}: expected a Python file with a model")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as e:
        raise ModelError(f"{path}: {type(e).__name__}: {' '.join(str(e).split())}") from e
    found = getattr(module, attribute, None)
    if not isinstance(found, Model):
        has = [key for key, value in vars(module).items() if isinstance(value, Model)]
        what = f"only {', '.join(has)}" if has else "none at all"
        raise ModelError(f"{path}: no model is called {attribute}, {what}")
    return found
