"""The image of a node: the package ``nodes``, msgspec, and a base with Python.

msgspec is copied from the harness's own environment where the base's Python can load it; for another Python pip
fetches the same version. The image's tag is a digest of what is in it: it is built once.
"""

from __future__ import annotations

import importlib.machinery
import shutil
import subprocess
import sys
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import docker
import docker.errors
import msgspec

import nodes
from harness.errors import UsageError
from harness.live.engine import TROUBLE, labels, one_line, scratch

BASE = "splitbrain-base"
NAME = "splitbrain-node"
HEALTH = "import urllib.request as u; u.urlopen('http://127.0.0.1:7300/healthz', timeout=2)"
DOCKERFILE = f"""\
ARG BASE_IMAGE
FROM ${{BASE_IMAGE}}
COPY packages/ /opt/splitbrain/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/splitbrain \\
 && mkdir /node && chown 10001:10001 /node
ENV PYTHONPATH=/opt/splitbrain PYTHONDONTWRITEBYTECODE=1 \\
    SPLITBRAIN_TCP=1 SPLITBRAIN_BIND=0.0.0.0 SPLITBRAIN_DATA=/node \\
    SPLITBRAIN_PEER_PORT=7100 SPLITBRAIN_CLIENT_PORT=7200 SPLITBRAIN_METRICS_PORT=7300
USER 10001:10001
EXPOSE 7100 7200 7300
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s \\
    CMD ["python3", "-c", "{HEALTH}"]
ENTRYPOINT ["python3", "-m", "nodes"]
"""
"""The same as compose/Dockerfile, which an installed Splitbrain does not have beside it."""
PROBE = "import importlib.machinery as m, sys; print(*sys.version_info[:2], m.EXTENSION_SUFFIXES[0])"


def ensure(client: docker.DockerClient, base: str = BASE) -> str:
    """The tag of the node image on ``base``, built if need be. Raises UsageError, one line."""
    try:
        found = client.images.get(base)
    except docker.errors.ImageNotFound as e:
        hint = "make it with compose/base-image.sh, or name another with options.base_image"
        raise UsageError(f"docker: no image {base!r}; {hint}") from e
    package = Path(nodes.__file__).absolute().parent
    sources = sorted(package.rglob("*.py"))
    digest = blake2b(digest_size=10)
    for part in (found.id, version("msgspec"), DOCKERFILE, *(str(s.relative_to(package)) for s in sources)):
        digest.update(part.encode() + b"\0")
    for source in sources:
        digest.update(source.read_bytes() + b"\0")
    tag = f"{NAME}:{digest.hexdigest()}"
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        _build(client, base, tag, package)
    return tag


def _build(client: docker.DockerClient, base: str, tag: str, package: Path) -> None:
    with scratch() as name:
        context = Path(name)
        packages = context / "packages"
        shutil.copytree(package, packages / "nodes", ignore=shutil.ignore_patterns("__pycache__"))
        try:
            probe = client.containers.run(base, ["python3", "-c", PROBE], remove=True, labels=labels())
            major, minor, suffix = probe.decode().split()
            _vendor(packages, f"{major}.{minor}", suffix)
            (context / "Dockerfile").write_text(DOCKERFILE)
            client.images.build(path=name, tag=tag, buildargs={"BASE_IMAGE": base}, rm=True, forcerm=True)
        except (*TROUBLE, subprocess.CalledProcessError, ValueError) as e:
            raise UsageError(f"docker: the node image cannot be built on {base!r}: {one_line(e)}") from e


def _vendor(packages: Path, python: str, suffix: str) -> None:
    """Put msgspec for that Python into ``packages``."""
    if suffix == importlib.machinery.EXTENSION_SUFFIXES[0]:
        source = Path(msgspec.__file__).absolute().parent
        shutil.copytree(source, packages / "msgspec", ignore=shutil.ignore_patterns("__pycache__"))
        return
    wanted = f"msgspec=={version('msgspec')}"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run(
        [*command, "--python-version", python, "--target", str(packages), wanted],
        check=True,
        capture_output=True,
    )
