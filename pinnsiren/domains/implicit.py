"""Domains by an expression: ``ps.Region(x**2 + y**4 <= 1, {x: (-2, 2), y: (-2, 2)})``, moving ones when it holds time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, reduce
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction, to_nnf

from pinnsiren.domains.box import Box, Interval
from pinnsiren.domains.domain import Domain, Extent, Sides, sides_of, slab
from pinnsiren.domains.factors import is_slicing
from pinnsiren.domains.level_set import zero_set
from pinnsiren.domains.region import PROBE, TOLERANCE
from pinnsiren.domains.simplices import normal_vectors, simplex_chart
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Mask
from pinnsiren.symbols import Parameter

# Cells along each coordinate by dimension: a boundary whose radius of curvature is a tenth of the box is then followed to
# 1e-3 of its measure in up to 3 dimensions and to 1e-2 in 4, in at most some seconds.
CELLS = {1: 4096, 2: 256, 3: 64, 4: 14}
_NEWTON = 12  # steps from a simplex to the surface; two or three do
_FLAT = 1e-10  # of the steepest slope elsewhere: no normal can be told from that
_INEQUALITIES = (sympy.Le, sympy.Lt, sympy.Ge, sympy.Gt)


@dataclass(frozen=True)
class Implicit(Domain):
    """The points of a box where one inequality holds; :func:`Region` takes several joined by & and |.

    Where a bound cuts the domain, its boundary is that flat part of the box; elsewhere the surface φ = 0 with the normal
    ∇φ/|∇φ|. With time (or a parameter) among the coordinates the domain moves: its boundary is lateral, and the normals are
    those in space, ∇ₓφ/|∇ₓφ|. The surface is sampled evenly to about the square of a cell over its radius of curvature, and
    found where it passes between nodes of a grid of ``cells`` cells.

    Args:
        condition: φ ≤ 0 in any form, such as x**2 + y**2 <= 1; < and ≤ mean the same closed domain.
        extent: (lower, upper) for each coordinate, in its units; time and parameters come last.
        cells: of the grid, along each coordinate; by default 256 in two dimensions and 64 in three. More if details of the
            surface are smaller.

    Raises:
        DomainError: not an inequality, symbols without bounds, no derivative, more than four coordinates.
    """

    condition: sympy.Basic
    extent: Extent | Mapping[sympy.Symbol, tuple[Any, Any]]
    cells: int | None = None

    def __post_init__(self) -> None:
        box = Box(self.extent)
        object.__setattr__(self, "extent", box.extent)
        _check_inequality(self.condition, self.coordinates)
        moving = [is_slicing(c) for c in self.coordinates]
        if moving != sorted(moving) or all(moving):
            raise DomainError(f"Region with the coordinates {self.coordinates}; give space first, time and parameters last.")
        if len(moving) not in CELLS:
            raise DomainError(f"Region with {len(moving)} coordinates; its surface is found in up to {max(CELLS)}. "
                              "Write it as a product, or from boxes and balls.")
        if self.cells is not None and not (isinstance(self.cells, int) and self.cells >= 2):
            raise DomainError(f"Region with cells={self.cells!r}; give a whole number of at least 2, or None.")
        _level(self.condition, self.coordinates)  # a formula without derivatives is refused at once

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return tuple(c for c, _ in self._extent)

    @property
    def bounds(self) -> Array:
        return np.array([ends for _, ends in self._extent])

    @property
    def sliced(self) -> tuple[sympy.Symbol, ...]:
        return tuple(c for c in self.coordinates if is_slicing(c))

    @property
    def advice(self) -> str:
        return f"Check the signs of {self.condition}, and that it holds somewhere within the bounds."

    def during(self, lower: float, upper: float) -> "Implicit":
        ends = slab(self, lower, upper)
        return replace(self, extent=tuple((c, ends if c == self.time else old) for c, old in self._extent))

    def sides(self, points: Array, tolerance: float) -> Sides:
        return np.maximum(self._box.sides(points, tolerance), self._level.sides(points, tolerance))

    def normals(self, points: Array) -> Array:
        tolerance = TOLERANCE * self.size
        on_box = (self._box.sides(points, tolerance) == 0) & (self._level.sides(points, tolerance) != 0)
        return np.where(on_box[:, None], self._box.normals(points), self._level.normals(points))

    def interior_charts(self) -> tuple[Chart, ...]:
        return self._below(self._box.interior_charts())

    def slice_charts(self, instant: float) -> tuple[Chart, ...]:
        return self._below(self._box.slice_charts(instant))

    def boundary_charts(self) -> tuple[Chart, ...]:
        level, step, tolerance = self._level, PROBE * self.size, TOLERANCE * self.size

        def cut(points: Array, normals: Array | None) -> Mask:
            assert normals is not None
            sides = level.sides(points, tolerance)
            shared = np.flatnonzero(sides == 0)  # φ = 0 along the face itself: boundary if the domain is behind it
            sides[shared] = level.sides(points[shared] - step * normals[shared], tolerance)
            return sides == -1

        return (*_surface_charts(self), *(c.only(cut) for c in self._box.boundary_charts()))

    def _below(self, charts: tuple[Chart, ...]) -> tuple[Chart, ...]:
        level, tolerance = self._level, TOLERANCE * self.size
        return tuple(c.only(lambda points, _: level.sides(points, tolerance) == -1) for c in charts)

    @property
    def _extent(self) -> Extent:
        return self.extent  # type: ignore[return-value]  # as __post_init__ leaves it

    @property
    def _level(self) -> "Level":
        return _level(self.condition, self.coordinates)

    @cached_property
    def _box(self) -> Domain:
        """The bounds, as space × time."""
        space: Domain = Box({c: ends for c, ends in self._extent if not is_slicing(c)})
        return reduce(lambda domain, moving: domain * Interval(moving[0], *moving[1]),
                      [(c, ends) for c, ends in self._extent if is_slicing(c)], space)


def Region(condition: Any, bounds: Mapping[sympy.Symbol, tuple[Any, Any]]) -> Domain:
    """The domain where a condition holds within bounds: ``Region(x**2 + y**2 <= 1, {x: (-2, 2), y: (-2, 2)})``.

    Args:
        condition: an inequality (see :class:`Implicit`), or several joined by & and |, which make the intersections and unions
            of their domains.
        bounds: (lower, upper) for each coordinate, in its units; time and parameters come last.

    Raises:
        DomainError: a condition of another kind, or see :class:`Implicit`.
    """
    if isinstance(condition, BooleanFunction):
        condition = to_nnf(condition, simplify=False)
    if isinstance(condition, (sympy.And, sympy.Or)):
        parts = [Region(part, bounds) for part in sorted(condition.args, key=str)]
        return reduce(lambda a, b: a & b if isinstance(condition, sympy.And) else a | b, parts)
    return Implicit(condition, bounds)


@dataclass(frozen=True, eq=False)
class Level:
    """φ and ∇ₓφ as functions of points (n, d)."""

    evaluate: Callable[..., Any]
    spatial: Mask  # (d,) which coordinates are those of space

    def __call__(self, points: Array) -> Array:
        return self.slopes(points)[0]

    def slopes(self, points: Array) -> tuple[Array, Array]:
        """φ (n,), nan where it is not defined, and ∇ₓφ (n, d), 0 along time and where it is not defined."""
        with np.errstate(all="ignore"):
            found = [np.broadcast_to(np.asarray(v, dtype=float), (len(points),)) for v in self.evaluate(*points.T)]
        gradient = np.zeros_like(points)
        gradient[:, self.spatial] = np.nan_to_num(np.stack(found[1:], axis=1), nan=0.0, posinf=0.0, neginf=0.0)
        return found[0], gradient

    def sides(self, points: Array, tolerance: float) -> Sides:
        """The side of φ = 0, which is within a distance of about |φ|/|∇ₓφ|; outside where φ is not defined."""
        value, gradient = self.slopes(points)
        sides = sides_of(np.nan_to_num(value, nan=np.inf), 0.0)
        sides[np.abs(value) <= tolerance * np.linalg.norm(gradient, axis=1)] = 0
        return sides

    def steepest(self, points: Array) -> float:
        """The largest |∇ₓφ| at points (n, d)."""
        return float(np.linalg.norm(self.slopes(points)[1], axis=1).max())

    def normals(self, points: Array) -> Array:
        _, gradient = self.slopes(points)
        length = np.linalg.norm(gradient, axis=1, keepdims=True)
        return gradient / np.where(length > 0, length, 1.0)

    def projected(self, points: Array) -> Array:
        """Points moved to φ = 0 along ∇ₓφ, by Newton's method."""
        for _ in range(_NEWTON):
            value, gradient = self.slopes(points)
            square = (gradient**2).sum(axis=1)
            points = points - np.nan_to_num(value / np.where(square > 0, square, np.inf))[:, None] * gradient
        return points


@lru_cache(maxsize=64)
def _level(condition: Any, coordinates: tuple[sympy.Symbol, ...]) -> Level:
    lower, upper = (condition.lhs, condition.rhs) if condition.func in (sympy.Le, sympy.Lt) else (condition.rhs, condition.lhs)
    values = {p: p.value for p in condition.atoms(Parameter)}
    # Real stand-ins: the derivative of Abs(x) is only simple when x is known to be real.
    stand_ins = {c: sympy.Dummy(f"x{i}", real=True) for i, c in enumerate(coordinates)}
    phi = (lower - upper).xreplace(values | stand_ins)
    slopes = [sympy.diff(phi, s) for c, s in stand_ins.items() if not is_slicing(c)]
    if any(s.has(sympy.Derivative, sympy.Subs, sympy.DiracDelta) for s in slopes):
        raise DomainError(f"Region({condition}, …): sympy has no derivative of its sides, which the normals need; write "
                          "it with smooth functions, or as several inequalities joined by & and |.")
    evaluate = sympy.lambdify(list(stand_ins.values()), [phi, *slopes], modules=["scipy", "numpy"], cse=True)
    return Level(evaluate, np.array([not is_slicing(c) for c in coordinates]))


@lru_cache(maxsize=16)
def _surface_charts(domain: Implicit) -> tuple[Chart, ...]:
    """What of φ = 0 lies strictly within the bounds, one chart for all of it."""
    level, box, d = domain._level, domain._box, len(domain.coordinates)
    corners = zero_set(level, domain.bounds, domain.cells or CELLS[d])
    # in a moving domain, the length of ∂Ω(t) times the time: the spatial part of the vector across a piece of (x, t)
    measures = np.linalg.norm(normal_vectors(corners) * level.spatial, axis=1)
    corners, measures = corners[measures > 0], measures[measures > 0]
    if len(corners) and level.steepest(corners[:, 0]) <= _FLAT * level.steepest(box.interior.sample(64).values):
        raise DomainError(f"{domain}: the gradient of its sides vanishes where they are equal, so there are no normals; "
                          "leave out powers and the like, as x**2 + y**2 <= 1 for (x**2 + y**2 - 1)**3 <= 0.")
    tolerance = TOLERANCE * domain.size

    def on_surface(points: Array, normals: Array | None) -> Mask:
        return (level.sides(points, tolerance) == 0) & (box.sides(points, tolerance) == -1)

    def on_level(chart: Chart) -> Chart:
        def place(unit: Array) -> tuple[Array, Array]:
            points = level.projected(chart.place(unit)[0])
            return points, level.normals(points)

        return replace(chart, place=place, keep=on_surface)

    if d == 1:
        return tuple(on_level(Chart(0, 1.0, _constant(point))) for point in np.unique(corners[:, 0], axis=0))
    return (on_level(simplex_chart(corners, measures)),) if len(corners) else ()


def _constant(point: Array) -> Callable[[Array], tuple[Array, None]]:
    return lambda unit: (np.tile(point, (len(unit), 1)), None)


def _check_inequality(condition: Any, coordinates: tuple[sympy.Symbol, ...]) -> None:
    if isinstance(condition, BooleanAtom):
        raise DomainError(f"Region({condition}, …): the condition is {condition} at every point, so sympy left no inequality; "
                          "check its signs, or use a Box.")
    if not isinstance(condition, Relational) or condition.func not in _INEQUALITIES:
        raise DomainError(f"Region({condition}, …) was not given an inequality; expected one such as x**2 + y**2 <= 1, or "
                          "several joined by & and |.")
    strange = {s for s in condition.free_symbols if not isinstance(s, Parameter)} - set(coordinates)
    strange |= condition.atoms(AppliedUndef)
    if strange:
        raise DomainError(f"Region({condition}, …) uses {', '.join(sorted(map(str, strange)))}, and has bounds for "
                          f"{', '.join(map(str, coordinates))}. Give bounds for every coordinate.")
