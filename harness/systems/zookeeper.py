"""ZooKeeper 3.8 (Debian: zookeeper), by its own protocol.

Writes go through the leader. A read is answered by the server asked from what it has, which may be stale; ``reads``
says what is done about that:

| reads | before a read | it is |
|---|---|---|
| ``ordered`` | a write to a node of its own, through a quorum | linearizable |
| ``sync`` | ``sync``: the leader is asked, and asks nobody | linearizable, but for a leader succeeded unawares |
| ``local`` | nothing | stale at times |

A server obeys the requests of one session in their order, so a read that follows a write on it sees whatever was
written before that.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.systems.jute import Code, Session, ZooError, ask_word
from harness.systems.port import (
    KEY_DOES_NOT_EXIST,
    NOT_SUPPORTED,
    PRECONDITION_FAILED,
    UNAVAILABLE,
    Adapter,
    Client,
    Event,
    Place,
    RefusedError,
    UnknownError,
    led,
    role,
)

PORT, PEER_PORT, ELECTION_PORT = 2181, 2888, 3888
READS = ("ordered", "sync", "local")
JARS = "/etc/zookeeper/conf:/usr/share/java/slf4j-simple.jar:/usr/share/java/zookeeper.jar"
"""with the second what a member logs goes to its standard error; without it, nowhere"""
JAVA = "/usr/bin/java"
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
TICK_MS = 500
SESSION_MS = 10_000
FENCE = "/fence"
REFUSALS: Mapping[int, int] = {Code.NO_NODE: KEY_DOES_NOT_EXIST, Code.BAD_VERSION: PRECONDITION_FAILED}

CONF = """\
tickTime={tick_ms}
initLimit=5
syncLimit=5
dataDir={folder}
clientPort={port}
clientPortAddress={address}
admin.enableServer=false
4lw.commands.whitelist=srvr
maxClientCnxns=0
{servers}
"""
"""``initLimit``: for so many ticks a member that takes itself for elected waits for others to follow, and serves
nobody, even if they elected somebody else meanwhile
"""


def properties(tick_ms: int) -> list[str]:
    """An election's time-outs in ticks, as all others are (by themselves 5 s for a peer that does not answer, up to
    60 s from one notification to the next); what is logged, and how.
    """
    logger = "org.slf4j.simpleLogger"
    values = {
        "zookeeper.cnxTimeout": 2 * tick_ms,
        "zookeeper.fastleader.maxNotificationInterval": 4 * tick_ms,
        f"{logger}.showDateTime": "true",
        f"{logger}.dateTimeFormat": "HH:mm:ss.SSS",
        f"{logger}.log.org.apache.zookeeper.server.NIOServerCnxn": "error",
    }
    return [f"-D{name}={value}" for name, value in values.items()]


def path(key: Any) -> str:
    return f"/k{key}"


class ZooClient:
    """Sessions, each used by one request at a time; one on which a request failed is not used again.

    Reads have sessions of their own: those of writes end with a member's quorum, without which no new one begins.
    """

    def __init__(self, place: Place) -> None:
        self.door = place.door(PORT)
        self._reads = place.config.get("reads", READS[0])
        self._idle: dict[str, list[Session]] = {name: [] for name in SERVED}

    async def request(self, body: dict[str, Any]) -> dict[str, Any]:
        serve = SERVED.get(body["type"])
        if serve is None:
            raise RefusedError(NOT_SUPPORTED, f"{body['type']!r} is not served")
        idle = self._idle[body["type"]]
        while idle and idle[-1].over:
            idle.pop().abort()
        session = idle.pop() if idle else await Session.open(*self.door, SESSION_MS)
        try:
            reply = await serve(self, session, body)
        except ZooError as e:
            idle.append(session)
            if e.code in REFUSALS:
                raise RefusedError(REFUSALS[e.code], str(e)) from e
            raise UnknownError(str(e)) from e
        except RefusedError:
            idle.append(session)
            raise
        except BaseException:
            session.abort()
            raise
        idle.append(session)
        return reply

    async def read(self, session: Session, body: dict[str, Any]) -> dict[str, Any]:
        key = path(body["key"])
        try:
            if self._reads == "ordered":
                await self._put(session, FENCE, b"")
            elif self._reads == "sync":
                await session.sync(key)
        except ZooError as e:
            raise RefusedError(UNAVAILABLE, f"before the read: {e}") from e
        data, _ = await session.get(key)
        return {"value": msgspec.json.decode(data)}

    async def write(self, session: Session, body: dict[str, Any]) -> dict[str, Any]:
        await self._put(session, path(body["key"]), msgspec.json.encode(body["value"]))
        return {}

    async def cas(self, session: Session, body: dict[str, Any]) -> dict[str, Any]:
        """What is compared may be stale, and then its version is: the write is refused."""
        key = path(body["key"])
        data, version = await session.get(key)
        if msgspec.json.decode(data) != body["from"]:
            raise RefusedError(PRECONDITION_FAILED, "another value")
        await session.set(key, msgspec.json.encode(body["to"]), version)
        return {}

    async def _put(self, session: Session, key: str, data: bytes) -> None:
        """Written whether or not it exists: each step but the last is refused, so nothing is done twice."""
        try:
            await session.set(key, data, -1)
        except ZooError as e:
            if e.code != Code.NO_NODE:
                raise
            try:
                await session.create(key, data)
            except ZooError as other:
                if other.code != Code.NODE_EXISTS:
                    raise
                await session.set(key, data, -1)

    async def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()


SERVED = {"read": ZooClient.read, "write": ZooClient.write, "cas": ZooClient.cas}


class ZooKeeper(Adapter):
    name = "zookeeper"
    requests = frozenset(SERVED)
    programs = ("java",)
    packages = ("zookeeper", "default-jre-headless")
    faults = frozenset({"partition", "link", "kill", "pause", "power-loss"})
    """under libfaketime 0.9.10 its members find no leader, whatever the clock says"""
    settings: Mapping[str, str] = {
        "reads": "ordered: behind a write through a quorum; sync: behind a sync; local: as they are, maybe stale",
        "tick_ms": "ZooKeeper's tickTime, of which its time-outs are multiples; 500",
    }

    def check(self, config: Mapping[str, Any]) -> None:
        super().check(config)
        if config.get("reads", READS[0]) not in READS:
            raise ValueError(f"reads: expected {', '.join(READS)}, got {config['reads']!r}")
        if type(config.get("tick_ms", 1)) is not int or config.get("tick_ms", 1) < 1:
            raise ValueError(f"tick_ms: expected a number of milliseconds, got {config['tick_ms']!r}")

    def runs(self, *, inside: bool, image: str) -> None:
        del image
        jar = Path(JARS.rpartition(":")[2])
        if not inside and not jar.exists():
            raise ValueError(f"system: zookeeper needs {jar}, of Debian's package zookeeper")

    def command(self, place: Place) -> list[str]:
        members = list(enumerate(place.addresses.items(), 1))
        servers = "\n".join(f"server.{i}={at}:{PEER_PORT}:{ELECTION_PORT}" for i, (_, at) in members)
        folder = place.folder
        conf = folder / "zoo.cfg"
        tick_ms = place.config.get("tick_ms", TICK_MS)
        conf.write_text(
            CONF.format(
                tick_ms=tick_ms,
                folder=folder,
                port=PORT,
                address=place.address,
                servers=servers,
            )
        )
        (folder / "myid").write_text(str(next(i for i, (name, _) in members if name == place.name)))
        java = JAVA if place.contained else shutil.which("java") or JAVA
        small = ("-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
        return [java, *small, *properties(tick_ms), "-cp", JARS, MAIN, str(conf)]

    def port(self) -> int:
        return PORT

    def client(self, place: Place) -> Client:
        return ZooClient(place)

    async def probe(self, place: Place, client: Client) -> list[Event]:
        """What the word ``srvr`` tells: the mode, and the epoch, which is in the upper half of the last zxid."""
        del place
        assert isinstance(client, ZooClient)
        said = await ask_word(*client.door, "srvr")
        mode, zxid = re.search(r"Mode: (\w+)", said), re.search(r"Zxid: 0x([0-9a-f]+)", said)
        if mode is None or zxid is None:
            return []  # it serves nobody now
        return [role(leads=mode[1] == "leader", term=int(zxid[1], 16) >> 32)]

    def formed(self, seen: Mapping[str, Mapping[str, dict[str, Any]]]) -> bool:
        return led(seen)


ADAPTER = ZooKeeper()
