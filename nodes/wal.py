"""The write-ahead log: what a core persists, in the order it persisted it.

One file. A header of one sector (512 bytes), then frames, one for each ``append``:

    header   magic 8 bytes, version u32, crc32 of both u32 | marker at 16: synced u64, crc32 of it u32
    frame    length u32, crc32 of length and payload u32, payload: msgpack array of records

Integers are little-endian. The *marker* says up to which offset the file is known to be durable. It is
rewritten in place after each completed sync and costs no sync of its own: it travels with the next one. It
tells a torn tail from rot in the middle. Recovery reads frames from the front, and the first bad one is

- before the marker: an fsynced record would be lost. The log refuses: WalCorruptError;
- at or after the marker: the tail of a write that no one was told about. It is dropped.

Whole frames beyond the marker are kept, for a power loss can keep the data and lose the marker; they are made
durable before recovery returns them, since the core will act on them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from nodes.files import Files

SECTOR = 512
MAGIC = b"splitwal"
VERSION = 1

_IDENTITY = struct.Struct("<8sII")
_MARKER = struct.Struct("<QI")
_U64 = struct.Struct("<Q")
_U32 = struct.Struct("<I")
_FRAME = struct.Struct("<II")
_MARKER_AT = _IDENTITY.size

_encode = msgspec.msgpack.Encoder().encode
_crc32 = zlib.crc32


class WalCorruptError(Exception):
    """The log cannot be trusted to hold every record that was fsynced. One line: file, offset, reason."""

    def __init__(self, name: str, offset: int, reason: str) -> None:
        super().__init__(f"{name}: corrupt at byte {offset}: {reason}; refusing to start")
        self.offset = offset


class Wal:
    """A log of records of the msgspec type ``records`` (a union of ``nodes.kernel.Record``).

    Call ``recover`` first. ``append`` writes, ``sync`` makes everything appended before it durable,
    ``mark_synced`` notes that down. ``sync`` alone may run in another thread than the rest. After an OSError
    from any of them the log's state is unknown: the node must stop.
    """

    __slots__ = ("_append", "_decoder", "_fdatasync", "_files", "_name", "_pwrite", "end", "synced")

    def __init__(self, files: Files, records: Any, name: str = "wal") -> None:
        self._files = files
        self._name = name
        self._decoder: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[records])
        self._append = files.append
        self._pwrite = files.pwrite
        self._fdatasync = files.fdatasync
        self.end = 0
        """offset at which the next frame begins"""
        self.synced = 0
        """offset up to which the file is durable"""

    def recover(self) -> list[Any]:
        """Every record that survived, oldest first; a missing file is an empty log.

        Raises WalCorruptError.
        """
        files, name, temporary = self._files, self._name, self._name + ".tmp"
        if files.exists(temporary):
            files.remove(temporary)
        if not files.exists(name):
            self._replace(_header(SECTOR))
            return []
        data = files.read(name)
        marker = self._read_marker(data)
        records, end = self._read_frames(data, marker)
        if end < len(data):
            self._replace(_header(end) + data[SECTOR:end])
            return records
        self.end, self.synced = end, marker
        if end > marker:
            self.sync()
            self.mark_synced()
        return records

    def append(self, records: Sequence[Any]) -> None:
        """Write one frame: after a crash its records are found all together or not at all."""
        payload = _encode(records)
        length = _U32.pack(len(payload))
        self._append(self._name, length + _U32.pack(_crc32(payload, _crc32(length))) + payload)
        self.end += 8 + len(payload)

    def sync(self) -> None:
        end = self.end
        self._fdatasync(self._name)
        self.synced = end

    def mark_synced(self) -> None:
        self._pwrite(self._name, _MARKER_AT, _marker(self.synced))

    def _read_marker(self, data: bytes) -> int:
        """Check the header; the offset up to which the file must be whole."""
        if len(data) < SECTOR:
            raise WalCorruptError(self._name, len(data), f"the header of {SECTOR} bytes is cut short")
        magic, version, crc = _IDENTITY.unpack_from(data)
        if crc != _crc32(data[: _IDENTITY.size - 4]) or magic != MAGIC:
            raise WalCorruptError(self._name, 0, "not the header of a write-ahead log")
        if version != VERSION:
            raise WalCorruptError(self._name, 8, f"version {version} is not {VERSION}")
        marker, crc = _MARKER.unpack_from(data, _MARKER_AT)
        if crc != _crc32(data[_MARKER_AT : _MARKER_AT + 8]) or marker < SECTOR:
            raise WalCorruptError(
                self._name, _MARKER_AT, "the marker of the synced length fails its checksum"
            )
        if marker > len(data):
            reason = f"{marker} bytes were synced, {len(data)} are there"
            raise WalCorruptError(self._name, len(data), reason)
        return int(marker)

    def _read_frames(self, data: bytes, marker: int) -> tuple[list[Any], int]:
        """The records of every whole frame from the front, and where the first bad one begins."""
        records: list[Any] = []
        at, size = SECTOR, len(data)
        while at < size:
            end = at + 8
            if end <= size:
                length, crc = _FRAME.unpack_from(data, at)
                end += length
            # a slice past the end is short, and fails like any other bad payload
            if end > size or not self._intact(data[at:end], crc):
                if self._expects(at, marker):
                    raise WalCorruptError(self._name, at, "a record that was synced fails its checksum")
                break
            try:
                records += self._decoder.decode(data[at + 8 : end])
            except (msgspec.MsgspecError, UnicodeDecodeError) as e:
                raise WalCorruptError(self._name, at, f"not a record of this system: {e}") from e
            at = end
        return records, at

    def _intact(self, frame: bytes, crc: int) -> bool:
        return crc == _crc32(frame[8:], _crc32(frame[:4]))

    def _expects(self, at: int, marker: int) -> bool:
        """Must a whole frame be there? It was synced if the marker says so."""
        return at < marker

    def _replace(self, content: bytes) -> None:
        """Make ``content`` the durable log, atomically."""
        temporary = self._name + ".tmp"
        self._files.append(temporary, content)
        self._files.fdatasync(temporary)
        self._files.rename(temporary, self._name)
        self._files.sync_directory()
        self.end = self.synced = len(content)


def _marker(synced: int) -> bytes:
    packed = _U64.pack(synced)
    return packed + _U32.pack(_crc32(packed))


def _header(synced: int) -> bytes:
    identity = _IDENTITY.pack(MAGIC, VERSION, 0)[:-4]
    return (identity + _U32.pack(_crc32(identity)) + _marker(synced)).ljust(SECTOR, b"\0")
