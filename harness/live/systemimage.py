"""The image of a foreign system's containers: a base with Debian packages and files of the adapter's on it.

No registry is asked. Where this machine has the base's release of Debian, its own apt fetches the packages that the
base lacks, from wherever it gets its others; else the base's apt does, inside. The tag is a digest of all that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import docker.errors

from harness.errors import UsageError
from harness.live.engine import TROUBLE, labels, one_line, scratch
from harness.systems.port import Adapter

NAME = "splitbrain-system"
RELEASE = Path("/etc/os-release")
STATUS = "/var/lib/dpkg/status"
QUIET = (
    "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d && "
    "mkdir -p /usr/share/man/man1"
)
"""packages shall not start services while they are installed; Java's link their manuals, which the base left out"""
FETCHED = (
    "COPY debs/ /debs/\nRUN {quiet} && DEBIAN_FRONTEND=noninteractive dpkg -i /debs/*.deb && rm -rf /debs"
)
INSIDE = (
    "RUN {quiet} && apt-get update -qq && DEBIAN_FRONTEND=noninteractive "
    "apt-get install -y -qq --no-install-recommends {packages}"
)


def ensure(client: Any, adapter: Adapter, config: Mapping[str, Any], image: str, base: str) -> str:
    """The tag of the image that the system's containers run: ``image`` where one is named. Raises UsageError."""
    if image:
        return present(client, image, "docker pull or docker build brings it")
    found = present(
        client, base, "make it with compose/base-image.sh, or name another with options.base_image"
    )
    try:
        files = adapter.files(config)
        tag = f"{NAME}:{adapter.name}-{_digest(client.images.get(found).id, adapter.packages, files)}"
    except (ValueError, OSError) as e:
        raise UsageError(f"docker: the image of {adapter.name}: {one_line(e)}") from e
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        _build(client, base, tag, adapter, files)
    return tag


def present(client: Any, image: str, hint: str) -> str:
    """The image's own name, when the engine has it. Raises UsageError."""
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound as e:
        raise UsageError(f"docker: no image {image!r}; {hint}") from e
    return image


def _digest(base: str, packages: tuple[str, ...], files: Mapping[str, Path]) -> str:
    made = blake2b(digest_size=6)
    for part in (base, QUIET, FETCHED, INSIDE, *packages):
        made.update(part.encode() + b"\0")
    for target, source in sorted(files.items()):
        for path in [source] if source.is_file() else sorted(source.rglob("*.py")):
            made.update(f"{target}:{path.relative_to(source.parent)}".encode() + b"\0" + path.read_bytes())
    return made.hexdigest()


def _build(client: Any, base: str, tag: str, adapter: Adapter, files: Mapping[str, Path]) -> None:
    with scratch() as name:
        context = Path(name)
        lines = [f"FROM {base}"]
        try:
            if adapter.packages:
                (context / "debs").mkdir()
                how = FETCHED if _fetched(client, base, adapter.packages, context) else INSIDE
                lines.append(how.format(quiet=QUIET, packages=" ".join(adapter.packages)))
            for number, (target, source) in enumerate(files.items()):
                copy = context / f"file{number}"
                if source.is_dir():
                    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copyfile(source, copy)
                lines.append(f"COPY {copy.name} {target}")
            (context / "Dockerfile").write_text("\n".join(lines) + "\n")
            client.images.build(path=name, tag=tag, rm=True, forcerm=True)
        except docker.errors.BuildError as e:
            raise UsageError(f"docker: the image of {adapter.name} cannot be built: {_reason(e)}") from e
        except (*TROUBLE, OSError, subprocess.CalledProcessError) as e:
            raise UsageError(f"docker: the image of {adapter.name} cannot be built: {one_line(e)}") from e


def _fetched(client: Any, base: str, packages: tuple[str, ...], context: Path) -> bool:
    """Put what the base lacks of the packages into ``debs``, by this machine's apt; False: it is another release."""
    if shutil.which("apt-get") is None or not RELEASE.exists():
        return False
    there = client.containers.run(
        base, ["sh", "-c", f"cat /etc/os-release; echo ----; cat {STATUS}"], remove=True, labels=labels()
    ).decode()
    release, _, status = there.partition("----\n")
    if _codename(release) != _codename(RELEASE.read_text()):
        return False
    (context / "status").write_text(status)
    cache = context / "cache"
    (cache / "archives" / "partial").mkdir(parents=True)
    command = [
        *("apt-get", "install", "--download-only", "--no-install-recommends", "-y", "-qq"),
        *(
            "-o",
            f"Dir::State::status={context / 'status'}",
            "-o",
            f"Dir::Cache::archives={cache / 'archives'}",
        ),
        *("-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"),
        *packages,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no words"])[-1]
        raise UsageError(f"docker: apt-get cannot fetch {' '.join(packages)}: {last}; try apt-get update")
    for deb in (cache / "archives").glob("*.deb"):
        deb.replace(context / "debs" / deb.name)
    shutil.rmtree(cache)
    return any((context / "debs").iterdir())


def _reason(error: docker.errors.BuildError) -> str:
    """The first line of the build that speaks of an error, or else what the engine says."""
    said = [line for step in error.build_log for line in step.get("stream", "").splitlines()]
    return one_line(next((line for line in said if "error" in line.lower()), error.msg))[:200]


def _codename(release: str) -> str:
    for line in release.splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return ""
