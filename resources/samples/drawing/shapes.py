"""The solids of the ray-traced scene: where a ray meets them, and their normals.

Points and directions are float32 arrays (3, n), directions of unit length. ``hit`` returns the distance to
the nearest crossing in front of the ray, infinity where it misses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
NEAR = 2e-3  # a ray that leaves a surface does not meet it again closer than this


class Shape(Protocol):
    def hit(self, o: Array, d: Array) -> Array: ...
    def normal(self, p: Array) -> Array: ...


def dot(a: Array, b: Array) -> Array:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def unit(a: Array) -> Array:
    return a / np.sqrt(dot(a, a) + 1e-20)


def vector(*values: float) -> Array:
    return np.array(values, dtype=np.float32).reshape(3, 1)


def rotation(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Array:
    """Return the matrix that turns by x, then y, then z degrees around the axes of that name."""
    cx, cy, cz = np.cos(np.radians([x, y, z]))
    sx, sy, sz = np.sin(np.radians([x, y, z]))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).astype(np.float32)


def ball_span(o: Array, d: Array, centre: Array, radius: float) -> tuple[Array, Array]:
    """Return where rays enter and leave a ball; (inf, -inf) where they miss it."""
    rel = o - centre
    b = dot(rel, d)
    inside = b * b - (dot(rel, rel) - radius * radius)
    root = np.sqrt(np.maximum(inside, 0.0))
    miss = inside <= 0.0
    return np.where(miss, np.inf, -b - root), np.where(miss, -np.inf, -b + root)


@dataclass(frozen=True)
class Ball:
    centre: Array
    radius: float

    def hit(self, o: Array, d: Array) -> Array:
        enter, leave = ball_span(o, d, self.centre, self.radius)
        t = np.where(enter > NEAR, enter, leave)
        return np.where(t > NEAR, t, np.inf)

    def normal(self, p: Array) -> Array:
        return (p - self.centre) / self.radius


@dataclass(frozen=True)
class Balls:
    """Many small balls of one material inside one bounding ball."""

    centres: Array  # (k, 3)
    radii: Array  # (k,)
    bound: tuple[Array, float]

    def hit(self, o: Array, d: Array) -> Array:
        return within(self.bound, o, d, self._hit)

    def _hit(self, o: Array, d: Array) -> Array:
        best = np.full(o.shape[1], np.inf, dtype=np.float32)
        for centre, radius in zip(self.centres, self.radii, strict=True):
            np.minimum(best, Ball(centre.reshape(3, 1), float(radius)).hit(o, d), out=best)
        return best

    def normal(self, p: Array) -> Array:
        return self.nearest(p)[1]

    def nearest(self, p: Array) -> tuple[Array, Array]:
        """Return how far points are from the closest of the surfaces, and its normal there."""
        rel = p[:, None, :] - self.centres.T[:, :, None]
        off = np.abs(np.sqrt((rel**2).sum(axis=0)) - self.radii[:, None])
        closest = off.argmin(axis=0)
        return off.min(axis=0), unit(p - self.centres[closest].T)


@dataclass(frozen=True)
class Cluster:
    """Bounded shapes of one material inside one bounding ball."""

    members: Sequence[Balls | Sticks]
    bound: tuple[Array, float]

    @classmethod
    def of(cls, members: Sequence[Balls | Sticks]) -> Cluster:
        """Return the cluster of these members, its ball around all of theirs."""
        centres = np.stack([m.bound[0][:, 0] for m in members])
        middle = (centres.min(axis=0) + centres.max(axis=0)) / 2
        reach = max(
            float(np.linalg.norm(c - middle)) + m.bound[1] for c, m in zip(centres, members, strict=True)
        )
        return cls(members, (middle.reshape(3, 1), reach))

    def hit(self, o: Array, d: Array) -> Array:
        return within(self.bound, o, d, self._hit)

    def _hit(self, o: Array, d: Array) -> Array:
        best = np.full(o.shape[1], np.inf, dtype=np.float32)
        for member in self.members:
            np.minimum(best, member.hit(o, d), out=best)
        return best

    def normal(self, p: Array) -> Array:
        off = np.full(p.shape[1], np.inf, dtype=np.float32)
        n = np.zeros_like(p)
        for member in self.members:
            rel = p - member.bound[0]
            some = np.flatnonzero(dot(rel, rel) < (member.bound[1] + 0.01) ** 2)
            if not some.size:
                continue
            far, towards = member.nearest(p[:, some])
            closer = far < off[some]
            off[some[closer]] = far[closer]
            n[:, some[closer]] = towards[:, closer]
        return n


def within(bound: tuple[Array, float], o: Array, d: Array, hit: Callable[[Array, Array], Array]) -> Array:
    """Ask ``hit`` only about the rays that cross a bounding ball."""
    t = np.full(o.shape[1], np.inf, dtype=np.float32)
    _, leave = ball_span(o, d, *bound)
    some = np.flatnonzero(leave > NEAR)
    if some.size:
        t[some] = hit(o[:, some], d[:, some])
    return t


@dataclass(frozen=True)
class Rectangle:
    """A level or upright rectangle: the plane where coordinate ``axis`` is ``at``, within bounds."""

    axis: int
    at: float
    bounds: tuple[tuple[float, float], tuple[float, float]]  # of the other two axes, in order

    def hit(self, o: Array, d: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (self.at - o[self.axis]) / d[self.axis]
        ok = (t > NEAR) & np.isfinite(t)
        t = np.where(ok, t, 0.0)
        for axis, (low, high) in zip([a for a in range(3) if a != self.axis], self.bounds, strict=True):
            q = o[axis] + t * d[axis]
            ok &= (q >= low) & (q <= high)
        return np.where(ok, t, np.inf).astype(np.float32)

    def normal(self, p: Array) -> Array:
        n = np.zeros_like(p)
        n[self.axis] = 1.0
        return n


@dataclass(frozen=True)
class Block:
    """A box of half sizes ``half`` turned by ``turn`` (local to world)."""

    centre: Array
    half: tuple[float, float, float]
    turn: Array

    def local(self, p: Array) -> Array:
        return self.turn.T @ (p - self.centre)

    def hit(self, o: Array, d: Array) -> Array:
        half = vector(*self.half)
        lo = self.local(o)
        ld = self.turn.T @ d
        ld = np.where(np.abs(ld) < 1e-7, np.float32(1e-7), ld)
        one, two = (-half - lo) / ld, (half - lo) / ld
        enter = np.minimum(one, two).max(axis=0)
        leave = np.maximum(one, two).min(axis=0)
        return np.where((enter < leave) & (enter > NEAR), enter, np.inf).astype(np.float32)

    def normal(self, p: Array) -> Array:
        q = self.local(p) / vector(*self.half)
        face = np.abs(q).argmax(axis=0)
        n = np.zeros_like(q)
        some = np.arange(q.shape[1])
        n[face, some] = np.sign(q[face, some])
        return self.turn @ n


class Implicit:
    """A solid given by a function that never exceeds the distance to its surface (Hart 1996)."""

    def __init__(
        self,
        distance: Callable[[Array], Array],
        bound: tuple[Array, float],
        centre: Array,
        turn: Array,
        steps: int = 64,
    ) -> None:
        self.distance = distance
        self.bound = bound
        self.centre = centre
        self.turn = turn
        self.steps = steps

    def local(self, p: Array) -> Array:
        return self.turn.T @ (p - self.centre)

    def hit(self, o: Array, d: Array) -> Array:
        enter, leave = ball_span(o, d, *self.bound)
        t = np.full(o.shape[1], np.inf, dtype=np.float32)
        alive = np.flatnonzero(leave > NEAR)
        if not alive.size:
            return t
        lo, ld = self.local(o[:, alive]), self.turn.T @ d[:, alive]
        at, end = np.maximum(enter[alive], NEAR * 4), leave[alive]
        for _ in range(self.steps):
            step = self.distance(lo + at * ld)
            found = step < 6e-4
            t[alive[found]] = at[found]
            at = at + step
            keep = ~found & (at < end)
            alive, lo, ld, at, end = alive[keep], lo[:, keep], ld[:, keep], at[keep], end[keep]
            if not alive.size:
                break
        return t

    def normal(self, p: Array) -> Array:
        q = self.local(p)
        e = 1.5e-3
        total = np.zeros_like(q)
        # Four corners of a tetrahedron give the gradient with the fewest evaluations.
        for corner in (vector(1, -1, -1), vector(-1, -1, 1), vector(-1, 1, -1), vector(1, 1, 1)):
            total += corner * self.distance(q + e * corner)
        return self.turn @ unit(total)


def round_solid(
    radius: Callable[[Array], Array], centre: Array, turn: Array, largest: float, caution: float = 0.7
) -> Implicit:
    """Return the solid whose surface lies at ``radius(angle from the local y axis)`` from its centre."""
    angles = np.linspace(0.0, np.pi, 1024)
    table = radius(angles.astype(np.float32)).astype(np.float32)

    def distance(q: Array) -> Array:
        away = np.sqrt(dot(q, q)) + 1e-9
        place = np.arccos(np.clip(q[1] / away, -1.0, 1.0)) * np.float32(1023 / np.pi)
        low = np.minimum(place.astype(np.int32), 1022)
        part = place - low
        return (away - (table[low] * (1 - part) + table[low + 1] * part)) * np.float32(caution)

    return Implicit(distance, (centre, largest), centre, turn)


def lowest(radius: Callable[[Array], Array], turn: Array) -> float:
    """Return how far a round solid reaches below its centre, so that it can be set down on something."""
    angle, around = np.meshgrid(np.linspace(0, np.pi, 400), np.linspace(0, 2 * np.pi, 200))
    ring = np.sin(angle)
    points = np.stack([ring * np.cos(around), np.cos(angle), ring * np.sin(around)]).reshape(3, -1)
    points = points.astype(np.float32) * radius(angle.reshape(-1).astype(np.float32))
    return float(-(turn @ points)[1].min())


def turned_shell(
    heights: list[float], radii: list[float], foot: Array, thickness: float
) -> tuple[Implicit, Callable[[Array], Array]]:
    """Return a vase: a wall of ``thickness`` around the smooth profile through (height, radius) points."""
    y = np.array(heights)
    r = np.array(radii)
    fine = np.linspace(0.0, y[-1], 512)
    profile = _smooth_profile(y, r, fine).astype(np.float32)
    slope = np.gradient(profile, fine)
    steep = (1.0 / np.sqrt(1.0 + slope**2)).astype(np.float32)
    top = float(y[-1])
    rounding = thickness * 0.45

    def radius(height: Array) -> Array:
        place = np.clip(height * np.float32(511 / top), 0.0, 511.0)
        return profile[place.astype(np.int32)]

    def distance(q: Array) -> Array:
        place = np.clip(q[1] * np.float32(511 / top), 0.0, 510.999)
        low = place.astype(np.int32)
        part = place - low
        wall = profile[low] * (1 - part) + profile[low + 1] * part
        across = np.abs(np.sqrt(q[0] ** 2 + q[2] ** 2) - wall) * steep[low] - (thickness / 2 - rounding)
        along = np.maximum(q[1] - (top - rounding), -q[1])
        outside = np.sqrt(np.maximum(across, 0.0) ** 2 + np.maximum(along, 0.0) ** 2)
        return (outside + np.minimum(np.maximum(across, along), 0.0) - rounding) * np.float32(0.85)

    middle = foot + vector(0, top / 2, 0)
    reach = float(np.hypot(top / 2, profile.max()) + 0.05)
    return Implicit(distance, (middle, reach), foot, np.eye(3, dtype=np.float32), steps=90), radius


def _smooth_profile(
    y: npt.NDArray[np.float64], r: npt.NDArray[np.float64], at: npt.NDArray[np.float64]
) -> object:
    """Interpolate by a cubic Hermite curve with the slopes of Catmull and Rom."""
    slope = np.gradient(r, y)
    k = np.clip(np.searchsorted(y, at, side="right") - 1, 0, len(y) - 2)
    h = y[k + 1] - y[k]
    s = (at - y[k]) / h
    return (
        (2 * s**3 - 3 * s**2 + 1) * r[k]
        + (s**3 - 2 * s**2 + s) * h * slope[k]
        + (3 * s**2 - 2 * s**3) * r[k + 1]
        + (s**3 - s**2) * h * slope[k + 1]
    )


@dataclass(frozen=True)
class Sticks:
    """Twigs: straight pieces with round ends; each row of ``ends`` is (x0, y0, z0, x1, y1, z1, radius)."""

    ends: Array
    bound: tuple[Array, float]

    def hit(self, o: Array, d: Array) -> Array:
        return within(self.bound, o, d, self._hit)

    def _hit(self, o: Array, d: Array) -> Array:
        best = np.full(o.shape[1], np.inf, dtype=np.float32)
        for row in self.ends:
            np.minimum(
                best, _capsule(o, d, row[:3].reshape(3, 1), row[3:6].reshape(3, 1), float(row[6])), out=best
            )
        return best

    def normal(self, p: Array) -> Array:
        return self.nearest(p)[1]

    def nearest(self, p: Array) -> tuple[Array, Array]:
        """Return how far points are from the closest of the surfaces, and its normal there."""
        off = np.full(p.shape[1], np.inf, dtype=np.float32)
        n = np.zeros_like(p)
        for row in self.ends:
            a, b = row[:3].reshape(3, 1), row[3:6].reshape(3, 1)
            along = np.clip(dot(p - a, b - a) / float(dot(b - a, b - a)[0]), 0.0, 1.0)
            rel = p - (a + along * (b - a))
            far = np.abs(np.sqrt(dot(rel, rel)) - row[6])
            closer = far < off
            off = np.where(closer, far, off)
            n = np.where(closer, rel, n)
        return off, unit(n)


def _capsule(o: Array, d: Array, a: Array, b: Array, radius: float) -> Array:
    axis = b - a
    length2 = float(dot(axis, axis)[0])
    rel = o - a
    along_d = dot(axis, d)
    along_o = dot(axis, rel)
    qa = length2 - along_d * along_d
    qb = length2 * dot(rel, d) - along_o * along_d
    qc = length2 * dot(rel, rel) - along_o * along_o - radius * radius * length2
    root = qb * qb - qa * qc
    t = (-qb - np.sqrt(np.maximum(root, 0.0))) / np.maximum(qa, 1e-9)
    at = along_o + t * along_d
    t = np.where((root > 0) & (at > 0) & (at < length2) & (t > NEAR), t, np.inf)
    ends = np.minimum(_front(o, d, a, radius), _front(o, d, b, radius))
    return np.minimum(t, ends).astype(np.float32)


def _front(o: Array, d: Array, centre: Array, radius: float) -> Array:
    enter, _ = ball_span(o, d, centre, radius)
    return np.where(enter > NEAR, enter, np.inf)
