"""Where waves start: the nodes at and around a source with their first arrivals, and the factor T₀ of a point source."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy
from scipy.spatial import cKDTree

from pinnsiren.compile import compile_expressions
from pinnsiren.domains.pointset import PointSet
from pinnsiren.domains.region import PartOfDomain
from pinnsiren.errors import ReferenceError
from pinnsiren.sampling import Points
from pinnsiren.validation.eikonal.equation import Eikonal, Given
from pinnsiren.validation.eikonal.surface import Surface, surface_of
from pinnsiren.validation.eikonal.sweeping import Index, Lattice, Mask
from pinnsiren.validation.eikonal.upwind import Factor
from pinnsiren.validation.exact import columns_of
from pinnsiren.validation.reference import Array

Slowness = Callable[[Array], Array]

AROUND = 2.5  # cells around a source whose arrivals come along straight rays: enough for one-sided differences
FACTORED = 8  # points of a set that are sources of their own; more are taken as one cloud, to first order
STRAIGHT = 0.1  # of the domain's size: beyond, the upwind differences are to do the work
CONSTANT = 1e-9  # relative: rounding
GAUSS = np.polynomial.legendre.leggauss(4)


@dataclass(frozen=True, eq=False)
class Source:
    """One place that waves start from, independent of the others: first arrivals are the earliest of all sources'.

    Attributes:
        given: the constraint that it comes from.
        coordinates: the order of the columns of places, which is that of the grid's axes.
        surface: the curve or surface; None for points.
    """

    given: Given
    coordinates: tuple[sympy.Symbol, ...]
    surface: Surface | None

    @cached_property
    def places(self) -> Array:
        """(m, d) the points, or samples of the curve or surface."""
        region = self.given.region
        places = self.surface.places if self.surface is not None else region.sample(region.points or 1).values
        return places[:, [region.coordinates.index(c) for c in self.coordinates]]

    @cached_property
    def values(self) -> Array:
        """(m,) T at the places."""
        return self._values_at(self.places)

    @property
    def is_point(self) -> bool:
        return self.surface is None and len(self.places) == 1

    @property
    def blur(self) -> float:
        """How well its corners are known: a length."""
        return 0.0 if self.surface is None else self.surface.blur

    def start(self, lattice: Lattice, slowness: Slowness, *, outside: Mask, bend: float) -> Array:
        """T at the nodes around the source along straight rays, ∞ at others: (N,).

        Over a length r a ray bends by κr²/8, which changes its time by sκ²r³/24. Where T varies along a surface, rays
        leave it at an angle that is not known yet, and only nodes on the surface itself start.

        Args:
            outside: (N,) nodes outside the domain, to which s does not vary along a ray.
            bend: κ = max |∇s|/s, per length.
        Raises:
            ReferenceError: T varies along a surface that holds no nodes.
        """
        if self.surface is not None and np.ptp(self.values) > CONSTANT * (1 + np.abs(self.values).max()):
            return self._start_on(lattice)
        near, feet, values = self._nearest(lattice.places, self._reach(lattice, bend))
        ends = lattice.places[near]
        length = np.linalg.norm(ends - feet, axis=1)
        mean = _mean(feet, np.where(outside[near, None], feet, ends), slowness)
        arrivals = np.full(len(lattice.places), np.inf)
        arrivals[near] = values + mean * length
        return arrivals

    def factor(self, places: Array, slowness: Slowness) -> Factor:
        """T₀ at places (n, d): s(x₀)|x − x₀| of a point source; 1 of others."""
        if not self.is_point:
            return Factor(np.ones(len(places)), np.zeros_like(places))
        s, away = float(slowness(self.places)[0]), places - self.places
        length = np.linalg.norm(away, axis=1)
        return Factor(s * length, s * away / np.where(length > 0, length, 1.0)[:, None])

    def _start_on(self, lattice: Lattice) -> Array:
        region = self.given.region
        on = region.contains(self._own_order(lattice.places), CONSTANT * float(np.ptp(lattice.places)))
        if not on.any():
            raise ReferenceError(f"'{self.given.name}' gives values that vary along a curve or surface between the nodes of a "
                                 "grid. Give a constant there, or varying values on the sides of a Box only.")
        arrivals = np.full(len(lattice.places), np.inf)
        arrivals[on] = self._values_at(lattice.places[on])
        return arrivals

    def _nearest(self, places: Array, reach: float) -> tuple[Index, Array, Array]:
        """Which places are within reach, the nearest places of the source, and T there."""
        if self.surface is not None:
            within, feet = self.surface.nearest(self._own_order(places), reach)
            feet = feet[:, [self.given.region.coordinates.index(c) for c in self.coordinates]]
            return within, feet, np.full(len(within), self.values[0])
        distance, found = cKDTree(self.places).query(places, distance_upper_bound=reach)
        nearest = np.asarray(found)
        within = np.flatnonzero(np.isfinite(distance))
        return within, self.places[nearest[within]], self.values[nearest[within]]

    def _reach(self, lattice: Lattice, bend: float) -> float:
        """How far rays count as straight: around a curved source so far that bending changes T by h², as the scheme does."""
        h, size = max(lattice.spacing), float(np.ptp(lattice.places, axis=0).max())
        straight = (24 * h**2 / (size * max(bend, 1e-9 / size) ** 2)) ** (1 / 3)
        return max(AROUND * h, 0.0 if self.surface is None else min(straight, STRAIGHT * size))

    def _own_order(self, places: Array) -> Array:
        """Columns in the order of the region's coordinates."""
        return places[:, [self.coordinates.index(c) for c in self.given.region.coordinates]]

    def _values_at(self, places: Array) -> Array:
        """T at places (n, d); at points these are all of them, in their order, as data columns are."""
        region = self.given.region
        at = Points(region.coordinates, self._own_order(places), None,
                    {d: c.copy() for d, c in region.columns} if isinstance(region, PointSet) else {})
        (values,) = compile_expressions([self.given.value])(columns_of(at))
        return values.numpy()


def sources_of(problem: Eikonal, coordinates: tuple[sympy.Symbol, ...]) -> tuple[Source, ...]:
    """Every source, its places in the order of some coordinates.

    Raises:
        ReferenceError: a source outside the domain, or one that is neither points nor a curve or surface.
    """
    found: list[Source] = []
    for given in problem.given:
        region = given.region
        if isinstance(region, PointSet):
            rows = np.arange(len(region))
            groups = np.split(rows, len(rows)) if len(rows) <= FACTORED else [rows]
            found += [Source(replace(given, region=region.subset(g)), coordinates, None) for g in groups]
        elif isinstance(region, PartOfDomain):
            found.append(Source(given, coordinates, surface_of(region)))
        else:
            raise ReferenceError(f"'{given.name}' gives {problem.field.name} on {region}; waves start at points, curves and "
                                 "surfaces.")
    for source in found:
        _require_inside(problem, source)
    return tuple(found)


def _require_inside(problem: Eikonal, source: Source) -> None:
    places = source.places[:, [source.coordinates.index(c) for c in problem.domain.coordinates]]
    outside = ~problem.domain.contains(places, 1e-9 * problem.domain.size)
    if outside.any():
        place = dict(zip(map(str, source.coordinates), source.places[np.argmax(outside)].tolist(), strict=True))
        raise ReferenceError(f"'{source.given.name}' gives {problem.field.name} at {place}, outside the domain "
                             f"{problem.domain}; waves start inside it or on its boundary.")


def _mean(starts: Array, ends: Array, slowness: Slowness) -> Array:
    """Mean of s along straight lines, by Gauss's rule."""
    return np.asarray(sum(w / 2 * slowness(starts + (1 + g) / 2 * (ends - starts)) for g, w in zip(*GAUSS, strict=True)))
