"""The container of a project that needs more than text: a plain zip file, written and read with care.

Written: members stored as they are, in order, without times, so that equal content is equal bytes. Read:
sizes, counts and names are checked before anything is unpacked, and no member ever becomes a file.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from convstudio.io.atomic import Bytes
from convstudio.io.limits import MAX_BYTES
from convstudio.model.json_text import clipped
from convstudio.model.serialize import ProjectError

SIGNATURE = b"PK"
MAX_MEMBERS = 512
MAX_TOTAL = 2 * MAX_BYTES
"""Bytes of all members together."""
MAX_RATIO = 200
"""How many times larger than the file its content may be, beyond the first `_FREE` bytes."""

_FREE = 32 << 20
_DIRECTORY = 1 << 18  # bytes of the list of members
_MOST = (1 << 32) - (1 << 20)  # of a file without the extensions for large ones
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_END = struct.Struct("<4s4H2IH")
_WRONG = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError),
)
_MIDNIGHT = (0, 0x21)  # 1 January 1980, where the format's calendar begins


# --- writing ---


def zip_pieces(members: Mapping[str, Sequence[Bytes]]) -> Iterator[Bytes]:
    """Yield a zip file of members that are given in pieces.

    Raises:
        ProjectError: it would be larger than the format holds.
    """
    sizes = {name: sum(memoryview(piece).nbytes for piece in pieces) for name, pieces in members.items()}
    if sum(sizes.values()) > _MOST:
        raise ProjectError("the project is larger than 4 GB; save the picture by reference")
    directory = b""
    at = 0
    for name, pieces in members.items():
        checksum = 0
        for piece in pieces:
            checksum = zlib.crc32(piece, checksum)
        encoded = name.encode("ascii")
        # Version 2.0, no flags, stored.
        common = struct.pack("<5H3I2H", 20, 0, 0, *_MIDNIGHT, checksum, *(sizes[name],) * 2, len(encoded), 0)
        header = b"PK\3\4" + common + encoded
        yield header
        yield from pieces
        directory += (
            b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<3H2I", 0, 0, 0, 0, at) + encoded
        )
        at += len(header) + sizes[name]
    yield directory
    yield _END.pack(b"PK\5\6", 0, 0, len(members), len(members), len(directory), at, 0)


# --- reading ---


class ProjectZip:
    """The members of an open zip file, all checked; unpacked one by one when they are asked for.

    Raises:
        ProjectError: it is damaged, or not the kind of archive that a project is.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._check_end(file, size)
        with _told():
            self._zip = zipfile.ZipFile(file)
        infos = [each for each in self._zip.infolist() if each.file_size or not each.filename.endswith("/")]
        self._infos = {info.filename: info for info in infos}
        if len(self._infos) < len(infos):
            raise ProjectError("two of its parts have the same name")
        for info in infos:
            _check_member(info)
        self._check_sizes(infos, size)

    @property
    def names(self) -> list[str]:
        """The members' names in their order."""
        return list(self._infos)

    def read(self, name: str, most: int = MAX_BYTES) -> bytes:
        """Return a member's content.

        Raises:
            ProjectError: there is none of this name, it is larger than ``most`` bytes, or it is damaged.
        """
        info = self._infos.get(name)
        if info is None:
            raise ProjectError(f"its part {clipped(name)} is missing")
        if info.file_size > most:
            raise ProjectError(f"its part {name} is too large")
        with _told(), self._zip.open(info) as member:
            data = member.read(info.file_size + 1)
        if len(data) != info.file_size:
            raise ProjectError(f"its part {name} is damaged")
        return data

    @staticmethod
    def _check_end(file: BinaryIO, size: int) -> None:
        """Look at the end of the directory first: reading a huge one would take the memory."""
        tail = min(size, _END.size + 20)
        file.seek(size - tail)
        end = file.read(tail)
        if len(end) < _END.size or end[-_END.size :][:4] != b"PK\5\6":
            raise ProjectError("it is cut short, or something was added to its end")
        _, _, _, here, count, length, start, comment = _END.unpack(end[-_END.size :])
        if comment or here != count or (tail > _END.size and end[:4] == b"PK\6\7"):
            raise ProjectError("it is not the kind of archive that a project is")
        if not 0 < count <= MAX_MEMBERS or length > _DIRECTORY or start + length + _END.size != size:
            raise ProjectError("the list of its parts is damaged")

    @staticmethod
    def _check_sizes(infos: list[zipfile.ZipInfo], size: int) -> None:
        packed = sum(info.compress_size for info in infos)
        total = sum(info.file_size for info in infos)
        if packed > size or total > MAX_TOTAL or total > _FREE + MAX_RATIO * size:
            raise ProjectError("its parts claim to be larger than they can be")


def _check_member(info: zipfile.ZipInfo) -> None:
    name = info.filename
    if info.orig_filename != name or len(name) > 200 or not _NAME.fullmatch(name):
        raise ProjectError(f"it has a part of the name “{clipped(info.orig_filename)}”, which no project has")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ProjectError(f"its part {name} is a link")
    if info.flag_bits & 0x2061:  # encrypted, patched, strongly encrypted, masked
        raise ProjectError(f"its part {name} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ProjectError(f"its part {name} is packed in a way that is not read")


@contextmanager
def _told() -> Iterator[None]:
    """Say in one sentence whatever `zipfile` finds wrong; it has no common error for it."""
    try:
        yield
    except _WRONG as error:
        raise ProjectError("it is damaged: one of its parts cannot be unpacked") from error
