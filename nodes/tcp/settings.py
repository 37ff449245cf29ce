"""What a node over TCP has to be told: by flags, or by environment variables (``--client-port`` is
``SPLITBRAIN_CLIENT_PORT``; a flag wins). The secret has no flag of its own: a command line is no secret.
"""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Mapping
from pathlib import Path

import msgspec

from nodes.tcp.seal import derive

Address = tuple[str, int]

PREFIX = "SPLITBRAIN_"
KEY_VARIABLE = PREFIX + "KEY"


class Tls(msgspec.Struct, frozen=True):
    """Files in PEM. A node's certificate names the node's id (DNS), and is signed by ``ca``.

    They follow RFC 5280 to the letter, as Python asks by itself from 3.13 on: ``ca`` says that it may sign.
    """

    cert: Path
    key: Path
    ca: Path

    def context(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        """Both ends show a certificate. Raises ValueError, one line, for files that are none."""
        try:
            made = ssl.create_default_context(purpose, cafile=self.ca)
            made.load_cert_chain(self.cert, self.key)
        except OSError as e:  # ssl.SSLError is one
            raise ValueError(f"--tls-cert, --tls-key or --tls-ca: {e}") from e
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        made.verify_mode = ssl.CERT_REQUIRED
        made.verify_flags |= ssl.VERIFY_X509_STRICT
        return made


class TcpConfig(msgspec.Struct, frozen=True):
    node: str
    peers: dict[str, Address]
    """the address book: where to dial each other member"""
    bind: str
    peer_port: int
    client_port: int
    metrics_port: int | None
    key: bytes
    cluster: str
    tls: Tls | None
    ports_file: Path | None
    replays: bool
    drain_s: float
    profile: Path | None

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(sorted((self.node, *self.peers)))


def port(text: str) -> int:
    """Raises ValueError for what is no port; 0 is any."""
    number = int(text)
    if not 0 <= number < 1 << 16:
        raise ValueError(f"expected a port from 0 to 65535, got {text!r}")
    return number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    tcp = parser.add_argument_group("over TCP")
    tcp.add_argument("--tcp", action="store_true", help="links to peers and a door for clients over TCP")
    tcp.add_argument("--node", metavar="NAME", help="who this is")
    tcp.add_argument("--peers", metavar="n0=HOST:PORT,...", help="the address book; this node may be in it")
    tcp.add_argument(
        "--bind", default="127.0.0.1", metavar="HOST", help="where to listen; 0.0.0.0: everywhere"
    )
    tcp.add_argument("--peer-port", type=port, help="for links; default: the port of this node in --peers")
    tcp.add_argument("--client-port", type=port, default=0, help="for clients; 0: any")
    tcp.add_argument("--metrics-port", type=port, help="for /metrics and /healthz; 0: any; default: none")
    tcp.add_argument(
        "--ports-file", type=Path, metavar="FILE", help="where to write which ports it listens on"
    )
    tcp.add_argument("--cluster", default="splitbrain", metavar="ID", help="nodes of another are refused")
    tcp.add_argument("--key-file", type=Path, metavar="FILE", help=f"the secret; or in {KEY_VARIABLE}")
    tcp.add_argument("--tls-cert", type=Path, metavar="FILE", help="mutual TLS on the links")
    tcp.add_argument("--tls-key", type=Path, metavar="FILE")
    tcp.add_argument("--tls-ca", type=Path, metavar="FILE")
    tcp.add_argument("--drain-s", type=float, default=2.0, help="longest time to finish after SIGTERM")
    tcp.add_argument(
        "--replays", action="store_true", help="for harnesses: frames that come again count as messages"
    )
    tcp.add_argument(
        "--profile", type=Path, metavar="FILE", help="write where its time went (nodes/sampling.py)"
    )


def from_environment(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Let variables stand in for flags that are not given. Raises ValueError for a value that is none."""
    for action in parser._actions:  # noqa: SLF001  argparse has no public list of them
        value = environment.get(PREFIX + action.dest.upper())
        if value is None or not action.option_strings or isinstance(action, argparse._HelpAction):  # noqa: SLF001
            continue
        name = PREFIX + action.dest.upper()
        if action.nargs == 0:
            if value not in ("0", "1"):
                raise ValueError(f"{name}: expected 0 or 1, got {value!r}")
            action.default = value == "1"
        else:
            convert = action.type if callable(action.type) else str
            try:
                action.default = convert(value)
            except ValueError as e:
                raise ValueError(f"{name}: {e}") from e
            if action.choices is not None and action.default not in action.choices:
                raise ValueError(f"{name}: expected one of {', '.join(action.choices)}, got {value!r}")
        action.required = False


def config_of(given: argparse.Namespace, environment: Mapping[str, str]) -> TcpConfig | None:
    """None without ``--tcp``. Raises ValueError, one line."""
    if not given.tcp:
        return None
    if not given.node:
        raise ValueError("--tcp: who is this? expected --node NAME")
    book = address_book(given.peers or "")
    own = book.pop(given.node, None)
    peer_port = given.peer_port if given.peer_port is not None else own and own[1]
    if peer_port is None:
        raise ValueError(f"--peers: {given.node} is not in it; expected it there, or --peer-port")
    absent = sorted(peer for peer, address in book.items() if not address[1])
    if absent:
        raise ValueError(f"--peers: {', '.join(absent)}: port 0 cannot be dialled")
    tls = _tls(given)
    return TcpConfig(
        node=given.node,
        peers=book,
        bind=given.bind,
        peer_port=peer_port,
        client_port=given.client_port,
        metrics_port=given.metrics_port,
        key=derive(_secret(given, environment, tls)),
        cluster=given.cluster,
        tls=tls,
        ports_file=given.ports_file,
        replays=given.replays,
        drain_s=given.drain_s,
        profile=given.profile,
    )


def address_book(text: str) -> dict[str, Address]:
    """``n0=host:port,n1=[::1]:port`` as a table. Raises ValueError."""
    book: dict[str, Address] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, where = entry.partition("=")
        host, colon, port = where.rpartition(":")
        if not (name and equals and host and colon and port.isdecimal() and int(port) < 1 << 16):
            raise ValueError(f"--peers: expected NAME=HOST:PORT, got {entry!r}")
        if name in book:
            raise ValueError(f"--peers: {name} is in it twice")
        book[name] = (host.strip("[]"), int(port))
    return book


def _tls(given: argparse.Namespace) -> Tls | None:
    files = (given.tls_cert, given.tls_key, given.tls_ca)
    if not any(files):
        return None
    if not all(files):
        raise ValueError("--tls-cert, --tls-key and --tls-ca go together")
    return Tls(*files)


def _secret(given: argparse.Namespace, environment: Mapping[str, str], tls: Tls | None) -> bytes:
    if given.key_file is not None:
        try:
            secret = given.key_file.read_bytes().strip()
        except OSError as e:
            raise ValueError(f"--key-file: {given.key_file}: {e.strerror}") from e
    else:
        secret = environment.get(KEY_VARIABLE, "").encode()
    if not secret and tls is None:
        raise ValueError(
            f"links need a secret that all members share: in {KEY_VARIABLE}, or --key-file, or mutual TLS"
        )
    return bytes(secret)
