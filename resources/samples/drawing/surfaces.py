"""What the things of the still life are made of: wood, cloth, fruit skin, glaze, paper, plaster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drawing.noise import blend, cloudy, smoothstep, uniform
from drawing.shapes import Array, Block, dot, unit, vector


@dataclass(frozen=True)
class Sheet:
    """A tiling picture looked up by coordinates: ``scale`` pixels a unit."""

    values: Array  # (h, w) or (3, h, w)
    scale: float

    def at(self, u: Array, v: Array) -> Array:
        height, width = self.values.shape[-2:]
        x = np.floor(u * self.scale).astype(np.int32) % width
        y = np.floor(v * self.scale).astype(np.int32) % height
        return self.values[..., y, x]


def slopes(height: Array, depth: float) -> Array:
    """Return the two slopes (2, h, w) of a tiling height map, ``depth`` pixels high at height 1."""
    along = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) * (depth / 2)
    down = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) * (depth / 2)
    return np.stack([along, down]).astype(np.float32)


def tilt(n: Array, side: Array, other: Array, slope: Array) -> Array:
    return unit(n - side * slope[0] - other * slope[1])


def wood() -> tuple[Sheet, Sheet]:
    """Return colour and slopes of oiled planks, grain along u; 120 pixels a unit."""
    size, planks = 1440, 6
    width = size // planks
    u = np.arange(size)[None, :] / 120.0
    v = np.arange(size)[:, None] / 120.0
    plank = np.arange(size)[:, None] // width
    drift = cloudy((size, size), 11, slope=3.2, stretch=(1.0, 7.0))
    fibre = cloudy((size, size), 12, slope=1.0, stretch=(1.0, 40.0), lowest=0.02)
    pores = cloudy((size, size), 13, slope=0.6, stretch=(1.0, 16.0), lowest=0.08)
    chance = uniform((3, planks), 14)
    heart = (plank + 0.2 + 0.6 * chance[0][plank]) * (width / 120.0)
    across = np.hypot(v - heart, 0.35 + 0.04 * u * (chance[1][plank] - 0.5))
    rings = across * 8.0 + 0.55 * drift + 6.0 * chance[2][plank]
    phase = rings - np.floor(rings)
    late = smoothstep(0.35, 0.92, phase) * (1 - smoothstep(0.94, 1.0, phase))
    amount = np.clip(0.30 + 0.5 * late + 0.13 * fibre + 0.06 * drift + 0.25 * (chance[1][plank] - 0.5), 0, 1)
    dark_pore = smoothstep(1.5, 2.4, pores)
    colour = blend((0.52, 0.275, 0.118), (0.19, 0.072, 0.024), amount.astype(np.float32))
    tone = (0.82 + 0.36 * chance[0])[plank]
    colour = colour * tone * (1 - 0.55 * dark_pore)
    edge = np.minimum(np.arange(size) % width, width - 1 - np.arange(size) % width)[:, None]
    seam = np.broadcast_to(1 - smoothstep(0.6, 2.6, edge.astype(np.float32)), (size, size))
    colour = colour * (1 - 0.82 * seam)
    height = 0.25 * fibre - 0.6 * dark_pore - 3.0 * seam
    return Sheet(colour.astype(np.float32), 120.0), Sheet(slopes(height, 0.16), 120.0)


def tablecloth(threads: tuple[int, int], per_thread: int) -> tuple[Array, Array]:
    """Return colour (3, h, w) and height (h, w) of a plain weave with stripes both ways."""
    rows, columns = threads[1] * per_thread, threads[0] * per_thread
    x = (np.arange(columns) + 0.5) / per_thread
    y = (np.arange(rows) + 0.5) / per_thread
    warp_over = ((np.floor(x)[None, :] + np.floor(y)[:, None]) % 2) == 0
    round_x = np.sin(np.pi * (x % 1))[None, :]
    round_y = np.sin(np.pi * (y % 1))[:, None]
    height = np.where(
        warp_over, round_x**0.7 * (0.45 + 0.55 * round_y), round_y**0.7 * (0.45 + 0.55 * round_x)
    )
    warp = _stripes(np.floor(x).astype(int), threads[0], 31)
    weft = _stripes(np.floor(y).astype(int), threads[1], 32)
    colour = np.where(warp_over, warp[:, None, :], weft[:, :, None])
    colour = colour * (0.55 + 0.45 * height)
    return colour.astype(np.float32), height.astype(np.float32)


def _stripes(thread: npt.NDArray[np.integer], count: int, seed: int) -> Array:
    linen, indigo, red = (
        np.array([(0.80, 0.74, 0.62), (0.035, 0.085, 0.30), (0.52, 0.035, 0.04)])
        .T[:, :, None]
        .transpose(1, 0, 2)
    )
    place = thread % 32
    colour = np.where((place >= 8) & (place < 16), indigo, linen)
    colour = np.where((place == 22) | (place == 23) | (place == 26), red, colour)
    shade = 0.86 + 0.28 * uniform(count, seed)
    return colour * shade[thread]


def table_top(cloth_at: tuple[float, float], turn: float) -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return the looks of the table with a cloth lying on it, turned by degrees around the upright."""
    colour, grain = wood()
    half = (2.6, 1.75)
    per_unit = 18  # threads
    threads = (int(half[0] * 2 * per_unit), int(half[1] * 2 * per_unit))
    cloth, height = tablecloth(threads, 12)
    weave = slopes(height, 2.6)
    folds = Sheet(slopes(cloudy((512, 512), 33, slope=4.2, lowest=1 / 200), 1.6), 75.0)
    c, s = float(np.cos(np.radians(turn))), float(np.sin(np.radians(turn)))
    tc, ts = float(np.cos(np.radians(-7.0))), float(np.sin(np.radians(-7.0)))

    def looks(p: Array, n: Array) -> tuple[Array, Array]:
        wu, wv = p[0] * tc + p[2] * ts + 20.0, -p[0] * ts + p[2] * tc + 20.6
        base = colour.at(wu, wv)
        bump = grain.at(wu, wv)
        x, z = p[0] - cloth_at[0], p[2] - cloth_at[1]
        u, v = x * c + z * s, -x * s + z * c
        fray = np.floor((v + half[1]) * per_unit)
        long = 0.16 + 0.05 * np.sin(fray * 12.9898) + 0.03 * np.sin(fray * 4.1)
        stray = np.mod((v + half[1]) * per_unit + 0.2 * np.sin(u * 17 + fray), 1.0)
        fringe = (np.abs(u) < half[0] + long) & (np.abs(stray - 0.5) < 0.28)
        on = (np.abs(v) < half[1]) & ((np.abs(u) < half[0]) | fringe)
        gap = np.hypot(np.maximum(np.abs(u) - half[0], 0), np.maximum(np.abs(v) - half[1], 0))
        base = base * (1 - 0.55 * np.exp(-gap * 22))
        px = np.clip(((u + half[0]) * (12 * per_unit)).astype(np.int32), 0, cloth.shape[2] - 1)
        py = np.clip(((v + half[1]) * (12 * per_unit)).astype(np.int32), 0, cloth.shape[1] - 1)
        woven = cloth[:, py, px]
        hem = (np.abs(np.abs(v) - half[1] + 0.11) < 0.012) | (np.abs(np.abs(u) - half[0] + 0.11) < 0.012)
        woven = np.where(hem, woven * 0.72, woven)
        wslope = weave[:, py, px] * 0.30 + folds.at(u + 9, v + 9)
        side, other = vector(c, 0, s), vector(-s, 0, c)
        on_cloth = tilt(n, side, other, wslope)
        on_wood = tilt(n, vector(tc, 0, ts), vector(-ts, 0, tc), bump)
        return np.where(on, woven, base), np.where(on, on_cloth, on_wood)

    return looks


def plain(*colour: float) -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return the looks of one even colour."""
    value = vector(*colour)
    return lambda p, n: (np.broadcast_to(value, p.shape), n)


def plaster() -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return the looks of a painted wall with the marks of the trowel."""
    field = cloudy((1024, 1024), 41, slope=2.4, lowest=1 / 400)
    tone = Sheet(cloudy((1024, 1024), 42, slope=3.0), 90.0)
    rough = Sheet(slopes(field, 0.55), 90.0)

    def looks(p: Array, n: Array) -> tuple[Array, Array]:
        colour = vector(0.19, 0.29, 0.315) * (1 + 0.055 * tone.at(p[0] + 20, p[1] + 20))
        return colour.astype(np.float32), tilt(
            n, vector(1, 0, 0), vector(0, 1, 0), rough.at(p[0] + 20, p[1] + 20)
        )

    return looks


def citrus(
    centre: Array, turn: Array, colour: tuple[float, float, float], pore: float
) -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return the looks of a dimpled rind."""
    pits = -np.maximum(cloudy((512, 512), 51, slope=0.4, lowest=0.07, highest=0.15) - 0.2, 0)
    sheet = Sheet(slopes(pits, pore), 120.0)
    tone = Sheet(cloudy((512, 512), 52, slope=2.6), 120.0)

    def looks(p: Array, n: Array) -> tuple[Array, Array]:
        q = turn.T @ (p - centre)
        u, v = np.arctan2(q[0], q[2]) * 0.55 + 4, q[1] * 1.15 + 4
        side = unit(np.stack([q[2], 0 * q[0], -q[0]]) + 1e-6)
        bump = sheet.at(u, v)
        shade = vector(*colour) * (1 + 0.07 * tone.at(u, v))
        return shade.astype(np.float32), tilt(
            n, turn @ side, turn @ np.broadcast_to(vector(0, 1, 0), q.shape), bump
        )

    return looks


def apple(centre: Array, turn: Array) -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return the looks of a red apple: yellow streaks from pole to pole, pale dots, green around the stem."""
    streak = Sheet(cloudy((512, 512), 61, slope=1.7, stretch=(14.0, 1.0), lowest=0.004), 512 / (2 * np.pi))
    patch = Sheet(cloudy((512, 512), 62, slope=3.4), 512 / (2 * np.pi))
    dots = Sheet((uniform((256, 256), 63) > 0.985).astype(np.float32), 60.0)

    def looks(p: Array, n: Array) -> tuple[Array, Array]:
        q = turn.T @ (p - centre)
        around = np.arctan2(q[0], q[2]) + 4
        polar = np.arccos(np.clip(q[1] / np.sqrt(dot(q, q)), -1, 1))
        amount = 0.06 + 0.11 * streak.at(around, polar) + 0.13 * patch.at(around, polar)
        amount = (
            amount + 0.85 * np.exp(-((polar / 0.42) ** 2)) + 0.5 * np.exp(-(((np.pi - polar) / 0.5) ** 2))
        )
        skin = blend((0.50, 0.012, 0.018), (0.74, 0.46, 0.09), np.clip(amount, 0, 1).astype(np.float32))
        return (skin + 0.10 * dots.at(around, polar)).astype(np.float32), n

    return looks


def pear(centre: Array, turn: Array) -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return the looks of a green pear with brown specks and a blush on the sunny side."""
    speck = Sheet(smoothstep(1.9, 2.5, cloudy((512, 512), 71, slope=0.5, lowest=0.06, highest=0.3)), 110.0)
    patch = Sheet(cloudy((512, 512), 72, slope=3.0), 110.0)

    def looks(p: Array, n: Array) -> tuple[Array, Array]:
        q = turn.T @ (p - centre)
        u, v = np.arctan2(q[0], q[2]) * 0.6 + 4, q[1] + 4
        skin = blend((0.30, 0.40, 0.035), (0.50, 0.43, 0.06), np.clip(0.35 + 0.3 * patch.at(u, v), 0, 1))
        sun_side = smoothstep(0.3, 0.95, dot(n, unit(vector(-0.9, 0.1, 0.45))) + 0.08 * patch.at(v, u))
        skin = blend(skin, (0.55, 0.14, 0.035), 0.6 * sun_side)
        return blend(skin, (0.17, 0.11, 0.03), 0.65 * speck.at(u, v)).astype(np.float32), n

    return looks


def glazed(foot: Array, top: float) -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return the looks of white glaze painted in cobalt: rings, a zigzag, dots and leaves."""
    wash = Sheet(cloudy((512, 512), 81, slope=2.2), 140.0)

    def looks(p: Array, n: Array) -> tuple[Array, Array]:
        q = p - foot
        turn = np.arctan2(q[0], q[2]) / (2 * np.pi) + 0.5
        y = q[1] / top
        soft = 0.0022
        brush = 0.0016 * wash.at(turn * 6, q[1])

        def ring(low: float, high: float) -> Array:
            h = y + brush
            return smoothstep(low - soft, low + soft, h) * (1 - smoothstep(high - soft, high + soft, h))

        ink = np.zeros_like(y)
        for low, high in ((0.035, 0.06), (0.075, 0.084), (0.285, 0.297), (0.545, 0.557), (0.575, 0.605),
                          (0.80, 0.812), (0.825, 0.855), (0.95, 0.962)):  # fmt: skip
            ink = np.maximum(ink, ring(low, high))
        tooth = np.abs(np.mod(turn * 16, 1) - 0.5) * 2  # 0 to 1 and back
        for shift, width in ((0.0, 0.016), (0.05, 0.007)):
            off = np.abs(y + brush - (0.14 + shift + 0.07 * tooth))
            ink = np.maximum(ink, 1 - smoothstep(width - 0.004, width + 0.004, off))
        # Pointed leaves where two circles overlap, alternately upright.
        cell = np.mod(turn * 12, 1) - 0.5
        rise = (y - 0.42) / 0.105
        leaf = np.abs(cell) / 0.40 + rise * rise
        inner = np.abs(leaf - 0.60)
        ink = np.maximum(ink, (1 - smoothstep(0.97, 1.03, leaf)) * smoothstep(0.10, 0.16, inner))
        drop = np.hypot((np.mod(turn * 22, 1) - 0.5) * 0.115, y - 0.69)
        ink = np.maximum(ink, 1 - smoothstep(0.024, 0.029, drop))
        lines = np.abs(np.mod(turn * 44, 1) - 0.5)
        ink = np.maximum(ink, (1 - smoothstep(0.13, 0.2, lines)) * ring(0.87, 0.935))
        deep = 0.85 + 0.15 * wash.at(turn * 6, q[1])
        ink = np.clip(ink * np.clip(deep, 0.5, 1), 0, 1)
        inside = dot(n, np.stack([q[0], 0 * y, q[2]])) < 0
        ink = np.where(inside, 0, ink)
        return blend((0.66, 0.65, 0.60), (0.010, 0.032, 0.27), ink).astype(np.float32), n

    return looks


LETTERS = {  # seven rows of five points, one number a row
    "A": (14, 17, 17, 31, 17, 17, 17),
    "B": (30, 17, 17, 30, 17, 17, 30),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "G": (14, 17, 16, 23, 17, 17, 14),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30),
}


def _lettering(word: str) -> npt.NDArray[np.bool_]:
    """Return a word as points (9, 6 n + 1), with an empty margin of one."""
    rows = np.array([LETTERS[letter] for letter in word])  # (n, 7)
    points = (rows[:, :, None] >> np.arange(4, -1, -1)) & 1
    points = np.pad(points, ((0, 0), (1, 1), (1, 0))).transpose(1, 0, 2).reshape(9, -1)
    return np.pad(points, ((0, 0), (0, 1))).astype(bool)


def book(
    block: Block, cover: tuple[float, float, float], title: str
) -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return the looks of a closed book: cloth cover, gold title and bands on its spine, cream page edges."""
    weave = Sheet(cloudy((256, 256), 91, slope=0.5, lowest=0.1), 160.0)
    leaf = uniform(400, 92).astype(np.float32)
    letters = _lettering(title)
    hx, hy, _ = block.half
    size = 1.15 * hy / letters.shape[0]  # of a point

    def looks(p: Array, n: Array) -> tuple[Array, Array]:
        q = block.local(p)
        m = block.turn.T @ n
        level = (q[1] + hy) / (2 * hy)
        pages = (np.abs(level - 0.5) < 0.40) & (np.abs(m[1]) < 0.5) & (m[2] < 0.5)
        sheet_no = np.clip((level * 60).astype(np.int32), 0, 399)
        paper = vector(0.72, 0.64, 0.48) * (0.55 + 0.45 * leaf[sheet_no])
        cloth = vector(*cover) * (1 + 0.10 * weave.at(q[0] + q[1] + 9, q[2] + q[1] + 9))
        band = (np.abs(np.abs(q[0]) - 0.78 * hx) < 0.03) | (np.abs(np.abs(q[0]) - 0.69 * hx) < 0.012)
        column = np.floor(q[0] / (1.25 * size) + letters.shape[1] / 2).astype(np.int32)
        row = np.floor(letters.shape[0] / 2 - q[1] / size).astype(np.int32)
        inside = (column >= 0) & (column < letters.shape[1]) & (row >= 0) & (row < letters.shape[0])
        printed = inside & letters[np.where(inside, row, 0), np.where(inside, column, 0)]
        gold = (m[2] > 0.5) & (band | printed)
        cloth = np.where(gold, vector(0.72, 0.47, 0.14), cloth)
        return np.where(pages, paper, cloth).astype(np.float32), n

    return looks


def blueberry() -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return the looks of dark blue skin with a pale bloom."""
    bloom = Sheet(cloudy((512, 512), 95, slope=2.4), 260.0)

    def looks(p: Array, n: Array) -> tuple[Array, Array]:
        amount = 0.40 + 0.22 * bloom.at(p[0] + 0.6 * p[2] + 9, p[1] - 0.5 * p[2] + 9)
        skin = blend((0.012, 0.018, 0.085), (0.09, 0.15, 0.44), np.clip(amount, 0, 1))
        return skin.astype(np.float32), n

    return looks
