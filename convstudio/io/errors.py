"""What goes wrong with files, said in the user's words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_SAVING = {
    errno.ENOSPC: "the disk is full. Free some space or choose another place.",
    errno.EDQUOT: "your share of the disk is used up. Free some space or choose another place.",
    errno.EFBIG: "the file would be larger than this place allows. Choose another place.",
    errno.EROFS: "this place is read-only. Choose another place.",
    errno.EACCES: "you may not write there. Choose another folder.",
    errno.EPERM: "you may not write there. Choose another folder.",
    errno.ENOENT: "the folder does not exist. Choose another folder.",
    errno.ENOTDIR: "a part of the path is a file, not a folder. Choose another folder.",
    errno.EISDIR: "there is a folder of that name. Choose another name.",
    errno.ENAMETOOLONG: "the name is too long. Choose a shorter one.",
    errno.ELOOP: "its links lead in a circle. Choose another file.",
}

_OPENING = {
    errno.ENOENT: "there is no such file. It may have been moved or renamed.",
    errno.ENOTDIR: "there is no such file: a part of the path is not a folder.",
    errno.EISDIR: "it is a folder. Choose a picture inside it.",
    errno.EACCES: "you may not read it. Change its permissions or choose another file.",
    errno.EPERM: "you may not read it. Change its permissions or choose another file.",
    errno.ENAMETOOLONG: "the name is too long to be a file's.",
    errno.ELOOP: "its links lead in a circle.",
}


class PictureError(Exception):
    """A picture cannot be opened or a result cannot be saved; the text says why and what to do."""


def shown(path: str | os.PathLike[str]) -> str:
    """The last part of a path as it can be shown, whatever bytes the file system holds."""
    text = os.fspath(path)
    name = Path(text).name or text or "the file"
    return name.encode("utf-8", "replace").decode("utf-8")


def cannot_open(name: str, error: OSError) -> PictureError:
    """Return the error for a file that cannot be read."""
    reason = _OPENING.get(error.errno or 0, f"the system says “{error.strerror or error}”.")
    return PictureError(f"{name} cannot be opened: {reason}")


def cannot_save(name: str, error: OSError) -> PictureError:
    """Return the error for a file that cannot be written; the caller made sure nothing was harmed."""
    reason = _SAVING.get(error.errno or 0, f"the system says “{error.strerror or error}”.")
    return PictureError(f"{name} was not saved: {reason}")
