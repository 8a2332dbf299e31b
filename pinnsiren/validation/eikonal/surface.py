"""The nearest places of a curve or surface, whatever domain it bounds: samples of its charts, refined by bisection."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.spatial import cKDTree

from pinnsiren.domains.region import PartOfDomain
from pinnsiren.sampling import Array, Chart, Mask, unit_points
from pinnsiren.validation.eikonal.sweeping import Index

SAMPLES = {0: 1, 1: 2**12, 2: 2**14}  # by the dimension of the curve or surface
HALVINGS = {0: 0, 1: 14, 2: 7}  # of the distance between samples, until the nearest place is known


@dataclass(frozen=True, eq=False)
class Surface:
    """A curve or surface.

    Attributes:
        charts: its pieces.
        units: for each piece unit points (m, k) whose images lie on it, on a regular grid.
        steps: the distance of these unit points in each piece.
    """

    charts: tuple[Chart, ...]
    units: tuple[Array, ...]
    steps: tuple[float, ...]

    @property
    def places(self) -> Array:
        """All samples (n, d), in the order of the region's coordinates."""
        return np.concatenate([c.place(u)[0] for c, u in zip(self.charts, self.units, strict=True)])

    @property
    def blur(self) -> float:
        """How well ends and corners are known, in the coordinates' unit; smooth pieces are known far better."""
        return max((step * c.measure ** (1 / c.dimension) * 0.5 ** HALVINGS[c.dimension]
                    for step, c in zip(self.steps, self.charts, strict=True) if c.dimension), default=0.0)

    def nearest(self, points: Array, reach: float) -> tuple[Index, Array]:
        """Which of some points (n, d) are within a distance of it, and their nearest places on it (k, d)."""
        found, best = np.full(points.shape, np.nan), np.full(len(points), np.inf)
        for chart, units, step in zip(self.charts, self.units, self.steps, strict=True):
            distance, sample = cKDTree(chart.place(units)[0]).query(points, distance_upper_bound=reach)
            near = np.flatnonzero(np.isfinite(distance))
            places = _refined(chart, points[near], units[np.asarray(sample)[near]], step)
            closer = np.linalg.norm(places - points[near], axis=1)
            better = closer < best[near]
            best[near[better]], found[near[better]] = closer[better], places[better]
        within = np.flatnonzero(np.isfinite(best))
        return within, found[within]


def surface_of(region: PartOfDomain) -> Surface:
    """A region of dimension 0, 1 or 2 as samples of its charts; pieces of which no sample belongs to it are left out."""
    charts = [c for c in region.charts() if c.measure > 0]
    share = SAMPLES[region.dimension] / sum(c.measure for c in charts)
    kept, units, steps = [], [], []
    for chart in charts:
        count = max(2, round((share * chart.measure) ** (1 / chart.dimension))) if chart.dimension else 1
        # midpoints: at an end, such as the pole of a sphere, many unit points may mean one place, and all directions the same
        every = unit_points(count**chart.dimension, chart.dimension, method="grid")
        belongs = every[_belongs(chart, every)]
        if len(belongs):
            kept.append(chart)
            units.append(belongs)
            steps.append(1.0 / count)
    return Surface(tuple(kept), tuple(units), tuple(steps))


def _refined(chart: Chart, points: Array, units: Array, step: float) -> Array:
    """The nearest places to points (n, d) by pattern search from unit points (n, k): try all neighbours, halve the step.

    Beyond the end of the unit interval one goes on at its other end, which is next to it on a closed curve.
    """
    places = chart.place(units)[0]
    distance = np.linalg.norm(places - points, axis=1)
    directions = [np.array(d, float) for d in product((-1, 0, 1), repeat=chart.dimension) if any(d)]
    for _ in range(HALVINGS[chart.dimension]):
        step /= 2
        units, places, distance = _best(chart, points, [_wrapped(units + step * d) for d in directions],
                                        start=(units, places, distance))
    return places


def _best(chart: Chart, points: Array, tried: Sequence[Array], *,
          start: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """Unit points, places and distances of the nearest among some tried, where they belong to the piece."""
    units, places, distance = start
    for trial in tried:
        at, normals = chart.place(trial)
        away = np.linalg.norm(at - points, axis=1)
        closer = away < distance
        if chart.keep is not None:  # which may cost far more than the places themselves
            tried_here = np.flatnonzero(closer)
            closer[tried_here] = chart.keep(at[tried_here], None if normals is None else normals[tried_here])
        units, places = np.where(closer[:, None], trial, units), np.where(closer[:, None], at, places)
        distance = np.where(closer, away, distance)
    return units, places, distance


def _wrapped(units: Array) -> Array:
    return np.where((units < 0) | (units > 1), units - np.floor(units), units)


def _belongs(chart: Chart, units: Array) -> Mask:
    if chart.keep is None:
        return np.ones(len(units), bool)
    return chart.keep(*chart.place(units))
