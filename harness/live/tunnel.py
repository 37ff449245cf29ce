"""A connection through an SSH connection, as a socket of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import paramiko

from harness.live.remote.port import RemoteError

CHUNK = 1 << 16


def tunnel(dial: Callable[[], paramiko.Channel]) -> socket.socket:
    """One end of a pair, at once; threads dial (which raises RemoteError) and carry bytes until either end closes.

    Where dialling fails the far end hangs up.
    """
    ours, theirs = socket.socketpair()
    threading.Thread(target=_carry, args=(dial, theirs), daemon=True, name="splitbrain-tunnel").start()
    return ours


def _carry(dial: Callable[[], paramiko.Channel], near: socket.socket) -> None:
    with near:
        try:
            far = dial()
        except RemoteError:
            return
        far.settimeout(None)
        out = threading.Thread(
            target=_pump, args=(near.recv, far.sendall), daemon=True, name="splitbrain-tunnel-out"
        )
        out.start()
        _pump(far.recv, near.sendall)
        far.close()
        with suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)
        out.join()


def _pump(receive: Callable[[int], bytes], send: Callable[[bytes], None]) -> None:
    with suppress(OSError, EOFError, paramiko.SSHException):
        while data := receive(CHUNK):
            send(data)
