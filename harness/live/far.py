"""Engines that are spoken to over TCP: what a run needs of them, tried out before it begins.

A container is started with a temporary folder of this machine in it. It has to find the file that is there: nodes'
folders are shared with their containers. And it has to tell the same boot of the kernel: by its clock go the times in
the nodes' traces.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.errors import UsageError
from harness.live.engine import TROUBLE, Engine, labels, one_line, scratch

BOOT = Path("/proc/sys/kernel/random/boot_id")
MARK = "mark"
SCRIPT = f"cat {BOOT}; cat /shared/{MARK} 2>/dev/null || true"


def check(host: Engine, image: str) -> None:
    """Raises UsageError, one line, for an engine whose containers a run cannot work with; blocking."""
    if host.here:
        return
    with scratch() as folder:
        mark = secrets.token_hex(16)
        (Path(folder) / MARK).write_text(mark)
        Path(folder).chmod(0o755)
        try:
            boot, _, found = said(host, image, SCRIPT, {folder: {"bind": "/shared", "mode": "ro"}}).partition(
                " "
            )
        except TROUBLE as e:
            raise UsageError(f"docker: the engine at {host.url}: {one_line(e)}") from e
    if found != mark:
        raise UsageError(
            f"docker: the engine at {host.url} does not see this machine's files, and so no run's folder"
        )
    if boot != BOOT.read_text().strip():
        raise UsageError(
            f"docker: the engine at {host.url} has another kernel than this machine, and another clock"
        )


def refuse_ssh(url: str | None) -> None:
    """Raises UsageError for an engine whose published ports nobody here could reach."""
    if urlsplit(url or "").scheme == "ssh":
        raise UsageError(
            f"docker: the engine at {url} publishes ports that cannot be reached from here; use env: ssh, or tcp://"
        )


def has_iptables(host: Engine, image: str) -> bool:
    """Whether packets can be filtered by what the image has; blocking. Raises the engine's errors."""
    return bool(said(host, image, "command -v iptables-restore || true"))


def said(host: Engine, image: str, script: str, volumes: dict[str, Any] | None = None) -> str:
    """The words that a script prints in a container; blocking. Raises the engine's errors."""
    container = host.client.containers.create(
        image, ["-c", script], entrypoint=["sh"], labels=labels(), volumes=volumes or {}
    )
    try:
        container.start()
        container.wait()
        # only now: who follows the output of a container that ends at once may miss its last line
        return " ".join(container.logs().decode(errors="replace").split())
    finally:
        container.remove(force=True)
