"""Writing a file so that its place holds the old content or the new, at every moment, after any failure."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable
from typing import TypeAlias

Bytes: TypeAlias = bytes | bytearray | memoryview


def atomic_write(path: str | os.PathLike[str], data: Bytes | Iterable[Bytes]) -> None:
    """Write a file in one step: to a temporary file beside it, through to the disk, then renamed over it.

    A link is followed and stays a link. The permissions of a file that was there are kept; a new one gets
    those the system gives. On any failure what was there is untouched and the temporary file is removed.

    Args:
        path: of the file; its folder must exist.
        data: the content, whole or in pieces, which may be made while it is written.

    Raises:
        OSError: it cannot be written; its ``errno`` says why (`errors.cannot_save` puts it in words). A
            target that may not be written (EACCES), is a folder (EISDIR) or a device (EINVAL) is refused.
        ValueError: the path holds a zero byte.
    """
    target = os.path.realpath(path)
    mode = _mode_of(target)
    pieces = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
    # Not derived from the target's name, which may be as long as a name can be.
    temporary = os.path.join(os.path.dirname(target), f".convstudio-{secrets.token_hex(8)}.tmp")
    # Opened by hand and not by tempfile, whose files only their owner may read.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with open(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            if mode is not None:
                os.chmod(temporary, mode)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(os.path.dirname(target))


def _mode_of(target: str) -> int | None:
    """Return the permissions of the file that is there, None if none is; refuse what cannot be replaced."""
    try:
        info = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(info.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", target)
    if not os.access(target, os.W_OK):  # renaming over it would be possible all the same
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
    return stat.S_IMODE(info.st_mode)


def _sync_folder(folder: str) -> None:
    """Make the new name last through a power cut, where the system lets us; the file itself is safe."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
