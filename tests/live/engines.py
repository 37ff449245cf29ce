"""The container engine for tests: one test module at a time, with the base image on it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from harness.live.image import BASE

RECIPE = Path(__file__).parents[2] / "compose" / "base-image.sh"


@contextmanager
def held_engine(factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The engine, with the base image on it: made where it is missing. Tests that count containers hold it alone."""
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as e:
        pytest.skip(f"no container engine: {' '.join(str(e).split())}")
    with (factory.getbasetemp().parent / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            client.images.get(BASE)
        except docker.errors.ImageNotFound:
            make_base()
        yield client
    client.close()


def make_base() -> None:
    """As compose/README.md says; skips where that cannot be done, and fails where it could and did not."""
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        pytest.skip(
            f"there is no image {BASE}, and compose/base-image.sh needs mmdebstrap and root to make it"
        )
    made = subprocess.run([RECIPE], capture_output=True, text=True, check=False)
    assert made.returncode == 0, f"compose/base-image.sh: {made.stderr[-2000:]}"
