"""The house is tidy: arrows, bans, sizes, and files that must agree with one another."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("checkers", "harness", "nemeses", "nodes", "workloads")
LINES_MAX = 520
"""a module is one noun that fits on a few screens; 400 is meant, this is where it becomes an error"""

# what a call may be made in: places below the root; everywhere else it is banned
BANS: dict[str, tuple[str, ...]] = {
    "time.time": (),
    "time.time_ns": ("nodes/clock.py", "harness/systems/pysyncobj_node.py"),
    "time.monotonic": ("harness/live", "checkers"),
    "time.monotonic_ns": ("harness/live", "checkers", "nodes/clock.py"),
    "time.perf_counter": ("harness/run.py", "harness/cli", "checkers"),
    "time.sleep": ("harness/live", "nodes/replica.py"),
    "datetime.now": ("harness/store.py",),
    "random.random": (),
    "os.urandom": ("nodes/__main__.py", "nodes/tcp", "harness/live"),
    "secrets.randbelow": ("harness/cli",),
    "uuid.uuid4": (),
    "asyncio.run": ("harness/live", "nodes"),
    "subprocess.run": ("harness/live",),
    "subprocess.Popen": ("harness/live",),
}

# packages that may not import these modules at all
BARRED: dict[str, frozenset[str]] = {
    "checkers": frozenset({"asyncio", "socket", "subprocess", "random", "threading"}),
    "nemeses": frozenset({"asyncio", "socket", "subprocess", "random", "threading", "time", "os"}),
    "workloads": frozenset({"asyncio", "socket", "subprocess", "random", "threading", "time", "os"}),
    "nodes/raft": frozenset(
        {"asyncio", "socket", "subprocess", "random", "threading", "time", "os", "pathlib"}
    ),
    "harness/sim": frozenset({"asyncio", "socket", "subprocess", "random", "threading", "time"}),
}

# determinism: what depends on addresses or on the process' hash seed
UNSTABLE = frozenset({"id", "hash"})
DECIDING = ("checkers", "nemeses", "nodes", "workloads", "harness")


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def inside(path: Path, places: tuple[str, ...]) -> bool:
    name = path.relative_to(ROOT).as_posix()
    return any(name == place or name.startswith(f"{place}/") for place in places)


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Calls by their last two names: ``time.time``, ``id``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            yield node.func.id, node.lineno
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            yield f"{node.func.value.id}.{node.func.attr}", node.lineno


def banned(path: Path, tree: ast.AST) -> list[str]:
    return [
        f"{path}:{line}: {name}"
        for name, line in calls(tree)
        if name in BANS and not inside(path, BANS[name])
    ]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_import_arrows() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_banned_calls() -> None:
    found = [line for path in sources(*PACKAGES) for line in banned(path, ast.parse(path.read_text()))]
    assert found == []


def test_the_ban_sees_what_it_should() -> None:
    tree = ast.parse("import time\ntime.time()\n")
    assert banned(ROOT / "nodes" / "raft" / "core.py", tree)
    assert not banned(ROOT / "harness" / "store.py", ast.parse("datetime.now(UTC)"))
    assert banned(ROOT / "harness" / "campaign.py", ast.parse("datetime.now(UTC)"))


@pytest.mark.parametrize("room", sorted(BARRED))
def test_what_a_room_may_not_touch(room: str) -> None:
    found = {
        (path.name, name)
        for path in sources(room)
        for name in imported(ast.parse(path.read_text()))
        if name in BARRED[room]
    }
    # a budget is the only thing that checkers read a clock for, and that is the ban's above
    assert found == set()


def test_nothing_decides_by_address_or_hash() -> None:
    found = [
        f"{path}:{line}: {name}()"
        for path in sources(*DECIDING)
        for name, line in calls(ast.parse(path.read_text()))
        if name in UNSTABLE
    ]
    assert found == []


def test_modules_fit_on_a_few_screens() -> None:
    sizes = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in sources(*PACKAGES)
    }
    assert {name: lines for name, lines in sizes.items() if lines > LINES_MAX} == {}


def test_modules_say_what_may_live_in_them() -> None:
    silent = [
        path
        for path in sources(*PACKAGES)
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\s<>=!~;\[]", r, maxsplit=1)[0].lower().replace("_", "-") for r in requirements}


def test_the_lock_has_all_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    asked = names(project["project"]["dependencies"]) | names(
        project["project"]["optional-dependencies"]["dev"]
    )
    assert asked | names(project["build-system"]["requires"]) <= locked
    for block in re.split(r"\n(?=\S)", lock):
        assert block.startswith("#") or "--hash=sha256:" in block, block


def test_no_host_is_named_in_the_lock() -> None:
    assert not re.search(r"https?:|--index|--find-links|file:", (ROOT / "requirements.lock").read_text())


def test_versions_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_documents_name_what_exists() -> None:
    """Paths in backquotes with a slash and an ending, in the pages that must be true to the code."""
    for page in ("README.md", "docs/ARCHITECTURE.md", "docs/stability.md", "CHANGELOG.md", "SECURITY.md"):
        text = (ROOT / page).read_text()
        for path in re.findall(r"`((?:\.ci|[a-z]+)/[A-Za-z0-9_./-]+\.(?:py|yaml|md|lock|toml|json))`", text):
            if path.startswith("store/"):
                continue
            assert (ROOT / path).exists(), f"{page}: {path}"


def test_the_architecture_page_lists_every_package() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    for package in sorted(
        p.parent.relative_to(ROOT).as_posix() for p in sources(*PACKAGES) if p.name == "__init__.py"
    ):
        assert f"`{package}`" in text or f"`{package}/`" in text, package
