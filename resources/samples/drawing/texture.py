"""Four textures side by side, each with a direction and a wavelength of its own: food for Gabor kernels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drawing.noise import blend, cloudy, smoothstep, uniform

Array = npt.NDArray[np.floating]
QUARTER = 320
FINER = 3  # points a pixel, each way
LIGHT = np.array([-0.55, -0.60, 0.58])  # from the upper left


def draw() -> npt.NDArray[np.uint8]:
    """Return the picture as R, G, B of 8 bits (640, 640, 3): twill, bricks, planks and knit."""
    top = np.concatenate([_finish(*twill()), _finish(*bricks())], axis=2)
    bottom = np.concatenate([_finish(*planks()), _finish(*knit())], axis=2)
    light = np.concatenate([top, bottom], axis=1)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.clip(light, 0, 1) ** (1 / 2.4) - 0.055)
    srgb = srgb + 0.006 * cloudy(srgb.shape[1:], 599, slope=0.6)
    return (np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)


def _grid() -> tuple[Array, Array]:
    """Return y and x in pixels of the picture, FINER points a pixel."""
    at = (np.arange(QUARTER * FINER) + 0.5) / FINER
    return at[:, None], at[None, :]


def _noise(seed: int, **how: object) -> Array:
    return cloudy((QUARTER * FINER, QUARTER * FINER), seed, **how)  # type: ignore[arg-type]


def _finish(colour: Array, height: Array, shine: float) -> Array:
    """Light a height map (in pixels) from the upper left, shade its hollows, and average to pixels."""
    down, along = np.gradient(height, 1 / FINER)
    n = np.stack([-along, -down, np.ones_like(height)])
    n /= np.sqrt((n**2).sum(axis=0))
    sun = LIGHT / np.linalg.norm(LIGHT)
    facing = np.maximum(np.tensordot(sun, n, 1), 0)
    half = sun + np.array([0.0, 0.0, 1.0])  # between the light and the eye (Blinn 1977)
    half /= np.linalg.norm(half)
    gloss = shine * np.maximum(np.tensordot(half, n, 1), 0) ** 24
    wide = 4 * FINER
    hollow = np.clip((_box(height, wide) - height) / 3.0, 0, 1)
    light = colour * (0.24 + 1.15 * facing) * (1 - 0.6 * hollow) + gloss
    return light.reshape(3, QUARTER, FINER, QUARTER, FINER).mean(axis=(2, 4))


def _box(a: Array, width: int) -> Array:
    """Mean over a square, its border repeated, by running sums."""
    for axis in (0, 1):
        padded = np.pad(a, [(width, width) if k == axis else (0, 0) for k in range(2)], mode="edge")
        sums = np.cumsum(padded, axis=axis)
        low = [slice(None)] * 2
        high = [slice(None)] * 2
        low[axis], high[axis] = slice(0, -2 * width), slice(2 * width, None)
        a = (sums[tuple(high)] - sums[tuple(low)]) / (2 * width)
    return a


def twill() -> tuple[Array, Array, float]:
    """Denim: threads of 8 pixels, over two and under two, so that ribs rise at 45 degrees."""
    y, x = _grid()
    y = y + 0.5 * _noise(501, slope=3.0)
    x = x + 0.5 * _noise(502, slope=3.0)
    column, row = np.floor(x / 8), np.floor(y / 8)
    over = np.mod(column + row, 4) < 2
    warp, weft = np.sin(np.pi * np.mod(x / 8, 1)), np.sin(np.pi * np.mod(y / 8, 1))
    run = np.mod(y / 8 + column, 4) / 2
    cross = np.mod(x / 8 + row, 4) / 2
    arch_warp = np.sin(np.pi * np.clip(run, 0, 1))
    arch_weft = np.sin(np.pi * np.clip(cross - 1, 0, 1))
    height = np.where(
        over, 2.2 * warp**0.6 * (0.55 + 0.45 * arch_warp), 1.5 * weft**0.6 * (0.55 + 0.45 * arch_weft)
    )
    fuzz = _noise(503, slope=0.8, lowest=0.02)
    blue = np.array([0.045, 0.085, 0.20]).reshape(3, 1, 1)
    pale = np.array([0.34, 0.40, 0.47]).reshape(3, 1, 1)
    shade = 1 + 0.16 * fuzz
    return np.where(over, blue, pale) * shade, height + 0.12 * fuzz, 0.03


def bricks() -> tuple[Array, Array, float]:
    """A wall in stretcher bond: bricks of 64 by 26 pixels, joints of 5."""
    y, x = _grid()
    y = y + 0.9 * _noise(511, slope=2.6)
    x = x + 0.9 * _noise(512, slope=2.6)
    course = np.floor(y / 31 + 0.3)
    u = np.mod(x + 34.5 * np.mod(course, 2), 69) - 34.5
    v = np.mod(y + 0.3 * 31, 31) - 15.5
    gap = np.maximum(np.abs(u) - 32, np.abs(v) - 13)
    body = 1 - smoothstep(-1.8, 1.2, gap)
    number = (np.floor((x + 34.5 * np.mod(course, 2)) / 69) * 7 + course * 13).astype(int) % 97
    tone = uniform(97, 513)[number]
    burnt = uniform(97, 514)[number]
    rough = _noise(515, slope=1.5)
    clay = blend((0.44, 0.115, 0.055), (0.58, 0.22, 0.11), tone) * (1 - 0.5 * (burnt > 0.84))
    clay = clay * (1 + 0.13 * rough + 0.25 * (_noise(516, slope=2.4) > 1.6))
    mortar = np.array([0.42, 0.39, 0.34]).reshape(3, 1, 1) * (1 + 0.10 * _noise(517, slope=1.0))
    height = 2.6 * body + 0.30 * rough * (0.5 + 0.5 * body)
    return np.clip(mortar + (clay - mortar) * body, 0.01, 1), height, 0.0


def planks() -> tuple[Array, Array, float]:
    """Boards at 30 degrees, grain along them with a wavelength near 9 pixels."""
    y, x = _grid()
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    u, v = x * c + y * s, -x * s + y * c
    wobble = 3.4 * _turned(_noise(521, slope=3.4, stretch=(1.0, 6.0)), u, v)
    board = np.floor(v / 80 + 0.35)
    inside = np.mod(v + 0.35 * 80, 80)
    key = (board.astype(int) * 5) % 31
    tone = uniform(31, 522)[key]
    heart = (uniform(31, 523)[key] - 0.2) * 90
    rings = np.hypot(inside - heart, 9 + 0.05 * u) + wobble + 40 * tone
    phase = np.mod(rings / 9, 1)
    late = smoothstep(0.25, 0.85, phase) * (1 - smoothstep(0.88, 1.0, phase))
    fibre = _turned(_noise(524, slope=0.7, stretch=(1.0, 24.0), lowest=0.03), u, v)
    seam = 1 - smoothstep(0.8, 2.4, np.minimum(inside, 80 - inside))
    colour = blend(
        (0.50, 0.29, 0.125), (0.20, 0.085, 0.030), np.clip(0.12 + 0.72 * late + 0.09 * fibre, 0, 1)
    )
    colour = colour * (0.8 + 0.4 * tone) * (1 - 0.8 * seam)
    return colour, 0.22 * fibre - 0.25 * late - 2.5 * seam, 0.05


def _turned(field: Array, u: Array, v: Array) -> Array:
    """Look a tiling field up along turned coordinates."""
    size = field.shape[0]
    return field[np.floor(v * FINER).astype(int) % size, np.floor(u * FINER).astype(int) % size]


def knit() -> tuple[Array, Array, float]:
    """Stocking stitch: columns of V shapes, 20 pixels wide and 16 high, in bands of colour."""
    y, x = _grid()
    y = y + 0.8 * _noise(531, slope=3.0)
    x = x + 0.6 * _noise(532, slope=3.0)
    wide, high = 20.0, 16.0
    u = np.mod(x, wide) / wide - 0.5
    side = np.sign(u)
    # Each leg of a V is a fat strand that climbs outwards from the middle of its column.
    climb = y / high + np.abs(u) * 1.7
    v = np.mod(climb, 1) - 0.5
    across = (np.abs(u) - 0.25) / 0.25
    strand = np.clip(1 - across**2, 0, 1) * np.clip(1 - (v / 0.5) ** 2, 0, 1)
    plies = 0.5 + 0.5 * np.sin(2 * np.pi * (climb * 3 + side * across * 1.1))
    fuzz = _noise(533, slope=0.9, lowest=0.02)
    height = 5.0 * strand**0.5 + 0.55 * plies * strand + 0.25 * fuzz
    band = np.mod(np.floor(climb), 9)
    wool = np.where(
        band < 4,
        np.array([0.055, 0.30, 0.22]).reshape(3, 1, 1),
        np.where(
            (band == 5) | (band == 7),
            np.array([0.72, 0.40, 0.06]).reshape(3, 1, 1),
            np.array([0.66, 0.60, 0.48]).reshape(3, 1, 1),
        ),
    )
    return wool * (1 + 0.10 * fuzz), height, 0.0
