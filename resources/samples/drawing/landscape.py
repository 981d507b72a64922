"""Mountains over a lake in the morning: a fractal height field, marched ray by ray."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drawing.noise import blend, cloudy, smoothstep

Array = npt.NDArray[np.float32]
SIZE = (640, 1024)
FINER = 2  # rays a pixel, each way
MAP = 2048  # cells of the height field each way
CELL = 0.02  # units (about kilometres) a cell
SUN = np.array([-0.80, 0.42, -0.10]) / np.linalg.norm([-0.80, 0.42, -0.10])
SUN_LIGHT = np.array([1.75, 1.38, 0.98], dtype=np.float32).reshape(3, 1)
SKY_LIGHT = np.array([0.24, 0.33, 0.47], dtype=np.float32).reshape(3, 1)
LAKE = 0.0
FAR = 34.0


def draw() -> npt.NDArray[np.uint8]:
    """Return the picture as R, G, B of 8 bits (height, width, 3)."""
    land = Land()
    height, width = SIZE
    rows = []
    for top in range(0, height, 32):
        y, x = np.mgrid[top * FINER : (top + 32) * FINER, 0 : width * FINER].reshape(2, -1)
        across = ((x + 0.5) / FINER - width / 2) / width
        up = (height * 0.46 - (y + 0.5) / FINER) / width
        d = np.stack([across * 1.05, up * 1.05, np.ones(across.shape)]).astype(np.float32)
        d /= np.sqrt((d**2).sum(axis=0))
        o = np.broadcast_to(np.array([[20.0], [0.34], [0.0]], dtype=np.float32), d.shape)
        light = look(land, o, d)
        rows.append(light.reshape(3, 32, FINER, width, FINER).mean(axis=(2, 4)))
    return develop(np.concatenate(rows, axis=1))


def develop(light: Array) -> npt.NDArray[np.uint8]:
    """Expose linear light (3, h, w) and encode it as sRGB with a little grain."""
    film = light * 0.66
    film = np.clip(film * (2.51 * film + 0.03) / (film * (2.43 * film + 0.59) + 0.14), 0, 1)
    srgb = np.where(film <= 0.0031308, 12.92 * film, 1.055 * film ** (1 / 2.4) - 0.055)
    srgb = srgb + 0.004 * cloudy(light.shape[1:], 205, slope=0.8, highest=0.35)
    return (np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)


class Land:
    """The height field and what was worked out from it once: slopes, shadows, forest."""

    def __init__(self) -> None:
        size = MAP
        broad = cloudy((size, size), 201, slope=3.4, highest=0.010)
        warp = (cloudy((size, size), 202, slope=3.6, highest=0.02) * 22).astype(np.int32)
        rows, columns = np.mgrid[0:size, 0:size]
        ridges = np.zeros((size, size), dtype=np.float32)
        weight = np.ones((size, size), dtype=np.float32)
        strength = 1.0
        for octave in range(7):
            high = 0.004 * 2.0**octave
            wave = cloudy((size, size), 210 + octave, slope=1.0, lowest=high / 2, highest=high)
            crest = np.clip(1.0 - np.sqrt(wave * wave + 0.004) * 0.62, 0, 1) ** 1.5
            ridges += strength * crest * weight
            # Small ridges grow on big ones only, and valleys stay smooth (Musgrave 1994).
            weight = np.clip(weight * crest * 1.5, 0, 1)
            strength *= 0.44
        ridges = ridges[(rows + warp) % size, (columns + warp.T) % size]
        x, z = columns * CELL, rows * CELL
        valley = np.abs(x - 20.0 - 1.3 * np.sin(z * 0.55)) / (1.9 + 0.10 * z)
        rise = smoothstep(0.25, 1.6, valley) * smoothstep(1.5, 6.0, z)
        wall = smoothstep(8.5, 17.0, z)
        amount = np.clip(0.60 * rise + 1.25 * wall, 0, 1.6)
        ground = amount * (0.62 * ridges + 0.32 * broad * 0.6 + 0.20) * 1.75
        shore = 0.16 * smoothstep(0.55, 1.1, valley + 0.10 * broad) + 0.04 * broad
        self.height = (ground + shore - 0.10).astype(np.float32)
        down = np.gradient(self.height, CELL)
        steep = np.hypot(*down)
        trees = cloudy((size, size), 231, slope=0.3, lowest=0.10)
        stand = smoothstep(0.02, 0.10, self.height) * (1 - smoothstep(0.75, 1.25, self.height + 0.12 * broad))
        self.forest = (
            stand * (1 - smoothstep(0.8, 1.3, steep)) * smoothstep(-0.8, 0.1, warp / 22 + 0.3)
        ).astype(np.float32)
        self.height += self.forest * (0.020 + 0.012 * np.maximum(trees, -1.2)).astype(np.float32)
        self.slope = np.stack(np.gradient(self.height, CELL)).astype(np.float32)
        self.lit = self._shadows()
        self.tone = cloudy((size, size), 232, slope=1.6)
        self.cover = cloudy((size, size), 233, slope=2.6)

    def _shadows(self) -> Array:
        """Return 1 where the sun reaches the ground and 0 where a ridge stands before it."""
        highest = np.full_like(self.height, -np.inf)
        level = np.hypot(SUN[0], SUN[2])
        for k in range(1, 260):
            reach = k * 1.6
            by = (-round(reach * SUN[2] / level), -round(reach * SUN[0] / level))
            highest = np.maximum(highest, np.roll(self.height, by, (0, 1)) - reach * CELL * SUN[1] / level)
        return smoothstep(-0.012, 0.03, self.height - highest).astype(np.float32)

    def at(self, field: Array, x: Array, z: Array) -> Array:
        """Look a field up between its cells."""
        u, v = x / CELL, z / CELL
        i, j = np.floor(v).astype(np.int32), np.floor(u).astype(np.int32)
        p, q = v - i, u - j
        i, j = np.clip(i, 0, MAP - 2), np.clip(j, 0, MAP - 2)
        flat = field.reshape(-1)
        k = i * MAP + j
        near = flat[k] + (flat[k + 1] - flat[k]) * q
        far = flat[k + MAP] + (flat[k + MAP + 1] - flat[k + MAP]) * q
        return near + (far - near) * p


def look(land: Land, o: Array, d: Array) -> Array:
    """Return the light along rays: land or lake, whichever comes first, else the sky; haze over all."""
    t = march(land, o, d)
    with np.errstate(divide="ignore"):
        lake = np.where(d[1] < 0, (LAKE - o[1]) / d[1], np.inf)
    light = sky(land, d)
    ground = np.flatnonzero((t < FAR) & (t < lake))
    light[:, ground] = haze(shade(land, o[:, ground] + t[ground] * d[:, ground]), t[ground], d[:, ground])
    wet = np.flatnonzero((lake < t) & (lake < FAR))
    if wet.size:
        light[:, wet] = water(land, o[:, wet], d[:, wet], lake[wet])
    return light


def march(land: Land, o: Array, d: Array) -> Array:
    """Return where rays meet the land (infinity where they do not): growing steps, then halving."""
    result = np.full(o.shape[1], np.inf, dtype=np.float32)
    alive = np.arange(o.shape[1])
    at = np.full(alive.size, 0.25, dtype=np.float32)
    before = at.copy()
    while alive.size:
        x, y, z = (o[k, alive] + at * d[k, alive] for k in range(3))
        gap = y - land.at(land.height, x, z)
        hit = gap < 0
        if hit.any():
            rays = alive[hit]
            result[rays] = _refine(land, o[:, rays], d[:, rays], before[hit], at[hit])
        keep = ~hit & (at < FAR) & ~((y > 3.2) & (d[1, alive] > 0))
        before = at[keep]
        at = before + np.maximum(0.006 + 0.0022 * before, gap[keep] * 0.30)
        alive = alive[keep]
    return result


def _refine(land: Land, o: Array, d: Array, low: Array, high: Array) -> Array:
    for _ in range(7):
        middle = (low + high) / 2
        p = o + middle * d
        under = p[1] < land.at(land.height, p[0], p[2])
        low, high = np.where(under, low, middle), np.where(under, middle, high)
    return high


def shade(land: Land, p: Array) -> Array:
    """Return the light that the ground at p sends on: forest, meadow, rock and snow by slope and height."""
    x, y, z = p
    slope_z, slope_x = land.at(land.slope[0], x, z), land.at(land.slope[1], x, z)
    n = np.stack([-slope_x, np.ones_like(x), -slope_z])
    n = n / np.sqrt((n**2).sum(axis=0))
    tone, cover = land.at(land.tone, x, z), land.at(land.cover, x, z)
    colour = blend((0.150, 0.118, 0.092), (0.30, 0.255, 0.215), np.clip(0.45 + 0.25 * tone, 0, 1))
    meadow = smoothstep(0.78, 0.90, n[1] + 0.03 * cover) * (1 - smoothstep(1.0, 1.7, y + 0.2 * cover))
    grass = blend((0.105, 0.135, 0.030), (0.24, 0.20, 0.065), np.clip(0.5 + 0.3 * cover, 0, 1))
    colour = blend(colour, grass, meadow)
    woods = land.at(land.forest, x, z)
    trees = blend((0.020, 0.046, 0.022), (0.060, 0.085, 0.026), np.clip(0.4 + 0.3 * tone, 0, 1))
    colour = blend(colour, trees, np.clip(woods * 1.6, 0, 1))
    snow = smoothstep(0.60, 0.80, n[1] + 0.05 * tone) * smoothstep(1.25, 1.75, y + 0.16 * cover)
    colour = blend(colour, (0.80, 0.83, 0.88), snow)
    sand = 1 - smoothstep(0.008, 0.03, y + 0.006 * tone)
    colour = blend(colour, (0.27, 0.225, 0.165), sand)
    # The height field ends at 20 m; what is nearer shows tufts and stones by tone alone.
    fine = land.at(land.tone, np.mod(x * 9.0, 38), np.mod(z * 9.0, 38))
    finer = land.at(land.tone, np.mod(z * 31.0, 38), np.mod(x * 31.0, 38))
    close = np.exp(-z / 3.0)
    detail = np.clip(1 + (0.16 + 0.14 * close) * fine + 0.26 * close * finer, 0.3, 1.9)
    sun = np.maximum((n * SUN.astype(np.float32).reshape(3, 1)).sum(axis=0), 0) * land.at(land.lit, x, z)
    fill = 0.55 + 0.45 * n[1]
    return (colour * detail * (SUN_LIGHT * sun * 1.9 + SKY_LIGHT * fill)).astype(np.float32)


def haze(light: Array, t: Array, d: Array) -> Array:
    """Lay the air before things: blue with distance, golden towards the sun."""
    clear = np.exp(-0.026 * t)
    towards = np.maximum((d * SUN.astype(np.float32).reshape(3, 1)).sum(axis=0), 0)
    air = blend((0.36, 0.50, 0.72), (1.05, 0.82, 0.58), towards**4)
    return (light * clear + air * (1 - clear)).astype(np.float32)


def sky(land: Land, d: Array) -> Array:
    """Return the sky: deep blue above, pale at the horizon, a glow at the sun's side, thin clouds."""
    up = np.clip(d[1], 0, 1)
    towards = np.maximum((d * SUN.astype(np.float32).reshape(3, 1)).sum(axis=0), 0)
    light = blend((0.80, 0.86, 0.92), (0.060, 0.20, 0.58), smoothstep(-0.03, 0.38, up) ** 0.85)
    light = light + blend((0.0, 0.0, 0.0), (0.70, 0.48, 0.24), towards**6)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = 2.4 / np.maximum(d[1], 0.02)
    x, z = np.mod(d[0] * far * 1.1 + 21, 38), np.mod(d[2] * far * 2.6 + 7, 38)
    cloud = 0.75 * land.at(land.cover, x, z) + 0.16 * land.at(land.tone, x, z)
    veil = smoothstep(-0.1, 1.6, cloud) * smoothstep(0.03, 0.16, up) * 0.85
    edge = land.at(land.cover, np.mod(x - 0.35, 38), z) * 0.75
    bright = np.clip(0.75 + 0.35 * (cloud - edge), 0.45, 1.25)
    return (light + (np.array([1.12, 1.06, 1.02]).reshape(3, 1) * bright - light) * veil).astype(np.float32)


def water(land: Land, o: Array, d: Array, t: Array) -> Array:
    """Return the lake: what its ripples mirror, over green depth (Schlick's Fresnel term)."""
    p = o + t * d
    calm = np.clip(1.6 / t, 0.05, 1.0)
    wind = 0.35 + 0.65 * smoothstep(
        -0.3, 1.0, land.at(land.cover, np.mod(p[0] * 0.9, 38), np.mod(p[2] * 2.2, 38))
    )
    size = 7.0
    u, v = np.mod(p[0] * size, 38), np.mod(p[2] * size * 2.6, 38)
    ripple = calm * wind
    n = np.stack(
        [
            0.010 * ripple * land.at(land.tone, u, v),
            np.ones_like(t),
            0.020 * ripple * land.at(land.tone, np.mod(v * 0.7 + 3, 38), np.mod(u * 1.3, 38)),
        ]
    )
    n = n / np.sqrt((n**2).sum(axis=0))
    facing = np.clip(-(d * n).sum(axis=0), 0, 1)
    mirror = d + 2 * facing * n
    mirror[1] = np.maximum(mirror[1], 0.004)
    mirror = (mirror / np.sqrt((mirror**2).sum(axis=0))).astype(np.float32)
    p[1] = LAKE + 1e-3
    met = march(land, p.astype(np.float32), mirror)
    seen = sky(land, mirror)
    ground = np.flatnonzero(met < FAR)
    seen[:, ground] = haze(
        shade(land, p[:, ground] + met[ground] * mirror[:, ground]), met[ground], mirror[:, ground]
    )
    fresnel = 0.02 + 0.98 * (1 - facing) ** 5
    bottom = np.clip(-land.at(land.height, p[0], p[2]) / 0.08, 0, 1)
    deep = blend((0.10, 0.115, 0.075), (0.012, 0.050, 0.058), bottom)
    return haze(deep * (1 - fresnel) + seen * fresnel, t, d)
