"""Discs and balls in any dimension from two up, bounded by circles and spheres."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import gamma, pi
from typing import Any

import numpy as np
import sympy
from scipy.special import betaincinv

from pinnsiren.domains.domain import Domain, Sides, pairs, real_number, sides_of
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart

Centre = tuple[tuple[sympy.Symbol, float], ...]


@dataclass(frozen=True)
class Ball(Domain):
    """The ball |x − centre| ≤ radius: ``Ball({x: 0, y: 0, z: 0}, 1)``, d ≥ 2.

    Args:
        centre: a number for each coordinate, in the order of the coordinates.
        radius: positive, in the coordinates' units.

    Raises:
        DomainError: fewer than two coordinates, a centre or radius that is not finite, or a radius ≤ 0.
    """

    centre: Centre | Mapping[sympy.Symbol, Any]
    radius: float

    def __post_init__(self) -> None:
        given = pairs(self.centre, "Ball", "Ball({x: 0, y: 0}, 1)")
        if len(given) < 2:
            raise DomainError(f"a ball with the one coordinate {given[0][0]}; use Interval(x, a, b) in one dimension.")
        object.__setattr__(self, "centre", tuple((c, real_number(v, f"the centre's {c}")) for c, v in given))
        radius = real_number(self.radius, "the radius")
        if radius <= 0:
            raise DomainError(f"the radius is {radius:g}; expected a positive number.")
        object.__setattr__(self, "radius", radius)

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return tuple(c for c, _ in self._pairs)

    @property
    def bounds(self) -> Array:
        return self._middle[:, None] + self.radius * np.array([-1.0, 1.0])

    def sides(self, points: Array, tolerance: float) -> Sides:
        return sides_of(np.linalg.norm(points - self._middle, axis=1) - self.radius, tolerance)

    def normals(self, points: Array) -> Array:
        outward = points - self._middle
        length = np.linalg.norm(outward, axis=1, keepdims=True)
        return outward / np.where(length > 0, length, 1.0)

    def interior_charts(self) -> tuple[Chart, ...]:
        d, middle = len(self._pairs), self._middle

        def place(unit: Array) -> tuple[Array, None]:
            # The volume within a radius grows as its d-th power.
            return middle + self.radius * unit[:, :1] ** (1 / d) * sphere(unit[:, 1:]), None

        return (Chart(d, pi ** (d / 2) / gamma(d / 2 + 1) * self.radius**d, place),)

    def boundary_charts(self) -> tuple[Chart, ...]:
        d, middle = len(self._pairs), self._middle

        def place(unit: Array) -> tuple[Array, Array]:
            normals = sphere(unit)
            return middle + self.radius * normals, normals

        return (Chart(d - 1, 2 * pi ** (d / 2) / gamma(d / 2) * self.radius ** (d - 1), place),)

    @property
    def _pairs(self) -> Centre:
        return self.centre  # type: ignore[return-value]  # as __post_init__ leaves it

    @property
    def _middle(self) -> Array:
        return np.array([value for _, value in self._pairs])


def Disc(centre: Mapping[sympy.Symbol, Any], radius: Any) -> Ball:
    """The disc |x − centre| ≤ radius in two dimensions: ``Disc({x: 0, y: 0}, 1)``."""
    disc = Ball(centre, radius)
    if len(disc.coordinates) != 2:
        raise DomainError(f"a disc with the coordinates {disc.coordinates}; give two, or use Ball.")
    return disc


def sphere(unit: Array) -> Array:
    """An equal-area map from the unit cube [0, 1]^(d−1) to the unit sphere of ℝ^d.

    The last coordinate s of a uniform point of the sphere has (1 + s)/2 ~ Beta((d−1)/2, (d−1)/2), and the others
    are uniform on a sphere of radius √(1 − s²): the inverse of that law for each coordinate, and an angle at the end.
    For d = 3 the law is uniform, which is Archimedes' theorem.

    Args:
        unit: (n, d − 1), d ≥ 2.
    Returns:
        (n, d) unit vectors.
    """
    n, m = unit.shape
    directions = np.empty((n, m + 1))
    radius = np.ones(n)
    for k in range(m, 1, -1):
        share = betaincinv(k / 2, k / 2, unit[:, k - 1])
        directions[:, k] = radius * (2 * share - 1)
        radius = radius * 2 * np.sqrt(share * (1 - share))
    angle = 2 * pi * unit[:, 0]
    directions[:, 0], directions[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)
