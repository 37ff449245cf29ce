"""Where runs and campaigns live on disk.

    store/<name>/<utc time>-<seed>/            a run
    store/<campaign>/<utc time>-<seed>/        a campaign; its runs are in runs/, baselines in baseline/
    store/<name>/latest, store/latest          links to the newest

Files are replaced atomically or appended in order, so a killed harness leaves a readable prefix.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from harness.errors import UsageError

RUN_FILE = "run.yaml"
CAMPAIGN_FILE = "campaign.json"
SUMS_FILE = "SHA256SUMS"
DROPPED = ("history.jsonl", "trace.jsonl")
"""files of a passing simulated run that a replay makes again"""


def slug(text: str) -> str:
    """``text`` as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80] or "run"


def utc_now() -> str:
    """The wall clock as ``20261122T174500Z``: it names folders, and decides nothing."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def write_atomic(path: Path, data: bytes | str) -> None:
    """Replace ``path`` as a whole: a reader sees the old content or the new."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    scratch.write_bytes(data.encode() if isinstance(data, str) else data)
    scratch.replace(path)


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, or ``""`` where there is none."""
    if not path.is_file():
        return ""
    from hashlib import sha256  # noqa: PLC0415 (OpenSSL, for what few commands do)

    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_sums(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, as ``SHA256SUMS`` of a run's folder has them (the format of ``sha256sum``)."""
    path = folder / SUMS_FILE
    if not path.is_file():
        return {}
    rows = (line.split(maxsplit=1) for line in path.read_text().splitlines())
    return {row[1]: row[0] for row in rows if len(row) == 2}


def write_sums(folder: Path) -> dict[str, str]:
    """Sum up history and trace of a run; returns file name -> SHA-256."""
    sums = {name: file_sha256(folder / name) for name in DROPPED}
    sums = {name: value for name, value in sums.items() if value}
    write_atomic(folder / SUMS_FILE, "".join(f"{value}  {name}\n" for name, value in sums.items()))
    return sums


class Store:
    """A folder of runs and campaigns. ``root`` is made when something is written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def new(self, name: str, seed: int) -> Path:
        """A new, empty folder for a run or a campaign, with the ``latest`` links set to it."""
        parent = self.root / slug(name)
        stamp = f"{utc_now()}-{seed}"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            for n in count(1):
                folder = parent / (stamp if n == 1 else f"{stamp}.{n}")
                try:
                    folder.mkdir()
                except FileExistsError:
                    continue
                break
        except OSError as e:
            raise UsageError(f"{parent}: cannot be the store: {(e.strerror or str(e)).lower()}") from e
        self._link(parent / "latest", folder.name)
        self._link(self.root / "latest", f"{parent.name}/{folder.name}")
        return folder

    def _link(self, link: Path, target: str) -> None:
        scratch = link.with_name(f".latest.{os.getpid()}")
        scratch.unlink(missing_ok=True)
        scratch.symlink_to(target)
        scratch.replace(link)

    def campaigns(self, name: str) -> list[Path]:
        """The folders of a campaign's executions, newest first."""
        parent = self.root / slug(name)
        if not parent.is_dir():
            return []
        found = [p for p in parent.iterdir() if not p.is_symlink() and (p / CAMPAIGN_FILE).is_file()]
        return sorted(found, key=lambda p: (p.name[:16], p.stat().st_mtime_ns, p.name), reverse=True)

    def find(self, text: str) -> Path:
        """The folder of a run or campaign that a user means: a path, a path in the store, or ``latest``."""
        for path in (Path(text), self.root / text):
            folder = (
                path.parent if path.name in {RUN_FILE, CAMPAIGN_FILE, *DROPPED} and path.is_file() else path
            )
            if (folder / RUN_FILE).is_file() or (folder / CAMPAIGN_FILE).is_file():
                return folder.resolve() if folder.is_symlink() or folder.name == "latest" else folder
        if text == "latest":
            raise UsageError(f"{self.root}: nothing ran yet; expected the folder of a run")
        what = "holds neither run.yaml nor campaign.json" if Path(text).is_dir() else "does not exist"
        raise UsageError(f"{text}: {what}; expected the folder of a run, or latest")
