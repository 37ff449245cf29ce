"""A host over SSH, by paramiko: one connection, one shell kept open in it, files by SFTP.

A machine whose key is not in ``known_hosts`` is refused, as is one whose key has changed. Connecting is tried again
for a while, for machines are rebooted. Commands are not, unless they are repeatable: nobody knows what they did.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import paramiko
from paramiko.hostkeys import InvalidHostKey

from harness.live.remote.hosts import Access, Host
from harness.live.remote.port import SECONDS, Done, RemoteError
from harness.live.remote.shell import Shell

CONNECT_S = 10.0
TRIES = 3
PAUSE_S = 0.5
CHUNK = 1 << 16
FORWARDING_REFUSED = 1
"""RFC 4254, 5.1: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED"""
KEEPALIVE_S = 2
SILENCE_MS = 10_000
"""that the far end's kernel may keep, from which on a connection counts as lost"""

# what goes wrong is raised, and told by whoever knows what was tried; paramiko would print it besides
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

TRANSIENT = (socket.timeout, TimeoutError, ConnectionError, EOFError)
"""what may be different a moment later; a wrong key or an unknown host never is"""


class ChannelStream:
    """A shell at the far end of a channel."""

    def __init__(self, transport: paramiko.Transport, command: str) -> None:
        self._channel = transport.open_session(timeout=CONNECT_S)
        self._channel.set_combine_stderr(True)
        self._channel.exec_command(command)

    def write(self, data: bytes) -> None:
        self._channel.settimeout(CONNECT_S)
        self._channel.sendall(data)

    def read(self, timeout_s: float) -> bytes:
        self._channel.settimeout(max(timeout_s, 0.001))
        return self._channel.recv(CHUNK)

    def close(self) -> None:
        self._channel.close()


class SshRemote:
    """``jump``: a machine through which the connection goes. Raises RemoteError when used, not when made."""

    def __init__(self, host: Host, jump: Access | None = None) -> None:
        self.name = host.name
        self.host = host
        self._jump = jump
        self._clients: list[paramiko.SSHClient] = []
        self._connecting = threading.Lock()
        self._shell = Shell(host.name, self._connect)

    def run(self, script: str, *, timeout_s: float = SECONDS, repeatable: bool = False) -> Done:
        return self._shell.run(script, timeout_s=timeout_s, repeatable=repeatable)

    def put(self, source: Path, target: str, *, mode: int = 0o644) -> None:
        aside = f"{target}.splitbrain"

        def copy(files: paramiko.SFTPClient) -> None:
            files.put(str(source), aside)
            files.chmod(aside, mode)
            files.posix_rename(aside, target)

        self._files(copy, f"write {target}")

    def get(self, source: str, target: Path) -> None:
        self._files(lambda files: files.get(source, str(target)), f"read {source}")

    def session(self, command: str) -> paramiko.Channel:
        """A command of its own, with its standard streams; errors go to nowhere. Raises RemoteError."""
        try:
            channel = self._transport().open_session(timeout=CONNECT_S)
            channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as e:
            raise RemoteError(f"{self.name}: no session on {self.host.host}: {_words(e)}") from e
        return channel

    def dial(self, address: tuple[str, int]) -> paramiko.Channel:
        """A connection that the host makes for us, to ``address`` as it sees it. Raises RemoteError."""
        try:
            return self._transport().open_channel(
                "direct-tcpip", address, ("127.0.0.1", 0), timeout=CONNECT_S
            )
        except paramiko.ChannelException as e:
            if e.code == FORWARDING_REFUSED:
                hint = "expected AllowTcpForwarding in its sshd_config, or direct: true in the hosts file"
                raise RemoteError(f"{self.name}: {self.host.host} forwards no connections; {hint}") from e
            raise RemoteError(
                f"{self.name}: {address[0]}:{address[1]} on {self.host.host}: {_words(e)}"
            ) from e
        except (paramiko.SSHException, OSError, EOFError) as e:
            raise RemoteError(
                f"{self.name}: {address[0]}:{address[1]} on {self.host.host}: {_words(e)}"
            ) from e

    def close(self) -> None:
        self._shell.close()
        with self._connecting:
            self._hang_up()

    def _hang_up(self) -> None:
        for client in reversed(self._clients):
            with suppress(Exception):  # it is going anyway
                client.close()
        self._clients.clear()

    def _files(self, act: Callable[[paramiko.SFTPClient], object], what: str) -> None:
        try:
            files = paramiko.SFTPClient.from_transport(self._transport())
            if files is None:
                raise RemoteError(f"{self.name}: cannot {what}: no SFTP on {self.host.host}")
            with files:
                act(files)
        except (paramiko.SSHException, OSError, EOFError) as e:
            raise RemoteError(f"{self.name}: cannot {what}: {_words(e)}") from e

    def _connect(self) -> ChannelStream:
        command = "exec sudo -n sh" if self.host.sudo else "exec sh"
        try:
            return ChannelStream(self._transport(), command)
        except (paramiko.SSHException, OSError, EOFError) as e:
            raise RemoteError(f"{self.name}: no shell on {self.host.host}: {_words(e)}") from e

    def _transport(self) -> paramiko.Transport:
        """The connection, made anew when it was lost."""
        with self._connecting:
            transport = self._clients[-1].get_transport() if self._clients else None
            if transport is None or not transport.is_active():
                self._hang_up()
                self._open()
                transport = self._clients[-1].get_transport()
                assert transport is not None
            return transport

    def _open(self) -> None:
        for attempt in range(TRIES):
            try:
                self._open_once()
            except RemoteError as e:
                self._hang_up()
                raise RemoteError(f"{self.name}: {e}") from e
            except TRANSIENT as e:
                self._hang_up()
                if attempt + 1 == TRIES:
                    raise RemoteError(f"{self.name}: {self._where()} cannot be reached: {_words(e)}") from e
                time.sleep(PAUSE_S)
            except (paramiko.SSHException, OSError) as e:
                self._hang_up()
                raise RemoteError(f"{self.name}: {self._where()}: {_words(e)}") from e
            else:
                return

    def _where(self) -> str:
        through = f" through {self._jump.host}" if self._jump else ""
        return f"{self.host.user}@{self.host.host}:{self.host.port}{through}"

    def _open_once(self) -> None:
        through = None
        if self._jump is not None:
            first = connected(self._jump, None)
            self._clients.append(first)
            transport = first.get_transport()
            assert transport is not None
            through = transport.open_channel(
                "direct-tcpip", (self.host.host, self.host.port), ("127.0.0.1", 0), timeout=CONNECT_S
            )
        self._clients.append(connected(self.host, through))


def connected(access: Access, through: paramiko.Channel | None) -> paramiko.SSHClient:
    """A client that is logged in. Raises RemoteError for what will stay wrong, else what paramiko raises."""
    client = paramiko.SSHClient()
    where = f"{access.user}@{access.host}:{access.port}"
    known = Path(access.known_hosts).expanduser()
    key = str(Path(access.key).expanduser()) if access.key else None
    try:
        client.load_host_keys(str(known))
    except (OSError, paramiko.SSHException, InvalidHostKey) as e:
        raise RemoteError(f"{where}: known_hosts {access.known_hosts}: {_words(e)}") from e
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        client.connect(
            access.host,
            access.port,
            access.user,
            key_filename=key,
            look_for_keys=not key,
            allow_agent=not key,
            timeout=CONNECT_S,
            banner_timeout=CONNECT_S,
            auth_timeout=CONNECT_S,
            sock=through,
        )
    except paramiko.BadHostKeyException as e:
        client.close()
        raise RemoteError(f"{where}: its key is not the one in {access.known_hosts}") from e
    except paramiko.AuthenticationException as e:
        client.close()
        raise RemoteError(f"{where}: the key {access.key or 'of the agent'} was not accepted") from e
    except paramiko.SSHException as e:
        client.close()
        if "not found in known_hosts" in str(e):
            raise RemoteError(f"{where}: its key is not in {access.known_hosts}") from e
        raise
    except BaseException:
        client.close()
        raise
    transport = client.get_transport()
    assert transport is not None
    transport.set_keepalive(KEEPALIVE_S)
    if isinstance(transport.sock, socket.socket):
        with suppress(OSError):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MS)
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _words(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
