"""A node over TCP: a host and its core between links to peers and connections of clients.

What arrives in one turn of the loop is given to the core together, at the turn's end, and what the core says leaves
together: one write for each peer and client. So one sync of the disk covers a turn's requests, and the busier the
node, the larger its turns.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from nodes.clock import Clock
from nodes.control import set_clock, set_disk
from nodes.host import Host
from nodes.kernel import (
    MALFORMED_REQUEST,
    TEMPORARILY_UNAVAILABLE,
    Event,
    Receive,
    Reply,
    Request,
    Send,
    Trace,
    error,
)
from nodes.log import Log
from nodes.opening import CannotOpenError, Settings, open_host
from nodes.tcp.clients import Connection
from nodes.tcp.incoming import Lobby
from nodes.tcp.metrics import Metrics
from nodes.tcp.outgoing import Outgoing
from nodes.tcp.seal import NONCE_BYTES, Acceptor, Dialler
from nodes.tcp.settings import TcpConfig
from nodes.tcp.status import PROMETHEUS, Page, Status, document
from nodes.tracing import Tracer

FAILED = 70
POLL_S = 0.005


class Node:
    """``exit_with`` is called, once, when the node has drained or cannot go on."""

    def __init__(
        self, config: TcpConfig, settings: Settings, log: Log, exit_with: Callable[[int], None]
    ) -> None:
        self.config = config
        self.log = log
        self.metrics = Metrics(config.peers)
        self.replays = config.replays
        self.clock = Clock()
        self.trouble = settings.trouble()
        self.tracer = Tracer(settings.trace, self._schedule)
        self._settings = settings
        self._exit_with = exit_with
        self._loop = asyncio.get_running_loop()
        self._decode = msgspec.msgpack.Decoder(settings.messages).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._inbox: list[Event] = []
        self._scheduled = False
        self._draining = False
        self._under_way: dict[tuple[str, int], Connection] = {}
        """requests that the core has and has not answered"""
        self._names = 0
        self._incarnation = os.urandom(4).hex()
        self._connections: set[Connection] = set()
        self._touched: dict[Connection, None] = {}
        self._lobby = Lobby(self)
        self._servers: list[asyncio.Server] = []
        self._links: dict[str, Outgoing] = {}
        self._host: Host

    # --- life ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Recover, listen, start the core, dial. Raises CannotOpenError, OSError, ValueError: one line each."""
        config = self.config
        self._host, recovered = open_host(
            self._settings,
            config.node,
            config.members,
            self.clock,
            self.trouble,
            send=self._send,
            reply=self._reply,
            trace=self._trace,
            flush_trace=self.tracer.flush,
            failed=self._failed,
            synced=self.metrics.synced,
        )
        await self._listen()
        tls = config.tls.context(ssl.Purpose.SERVER_AUTH) if config.tls is not None else None
        for peer, address in config.peers.items():
            self._links[peer] = Outgoing(
                peer, address, self._dialler(peer), tls, self.metrics.links[peer], self.log
            )
        self._host.start(recovered)
        for link in self._links.values():
            link.open()
        self._loop.add_signal_handler(signal.SIGTERM, self.drain)

    async def _listen(self) -> None:
        config = self.config
        tls = config.tls.context(ssl.Purpose.CLIENT_AUTH) if config.tls is not None else None
        ports = {
            "peer": await self._serve(self._lobby, config.peer_port, tls),
            "client": await self._serve(lambda: Connection(self, config.node), config.client_port, None),
        }
        if config.metrics_port is not None:
            pages = {"/metrics": self._metrics_page, "/healthz": self._health_page}
            ports["metrics"] = await self._serve(lambda: Status(pages), config.metrics_port, None)
        if config.ports_file is not None:
            temporary = config.ports_file.with_suffix(".tmp")
            temporary.write_bytes(msgspec.json.encode(ports))
            temporary.replace(config.ports_file)
        self.log.info("listening", bind=config.bind, **ports)

    async def _serve(
        self, make: Callable[[], asyncio.Protocol], port: int, tls: ssl.SSLContext | None
    ) -> int:
        server = await self._loop.create_server(make, self.config.bind, port, ssl=tls)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def drain(self) -> None:
        """SIGTERM: accept nothing new, finish what is under way, flush, exit 0."""
        if not self._draining:
            self._draining = True
            self.log.info("draining", under_way=len(self._under_way))
            self._drainer = self._loop.create_task(self._drain())

    async def _drain(self) -> None:
        for server in self._servers:
            server.close()
        deadline = self._loop.time() + self.config.drain_s
        while not self._drained() and self._loop.time() < deadline:  # noqa: ASYNC110  many things must be idle
            await asyncio.sleep(POLL_S)
        self.log.info("drained", abandoned=len(self._under_way))
        self._exit_with(0)

    def _drained(self) -> bool:
        return (
            not self._under_way
            and not self._inbox
            and self._host.stored == self._host.issued
            and all(link.idle for link in self._links.values())
            and all(connection.idle for connection in self._connections)
        )

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        self.flush()
        for connection in list(self._connections):
            connection.close()
        self._lobby.close()
        for link in self._links.values():
            await link.close()
        await asyncio.sleep(0)  # transports close in the next turn

    def _failed(self, reason: Exception) -> None:
        text = "".join(traceback.format_exception(reason)).rstrip()
        self.log.error(
            "failed", reason=f"{type(reason).__name__}: {' '.join(str(reason).split())}", detail=text
        )
        self.tracer.flush()
        self._exit_with(FAILED)

    # --- a turn -------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _arrived(self, event: Event) -> None:
        self._inbox.append(event)
        self._schedule()

    def _turn(self) -> None:
        self._scheduled = False
        if self._inbox:
            events, self._inbox = self._inbox, []
            self.metrics.turns += 1
            self.metrics.events += len(events)
            self._host.handle_all(events)
        self.flush()

    def flush(self) -> None:
        """What changed is told first, then what was said leaves."""
        self.tracer.flush()
        for link in self._links.values():
            link.flush()
        if self._touched:
            touched, self._touched = self._touched, {}
            for connection in touched:
                connection.flush()

    # --- peers --------------------------------------------------------------------------------------------

    def acceptor(self) -> Acceptor:
        c = self.config
        return Acceptor(c.key, c.cluster, c.node, frozenset(c.peers), os.urandom(NONCE_BYTES))

    def _dialler(self, peer: str) -> Callable[[bytes], Dialler]:
        c = self.config
        return lambda nonce: Dialler(c.key, c.cluster, c.node, peer, nonce)

    def received(self, src: str, payload: bytes) -> None:
        self._arrived(Receive(src, self._decode(payload)))

    def _send(self, effect: Send) -> None:
        self._links[effect.to].send(self._encode(effect.message))
        self._schedule()

    # --- clients ------------------------------------------------------------------------------------------

    def connected(self, connection: Connection) -> str:
        self._connections.add(connection)
        self.metrics.client_connections += 1
        self._names += 1
        return f"c-{self.config.node}-{self._incarnation}-{self._names}"

    def hung_up(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._touched.pop(connection, None)
        self.metrics.client_connections -= 1
        gone = [request for request, asker in self._under_way.items() if asker is connection]
        for request in gone:
            del self._under_way[request]

    def touch(self, connection: Connection) -> None:
        self._touched[connection] = None
        self._schedule()

    def request(self, client: str, msg_id: int, body: dict[str, Any], connection: Connection) -> None:
        self.metrics.client_requests += 1
        own = OWN_REQUESTS.get(body["type"])
        if own is not None:
            own(self, client, msg_id, body, connection)
        elif self._draining:
            refusal = error(TEMPORARILY_UNAVAILABLE, f"{self.config.node} is draining")
            connection.answer(client, msg_id, refusal)
        else:
            self._under_way[client, msg_id] = connection
            self._arrived(Request(client, msg_id, body))

    def _reply(self, effect: Reply) -> None:
        connection = self._under_way.pop((effect.client, effect.msg_id), None)
        if connection is not None:
            self.metrics.client_replies += 1
            connection.answer(effect.client, effect.msg_id, effect.body)

    def _init(self, client: str, msg_id: int, body: dict[str, Any], connection: Connection) -> None:
        """Maelstrom's first message. Who this is was settled at the start: the answer only agrees or not."""
        wanted = (body.get("node_id"), body.get("node_ids"))
        if wanted[0] == self.config.node and _same(wanted[1], self.config.members):
            # after what the core did at its start is durable
            self._under_way[client, msg_id] = connection
            self._host.perform(Reply(client, msg_id, {"type": "init_ok"}, after=self._host.issued or None))
        else:
            text = f"init: this is {self.config.node} of {', '.join(self.config.members)}"
            connection.answer(client, msg_id, error(MALFORMED_REQUEST, text))

    def _clock(self, client: str, msg_id: int, body: dict[str, Any], connection: Connection) -> None:
        raw = msgspec.Raw(msgspec.json.encode({**body, "msg_id": msg_id}))
        connection.answer(client, msg_id, set_clock(self.clock, raw, self._host.rearm))

    def _disk(self, client: str, msg_id: int, body: dict[str, Any], connection: Connection) -> None:
        raw = msgspec.Raw(msgspec.json.encode({**body, "msg_id": msg_id}))
        connection.answer(client, msg_id, set_disk(self.trouble, raw, self._host))

    # --- who watches --------------------------------------------------------------------------------------

    def _trace(self, effect: Trace) -> None:
        self.metrics.observe(effect)
        self.tracer.note(effect)

    def _metrics_page(self) -> Page:
        text = self.metrics.render(
            requests_under_way=len(self._under_way),
            effects_held=self._host.held,
            tokens_unsynced=self._host.issued - self._host.stored,
            draining=int(self._draining),
        )
        return 200, PROMETHEUS, text.encode()

    def _health_page(self) -> Page:
        m = self.metrics
        fields: dict[str, object] = {
            "status": "draining" if self._draining else "ok",
            "node": self.config.node,
            "role": m.role,
            "term": m.term,
            "commit_index": m.commit_index,
            "apply_index": m.apply_index,
        }
        return document(503 if self._draining else 200, fields)


OWN_REQUESTS: dict[str, Callable[[Node, str, int, dict[str, Any], Connection], None]] = {
    "init": Node._init,  # noqa: SLF001  a table of this class's own methods
    "splitbrain_clock": Node._clock,  # noqa: SLF001
    "splitbrain_disk": Node._disk,  # noqa: SLF001
}
"""requests that are not for the core"""


def _same(names: object, members: Sequence[str]) -> bool:
    return isinstance(names, list) and sorted(map(str, names)) == sorted(members)


async def serve(config: TcpConfig, settings: Settings) -> int:
    """Run a node over TCP until it has drained or cannot go on; the exit status."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[int] = loop.create_future()
    log = Log(config.node)

    def exit_with(status: int) -> None:
        if not done.done():
            done.set_result(status)

    def defect(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error of the node's own code: it must not limp on."""
        found = context.get("exception")
        text = "".join(traceback.format_exception(found)).rstrip() if found is not None else ""
        log.error("failed", reason=str(found or context["message"]), detail=text)
        exit_with(FAILED)

    loop.set_exception_handler(defect)
    node = Node(config, settings, log, exit_with)
    try:
        await node.start()
    except (CannotOpenError, OSError, ValueError) as e:
        log.error("cannot_start", reason=" ".join(str(e).split()))  # noqa: TRY400  no traceback reaches a user
        return FAILED
    status = await done
    await node.close()
    return status
