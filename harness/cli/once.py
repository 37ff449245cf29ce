"""``splitbrain test``: one run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
import typer
import yaml

from harness.cli.common import DEFAULT_STORE, StoreOption, console, open_store, say, say_results
from harness.decode import decode, in_words
from harness.errors import VERDICT_CODES, UsageError, nearest, one_line, refused_file
from harness.spec import SECOND, EnvName, RunSpec, known
from harness.store import slug
from nemeses.schedule import Schedule

FLAGS = {field: "--" + field.replace("_", "-") for field in RunSpec.__struct_fields__}


def register(app: typer.Typer) -> None:
    app.command("test", help="Make one run and judge it.")(once)


def once(
    system: Annotated[
        str, typer.Option(help="System under test; see: splitbrain list systems.", metavar="NAME")
    ] = "raft",
    workload: Annotated[str, typer.Option(help="What clients do.", metavar="NAME")] = "register",
    nemesis: Annotated[
        str, typer.Option(help="Families of faults, with commas: partition,kill:leader.", metavar="NAMES")
    ] = "",
    nodes: Annotated[int, typer.Option(help="Members of the cluster.", metavar="N")] = 5,
    time_limit: Annotated[float, typer.Option(help="Seconds of the main phase.", metavar="S")] = 10.0,
    seed: Annotated[
        int | None, typer.Option(help="The number the plan follows from; random.", metavar="N")
    ] = None,
    env: Annotated[str, typer.Option(help="sim, process, docker or ssh.", metavar="ENV")] = "sim",
    transport: Annotated[
        str,
        typer.Option(
            help="How processes reach each other: stdio (through the harness) or tcp.", metavar="NAME"
        ),
    ] = "stdio",
    hosts: Annotated[
        Path | None, typer.Option(help="Of env ssh: the file that lists its hosts.", metavar="FILE")
    ] = None,
    schedule: Annotated[
        Path | None, typer.Option(help="Play the faults of this file.", metavar="FILE")
    ] = None,
    bug: Annotated[
        str | None, typer.Option(help="Plant this bug; see: splitbrain list bugs.", metavar="BUG")
    ] = None,
    binary: Annotated[
        str | None, typer.Option("--bin", help="A node that speaks Maelstrom's protocol.", metavar="PATH")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="What containers of another's system run.", metavar="NAME")
    ] = None,
    arg: Annotated[
        list[str] | None, typer.Option(help="Argument of that node; repeatable.", metavar="TEXT")
    ] = None,
    concurrency: Annotated[
        str, typer.Option(help="Clients: a number, or 2n: twice the nodes.", metavar="N")
    ] = "2n",
    rate: Annotated[float, typer.Option(help="Operations a second, in all.", metavar="N")] = 200.0,
    interval: Annotated[
        float, typer.Option(help="Mean seconds between two faults of a family.", metavar="S")
    ] = 1.0,
    quiet: Annotated[
        float, typer.Option(help="Seconds between the last heal and the final reads.", metavar="S")
    ] = 2.0,
    op_timeout: Annotated[float, typer.Option(help="Seconds a client waits for a reply.", metavar="S")] = 1.0,
    stop_on_violation: Annotated[
        bool, typer.Option("--stop-on-violation", help="End the run at the first violation seen.")
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Of the workload or the system; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Folder in the store.", metavar="NAME")] = None,
    store: StoreOption = Path(DEFAULT_STORE),
) -> int:
    """Check, execute and judge one run; returns the verdict's exit code."""
    from harness.run import check_schedule, check_spec, execute  # noqa: PLC0415 (imports every environment)

    env = one_of_envs(env, "test: --env")
    for flag, idle, partner in (
        ("--hosts", hosts is not None and env != "ssh", "--env ssh"),
        ("--image", image is not None and env != "docker", "--env docker"),
        ("--arg", bool(arg) and not binary, "--bin PATH"),
    ):
        if idle:
            raise UsageError(f"test: {flag} goes with {partner}; alone it would do nothing")
    shown = Path(binary).name if binary else system
    fields = {
        "name": slug(name or "-".join(part for part in (shown, bug, workload) if part)),
        "system": system,
        "workload": workload,
        "nemesis": split_names(nemesis),
        "nodes": nodes,
        "time_limit": time_limit,
        "seed": secrets.randbelow(1 << 32) if seed is None else seed,
        "env": env,
        "transport": transport,
        "hosts": None if hosts is None else str(hosts.absolute()),
        "bug": bug,
        "bin": binary,
        "args": arg or [],
        "concurrency": concurrency,
        "rate": rate,
        "interval": interval,
        "quiet": quiet,
        "op_timeout": op_timeout,
        "stop_on_violation": stop_on_violation,
        "options": options(option or []) | ({} if image is None else {"image": image}),
    }
    spec = spec_of(fields, "test")
    check_spec(spec)
    faults = None if schedule is None else load_schedule(schedule, spec)
    if faults is not None:
        check_schedule(spec, faults)
    folder = open_store(store).new(spec.name, spec.seed)
    say(f"seed {spec.seed}; again: splitbrain replay {folder}")
    with watching(spec) as progress:
        outcome = execute(spec, folder, schedule=faults, on_progress=progress)
    if stop := outcome.summary.get("stopped"):
        say(f"stopped at op {stop['op']}: {stop['checker']} saw a violation")
    say_results(outcome.verdict, outcome.results)
    say(f"report: {folder / 'report.html'}")
    return VERDICT_CODES[outcome.verdict]


def load_schedule(path: Path, spec: RunSpec) -> Schedule:
    """The faults of a file. Raises UsageError for what cannot be read, or cannot be done in this run."""
    try:
        schedule = Schedule.load(path)
    except OSError as e:
        raise UsageError(
            f"test: --schedule: {refused_file(path, e, 'a schedule, as schedule.yaml of a run')}"
        ) from e
    except ValueError as e:
        what = in_words(str(e).removeprefix(f"{path}: "), lambda _: ("1",))  # the only choice is the format's
        raise UsageError(one_line(f"test: --schedule: {path}: {what}")) from e
    if spec.nemesis:
        raise UsageError("test: --schedule has the faults; expected no --nemesis beside it")
    return schedule


@contextmanager
def watching(spec: RunSpec) -> Iterator[Callable[[int, int], None] | None]:
    """On a terminal, a line that says how far a live run is; simulated ones are over before it could be read."""
    screen = console()
    if spec.env == "sim" or not screen.is_terminal:
        yield None
        return
    with screen.status("starting the nodes") as status:
        end = spec.time_limit + spec.quiet
        yield lambda now_ns, ops: status.update(f"{now_ns / SECOND:.1f} of about {end:.0f} s, {ops:,} ops")


def spec_of(fields: dict[str, Any], command: str) -> RunSpec:
    """Fields as a spec; each is checked alone, so that the line names the flag that is wrong."""
    for field, value in fields.items():
        try:
            decode({field: value}, RunSpec, "", known)
        except UsageError as e:
            _, _, what = str(e).removeprefix(": ").partition(": ")
            got = "" if what.startswith("unknown") else f", got {value!r}"
            raise UsageError(f"{command}: {FLAGS[field]}: {what or e}{got}") from e
    return msgspec.convert(fields, RunSpec)


def one_of_envs(name: str, where: str) -> EnvName:
    for env in get_args(EnvName):
        if env == name:
            found: EnvName = env
            return found
    raise UsageError(f"{where}: unknown environment {name!r}{nearest(name, get_args(EnvName))}")


def split_names(text: str) -> list[str]:
    """``partition,kill`` as a list; nothing or ``none`` for no faults."""
    names = [part.strip() for part in text.split(",")]
    if names in ([""], ["none"]):
        return []
    if "" in names:
        raise UsageError(
            f"test: --nemesis: an empty name in {text!r}; expected names with commas between them"
        )
    return names


def options(pairs: list[str]) -> dict[str, Any]:
    """``name=value`` pairs; values are read as YAML does: ``8`` is a number, ``true`` a truth."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"test: --option: expected NAME=VALUE, got {pair!r}")
        try:
            found[name] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError) as e:
            raise UsageError(f"test: --option {name}: not a value: {value!r}") from e
    return found
