"""The image of a node: what it runs on (harness/live/packages.py), and a base with Python.

The image's tag is a digest of what is in it: it is built once.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import docker
import docker.errors

from harness.errors import UsageError
from harness.live.engine import TROUBLE, labels, one_line, scratch
from harness.live.packages import PROBE, digest, vendor

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


def ensure(client: docker.DockerClient, base: str = BASE) -> str:
    """The tag of the node image on ``base``, built if need be. Raises UsageError, one line."""
    try:
        found = client.images.get(base)
    except docker.errors.ImageNotFound as e:
        hint = "make it with compose/base-image.sh, or name another with options.base_image"
        raise UsageError(f"docker: no image {base!r}; {hint}") from e
    tag = f"{NAME}:{digest(found.id, DOCKERFILE)}"
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        _build(client, base, tag)
    return tag


def _build(client: docker.DockerClient, base: str, tag: str) -> None:
    with scratch() as name:
        context = Path(name)
        packages = context / "packages"
        try:
            probe = client.containers.run(base, ["python3", "-c", PROBE], remove=True, labels=labels())
            major, minor, suffix = probe.decode().split()
            vendor(packages, f"{major}.{minor}", suffix)
            (context / "Dockerfile").write_text(DOCKERFILE)
            client.images.build(path=name, tag=tag, buildargs={"BASE_IMAGE": base}, rm=True, forcerm=True)
        except (*TROUBLE, subprocess.CalledProcessError, ValueError) as e:
            raise UsageError(f"docker: the node image cannot be built on {base!r}: {one_line(e)}") from e
