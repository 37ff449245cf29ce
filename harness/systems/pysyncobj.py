"""PySyncObj (package index: pysyncobj), a library: the program around it is pysyncobj_node.py, its journal on.

It runs on an interpreter that has the library, which is no dependency of this project: ``config.python``, or the
variable SPLITBRAIN_PYSYNCOBJ, names one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.systems.lines import LineClient
from harness.systems.port import Adapter, Client, Event, Place, led, role

PORT, PEER_PORT = 7200, 7100
VARIABLE = "SPLITBRAIN_PYSYNCOBJ"
INSIDE = "/opt/pysyncobj"
NODE = Path(__file__).with_name("pysyncobj_node.py")


class PySyncObj(Adapter):
    name = "pysyncobj"
    requests = frozenset({"read", "write", "cas", "txn"})
    settings: Mapping[str, str] = {
        "python": f"the interpreter that has the library; or the variable {VARIABLE}",
        "local_reads": "true: reads of what the member has, which may be stale, and not through the log",
    }

    def check(self, config: Mapping[str, Any]) -> None:
        super().check(config)
        if type(config.get("local_reads", False)) is not bool:
            raise ValueError(f"local_reads: expected true or false, got {config['local_reads']!r}")
        python = _python(config)
        if not python:
            raise ValueError(f"pysyncobj: name an interpreter that has it: python in config, or {VARIABLE}")
        if not os.access(python, os.X_OK):
            raise ValueError(f"pysyncobj: {python}: not an interpreter")

    def runs(self, *, inside: bool, image: str) -> None:
        """Its image is made of files alone."""

    def command(self, place: Place) -> list[str]:
        peers = [f"{at}:{PEER_PORT}" for name, at in place.addresses.items() if name != place.name]
        settings = {
            "self": f"{place.address}:{PEER_PORT}",
            "others": peers,
            "host": place.address,
            "port": PORT,
            "journal": str(place.folder / "journal"),
            "local_reads": place.config.get("local_reads", False),
        }
        told = msgspec.json.encode(settings).decode()
        if place.contained:  # the library lies beside the program
            return ["python3", f"{INSIDE}/{NODE.name}", told]
        return [_python(place.config), "-I", str(NODE), told]

    def clocks(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        return (_python(config),)

    def files(self, config: Mapping[str, Any]) -> Mapping[str, Path]:
        """The library, which is Python alone, from the interpreter that has it."""
        python = Path(_python(config))
        found = sorted(python.parent.parent.glob("lib/python3*/*-packages/pysyncobj"))
        if not found:
            raise ValueError(f"pysyncobj: no library beside {python}")
        return {f"{INSIDE}/{NODE.name}": NODE, f"{INSIDE}/pysyncobj": found[-1]}

    def port(self) -> int:
        return PORT

    def client(self, place: Place) -> Client:
        return LineClient(*place.door(PORT))

    async def clock(self, client: Client) -> int | None:
        return int((await client.request({"type": "status"}))["wall_ns"])

    async def probe(self, place: Place, client: Client) -> list[Event]:
        del place
        said = await client.request({"type": "status"})
        return [role(leads=said["leads"], term=said["term"])]

    def formed(self, seen: Mapping[str, Mapping[str, dict[str, Any]]]) -> bool:
        return led(seen)


def _python(config: Mapping[str, Any]) -> str:
    return str(config.get("python") or os.environ.get(VARIABLE, ""))


ADAPTER = PySyncObj()
