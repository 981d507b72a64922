"""Pooling of photos and feature maps: greatest and mean values of windows, with and without indices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import onnx, pytorch
from benchmarks.row import Entry, Row, Run
from convstudio.core import adaptive_avg_pool, adaptive_max_pool, avg_pool, max_pool

Array = NDArray[Any]

# Name, channels, height, width.
PICTURES = (
    ("1080p", 1, 1080, 1920),
    ("3×1080p", 3, 1080, 1920),
    ("3×480×640", 3, 480, 640),
    ("8×480×640", 8, 480, 640),
    ("64×112×112", 64, 112, 112),
    ("64×28×28", 64, 28, 28),
)
# kernel, stride, padding
WINDOWS = ((2, 2, 0), (3, 2, 1), (3, 1, 1), (5, 1, 2), (7, 1, 3))
QUICK = {"3×1080p max 2×2/2", "3×1080p avg 3×3/2", "3×1080p max 5×5/1", "64×112×112 max 3×3/2"}
MEGAPIXELS = ("3×12 MP", 3, 3000, 4000)


def entries() -> Iterator[Entry]:
    """Every row, in the order of the table."""
    for picture in PICTURES:
        name = picture[0]
        for k, s, p in WINDOWS:
            if name == "64×28×28" and k > 3:
                continue
            for kind in ("max", "avg"):
                title = f"{name} {kind} {k}×{k}/{s}"
                yield Entry(title, _sliding(title, picture, kind, k, s, p), title in QUICK)
    for picture in PICTURES[1:3]:
        title = f"{picture[0]} max 2×2/2 with indices"
        yield Entry(title, _indices(title, picture, 2))
    for picture in PICTURES[1:]:
        for size in (1, 7):
            for kind in ("avg", "max"):
                if kind == "avg" or size == 7:
                    title = f"{picture[0]} {kind} to {size}×{size}"
                    yield Entry(title, _adaptive(title, picture, kind, size))
    for kind in ("max", "avg"):
        title = f"{MEGAPIXELS[0]} {kind} 2×2/2"
        yield Entry(title, _sliding(title, MEGAPIXELS, kind, 2, 2, 0))


def _picture(picture: tuple[str, int, int, int]) -> Array:
    shape = (1, *picture[1:])
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def _sliding(
    title: str, picture: tuple[str, int, int, int], kind: str, k: int, s: int, p: int
) -> Callable[[], Row]:
    def build() -> Row:
        x = _picture(picture)
        pool = max_pool if kind == "max" else avg_pool
        out = np.zeros_like(pool(x, k, s, p))

        def prepare(torch: Any, functional: Any) -> Callable[[], Any]:
            tensor = torch.from_numpy(x)
            peer = functional.max_pool2d if kind == "max" else functional.avg_pool2d
            return lambda: peer(tensor, k, s, p)

        operator = "MaxPool" if kind == "max" else "AveragePool"
        attributes: dict[str, Any] = {"kernel_shape": [k, k], "strides": [s, s], "pads": [p] * 4}
        if kind == "avg":
            attributes["count_include_pad"] = 1
        node: onnx.Node = (operator, ["x"], ["y"], attributes)
        peers = {
            **pytorch.peer(prepare),
            **onnx.peer([node], {"x": x}, {}),
            **_opencv(x, out.shape, kind, k, s, p),
        }
        return Row(title, lambda: pool(x, k, s, p, out=out), peers, 0.0, float(x.nbytes + out.nbytes))

    return build


def _opencv(x: Array, shape: tuple[int, ...], kind: str, k: int, s: int, p: int) -> dict[str, Run]:
    """OpenCV where one call does the job: windows at stride 1, and means of 2×2 as INTER_AREA takes them.

    Planes one by one, or the channels of a photo interleaved, in the layout that OpenCV works on.
    """
    channels, height, width = x.shape[1:]
    if channels > 4:
        return {}
    photo = np.ascontiguousarray(np.moveaxis(x[0], 0, -1))
    result = np.zeros((*shape[2:], channels), np.float32)
    back = np.moveaxis(result, -1, 0)[None]
    if s == 1 and kind == "max":
        element = np.ones((k, k), np.uint8)

        def dilate() -> Array:
            cv2.dilate(photo, element, result)
            return back

        return {"OpenCV": dilate}
    if s == 1:

        def blur() -> Array:
            cv2.boxFilter(photo, -1, (k, k), result, borderType=cv2.BORDER_CONSTANT)
            return back

        return {"OpenCV": blur}
    if kind == "avg" and k == s == 2 and p == 0 and height % 2 == width % 2 == 0:

        def shrink() -> Array:
            cv2.resize(photo, (width // 2, height // 2), result, interpolation=cv2.INTER_AREA)
            return back

        return {"OpenCV": shrink}
    return {}


def _indices(title: str, picture: tuple[str, int, int, int], k: int) -> Callable[[], Row]:
    """Values and indices; the values are compared, the tests compare the indices."""

    def build() -> Row:
        x = _picture(picture)
        out = tuple(np.zeros_like(part) for part in max_pool(x, k, return_indices=True))

        def prepare(torch: Any, functional: Any) -> Callable[[], Any]:
            tensor = torch.from_numpy(x)
            return lambda: functional.max_pool2d(tensor, k, return_indices=True)[0]

        node: onnx.Node = ("MaxPool", ["x"], ["y", "i"], {"kernel_shape": [k, k], "strides": [k, k]})
        peers = {**pytorch.peer(prepare), **onnx.peer([node], {"x": x}, {})}

        def ours() -> Array:
            values: Array = max_pool(x, k, return_indices=True, out=out).values
            return values

        return Row(title, ours, peers, 0.0, float(x.nbytes + out[0].nbytes + out[1].nbytes))

    return build


def _adaptive(title: str, picture: tuple[str, int, int, int], kind: str, size: int) -> Callable[[], Row]:
    def build() -> Row:
        x = _picture(picture)
        pool = adaptive_max_pool if kind == "max" else adaptive_avg_pool
        out = np.zeros_like(pool(x, size))

        def prepare(torch: Any, functional: Any) -> Callable[[], Any]:
            tensor = torch.from_numpy(x)
            peer = functional.adaptive_max_pool2d if kind == "max" else functional.adaptive_avg_pool2d
            return lambda: peer(tensor, size)

        peers = pytorch.peer(prepare)
        if size == 1:
            peers = {**peers, **onnx.peer([("GlobalAveragePool", ["x"], ["y"], {})], {"x": x}, {})}
        return Row(title, lambda: pool(x, size, out=out), peers, 0.0, float(x.nbytes + out.nbytes))

    return build
