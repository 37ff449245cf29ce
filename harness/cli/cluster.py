"""``splitbrain cluster``: a cluster to play with, and the removal of what killed harnesses left."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.common import DEFAULT_STORE, StoreOption, console, say
from harness.errors import UsageError, nearest
from harness.store import slug

if TYPE_CHECKING:
    from rich.table import Table

    from harness.live.play import Play, PlayNode

NODES_MAX = 50
REFRESHES_S = 2.0
COLUMNS = ("node", "state", "role", "term", "commit", "applied", "clients", "metrics")
STYLES = {"leader": "bold green", "follower": "", "candidate": "yellow"}
PLACES = ("docker", "process")

NameOption = Annotated[str, typer.Option(help="Of the cluster.", metavar="NAME")]
EnvOption = Annotated[str, typer.Option(help="docker or process.", metavar="ENV")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="A cluster to play with.", rich_markup_mode=None)
    group.command("up", help="Start one.")(up)
    group.command("status", help="Its nodes: role, term, commit index.")(status)
    group.command("watch", help="The same, live, until ctrl-C.")(watch)
    group.command("down", help="Remove it, data and all.")(down)
    group.command("image", help="Build the nodes' image; for compose.")(image)
    group.command("sweep", help="Remove what killed harnesses left: containers, networks, files.")(sweep)
    app.add_typer(group, name="cluster")


def up(
    nodes: Annotated[int, typer.Option(help="Members.", min=1, max=NODES_MAX, metavar="N")] = 5,
    system: Annotated[str, typer.Option(help="See: splitbrain list systems.", metavar="NAME")] = "raft",
    bug: Annotated[
        str | None, typer.Option(help="Plant this bug; see: splitbrain list bugs.", metavar="BUG")
    ] = None,
    name: NameOption = "play",
    env: EnvOption = "docker",
    base_image: Annotated[str | None, typer.Option(help="Any image with python3.", metavar="IMAGE")] = None,
    store: StoreOption = Path(DEFAULT_STORE),
) -> int:
    """Start a cluster; returns when it has a leader."""
    from harness.live.play import Wanted, await_leader  # noqa: PLC0415
    from nodes.bugs import BUGS  # noqa: PLC0415
    from nodes.systems import SYSTEMS  # noqa: PLC0415

    for flag, value, known in (("--system", system, SYSTEMS), ("--bug", bug, BUGS)):
        if value is not None and value not in known:
            raise UsageError(f"cluster up: {flag}: unknown {flag[2:]} {value!r}{nearest(value, known)}")
    play = place(env, store)
    wanted = Wanted(slug(name), nodes, system, bug, base_image or _base())
    play.up(wanted)
    found = await_leader(play, wanted.name)
    show(found)
    first = found[0]
    say()
    say(
        f"""(echo '{{"type": "write", "msg_id": 1, "key": "x", "value": 5}}'; sleep 1) | """
        f"nc -q0 {first.host} {first.client}"
    )
    return 0


def status(
    name: NameOption = "play", env: EnvOption = "docker", store: StoreOption = Path(DEFAULT_STORE)
) -> int:
    from harness.live.play import look  # noqa: PLC0415

    show(look(place(env, store), slug(name)))
    return 0


def watch(
    name: NameOption = "play",
    env: EnvOption = "docker",
    seconds: Annotated[float | None, typer.Option(help="Stop after so long.", min=0, metavar="S")] = None,
    store: StoreOption = Path(DEFAULT_STORE),
) -> int:
    """A live table; on anything but a terminal, a table for each look."""
    from harness.live.play import look, looks  # noqa: PLC0415

    play, cluster = place(env, store), slug(name)
    found = look(play, cluster)
    try:
        if not sys.stdout.isatty():
            show(found)
            for later in looks(play, cluster, 1 / REFRESHES_S, seconds):
                say()
                show(later)
            return 0
        from rich.live import Live  # noqa: PLC0415

        with Live(table(found), console=console(), auto_refresh=False) as live:
            for later in looks(play, cluster, 1 / REFRESHES_S, seconds):
                live.update(table(later), refresh=True)
    except KeyboardInterrupt:
        pass
    return 0


def down(
    name: NameOption = "play", env: EnvOption = "docker", store: StoreOption = Path(DEFAULT_STORE)
) -> int:
    count = place(env, store).down(slug(name))
    say(f"{count} nodes removed" if count else f"there was no cluster {slug(name)!r}")
    return 0


def image(
    base_image: Annotated[str | None, typer.Option(help="Any image with python3.", metavar="IMAGE")] = None,
) -> int:
    """Say the image's tag, a digest of its content; ``:latest`` is the same."""
    from harness.live import engine  # noqa: PLC0415
    from harness.live.image import NAME, ensure  # noqa: PLC0415

    host = engine.Engine()
    try:
        tag = ensure(host.client, base_image or _base())
        host.client.images.get(tag).tag(NAME, "latest")
    except engine.TROUBLE as e:
        raise UsageError(f"docker: {engine.one_line(e)}") from e
    finally:
        host.close()
    say(tag)
    return 0


def sweep(
    hosts: Annotated[
        Path | None, typer.Option(help="On the hosts of this file, over SSH.", metavar="FILE")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --hosts: whatever run there is, of whichever harness.")
    ] = False,
) -> int:
    from harness.live import engine  # noqa: PLC0415
    from harness.live.faults import lazyfs  # noqa: PLC0415

    if hosts is not None:
        return sweep_over_ssh(hosts, force=force)
    if force:
        raise UsageError("cluster sweep: --force goes with --hosts FILE")
    files, mounts = engine.sweep_files(), lazyfs.sweep()
    host = engine.Engine()
    try:
        swept = engine.sweep(host.client)
    except engine.TROUBLE as e:
        raise UsageError(f"docker: {engine.one_line(e)}") from e
    finally:
        host.close()
    say(
        f"removed: {swept.containers} containers, {swept.networks} networks, "
        f"{swept.folders + files} temporary folders" + (f", {mounts} mounts" if mounts else "")
    )
    return 0


def sweep_over_ssh(path: Path, *, force: bool) -> int:
    """Raises UsageError, when the rest is done, for the first host that could not be swept."""
    from harness.live.ssh import sweep_hosts  # noqa: PLC0415

    runs, troubles = sweep_hosts(path, force=force)
    say(f"removed: {runs} runs from hosts")
    if troubles:
        raise UsageError(f"cluster sweep: {troubles[0]}")
    return 0


def place(env: str, store: Path) -> Play:
    """Where clusters live. Raises UsageError, which says what to do without an engine."""
    from harness.live.play import DockerPlay, ProcessPlay  # noqa: PLC0415 (loads the engine's client)

    if env not in PLACES:
        raise UsageError(f"cluster: --env: expected {' or '.join(PLACES)}, got {env!r}{nearest(env, PLACES)}")
    if env == "process":
        return ProcessPlay(store / "clusters")
    try:
        return DockerPlay()
    except UsageError as e:
        raise UsageError(f"{e}; --env process needs none") from e


def _base() -> str:
    from harness.live.image import BASE  # noqa: PLC0415

    return BASE


def row(node: PlayNode) -> list[str]:
    health = node.health
    said = (
        [health.role, str(health.term), str(health.commit_index), str(health.apply_index)]
        if health
        else ["-"] * 4
    )
    ports = [f"{node.host}:{port}" if port else "-" for port in (node.client, node.metrics)]
    return [node.name, node.state, *said, *ports]


def show(nodes: list[PlayNode]) -> None:
    """On a terminal with colours, else as aligned words."""
    if sys.stdout.isatty():
        console().print(table(nodes))
        return
    rows = [list(COLUMNS), *map(row, nodes)]
    widths = [max(len(line[i]) for line in rows) for i in range(len(COLUMNS))]
    for line in rows:
        say("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


def table(nodes: list[PlayNode]) -> Table:
    from rich.table import Table  # noqa: PLC0415

    made = Table(*COLUMNS)
    for node in nodes:
        made.add_row(*row(node), style=STYLES.get(node.health.role, "") if node.health else "red")
    return made
