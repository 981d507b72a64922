"""The picture the program opens on: a still life by a window, ray traced."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from drawing import surfaces
from drawing.denoise import denoise
from drawing.noise import cloudy, uniform
from drawing.shapes import (
    Array,
    Ball,
    Balls,
    Block,
    Cluster,
    Rectangle,
    Shape,
    Sticks,
    lowest,
    rotation,
    round_solid,
    turned_shell,
    unit,
    vector,
)
from drawing.tracer import Camera, Scene, Thing, Window, render_rows

SIZE = (720, 960)
SAMPLES = 64
SEED = 2026
# How far each twig leans to the right and to the front, and how long it is above the vase's mouth.
TWIGS = ((-0.8, 0.25, 1.25), (-0.26, -0.3, 1.12), (0.32, 0.2, 1.25), (0.85, -0.1, 1.2))
BAND = 90  # rows a piece of work


def draw(samples: int = SAMPLES, size: tuple[int, int] = SIZE) -> npt.NDArray[np.uint8]:
    """Return the picture as R, G, B of 8 bits (height, width, 3)."""
    bands = [(row, min(row + BAND, size[0])) for row in range(0, size[0], BAND)]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        done = list(pool.map(_band, bands, [samples] * len(bands), [size] * len(bands)))
    return develop(denoise(np.concatenate(done, axis=2)))


def _band(rows: tuple[int, int], samples: int, size: tuple[int, int]) -> Array:
    return render_rows(scene(), camera(), size, rows, samples, SEED)


def develop(light: Array) -> npt.NDArray[np.uint8]:
    """Turn linear light (3, h, w) into a print: exposure, a film's shoulder, sRGB, vignette and grain."""
    height, width = light.shape[1:]
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot((x + 0.5) / width - 0.5, ((y + 0.5) - height / 2) / width)
    light = light * (1 - 0.75 * away**2) * 1.0
    # The rational curve of Narkowicz (2015), an approximation of the film response of ACES.
    film = light * 0.60
    film = film * (2.51 * film + 0.03) / (film * (2.43 * film + 0.59) + 0.14)
    film = np.clip(film, 0, 1)
    srgb = np.where(film <= 0.0031308, 12.92 * film, 1.055 * film ** (1 / 2.4) - 0.055)
    grain = cloudy((height, width), 5, slope=0.8, highest=0.35)
    strength = 0.0055 * (1 - 0.5 * srgb.mean(axis=0))
    srgb = srgb + grain * strength
    return (np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)


def camera() -> Camera:
    eye, target = vector(0.35, 3.35, 10.2), vector(0.12, 1.57, 0.0)
    return Camera(eye=eye, target=target, width=0.715, lens=0.055, focus=9.35)


@lru_cache(maxsize=1)
def scene() -> Scene:
    sun = unit(vector(-0.76, 0.56, 0.40))
    window = Window(
        at=-9.0,
        low=(1.6, -1.6),
        high=(10.4, 7.4),
        panes=(3, 3),
        bar=0.42,
        glow=vector(3.3, 3.7, 4.3),
        sun=sun,
        sun_light=vector(13.5, 11.6, 8.6),
        sun_size=0.016,
    )
    return Scene(things=[*_room(), *_vase(), *_fruit(), *_rest()], window=window, room=_surroundings)


def _surroundings(d: Array) -> Array:
    """A cream room: light ceiling, darker floor, a pale doorway to the right."""
    up = np.clip(d[1] * 0.5 + 0.5, 0, 1)
    colour = vector(0.16, 0.13, 0.10) + (vector(0.62, 0.60, 0.56) - vector(0.16, 0.13, 0.10)) * up
    door = (np.abs(d[0] - 0.78) < 0.10) & (d[1] > -0.1) & (d[1] < 0.55) & (d[2] > 0)
    return np.where(door, vector(1.5, 1.4, 1.25), colour)


def _room() -> list[Thing]:
    return [
        Thing(
            Rectangle(1, 0.0, ((-9.0, 9.0), (-4.2, 7.0))),
            surfaces.table_top((-1.15, 1.25), turn=-24.0),
            coat=0.035,
            rough=0.22,
            casts=False,
        ),
        Thing(Rectangle(2, -4.2, ((-12.0, 12.0), (-6.0, 12.0))), surfaces.plaster(), casts=False),
    ]


def _vase() -> list[Thing]:
    foot = vector(-1.55, 0.0, -0.95)
    heights = [0.0, 0.10, 0.45, 0.95, 1.45, 1.95, 2.35, 2.62, 2.85, 3.0]
    radii = [0.52, 0.56, 0.78, 0.98, 1.00, 0.80, 0.52, 0.40, 0.42, 0.52]
    shell, _ = turned_shell(heights, radii, foot, 0.07)
    mouth = foot + vector(0, 2.7, 0)
    wood, fruit = _branches(mouth)
    return [
        Thing(shell, surfaces.glazed(foot, 3.0), coat=0.05, rough=0.02),
        Thing(Cluster.of(wood), surfaces.plain(0.10, 0.055, 0.03)),
        Thing(Cluster.of(fruit), surfaces.plain(0.62, 0.028, 0.02), coat=0.05, rough=0.05),
    ]


def _branches(mouth: Array) -> tuple[list[Shape], list[Shape]]:
    """Grow twigs with berries on short stalks out of the vase's mouth; return wood and berries, bounded."""
    wood: list[Shape] = []
    fruit: list[Shape] = []
    chance = iter(uniform(4000, 77).tolist())
    pieces = 10
    for lean, forward, length in (
        (-0.8, 0.25, 1.25),
        (-0.26, -0.3, 1.5),
        (0.32, 0.2, 1.4),
        (0.85, -0.1, 1.2),
    ):
        at = mouth[:, 0] + np.array([-0.25 * lean, -0.9, -0.1 * forward])
        way = np.array([0.36 * lean, 1.0, 0.3 * forward])
        step = (length + 0.9) / pieces
        for k in range(pieces):
            way = way + np.array(
                [0.06 * lean + 0.16 * (next(chance) - 0.5), -0.02, 0.14 * (next(chance) - 0.5)]
            )
            way /= np.linalg.norm(way)
            to = at + way * step
            sticks = [[*at, *to, 0.032 - 0.0018 * k]]
            berries = []
            for _ in range(0 if k < 5 else 2 if k < 9 else 3):
                out = np.array([next(chance) - 0.5, next(chance) - 0.25, next(chance) - 0.5])
                tip = at + (to - at) * next(chance)
                root = tip.copy()
                tip += out / np.linalg.norm(out) * (0.14 + 0.12 * next(chance))
                sticks.append([*root, *tip, 0.010])
                berries.append([*tip, 0.058 + 0.032 * next(chance)])
            middle = ((at + to) / 2).astype(np.float32).reshape(3, 1)
            bound = (middle, step / 2 + (0.38 if berries else 0.04))
            wood.append(Sticks(np.array(sticks, dtype=np.float32), bound))
            if berries:
                rows = np.array(berries, dtype=np.float32)
                fruit.append(Balls(rows[:, :3], rows[:, 3], bound))
            at = to
    return wood, fruit


def _fruit() -> list[Thing]:
    return [*_apple(), _orange(), _lemon(), *_pear()]


def _set_down(radius: Callable[[Array], Array], turn: Array, x: float, y: float, z: float) -> Array:
    """Return the centre of a round solid that stands at (x, z) on the level y, dented in by a hair."""
    return vector(x, y + lowest(radius, turn) - 0.004, z)


def _apple() -> list[Thing]:
    def radius(a: Array) -> Array:
        top = 1 - 0.36 * np.exp(-((a / 0.33) ** 2))
        bottom = 1 - 0.20 * np.exp(-(((np.pi - a) / 0.36) ** 2))
        return 0.66 * (1 + 0.05 * np.cos(a)) * top * bottom

    turn = rotation(x=16, z=-14, y=20)
    centre = _set_down(radius, turn, 0.02, 0.0, 0.95)
    body = round_solid(radius, centre, turn, 0.72)
    stem = _stem(centre, turn, (0.0, 0.40, 0.0), (0.05, 0.70, 0.02), (0.12, 0.84, 0.03), 0.026)
    return [Thing(body, surfaces.apple(centre, turn), coat=0.045, rough=0.06), stem]


def _orange() -> Thing:
    def radius(a: Array) -> Array:
        return 0.62 * (1 - 0.035 * np.abs(np.cos(a)) ** 3) * (1 - 0.035 * np.exp(-((a / 0.12) ** 2)))

    turn = rotation(x=35, z=20)
    centre = _set_down(radius, turn, 1.32, 0.0, 0.42)
    skin = surfaces.citrus(centre, turn, (0.74, 0.155, 0.006), pore=0.32)
    return Thing(round_solid(radius, centre, turn, 0.64, 0.9), skin, coat=0.04, rough=0.16)


def _lemon() -> Thing:
    def radius(a: Array) -> Array:
        ends = 0.085 * np.exp(-((a / 0.26) ** 2)) + 0.05 * np.exp(-(((np.pi - a) / 0.3) ** 2))
        return 0.43 * (1 + 0.27 * np.cos(a) ** 2) + ends

    turn = rotation(z=82, y=-34)
    centre = _set_down(radius, turn, -1.05, 0.0, 2.02)
    skin = surfaces.citrus(centre, turn, (0.80, 0.50, 0.02), pore=0.32)
    return Thing(round_solid(radius, centre, turn, 0.66), skin, coat=0.04, rough=0.13)


def _pear() -> list[Thing]:
    def radius(a: Array) -> Array:
        return 0.62 + 0.66 * np.exp(-((a / 0.44) ** 2)) - 0.10 * np.exp(-(((np.pi - a) / 0.4) ** 2))

    turn = rotation(z=-7, y=30)
    centre = _set_down(radius, turn, 2.52, 0.85, -1.05)
    body = round_solid(radius, centre, turn, 1.30, 0.55)
    stem = _stem(centre, turn, (0.0, 1.2, 0.0), (0.03, 1.42, 0.0), (0.13, 1.60, 0.04), 0.035)
    return [Thing(body, surfaces.pear(centre, turn), coat=0.04, rough=0.12), stem]


def _stem(centre: Array, turn: Array, a: object, b: object, c: object, radius: float) -> Thing:
    points = [(turn @ np.array(q, dtype=np.float32).reshape(3, 1) + centre)[:, 0] for q in (a, b, c)]
    ends = np.array(
        [[*points[0], *points[1], radius], [*points[1], *points[2], radius * 0.85]], dtype=np.float32
    )
    bound = (points[1].reshape(3, 1), 0.5)
    return Thing(Sticks(ends, bound), surfaces.plain(0.11, 0.06, 0.025))


def _rest() -> list[Thing]:
    things = []
    low = Block(vector(2.55, 0.24, -1.1), (1.35, 0.24, 0.95), rotation(y=-14))
    high = Block(vector(2.60, 0.665, -1.1), (1.18, 0.185, 0.84), rotation(y=-24))
    things.append(Thing(low, surfaces.book(low, (0.030, 0.16, 0.15), "GABOR"), coat=0.03, rough=0.4))
    things.append(Thing(high, surfaces.book(high, (0.36, 0.035, 0.045), "SOBEL"), coat=0.03, rough=0.4))
    things.append(Thing(Ball(vector(2.22, 0.47, 1.45), 0.47), surfaces.plain(0.97, 0.99, 0.98), kind="glass"))
    things.append(
        Thing(
            Ball(vector(-2.75, 0.44, 0.75), 0.44), surfaces.plain(0.90, 0.62, 0.30), kind="metal", rough=0.015
        )
    )
    places = ((0.95, 2.25), (1.24, 2.05), (1.13, 2.42), (0.55, 2.35), (1.58, 2.50), (0.02, 2.62))
    radii = (0.150, 0.165, 0.142, 0.155, 0.138, 0.148)
    berries = [(x, radius, z, radius) for (x, z), radius in zip(places, radii, strict=True)]
    rows = np.array(berries, dtype=np.float32)
    things.append(
        Thing(
            Balls(rows[:, :3], rows[:, 3], (vector(0.8, 0.15, 2.35), 1.1)),
            surfaces.blueberry(),
            coat=0.04,
            rough=0.22,
        )
    )
    return things
