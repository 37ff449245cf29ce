"""What a machine needs to run our nodes, beside Python: the package ``nodes``, and msgspec for its Python.

msgspec is copied from the harness's own environment where the machine's Python can load it; for another Python pip
fetches the same version. What is sent is known by a digest of what is in it: it is sent once.
"""

from __future__ import annotations

import importlib.machinery
import shutil
import subprocess
import sys
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import msgspec

import harness
import nemeses
import nodes

PROBE = "import importlib.machinery as m, sys; print(*sys.version_info[:2], m.EXTENSION_SUFFIXES[0])"
"""prints, on the machine, what ``vendor`` wants to know"""


RELAY = (
    "harness/streams.py",
    "nemeses/port.py",
    *(f"harness/live/{name}.py" for name in ("network", "proxy", "relay", "wires")),
)
"""what a relay (harness/live/relay.py) is made of, beside nodes"""


def relay_sources() -> dict[str, Path]:
    """Place among packages -> file."""
    roots = {made.__name__: Path(str(made.__file__)).absolute().parent.parent for made in (harness, nemeses)}
    return {name: roots[name.partition("/")[0]] / name for name in RELAY}


def digest(*parts: str) -> str:
    """Of the nodes' sources, msgspec's version, and what else makes a difference."""
    package = Path(nodes.__file__).absolute().parent
    sources = sorted(package.rglob("*.py"))
    made = blake2b(digest_size=10)
    for part in (*parts, version("msgspec"), *(str(s.relative_to(package)) for s in sources)):
        made.update(part.encode() + b"\0")
    for source in sources:
        made.update(source.read_bytes() + b"\0")
    return made.hexdigest()


def vendor(packages: Path, python: str, suffix: str, platform: str = "") -> None:
    """Put ``nodes`` and msgspec into the folder ``packages``, for that Python. Raises CalledProcessError, OSError.

    ``python``: its version, 3.11; ``suffix``: how its extension modules end; ``platform``: as pip names it, if it may
    be another than this machine's.
    """
    package = Path(nodes.__file__).absolute().parent
    shutil.copytree(package, packages / "nodes", ignore=shutil.ignore_patterns("__pycache__"))
    if suffix == importlib.machinery.EXTENSION_SUFFIXES[0]:
        source = Path(msgspec.__file__).absolute().parent
        shutil.copytree(source, packages / "msgspec", ignore=shutil.ignore_patterns("__pycache__"))
        return
    wanted = f"msgspec=={version('msgspec')}"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    where = ["--platform", platform] if platform else []
    subprocess.run(
        [*command, *where, "--python-version", python, "--target", str(packages), wanted],
        check=True,
        capture_output=True,
    )
