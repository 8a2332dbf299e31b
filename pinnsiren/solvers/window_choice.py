"""Which windows and which points a problem gets when nobody says: from its pixels, or from its length scales."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnsiren.domains import PointSet
from pinnsiren.domains.lattice import Lattice
from pinnsiren.equation import Constraint
from pinnsiren.errors import SolveError
from pinnsiren.networks.windows import Windows
from pinnsiren.partials import partials
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.solvers.bands import length_scales
from pinnsiren.solvers.task import Task

POINTS_PER_CELL = 256  # data points; 8 times as many were 2 dB better on a photograph, and 2 to 4 times slower
NEARBY = 1.25  # factor on the points along a cell, so that cells end where the pixels do: empty parts leave a fit open
FEATURES_PER_POINT = 1.6  # 1.2 leaves gaps; above 2 the Laplacian's rows no longer determine the coefficients
POINTS_PER_SIDE = 4  # of a cell on a grid of values and slopes beside scattered points
FEWEST_FEATURES = 8  # wanted there; with the constant and the lowest waves there are 35 in space: 91 were worse between points
SMOOTH_BAND = 4.0  # radians per cell there: a third of what the grid could carry
LOCAL_BAND = 6.0  # radians per cell of windows on a domain: two periods in a window
FEATURES_PER_PERIOD = 3.0  # of the local band, along each coordinate
ROWS_PER_FEATURE = 2.0  # inside domains
MOST_CELLS = 1000  # of windows on a domain: some minutes
SAFETY = 1.5  # on the problem's own length scales, which are root mean squares
ROUNDING = 1e-9  # of a spacing between pixels
FALLBACK_BAND = 12.0  # radians per half-width where nothing tells a length scale


@dataclass(frozen=True)
class Choice:
    """Arguments for a Windows network, and points along each coordinate of a cell."""

    cells: tuple[int, ...]
    features: int
    band: tuple[float, ...]
    box: Array
    smoothness: int
    points_per_cell: int

    def network(self, task: Task) -> Windows:
        return Windows(len(self.cells), len(task.problem.fields), self.cells, self.features, self.band,
                       box=self.box.tolist(), smoothness=self.smoothness, device=task.device)


def choose(problem: Problem) -> Choice:
    """The rule of the solver ``MatrixFree``.

    On pixels: cells of 256 of them (16² in 2D), 1.6 features a pixel, all frequencies up to half of the sampling
    frequency. The box is made of whole cells, so that all see their pixels at the same places, and begins half a pixel before
    the first of all points.
    On a grid of values and slopes beside scattered points, as distances around a surface are: cells of 4 places along each
    coordinate, and the fewest features, 35 in space.
    On domains: cells in which 1.5 times the problem's own length scales make two periods a window, three features a
    period along each coordinate, and two points a feature.
    """
    order = max(p.order for c in problem.constraints for p in partials(c.residuals))
    smoothness = max(1, 2 * order - 1)
    bounds = np.array([problem.bounds[c] for c in problem.coordinates])
    data = dict.fromkeys(c.region for c in problem.constraints if isinstance(c.region, PointSet))
    grids = {d: lattice for d in data if (lattice := Lattice.of(d.values)) is not None}
    if grids:
        largest = max(grids, key=len)
        rows = sum(len(c.residuals) for c in problem.constraints if c.region == largest) / len(problem.fields)
        slopes_too = rows > len(problem.coordinates) and len(grids) < len(data)
        return _beside_points(grids[largest], smoothness) if slopes_too else _on_pixels(grids[largest], bounds, smoothness)
    scales = length_scales(problem)
    band = [SAFETY * scales[c] if c in scales else FALLBACK_BAND for c in problem.coordinates]
    cells = _affordable([2 * b / LOCAL_BAND for b in band])
    features = math.ceil((FEATURES_PER_PERIOD * 2 * LOCAL_BAND / math.pi) ** len(cells))
    points = math.ceil((ROWS_PER_FEATURE * features) ** (1 / len(cells)))
    return Choice(cells, features, tuple(LOCAL_BAND * n / 2 for n in cells), bounds, smoothness, points)


def _affordable(cells: Sequence[float]) -> tuple[int, ...]:
    """Whole numbers of cells, at least 2 each; all fewer by one factor where they would be too many."""
    factor = min(1.0, (MOST_CELLS / math.prod(cells)) ** (1 / len(cells)))
    return tuple(max(2, math.ceil(factor * n)) for n in cells)


def _on_pixels(pixels: Lattice, bounds: Array, smoothness: int) -> Choice:
    lower = bounds[:, 0] - pixels.spacing / 2
    counts = (1 + np.ceil(np.diff(bounds)[:, 0] / pixels.spacing - ROUNDING)).astype(int).tolist()
    side = _side(counts)
    cells = tuple(math.ceil(n / side) for n in counts)
    width = np.array(cells) * side * pixels.spacing
    nyquist = np.pi / pixels.spacing * width / 2
    features = round(FEATURES_PER_POINT * side ** len(cells))
    return Choice(cells, features, tuple(nyquist), np.stack([lower, lower + width], axis=1), smoothness, side)


def _side(counts: Sequence[int]) -> int:
    """Pixels along a cell: of those near the usual number, the one that fills whole cells best."""
    usual = min(round(POINTS_PER_CELL ** (1 / len(counts))), max(counts))

    def waste(side: int) -> tuple[float, int]:
        return sum(math.ceil(n / side) * side / n for n in counts), abs(side - usual)

    return min(range(max(1, round(usual / NEARBY)), round(usual * NEARBY) + 1), key=waste)


def _beside_points(grid: Lattice, smoothness: int) -> Choice:
    cells = tuple(math.ceil(n / POINTS_PER_SIDE) for n in grid.counts)
    lower = grid.first - grid.spacing / 2
    width = np.array(cells) * POINTS_PER_SIDE * grid.spacing
    band = tuple(SMOOTH_BAND * n / 2 for n in cells)
    return Choice(cells, FEWEST_FEATURES, band, np.stack([lower, lower + width], axis=1), smoothness, POINTS_PER_SIDE)


def on_cells(problem: Problem, network: Windows, per_cell: int, wanted: Sequence[int | None]) -> Problem:
    """The problem with its regions inside domains replaced by points that repeat in every cell.

    Args:
        per_cell: points along each coordinate of a cell.
        wanted: a number of points for each constraint, which comes first.

    Raises:
        SolveError: a region that no such point falls into.
    """
    return problem.with_constraints(_on_cells(c, network, per_cell, n)
                                    for c, n in zip(problem.constraints, wanted, strict=True))


def _on_cells(constraint: Constraint, network: Windows, per_cell: int, wanted: int | None) -> Constraint:
    region = constraint.region
    if isinstance(region, PointSet) or region.dimension < len(region.coordinates):
        return constraint
    if wanted is not None:
        per_cell = max(1, round((wanted / math.prod(network.cells)) ** (1 / network.inputs)))
    lower, size = network.lower.cpu().double().numpy(), network.size.cpu().double().numpy()
    axes = [low + h * (np.arange(n * per_cell) + 0.5) / per_cell
            for low, h, n in zip(lower, size, network.cells, strict=True)]
    points = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    inside = points[region.contains(points)]
    if not len(inside):
        raise SolveError(f"no point of the windows' grid falls into {region}; use more cells or more points.")
    return replace(constraint, region=PointSet(region.coordinates, inside), points=None)
