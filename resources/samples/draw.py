"""Draw the bundled pictures: ``python resources/samples/draw.py [id ...]``, all of them without an id.

Each is made from a fixed seed, by the modules in ``drawing``, and written beside this file as PNG.
The two photo-like ones take a few minutes, the rest a few seconds.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

# Where each picture is drawn: module and function, giving uint8 (h, w) or (h, w, 3) in the order R, G, B.
DRAWINGS = {
    "still-life": ("still_life", "draw"),
    "landscape": ("landscape", "draw"),
    "page": ("page", "draw"),
    "texture": ("texture", "draw"),
    "zone-plate": ("charts", "zone_plate"),
    "siemens-star": ("charts", "siemens_star"),
    "step-wedge": ("charts", "step_wedge"),
    "checkerboard": ("charts", "checkerboard"),
    "impulse": ("charts", "impulse"),
    "noise": ("charts", "noise"),
}


def drawing(sample_id: str) -> Callable[[], Any]:
    """Return the function that draws a sample."""
    module, function = DRAWINGS[sample_id]
    found: Callable[[], Any] = getattr(importlib.import_module(f"drawing.{module}"), function)
    return found


def main(ids: list[str]) -> int:
    import cv2

    unknown = [i for i in ids if i not in DRAWINGS]
    if unknown:
        sys.stderr.write(f"No drawing is called {', '.join(unknown)}. There are: {', '.join(DRAWINGS)}.\n")
        return 2
    for sample_id in ids or list(DRAWINGS):
        pixels = drawing(sample_id)()
        path = HERE / f"{sample_id}.png"
        written = pixels if pixels.ndim == 2 else pixels[:, :, ::-1]
        if not cv2.imwrite(str(path), written, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
            sys.stderr.write(f"Could not write {path}.\n")
            return 1
        sys.stdout.write(
            f"{path.name}: {pixels.shape[1]} x {pixels.shape[0]}, {path.stat().st_size // 1024} KiB\n"
        )
    return 0


if __name__ == "__main__":
    # One thread a process: the bands of the ray tracer already keep every processor busy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
