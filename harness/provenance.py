"""What made a run: versions, and a hash of the sources, so that a record says which build it judges."""

from __future__ import annotations

import platform
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("checkers", "harness", "nemeses", "nodes", "workloads")


@cache
def made_by() -> dict[str, str]:
    """Version of Splitbrain and Python, and a hash of the five packages' source files."""
    root = Path(__file__).resolve().parent.parent
    digest = blake2b(digest_size=12)
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return {
        "splitbrain": version("splitbrain"),
        "python": platform.python_version(),
        "sources": digest.hexdigest(),
    }
