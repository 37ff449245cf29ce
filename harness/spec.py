"""The specification of one run: everything its plan follows from. Written to run.yaml, replayable by itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec

EnvName = Literal["sim", "process", "docker", "ssh"]
Transport = Literal["stdio", "tcp"]

SECOND = 1_000_000_000
MS = 1_000_000


class RunSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``nemesis``: names of families, ``family`` or ``family:shape`` (``partition:halves``); empty: no faults.

    ``concurrency``: a number of clients, or ``"2n"``: twice the number of nodes. ``rate``: operations a second.
    ``options``: of the workload and of the system (docs/formats.md).
    """

    format: Literal[1] = 1
    name: str = "run"
    system: str = "raft"
    bin: str | None = None
    """path of a node's binary that speaks Maelstrom's protocol; the system is then that binary"""
    args: list[str] = []
    bug: str | None = None
    workload: str = "register"
    nemesis: list[str] = []
    swarm: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """each seed draws its own share of ``nemesis``, at most so many of the names (swarm testing, Groce et al.,
    ISSTA 2012); 0: all of them"""
    interval: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 1.0
    """mean seconds from one fault's start to the next one's, for each family"""
    nodes: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    time_limit: Annotated[float, msgspec.Meta(gt=0, le=86400)] = 10.0
    """seconds of the main phase; healing, quiet period and final reads come after it"""
    quiet: Annotated[float, msgspec.Meta(ge=0, le=600)] = 2.0
    """seconds between the last heal and the final reads"""
    concurrency: (
        Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]*n?$")] | Annotated[int, msgspec.Meta(ge=1)]
    ) = "2n"
    rate: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 200.0
    op_timeout: Annotated[float, msgspec.Meta(gt=0, le=600)] = 1.0
    stop_on_violation: bool = False
    """end the main phase when a checker that judges while the run goes on has seen a violation"""
    seed: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] = 1
    env: EnvName = "sim"
    transport: Transport = "stdio"
    """how nodes that are processes reach each other: through the harness's pipes, or by links of their own"""
    hosts: str | None = None
    """of env ssh: the file that lists them"""
    options: dict[str, Any] = {}
    overrides: dict[str, dict[int, int]] = {}
    """decisions to impose on a replay: stream name -> number of the draw -> its 64 bits"""

    def clients(self) -> int:
        """The number of client threads."""
        text = str(self.concurrency)
        return int(text[:-1]) * self.nodes if text.endswith("n") else int(text)

    def node_names(self) -> tuple[str, ...]:
        """Maelstrom's names: n0, n1, ..."""
        return tuple(f"n{i}" for i in range(self.nodes))


_CHOICES = {"env": get_args(EnvName), "transport": get_args(Transport), "format": ("1",)}


def known(place: str) -> tuple[str, ...]:
    """What is known there: the values of a field that has few, else the fields; for ``harness.decode``."""
    return _CHOICES.get(place, RunSpec.__struct_fields__)
