"""Processor settings that must be made before NumPy is first imported. Standard library only.

NumPy's bundled OpenBLAS picks its kernels by processor model, when it is loaded. Newer AMD processors that
have AVX-512 get the AVX2 kernels meant for older ones; told to use the AVX-512 kernels it multiplies
single-precision matrices nearly twice as fast (1024³: 211 to 401 GFLOP/s on two cores). The variable only
takes effect before the library is loaded, so the programs' entry points call `tune` before anything else.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_VARIABLE = "OPENBLAS_CORETYPE"
_CPUINFO = Path("/proc/cpuinfo")
# All that OpenBLAS's SkylakeX kernels use: with one missing they would stop the program.
_NEEDED = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}


def tune() -> bool:
    """Choose OpenBLAS's AVX-512 kernels where it would overlook them; True if the choice was made.

    Leaves alone a choice of the user's, and does nothing once NumPy is loaded or where the processor's
    features cannot be read (they can on Linux).
    """
    if _VARIABLE in os.environ or "numpy" in sys.modules:
        return False
    try:
        description = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False  # another operating system, or a sandbox that hides it
    if not overlooked(description):
        return False
    os.environ[_VARIABLE] = "SkylakeX"
    return True


def overlooked(description: str) -> bool:
    """Whether the processor of this /proc/cpuinfo is an AMD one with all the AVX-512 features needed."""
    fields: dict[str, str] = {}
    for line in description.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields.get("vendor_id") == "AuthenticAMD" and set(fields.get("flags", "").split()) >= _NEEDED
