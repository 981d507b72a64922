"""Kernels and banks in files: JSON with all there is to them, CSV and .npy for other programs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np

from convstudio.io.atomic import Bytes, atomic_write
from convstudio.io.errors import PictureError, cannot_open, cannot_save, shown
from convstudio.io.npy_numbers import numbers_of, numbers_pieces
from convstudio.model import bank_text
from convstudio.model.bank_text import Bank, Kernel

__all__ = ["READABLE", "WRITABLE", "KernelFileError", "load_bank", "read_bank", "save_bank", "save_kernel"]

READABLE = (".json", ".csv", ".txt", ".tsv", ".npy")
"""What an open dialog lists; the content decides all the same."""
WRITABLE = (".json", ".csv", ".npy")

MAX_BYTES = 1 << 26


class KernelFileError(Exception):
    """Kernels cannot be read or written; the text says why and what to do."""


def load_bank(path: str | os.PathLike[str]) -> Bank:
    """Read the kernels of a file; a single kernel is a bank of one filter.

    Raises:
        KernelFileError: it cannot be read, or holds no kernels of 1 to 63 rows and columns.
    """
    name = shown(path)
    try:
        info = os.stat(path)
        if stat.S_ISDIR(info.st_mode):
            raise KernelFileError(f"{name} is a folder. Choose a file inside it.")
        if not stat.S_ISREG(info.st_mode):
            raise KernelFileError(f"{name} is a device or a pipe, not a file.")
        if info.st_size > MAX_BYTES:
            raise KernelFileError(f"{name} is too large for kernels: more than {MAX_BYTES >> 20} MB.")
        with open(path, "rb") as file:
            data = file.read(info.st_size)
    except OSError as error:
        raise KernelFileError(str(cannot_open(name, error))) from error
    except ValueError:  # a zero byte in the path
        raise KernelFileError(f"{name} cannot be opened: this is not a possible name of a file.") from None
    return read_bank(data, name)


def read_bank(data: bytes, name: str) -> Bank:
    """Read the content of a kernel file; otherwise as ``load_bank``. The name is what messages call it."""
    title = Path(name).stem or "Custom"
    try:
        if data.startswith(b"\x93NUMPY"):
            return bank_text.bank_from_array(numbers_of(data, "its content"), title)
        if b"\0" in data[:4096]:
            raise KernelFileError(f"{name} holds no kernels. Choose a .json, .csv or .npy file.")
        return bank_text.bank_from_text(data.decode("utf-8-sig"), title)
    except UnicodeDecodeError:
        raise KernelFileError(f"{name} holds no kernels: its text is not UTF-8.") from None
    except (ValueError, PictureError) as error:
        raise KernelFileError(f"{name} holds no kernels: {error}".rstrip(".") + ".") from error
    except MemoryError:
        raise KernelFileError(f"{name} cannot be opened: there is not enough memory.") from None


def save_kernel(path: str | os.PathLike[str], kernel: Kernel) -> tuple[str, ...]:
    """Write a single kernel; otherwise as ``save_bank``."""
    return save_bank(path, Bank.of(kernel))


def save_bank(path: str | os.PathLike[str], bank: Bank) -> tuple[str, ...]:
    """Write a bank in one step; the extension says how.

    Args:
        path: ends in .json for everything (presets by name), .csv for rows of numbers under comments, or
            .npy for the weights alone: ``(rows, columns)`` of one kernel, else ``(filters, inputs, rows,
            columns)``, float64.
        bank: what is written.

    Returns:
        Whole sentences about what this kind of file does not hold.

    Raises:
        KernelFileError: it cannot be written; the text says why and what to do.
    """
    name = shown(path)
    try:
        pieces, notes = _pieces(Path(path).suffix.lower(), bank)
        size = sum(memoryview(piece).nbytes for piece in pieces)
        if size > MAX_BYTES:
            raise ValueError(f"it would be {size >> 20} MB large, and {MAX_BYTES >> 20} MB are the most")
        atomic_write(path, pieces)
    except OSError as error:
        raise KernelFileError(str(cannot_save(name, error))) from error
    except ValueError as error:
        text = "this is not a possible name of a file" if "\0" in os.fspath(path) else str(error)
        raise KernelFileError(f"{name} was not saved: {text}.") from error
    return notes


def _pieces(suffix: str, bank: Bank) -> tuple[list[Bytes], tuple[str, ...]]:
    if suffix == ".npy":
        values, notes = bank_text.bank_to_array(bank)
        return numbers_pieces(np.asarray(values)), notes
    if suffix == ".json":
        return [bank_text.bank_to_json(bank).encode("utf-8")], ()
    if suffix == ".csv":
        return [bank_text.bank_to_csv(bank).encode("utf-8")], ()
    raise ValueError("end the name in .json (everything), .csv or .npy (the weights)")
